/*
 * Classic BPF for seccomp: the checks of the kernel's verifier, and an interpreter.
 */
#include "bpf.h"

#define LOADABLE_END (sizeof(struct seccomp_data))

/* ---- checks ----------------------------------------------------------------------------------
 */

/* The instructions that a filter may have. */
static bool known_code(uint16_t code) {
    switch (code) {
        case BPF_LD | BPF_W | BPF_ABS:
        case BPF_LD | BPF_W | BPF_LEN:
        case BPF_LDX | BPF_W | BPF_LEN:
        case BPF_LD | BPF_IMM:
        case BPF_LDX | BPF_IMM:
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
        case BPF_ST:
        case BPF_STX:
        case BPF_RET | BPF_K:
        case BPF_RET | BPF_A:
        case BPF_MISC | BPF_TAX:
        case BPF_MISC | BPF_TXA:
        case BPF_ALU | BPF_NEG:
            return true;
    }
    if (BPF_CLASS(code) == BPF_ALU && !(code & ~0xff))
        return BPF_OP(code) <= BPF_RSH || BPF_OP(code) == BPF_XOR;
    if (BPF_CLASS(code) == BPF_JMP && !(code & ~0xff))
        return code == (BPF_JMP | BPF_JA) || (BPF_OP(code) >= BPF_JEQ && BPF_OP(code) <= BPF_JSET);
    return false;
}

static bool is_jump_if(uint16_t code) {
    return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_JA;
}

static int check_one(const struct sock_filter* f, uint32_t pc, uint32_t length) {
    if (!known_code(f->code))
        return -EINVAL;
    if (is_jump_if(f->code))
        return pc + f->jt + 1 < length && pc + f->jf + 1 < length ? 0 : -EINVAL;
    switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            return f->k < LOADABLE_END && f->k % 4 == 0 ? 0 : -EINVAL;
        case BPF_ALU | BPF_DIV | BPF_K:
            return f->k ? 0 : -EINVAL;
        case BPF_ALU | BPF_LSH | BPF_K:
        case BPF_ALU | BPF_RSH | BPF_K:
            return f->k < 32 ? 0 : -EINVAL;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
        case BPF_ST:
        case BPF_STX:
            return f->k < BPF_MEMWORDS ? 0 : -EINVAL;
        case BPF_JMP | BPF_JA:
            return f->k < length - pc - 1 ? 0 : -EINVAL;
        default:
            return 0;
    }
}

/* No word of the scratch memory is read that some way to the place has not written. */
static int check_memory(const struct sock_filter* code, uint32_t length) {
    uint16_t* masks = libos_malloc(length * sizeof(*masks)); /* at each target of a jump */
    if (!masks)
        return -ENOMEM;
    memset(masks, 0xff, length * sizeof(*masks));
    uint16_t valid = 0;
    int ret = 0;
    for (uint32_t pc = 0; pc < length && !ret; pc++) {
        const struct sock_filter* f = &code[pc];
        valid &= masks[pc];
        if (f->code == BPF_ST || f->code == BPF_STX) {
            valid |= 1u << f->k;
        } else if (f->code == (BPF_LD | BPF_MEM) || f->code == (BPF_LDX | BPF_MEM)) {
            ret = valid >> f->k & 1 ? 0 : -EINVAL;
        } else if (f->code == (BPF_JMP | BPF_JA)) {
            masks[pc + 1 + f->k] &= valid;
            valid = 0xffff;
        } else if (is_jump_if(f->code)) {
            masks[pc + 1 + f->jt] &= valid;
            masks[pc + 1 + f->jf] &= valid;
            valid = 0xffff;
        }
    }
    libos_free(masks);
    return ret;
}

int bpf_check(struct sock_filter* code, uint32_t length) {
    for (uint32_t pc = 0; pc < length; pc++) {
        int ret = check_one(&code[pc], pc, length);
        if (ret < 0)
            return ret;
    }
    if (BPF_CLASS(code[length - 1].code) != BPF_RET)
        return -EINVAL;
    return check_memory(code, length);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static uint32_t alu(uint16_t op, uint32_t a, uint32_t b) {
    switch (op) {
        case BPF_ADD:
            return a + b;
        case BPF_SUB:
            return a - b;
        case BPF_MUL:
            return a * b;
        case BPF_DIV:
            return a / b;
        case BPF_OR:
            return a | b;
        case BPF_AND:
            return a & b;
        case BPF_LSH:
            return a << (b & 31);
        case BPF_RSH:
            return a >> (b & 31);
        case BPF_XOR:
            return a ^ b;
        default:
            return -a; /* BPF_NEG */
    }
}

static bool jump_if(uint16_t op, uint32_t a, uint32_t b) {
    switch (op) {
        case BPF_JEQ:
            return a == b;
        case BPF_JGT:
            return a > b;
        case BPF_JGE:
            return a >= b;
        default:
            return a & b; /* BPF_JSET */
    }
}

/* known: how many bytes of data a load may reach; beyond them *unknown becomes true and the run
 * ends. */
static uint32_t run(const struct sock_filter* f, const struct seccomp_data* data, uint32_t known,
                    bool* unknown) {
    uint32_t a = 0, x = 0, mem[BPF_MEMWORDS];
    for (;; f++) {
        uint32_t operand = BPF_SRC(f->code) == BPF_X ? x : f->k;
        switch (BPF_CLASS(f->code)) {
            case BPF_LD:
                if (f->code == (BPF_LD | BPF_W | BPF_ABS)) {
                    if (f->k >= known) {
                        *unknown = true;
                        return 0;
                    }
                    memcpy(&a, (const char*)data + f->k, sizeof(a));
                } else {
                    a = BPF_MODE(f->code) == BPF_MEM   ? mem[f->k]
                        : BPF_MODE(f->code) == BPF_LEN ? sizeof(*data)
                                                       : f->k;
                }
                break;
            case BPF_LDX:
                x = BPF_MODE(f->code) == BPF_MEM   ? mem[f->k]
                    : BPF_MODE(f->code) == BPF_LEN ? sizeof(*data)
                                                   : f->k;
                break;
            case BPF_ST:
                mem[f->k] = a;
                break;
            case BPF_STX:
                mem[f->k] = x;
                break;
            case BPF_ALU:
                if (BPF_OP(f->code) == BPF_DIV && operand == 0)
                    return 0;
                a = alu(BPF_OP(f->code), a, operand);
                break;
            case BPF_JMP:
                if (BPF_OP(f->code) == BPF_JA)
                    f += f->k;
                else
                    f += jump_if(BPF_OP(f->code), a, operand) ? f->jt : f->jf;
                break;
            case BPF_RET:
                return BPF_RVAL(f->code) == BPF_A ? a : f->k;
            default: /* BPF_MISC */
                if (BPF_MISCOP(f->code) == BPF_TAX)
                    x = a;
                else
                    a = x;
        }
    }
}

uint32_t bpf_run(const struct sock_filter* code, const struct seccomp_data* data) {
    bool unknown;
    return run(code, data, sizeof(*data), &unknown);
}

bool bpf_always_allows(const struct sock_filter* code, const struct seccomp_data* data) {
    bool unknown = false;
    uint32_t known = offsetof(struct seccomp_data, instruction_pointer);
    uint32_t ret = run(code, data, known, &unknown);
    return !unknown && ret == SECCOMP_RET_ALLOW;
}

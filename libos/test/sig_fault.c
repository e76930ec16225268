/* Faults of the processor as signals: number, code, address, error code, registers in the frame. */
#include "oracle_mem.h"
#include <sys/wait.h>
#include <ucontext.h>

static ucontext_t seen;
static siginfo_t seen_info;
static sigjmp_buf out;

static void handler(int signo, siginfo_t* info, void* context) {
    (void)signo;
    seen_info = *info;
    memcpy(&seen, context, sizeof(seen));
    siglongjmp(out, 1);
}

static int fault(void (*fn)(void)) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    static const int all[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (int i = 0; i < 5; i++)
        sigaction(all[i], &sa, NULL);
    memset(&seen_info, 0, sizeof(seen_info));
    memset(&seen, 0, sizeof(seen));
    if (!sigsetjmp(out, 1))
        fn();
    for (int i = 0; i < 5; i++)
        signal(all[i], SIG_DFL);
    return seen_info.si_signo;
}
#define REG(r) seen.uc_mcontext.gregs[REG_##r]

static char *ro_page, *none_page;

static void read_null(void) {
    (void)*(volatile char*)0;
}
static void write_null(void) {
    *(volatile char*)16 = 1;
}
static void write_ro(void) {
    ro_page[77] = 1;
}
static void read_none(void) {
    (void)*(volatile char*)(none_page + 5);
}
static void exec_none(void) {
    ((void (*)(void))ro_page)();
}
static void jump_zero(void) {
    ((void (*)(void))0)();
}
static void noncanonical(void) {
    (void)*(volatile char*)0x8000000000000000;
}
static void kernel_address(void) {
    (void)*(volatile char*)0xffffffff81000000;
}
static void call_noncanonical(void) {
    __asm__ volatile("movabs $0x8000000000000123, %%rax\ncall *%%rax" ::: "rax");
}
extern char ud2_here[], int3_here[], hlt_here[], div_here[];
static void ud2(void) {
    __asm__ volatile("ud2_here: ud2");
}
static void int3(void) {
    __asm__ volatile("int3_here: int3");
}
static void hlt(void) {
    __asm__ volatile("hlt_here: hlt");
}
static void cli(void) {
    __asm__ volatile("cli");
}
static void divide(void) {
    __asm__ volatile("mov $5, %%eax\nxor %%edx, %%edx\nxor %%ecx, %%ecx\ndiv_here: div %%ecx" ::
                         : "rax", "rcx", "rdx");
}
static void divide_overflow(void) {
    __asm__ volatile("mov $0x80000000, %%eax\ncdq\nmov $-1, %%ecx\nidiv %%ecx" ::
                         : "rax", "rcx", "rdx");
}
static void int80_like(void) {
    __asm__ volatile("int $0x81");
}
static void read_port(void) {
    __asm__ volatile("inb $0x80, %%al" ::: "rax");
}
static void single_step(void) {
    __asm__ volatile("pushf\norl $0x100, (%%rsp)\npopf\nnop\nnop" ::: "memory", "cc");
}
static void sse_divide(void) {
    uint32_t csr = 0x1f80 & ~0x200u, normal = 0x1f80; /* unmask divide by zero */
    (void)normal;
    __asm__ volatile("ldmxcsr %0\nxorps %%xmm0, %%xmm0\npcmpeqd %%xmm1, %%xmm1\npslld $25, "
                     "%%xmm1\npsrld $2, %%xmm1\ndivss %%xmm0, %%xmm1" ::"m"(csr)
                     : "xmm0", "xmm1");
}
static void x87_divide(void) {
    uint16_t cw = 0x37f & ~4;
    __asm__ volatile("fninit\nfldcw %0\nfldz\nfld1\nfdivp\nfwait" ::"m"(cw));
}
static void align_check(void) {
    static char data[16] __attribute__((aligned(16)));
    __asm__ volatile("movaps %0, %%xmm0" ::"m"(data[1]) : "xmm0");
}

TEST(page_faults) {
    ro_page = map_alone(1, PROT_READ);
    none_page = map_alone(1, PROT_NONE);
    CHECK_EQ(fault(read_null), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_MAPERR);
    CHECK_EQ(seen_info.si_addr, 0);
    CHECK_EQ(REG(TRAPNO), 14);
    CHECK_EQ(REG(ERR), 4);
    CHECK_EQ(REG(CR2), 0);
    CHECK_EQ(fault(write_null), SIGSEGV);
    CHECK_EQ(seen_info.si_addr, 16);
    CHECK_EQ(REG(ERR), 6);
    CHECK_EQ(REG(CR2), 16);
    CHECK_EQ(fault(write_ro), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_ACCERR);
    CHECK_EQ(seen_info.si_addr, ro_page + 77);
    CHECK_EQ(REG(ERR) & ~1, 6); /* bit 0 says whether the page was present */
    CHECK_EQ(fault(read_none), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_ACCERR);
    CHECK_EQ(seen_info.si_addr, none_page + 5);
    CHECK_EQ(fault(exec_none), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_ACCERR);
    CHECK_EQ(seen_info.si_addr, ro_page);
    CHECK_EQ(REG(RIP), ro_page);
    CHECK_EQ(REG(ERR) & 0x14, 0x14);
    CHECK_EQ(fault(jump_zero), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_MAPERR);
    CHECK_EQ(seen_info.si_addr, 0);
    CHECK_EQ(REG(RIP), 0);
    munmap(ro_page, PAGE);
    CHECK_EQ(fault(write_ro), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_MAPERR);
}

TEST(general_protection) {
    CHECK_EQ(fault(noncanonical), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SI_KERNEL);
    CHECK_EQ(seen_info.si_addr, 0);
    CHECK_EQ(REG(TRAPNO), 13);
    CHECK_EQ(fault(kernel_address), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SEGV_MAPERR);
    CHECK_EQ(seen_info.si_addr, 0xffffffff81000000);
    CHECK_EQ(fault(hlt), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SI_KERNEL);
    CHECK_EQ(REG(RIP), hlt_here);
    CHECK_EQ(fault(cli), SIGSEGV);
    CHECK_EQ(fault(int80_like), SIGSEGV);
    CHECK_EQ(REG(TRAPNO), 13);
    CHECK_EQ(fault(read_port), SIGSEGV);
    CHECK_EQ(fault(align_check), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SI_KERNEL);
    CHECK_EQ(fault(call_noncanonical), SIGSEGV);
    CHECK_EQ(seen_info.si_code, SI_KERNEL);
}

TEST(illegal_and_trap) {
    CHECK_EQ(fault(ud2), SIGILL);
    CHECK_EQ(seen_info.si_code, ILL_ILLOPN);
    CHECK_EQ(seen_info.si_addr, ud2_here);
    CHECK_EQ(REG(RIP), ud2_here);
    CHECK_EQ(REG(TRAPNO), 6);
    CHECK_EQ(fault(int3), SIGTRAP);
    CHECK_EQ(seen_info.si_code, SI_KERNEL);
    CHECK_EQ(REG(RIP), int3_here + 1);
    CHECK_EQ(REG(TRAPNO), 3);
    CHECK_EQ(fault(single_step), SIGTRAP);
    CHECK_EQ(seen_info.si_code, TRAP_TRACE);
    CHECK_EQ(REG(TRAPNO), 1);
}

TEST(arithmetic) {
    CHECK_EQ(fault(divide), SIGFPE);
    CHECK_EQ(seen_info.si_code, FPE_INTDIV);
    CHECK_EQ(seen_info.si_addr, div_here);
    CHECK_EQ(REG(RIP), div_here);
    CHECK_EQ(REG(RAX), 5);
    CHECK_EQ(REG(TRAPNO), 0);
    CHECK_EQ(fault(divide_overflow), SIGFPE);
    CHECK_EQ(seen_info.si_code, FPE_INTDIV);
    CHECK_EQ(fault(sse_divide), SIGFPE);
    CHECK_EQ(seen_info.si_code, FPE_FLTDIV);
    CHECK_EQ(REG(TRAPNO), 19);
    uint32_t normal = 0x1f80;
    __asm__ volatile("ldmxcsr %0\nfninit" ::"m"(normal));
    CHECK_EQ(fault(x87_divide), SIGFPE);
    CHECK_EQ(seen_info.si_code, FPE_FLTDIV);
    CHECK_EQ(REG(TRAPNO), 16);
    __asm__ volatile("fninit");
}

/* A handler that repairs and returns: the instruction runs again. */
static char* repaired;
static void repair(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)context;
    mprotect((void*)((uintptr_t)info->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE);
    repaired = info->si_addr;
}

TEST(repair_and_retry) {
    struct sigaction sa = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    char* p = map_alone(8, PROT_READ);
    for (int i = 0; i < 8; i++) {
        p[i * PAGE + i] = i + 1;
        CHECK_EQ(repaired, p + i * PAGE + i);
        CHECK_EQ(p[i * PAGE + i], i + 1);
    }
    signal(SIGSEGV, SIG_DFL);
    munmap(p, 8 * PAGE);
}

/* A handler that changes the registers it returns to. */
static void skip_ud2(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    ucontext_t* u = context;
    u->uc_mcontext.gregs[REG_RIP] += 2;
    u->uc_mcontext.gregs[REG_RAX] = 0x1234;
    u->uc_mcontext.gregs[REG_R15] = 0x5678;
    u->uc_mcontext.gregs[REG_EFL] |= 1;
}

TEST(change_registers) {
    struct sigaction sa = {.sa_sigaction = skip_ud2, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &sa, NULL);
    long a = 1, b = 2, carry = 0, red = 0;
    __asm__ volatile("movq $77, -8(%%rsp)\nmovq $78, -120(%%rsp)\nmov $1, %%eax\nmov $2, %%r15d\n"
                     "clc\nud2\nsbb %2, %2\nmov %%r15, %1\nmov -8(%%rsp), %3\nadd -120(%%rsp), %3\n"
                     : "=&a"(a), "=&r"(b), "+&r"(carry), "=&r"(red)
                     :
                     : "r15", "memory", "cc");
    CHECK_EQ(a, 0x1234);
    CHECK_EQ(b, 0x5678);
    CHECK_EQ(carry, -1);
    CHECK_EQ(red, 155);
    signal(SIGILL, SIG_DFL);
}

TEST(syscall_pointers_do_not_signal) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    if (sigsetjmp(out, 1)) {
        CHECK_EQ(seen_info.si_signo, 0);
        return;
    }
    CHECK_EQ(sc(SYS_stat, 1, 1), -EFAULT);
    CHECK_EQ(sc(SYS_uname, 8), -EFAULT);
    CHECK_EQ(sc(SYS_uname, 0xffff888000000000), -EFAULT);
    CHECK_EQ(sc(SYS_uname, 0x8000000000000000), -EFAULT);
    signal(SIGSEGV, SIG_DFL);
}

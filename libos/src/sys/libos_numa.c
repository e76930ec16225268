/*
 * NUMA calls, as on a machine with the one memory node 0: every policy that names it is met by any
 * placement, every other node is refused.
 */
#include <linux/mempolicy.h>
#include "../mm/libos_mm_calls.h"
#include "libos_mm.h"
#include "libos_process.h"
#include "libos_table.h"

#define POLICY_MAX      7 /* MPOL_WEIGHTED_INTERLEAVE + 1 */
#define NODE_BITS_MAX   (PAGE_SIZE * 8)
#define POSSIBLE_NODES  1024 /* Linux: MAX_NUMNODES of distributions */
#define STATIC_RELATIVE (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)
#define MODE_FLAGS      (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)

/* A policy as one word: mode and its flags, and whether it names the node. 0: none, the default. */
#define POLICY_NODE 0x10000u

static uint32_t pack(int mode, int flags, uint64_t nodes) {
    return mode ? (uint32_t)(mode | flags) | (nodes ? POLICY_NODE : 0) : 0;
}

static int mode_of(uint32_t policy) {
    return (int)(policy & ~POLICY_NODE);
}

/* *nodes: bit 0 for node 0. Other nodes: -EINVAL. */
static int get_nodes(const unsigned long* mask, unsigned long maxnode, uint64_t* nodes) {
    *nodes = 0;
    if (maxnode <= 1 || !mask) {
        return 0;
    }
    maxnode--;
    if (maxnode > NODE_BITS_MAX) {
        return -EINVAL;
    }
    for (unsigned long bit = 0; bit < maxnode; bit += 64) {
        uint64_t word;
        if (user_get(word, &mask[bit / 64]) < 0) {
            return -EFAULT;
        }
        if (maxnode - bit < 64) {
            word &= (1UL << (maxnode - bit)) - 1;
        }
        if (bit == 0) {
            *nodes = word & 1;
        }
        /* Nodes that could exist but do not are dropped, those that cannot are errors. */
        if (bit >= POSSIBLE_NODES && word) {
            return -EINVAL;
        }
    }
    return 0;
}

static int check_policy(int* mode, uint64_t nodes) {
    int flags = *mode & MODE_FLAGS;
    *mode &= ~MODE_FLAGS;
    if (*mode < 0 || *mode >= POLICY_MAX || (flags & STATIC_RELATIVE) == STATIC_RELATIVE ||
        ((flags & MPOL_F_NUMA_BALANCING) && *mode != MPOL_BIND && *mode != MPOL_PREFERRED_MANY)) {
        return -EINVAL;
    }
    if (*mode == MPOL_DEFAULT) {
        return nodes ? -EINVAL : 0;
    }
    if (*mode == MPOL_LOCAL) {
        return nodes || (flags & STATIC_RELATIVE) ? -EINVAL : 0;
    }
    if (*mode == MPOL_PREFERRED && !nodes) {
        if (flags & STATIC_RELATIVE) {
            return -EINVAL;
        }
        *mode = MPOL_LOCAL;
        return 0;
    }
    return nodes ? 0 : -EINVAL;
}

long libos_syscall_set_mempolicy(int mode, const unsigned long* nmask, unsigned long maxnode) {
    uint64_t nodes;
    int flags = mode & MODE_FLAGS;
    int ret = get_nodes(nmask, maxnode, &nodes);
    if (!ret) {
        ret = check_policy(&mode, nodes);
    }
    if (!ret) {
        get_cur_thread()->mempolicy = pack(mode, flags, nodes);
    }
    return ret;
}

static int put_nodes(unsigned long* nmask, unsigned long maxnode, uint64_t nodes) {
    size_t bytes = (maxnode - 1 + 63) / 64 * 8;
    if (maxnode <= 1) {
        return 0;
    }
    if (bytes > PAGE_SIZE) {
        return -EINVAL;
    }
    if (user_clear_partial(nmask, bytes)) {
        return -EFAULT;
    }
    return user_put(nodes, nmask);
}

long libos_syscall_get_mempolicy(int* policy, unsigned long* nmask, unsigned long maxnode,
                                 unsigned long addr, unsigned long flags) {
    uint32_t of = get_cur_thread()->mempolicy;
    if ((nmask && maxnode < 1) || (flags & ~7UL)) {
        return -EINVAL;
    }
    if (flags & MPOL_F_MEMS_ALLOWED) {
        if (flags & (MPOL_F_NODE | MPOL_F_ADDR)) {
            return -EINVAL;
        }
        of = POLICY_NODE;
    } else if (flags & MPOL_F_ADDR) {
        if (mm_get_policy(addr, &of) < 0) {
            return -EFAULT;
        }
    } else if (addr) {
        return -EINVAL;
    }
    int mode = mode_of(of);
    if (flags & MPOL_F_NODE) { /* the node of that page, or for the next page */
        int kind = mode & ~MODE_FLAGS;
        if (!(flags & MPOL_F_ADDR) && kind != MPOL_INTERLEAVE && kind != 6) {
            return -EINVAL;
        }
        mode = 0;
    }
    if (policy && user_put(mode, policy) < 0) {
        return -EFAULT;
    }
    return nmask ? put_nodes(nmask, maxnode, of & POLICY_NODE ? 1 : 0) : 0;
}

long libos_syscall_mbind(unsigned long start, unsigned long len, unsigned long mode,
                         const unsigned long* nmask, unsigned long maxnode, unsigned int flags) {
    uint64_t nodes;
    int kind = (int)mode;
    const struct libos_thread* t = get_cur_thread();
    if ((int)mode < 0 || (mode & ~(unsigned long)MODE_FLAGS) >= POLICY_MAX) {
        return -EINVAL;
    }
    int ret = get_nodes(nmask, maxnode, &nodes);
    if (ret < 0) {
        return ret;
    }
    if (flags & ~(unsigned int)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) {
        return -EINVAL;
    }
    if ((flags & MPOL_MF_MOVE_ALL) && !(t->cap_effective >> 23 & 1)) { /* CAP_SYS_NICE */
        return -EPERM;
    }
    uint64_t end = start + PAGE_UP(len);
    if (!IS_ALIGNED(start, PAGE_SIZE) || end < start) {
        return -EINVAL;
    }
    if (end == start) {
        return 0;
    }
    ret = check_policy(&kind, nodes);
    if (ret < 0) {
        return ret;
    }
    return mm_set_policy(start, end, pack(kind, (int)mode & MODE_FLAGS, nodes));
}

static bool may_have_home(uint32_t policy) {
    int kind = mode_of(policy) & ~MODE_FLAGS;
    return kind == MPOL_BIND || kind == MPOL_PREFERRED_MANY;
}

long libos_syscall_set_mempolicy_home_node(unsigned long start, unsigned long len,
                                           unsigned long home_node, unsigned long flags) {
    uint64_t end = start + PAGE_UP(len);
    if (!IS_ALIGNED(start, PAGE_SIZE) || flags || home_node >= 1 || end < start) {
        return -EINVAL;
    }
    return end == start ? 0 : mm_set_home_node(start, end, may_have_home);
}

static bool is_self(pid_t pid) {
    return pid == 0 || pid == cur_process()->pid || (pid > 0 && pid == get_cur_thread()->tid);
}

long libos_syscall_migrate_pages(pid_t pid, unsigned long maxnode, const unsigned long* old_nodes,
                                 const unsigned long* new_nodes) {
    uint64_t from, to;
    int ret = get_nodes(old_nodes, maxnode, &from);
    if (!ret) {
        ret = get_nodes(new_nodes, maxnode, &to);
    }
    if (ret < 0) {
        return ret;
    }
    if (!is_self(pid)) {
        return -ESRCH;
    }
    return to ? 0 : -EINVAL;
}

static int page_status(const void* page, int node) {
    uint8_t in = 0;
    if (node != 0) {
        return -ENODEV;
    }
    if (libos_mm_get_prot((uint64_t)page) < 0) {
        return -EFAULT;
    }
    if (PalVirtualMemoryResident((void*)PAGE_DOWN((uint64_t)page), PAGE_SIZE, &in) < 0) {
        return -EFAULT;
    }
    return in & 1 ? 0 : -ENOENT;
}

long libos_syscall_move_pages(pid_t pid, unsigned long nr_pages, const void** pages,
                              const int* nodes, int* status, int flags) {
    if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) {
        return -EINVAL;
    }
    if ((flags & MPOL_MF_MOVE_ALL) && !(get_cur_thread()->cap_effective >> 23 & 1)) {
        return -EPERM;
    }
    if (!is_self(pid)) {
        return -ESRCH;
    }
    for (unsigned long i = 0; i < nr_pages; i++) {
        const void* page;
        int node = 0;
        if (user_get(page, &pages[i]) < 0 || (nodes && user_get(node, &nodes[i]) < 0)) {
            return -EFAULT;
        }
        int st = page_status(page, node);
        if (st == -ENODEV) {
            return st;
        }
        if (user_put(st, &status[i]) < 0) {
            return -EFAULT;
        }
    }
    return 0;
}

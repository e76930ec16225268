/*
 * What the files of /sys share. sysfs(5).
 */
#ifndef SYS_INTERNAL_H
#define SYS_INTERNAL_H

#include "pseudo_text.h"

#define SYS_SHOW(name) int name(const struct libos_pseudo_at* at, struct libos_text* out)

#define SYS_FILE(n, f, what)                                                                       \
    {                                                                                              \
        .name = (n), .mode = S_IFREG | 0444, .show = (f), .stat = sys_stat_file,                   \
        .data = (const void*)(uintptr_t)(what)                                                     \
    }
#define SYS_CONST(n, text) SYS_FILE(n, sys_show_constant, text "\n")
#define SYS_DIR(n, c)                                                                              \
    { .name = (n), .mode = S_IFDIR | 0755, .children = (c) }

int sys_stat_file(const struct libos_pseudo_at* at, struct libos_stat* st); /* size: one page */
SYS_SHOW(sys_show_constant);

extern const struct libos_pseudo_node g_sys_cpu_children[];   /* sys_cpu.c */
extern const struct libos_pseudo_node g_sys_cpuN_children[];  /* sys_cpu_topology.c */
extern const struct libos_pseudo_node g_sys_node_children[];  /* sys_node.c */
extern const struct libos_pseudo_node g_sys_net_children[];   /* sys_net.c */
extern const struct libos_pseudo_node g_sys_block_children[]; /* sys_block.c */
extern const struct libos_pseudo_node g_sys_dev_children[];

#endif /* SYS_INTERNAL_H */

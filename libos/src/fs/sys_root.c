/*
 * /sys: the tree's top, and what belongs to no device.
 */
#include "sys_internal.h"

int sys_stat_file(const struct libos_pseudo_at* at, struct libos_stat* st) {
    (void)at;
    st->size = PAGE_SIZE;
    return 0;
}

SYS_SHOW(sys_show_constant) {
    const char* text = at->node->data;
    libos_text_append(out, text, strlen(text));
    return 0;
}

static const struct libos_pseudo_node g_nothing[] = {{0}};

static const struct libos_pseudo_node g_system[] = {
    SYS_DIR("cpu", g_sys_cpu_children),
    SYS_DIR("node", g_sys_node_children),
    {0},
};

static const struct libos_pseudo_node g_virtual[] = {{0}};

static const struct libos_pseudo_node g_devices[] = {
    SYS_DIR("system", g_system),
    SYS_DIR("virtual", g_virtual),
    {0},
};

/* Huge pages are given by madvise(2) only: that is what the LibOS passes on. */
static const struct libos_pseudo_node g_thp[] = {
    SYS_CONST("defrag", "always defer defer+madvise [madvise] never"),
    SYS_CONST("enabled", "always [madvise] never"),
    SYS_CONST("hpage_pmd_size", "2097152"),
    SYS_CONST("shmem_enabled", "always within_size advise [never] deny force"),
    SYS_CONST("use_zero_page", "1"),
    {0},
};

static const struct libos_pseudo_node g_huge_2m[] = {
    SYS_CONST("free_hugepages", "0"),          SYS_CONST("nr_hugepages", "0"),
    SYS_CONST("nr_overcommit_hugepages", "0"), SYS_CONST("resv_hugepages", "0"),
    SYS_CONST("surplus_hugepages", "0"),       {0},
};

static const struct libos_pseudo_node g_hugepages[] = {
    SYS_DIR("hugepages-2048kB", g_huge_2m),
    {0},
};

static const struct libos_pseudo_node g_mm[] = {
    SYS_DIR("hugepages", g_hugepages),
    SYS_DIR("transparent_hugepage", g_thp),
    {0},
};

static const struct libos_pseudo_node g_kernel[] = {
    SYS_DIR("mm", g_mm),
    {0},
};

static const struct libos_pseudo_node g_class[] = {
    SYS_DIR("block", g_sys_block_children),
    SYS_DIR("net", g_sys_net_children),
    {0},
};

static const struct libos_pseudo_node g_fs[] = {
    SYS_DIR("cgroup", g_nothing),
    {0},
};

static const struct libos_pseudo_node g_sys[] = {
    SYS_DIR("block", g_sys_block_children),
    SYS_DIR("class", g_class),
    SYS_DIR("dev", g_sys_dev_children),
    SYS_DIR("devices", g_devices),
    SYS_DIR("fs", g_fs),
    SYS_DIR("kernel", g_kernel),
    {0},
};

const struct libos_pseudo_node g_sys_root = {.name = "", .mode = S_IFDIR | 0555, .children = g_sys};

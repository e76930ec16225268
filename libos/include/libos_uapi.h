/*
 * What the kernel's interface has and the machine's headers may not know yet. Linux 6.18.
 */
#ifndef LIBOS_UAPI_H
#define LIBOS_UAPI_H

#include <linux/types.h>

/* ---- lsm_get_self_attr(2) and kin ------------------------------------------------------------ */
struct lsm_ctx {
    __u64 id, flags, len, ctx_len;
    __u8 ctx[];
};
#define LSM_ID_UNDEF      0
#define LSM_ID_CAPABILITY 100
#define LSM_ATTR_UNDEF    0
#define LSM_FLAG_SINGLE   1

/* ---- cachestat(2) ---------------------------------------------------------------------------- */
struct cachestat_range {
    __u64 off, len;
};
struct cachestat {
    __u64 nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted;
};

/* ---- file_getattr(2) ------------------------------------------------------------------------- */
struct file_attr {
    __u64 fa_xflags;
    __u32 fa_extsize, fa_nextents, fa_projid, fa_cowextsize;
};
#define FILE_ATTR_SIZE_VER0 24

/* ---- statmount(2), listmount(2) -------------------------------------------------------------- */
struct mnt_id_req {
    __u32 size, spare;
    __u64 mnt_id, param, mnt_ns_id;
};
#define MNT_ID_REQ_SIZE_VER0 24
#define MNT_ID_REQ_SIZE_VER1 32
#define LSMT_ROOT            0xffffffffffffffffULL
#define LISTMOUNT_REVERSE    1

struct statmount {
    __u32 size, mnt_opts;
    __u64 mask;
    __u32 sb_dev_major, sb_dev_minor;
    __u64 sb_magic;
    __u32 sb_flags, fs_type;
    __u64 mnt_id, mnt_parent_id;
    __u32 mnt_id_old, mnt_parent_id_old;
    __u64 mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
    __u32 mnt_root, mnt_point;
    __u64 mnt_ns_id;
    __u32 fs_subtype, sb_source, opt_num, opt_array, opt_sec_num, opt_sec_array;
    __u64 supported_mask;
    __u32 mnt_uidmap_num, mnt_uidmap, mnt_gidmap_num, mnt_gidmap;
    __u64 spare[43];
    char str[];
};
enum {
    STATMOUNT_SB_BASIC = 0x1,
    STATMOUNT_MNT_BASIC = 0x2,
    STATMOUNT_PROPAGATE_FROM = 0x4,
    STATMOUNT_MNT_ROOT = 0x8,
    STATMOUNT_MNT_POINT = 0x10,
    STATMOUNT_FS_TYPE = 0x20,
    STATMOUNT_MNT_NS_ID = 0x40,
    STATMOUNT_MNT_OPTS = 0x80,
    STATMOUNT_FS_SUBTYPE = 0x100,
    STATMOUNT_SB_SOURCE = 0x200,
    STATMOUNT_OPT_ARRAY = 0x400,
    STATMOUNT_OPT_SEC_ARRAY = 0x800,
    STATMOUNT_SUPPORTED_MASK = 0x1000,
};

#endif /* LIBOS_UAPI_H */

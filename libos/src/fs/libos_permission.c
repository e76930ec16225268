/*
 * Permission by the guest's credentials: for file systems that live in the LibOS, and for
 * access(2).
 */
#include "libos_fs_internal.h"
#include "libos_process.h"

bool libos_capable(int cap) {
    return get_cur_thread()->cap_effective >> cap & 1;
}

bool libos_in_group(uint32_t gid) {
    struct libos_thread* t = get_cur_thread();
    if (t->fsgid == gid)
        return true;
    for (size_t i = 0; i < t->group_count; i++)
        if (t->groups[i] == gid)
            return true;
    return false;
}

struct ids {
    uint32_t uid, gid;
    uint64_t caps;
};

static bool in_group(const struct ids* ids, uint32_t gid) {
    struct libos_thread* t = get_cur_thread();
    if (ids->gid == gid)
        return true;
    for (size_t i = 0; i < t->group_count; i++)
        if (t->groups[i] == gid)
            return true;
    return false;
}

static int check(const struct libos_stat* st, int want, const struct ids* ids) {
    uint32_t mode = st->mode;
    if (ids->uid == st->uid)
        mode >>= 6;
    else if (in_group(ids, st->gid))
        mode >>= 3;
    if ((mode & want & 7) == (uint32_t)(want & 7))
        return 0;
    bool directory = (st->mode & S_IFMT) == S_IFDIR;
    if ((ids->caps >> CAP_DAC_OVERRIDE & 1) && (directory || !(want & 1) || (st->mode & 0111)))
        return 0;
    if ((ids->caps >> CAP_DAC_READ_SEARCH & 1) && (directory ? !(want & 2) : want == 4))
        return 0;
    return -EACCES;
}

int libos_permission(const struct libos_stat* st, int want) {
    struct libos_thread* t = get_cur_thread();
    struct ids ids = {t->fsuid, t->fsgid, t->cap_effective};
    return check(st, want, &ids);
}

int libos_access(const struct libos_stat* st, int want, bool effective) {
    if (effective)
        return libos_permission(st, want);
    struct libos_thread* t = get_cur_thread();
    struct ids ids = {t->uid, t->gid, t->uid ? 0 : t->cap_permitted};
    return check(st, want, &ids);
}

/*
 * User and group ids and capabilities of the calling thread. credentials(7), capabilities(7).
 * They are the guest's own: whether the host lets the process at a file is the host's affair.
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include "libos_process.h"
#include "libos_table.h"

#define NGROUPS_MAX_LINUX 65536
#define UNCHANGED         0xffffffffu

static bool has_cap(int cap) {
    return get_cur_thread()->cap_effective >> cap & 1;
}

long libos_syscall_getuid(void) {
    return get_cur_thread()->uid;
}
long libos_syscall_geteuid(void) {
    return get_cur_thread()->euid;
}
long libos_syscall_getgid(void) {
    return get_cur_thread()->gid;
}
long libos_syscall_getegid(void) {
    return get_cur_thread()->egid;
}

/* Root-ness moves capabilities, as capabilities(7) has it under "Effect of user ID changes". */
static void uids_changed(struct libos_thread* t, uint32_t uid, uint32_t euid, uint32_t suid) {
    if (t->is_leader)
        coord_process_set_credentials(t);
    if (t->securebits & (1 << SECURE_NO_SETUID_FIXUP))
        return;
    bool had_root = uid == 0 || euid == 0 || suid == 0;
    bool has_root = t->uid == 0 || t->euid == 0 || t->suid == 0;
    if (had_root && !has_root && !(t->securebits & (1 << SECURE_KEEP_CAPS))) {
        t->cap_permitted = t->cap_effective = 0;
        t->cap_ambient = 0;
    }
    if (euid == 0 && t->euid != 0)
        t->cap_effective = 0;
    if (euid != 0 && t->euid == 0)
        t->cap_effective = t->cap_permitted;
}

/* Linux looks first whether there is anything to do: the fsuid then stays, too. */
static bool same(uint32_t want, uint32_t now) {
    return want == UNCHANGED || want == now;
}

long libos_syscall_setresuid(unsigned int r, unsigned int e, unsigned int s) {
    struct libos_thread* t = get_cur_thread();
    uint32_t uid = t->uid, euid = t->euid, suid = t->suid;
    uint32_t want[] = {r, e, s};
    for (int i = 0; i < 3 && !has_cap(CAP_SETUID); i++) {
        if (want[i] != UNCHANGED && want[i] != uid && want[i] != euid && want[i] != suid)
            return -EPERM;
    }
    if (same(r, uid) && same(e, euid) && same(e, t->fsuid) && same(s, suid))
        return 0;
    if (r != UNCHANGED)
        t->uid = r;
    if (e != UNCHANGED)
        t->euid = e;
    if (s != UNCHANGED)
        t->suid = s;
    t->fsuid = t->euid;
    uids_changed(t, uid, euid, suid);
    return 0;
}

long libos_syscall_setreuid(unsigned int r, unsigned int e) {
    struct libos_thread* t = get_cur_thread();
    uint32_t uid = t->uid, euid = t->euid, suid = t->suid;
    if (!has_cap(CAP_SETUID)) {
        if (r != UNCHANGED && r != uid && r != euid)
            return -EPERM;
        if (e != UNCHANGED && e != uid && e != euid && e != suid)
            return -EPERM;
    }
    if (r != UNCHANGED)
        t->uid = r;
    if (e != UNCHANGED)
        t->euid = e;
    if (r != UNCHANGED || (e != UNCHANGED && e != uid))
        t->suid = t->euid;
    t->fsuid = t->euid;
    uids_changed(t, uid, euid, suid);
    return 0;
}

long libos_syscall_setuid(unsigned int id) {
    struct libos_thread* t = get_cur_thread();
    uint32_t uid = t->uid, euid = t->euid, suid = t->suid;
    if (id == UNCHANGED)
        return -EINVAL;
    if (has_cap(CAP_SETUID))
        t->uid = t->suid = id;
    else if (id != uid && id != suid)
        return -EPERM;
    t->euid = t->fsuid = id;
    uids_changed(t, uid, euid, suid);
    return 0;
}

long libos_syscall_setresgid(unsigned int r, unsigned int e, unsigned int s) {
    struct libos_thread* t = get_cur_thread();
    uint32_t want[] = {r, e, s};
    for (int i = 0; i < 3 && !has_cap(CAP_SETGID); i++) {
        if (want[i] != UNCHANGED && want[i] != t->gid && want[i] != t->egid && want[i] != t->sgid)
            return -EPERM;
    }
    if (same(r, t->gid) && same(e, t->egid) && same(e, t->fsgid) && same(s, t->sgid))
        return 0;
    if (r != UNCHANGED)
        t->gid = r;
    if (e != UNCHANGED)
        t->egid = e;
    if (s != UNCHANGED)
        t->sgid = s;
    t->fsgid = t->egid;
    return 0;
}

long libos_syscall_setregid(unsigned int r, unsigned int e) {
    struct libos_thread* t = get_cur_thread();
    uint32_t gid = t->gid, egid = t->egid, sgid = t->sgid;
    if (!has_cap(CAP_SETGID)) {
        if (r != UNCHANGED && r != gid && r != egid)
            return -EPERM;
        if (e != UNCHANGED && e != gid && e != egid && e != sgid)
            return -EPERM;
    }
    if (r != UNCHANGED)
        t->gid = r;
    if (e != UNCHANGED)
        t->egid = e;
    if (r != UNCHANGED || (e != UNCHANGED && e != gid))
        t->sgid = t->egid;
    t->fsgid = t->egid;
    return 0;
}

long libos_syscall_setgid(unsigned int id) {
    struct libos_thread* t = get_cur_thread();
    if (id == UNCHANGED)
        return -EINVAL;
    if (has_cap(CAP_SETGID))
        t->gid = t->sgid = id;
    else if (id != t->gid && id != t->sgid)
        return -EPERM;
    t->egid = t->fsgid = id;
    return 0;
}

static long put_three(uint32_t a, uint32_t b, uint32_t c, unsigned int* pa, unsigned int* pb,
                      unsigned int* pc) {
    return user_put(a, pa) < 0 || user_put(b, pb) < 0 || user_put(c, pc) < 0 ? -EFAULT : 0;
}

long libos_syscall_getresuid(unsigned int* r, unsigned int* e, unsigned int* s) {
    struct libos_thread* t = get_cur_thread();
    return put_three(t->uid, t->euid, t->suid, r, e, s);
}

long libos_syscall_getresgid(unsigned int* r, unsigned int* e, unsigned int* s) {
    struct libos_thread* t = get_cur_thread();
    return put_three(t->gid, t->egid, t->sgid, r, e, s);
}

/* These two return the old id whatever happens. */
long libos_syscall_setfsuid(unsigned int id) {
    struct libos_thread* t = get_cur_thread();
    uint32_t old = t->fsuid;
    if (id != UNCHANGED &&
        (id == t->uid || id == t->euid || id == t->suid || id == old || has_cap(CAP_SETUID)))
        t->fsuid = id;
    return old;
}

long libos_syscall_setfsgid(unsigned int id) {
    struct libos_thread* t = get_cur_thread();
    uint32_t old = t->fsgid;
    if (id != UNCHANGED &&
        (id == t->gid || id == t->egid || id == t->sgid || id == old || has_cap(CAP_SETGID)))
        t->fsgid = id;
    return old;
}

long libos_syscall_getgroups(int size, unsigned int* list) {
    struct libos_thread* t = get_cur_thread();
    if (size < 0)
        return -EINVAL;
    if (size == 0)
        return t->group_count;
    if ((size_t)size < t->group_count)
        return -EINVAL;
    if (user_copy_to(list, t->groups, t->group_count * sizeof(*t->groups)) < 0)
        return -EFAULT;
    return t->group_count;
}

long libos_syscall_setgroups(int count, unsigned int* list) {
    struct libos_thread* t = get_cur_thread();
    if (!has_cap(CAP_SETGID))
        return -EPERM;
    if ((unsigned)count > NGROUPS_MAX_LINUX)
        return -EINVAL;
    uint32_t* groups = NULL;
    size_t size = count * sizeof(*groups);
    if (count) {
        groups = libos_malloc(size);
        if (!groups)
            return -ENOMEM;
        if (user_copy_from(groups, list, size) < 0) {
            libos_free(groups);
            return -EFAULT;
        }
        for (size_t i = 1; i < (size_t)count; i++) { /* Linux keeps them sorted */
            uint32_t g = groups[i];
            size_t j = i;
            for (; j > 0 && groups[j - 1] > g; j--)
                groups[j] = groups[j - 1];
            groups[j] = g;
        }
    }
    libos_free(t->groups);
    t->groups = groups;
    t->group_count = count;
    return 0;
}

/* ---- capabilities -----------------------------------------------------------------------------
 */

/* Words per set for a header version; 0: unknown (the preferred one is written back). */
static int read_cap_header(void* user_header, struct __user_cap_header_struct* h, int* words) {
    if (user_copy_from(h, user_header, sizeof(*h)) < 0)
        return -EFAULT;
    switch (h->version) {
        case _LINUX_CAPABILITY_VERSION_1:
            *words = 1;
            return 0;
        case _LINUX_CAPABILITY_VERSION_2:
        case _LINUX_CAPABILITY_VERSION_3:
            *words = 2;
            return 0;
    }
    uint32_t preferred = _LINUX_CAPABILITY_VERSION_3;
    *words = 0;
    return user_copy_to(user_header, &preferred, sizeof(preferred)) < 0 ? -EFAULT : -EINVAL;
}

long libos_syscall_capget(struct __user_cap_header_struct* user_header,
                          struct __user_cap_data_struct* user_data) {
    struct __user_cap_header_struct h;
    int words, ret = read_cap_header(user_header, &h, &words);
    if (ret < 0)
        return ret == -EINVAL && !user_data ? 0 : ret; /* that asks for the version */
    if (h.pid < 0)
        return -EINVAL;
    struct libos_thread* t = get_cur_thread();
    if (h.pid && !(t = libos_thread_find(h.pid)))
        return -ESRCH;
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = t->cap_effective >> (32 * i);
        data[i].permitted = t->cap_permitted >> (32 * i);
        data[i].inheritable = t->cap_inheritable >> (32 * i);
    }
    if (h.pid)
        libos_thread_put(t);
    return user_copy_to(user_data, data, words * sizeof(data[0]));
}

/* Numbers beyond the last capability are not looked at. */
static uint64_t known_caps(uint32_t low, uint32_t high) {
    return (low | (uint64_t)high << 32) & ((2ULL << CAP_LAST_CAP) - 1);
}

long libos_syscall_capset(struct __user_cap_header_struct* user_header,
                          const struct __user_cap_data_struct* user_data) {
    struct __user_cap_header_struct h;
    int words, ret = read_cap_header(user_header, &h, &words);
    if (ret < 0)
        return ret;
    struct libos_thread* t = get_cur_thread();
    if (h.pid && h.pid != t->tid)
        return -EPERM;
    struct __user_cap_data_struct data[2] = {0};
    if (user_copy_from(data, user_data, words * sizeof(data[0])) < 0)
        return -EFAULT;
    uint64_t e = known_caps(data[0].effective, data[1].effective);
    uint64_t p = known_caps(data[0].permitted, data[1].permitted);
    uint64_t i = known_caps(data[0].inheritable, data[1].inheritable);
    if (!has_cap(CAP_SETPCAP) && (i & ~(t->cap_inheritable | t->cap_permitted)))
        return -EPERM;
    if ((i & ~(t->cap_inheritable | t->cap_bounding)) || (p & ~t->cap_permitted) || (e & ~p))
        return -EPERM;
    t->cap_effective = e;
    t->cap_permitted = p;
    t->cap_inheritable = i;
    t->cap_ambient &= p & i;
    return 0;
}

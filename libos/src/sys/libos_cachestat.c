/*
 * cachestat(2): how much of a file is in memory. Of a host file the host tells; a tmpfs file is all
 * in memory.
 */
#include "libos_event.h"
#include "libos_fs.h"
#include "libos_table.h"
#include "libos_uapi.h"

static long ask_host(struct libos_file* f, const struct cachestat_range* range,
                     struct cachestat* cs) {
    uint64_t arg[7] = {range->off, range->len};
    int ret = PalStreamControl(f->host, PAL_OP_CACHE_STAT, arg, sizeof(arg));
    if (ret < 0)
        return pal_to_errno(ret);
    memcpy(cs, arg + 2, sizeof(*cs));
    return 0;
}

/* Pages of the range that there are. */
static long count_all(struct libos_file* f, const struct cachestat_range* range,
                      struct cachestat* cs) {
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret < 0)
        return ret;
    uint64_t last = range->len ? (range->off + range->len - 1) / PAGE_SIZE : UINT64_MAX;
    uint64_t pages = PAGE_UP(st.size) / PAGE_SIZE, first = range->off / PAGE_SIZE;
    if (pages && first < pages)
        cs->nr_cache = MIN(last, pages - 1) - first + 1;
    if (cs->nr_cache > st.blocks / (PAGE_SIZE / 512)) /* holes are in no page */
        cs->nr_cache = st.blocks / (PAGE_SIZE / 512);
    return 0;
}

long libos_syscall_cachestat(unsigned int fd, struct cachestat_range* user_range,
                             struct cachestat* user_stat, unsigned int flags) {
    struct cachestat_range range;
    struct cachestat cs;
    struct libos_file* f = libos_fd_get_open((int)fd);
    if (!f)
        return -EBADF;
    long ret = user_get(range, user_range);
    uint32_t type = ret ? 0 : libos_file_type(f);
    memset(&cs, 0, sizeof(cs)); /* of other files there are no pages */
    if (ret == 0 && flags)
        ret = -EINVAL;
    else if (type == S_IFREG || type == S_IFDIR || type == S_IFBLK)
        ret = f->host ? ask_host(f, &range, &cs) : count_all(f, &range, &cs);
    libos_file_put(f);
    return ret ? ret : user_put(cs, user_stat);
}

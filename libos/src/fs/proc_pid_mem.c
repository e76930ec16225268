/*
 * /proc/[pid]/mem: the memory of the process as a file. Only what the guest itself may read or
 * write.
 */
#include "libos_pseudo.h"
#include "libos_proc_answer.h"
#include "proc_ask.h"
#include "proc_pid_internal.h"

#define CHUNK 1024

/* Moves one buffer between guest memory at `at` and the caller's; bytes moved. */
static size_t move(uint64_t at, char* buffer, size_t size, bool write) {
    char chunk[CHUNK];
    size_t done = 0;
    while (done < size) {
        size_t n = MIN(sizeof(chunk), size - done);
        const void* from = write ? buffer + done : (char*)(at + done);
        void* to = write ? (char*)(at + done) : buffer + done;
        size_t have = n - user_copy_from_partial(chunk, from, n);
        size_t moved = have - user_copy_to_partial(to, chunk, have);
        done += moved;
        if (moved < n)
            break;
    }
    return done;
}

/* The same with the memory of another process. */
static size_t move_remote(int32_t pid, uint64_t at, char* buffer, size_t size, bool write) {
    char chunk[CHUNK];
    size_t done = 0;
    while (done < size) {
        size_t n = MIN(sizeof(chunk), size - done), want = n;
        if (write)
            n -= user_copy_from_partial(chunk, buffer + done, n);
        long ret = libos_process_memory(pid, at + done, chunk, n, write);
        size_t moved = ret > 0 ? (size_t)ret : 0;
        if (!write)
            moved -= user_copy_to_partial(buffer + done, chunk, moved);
        done += moved;
        if (moved < want)
            break;
    }
    return done;
}

static long mem_rw(struct libos_file* f, const struct iovec* iov, int iov_count, const int64_t* pos,
                   bool write) {
    uint64_t at = pos ? (uint64_t)*pos : (uint64_t)libos_file_get_pos(f);
    size_t done = 0, asked = 0;
    int32_t pid;
    bool remote = proc_is_remote(f->data, &pid);
    for (int i = 0; i < iov_count; i++) {
        size_t n = remote ? move_remote(pid, at + done, iov[i].iov_base, iov[i].iov_len, write)
                          : move(at + done, iov[i].iov_base, iov[i].iov_len, write);
        asked += iov[i].iov_len;
        done += n;
        if (n < iov[i].iov_len)
            break;
    }
    if (!pos)
        libos_file_set_pos(f, (int64_t)(at + done));
    return done || !asked ? (long)done : -EIO;
}

static long mem_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                     const int64_t* pos, int rwf) {
    (void)rwf;
    return mem_rw(f, iov, iov_count, pos, false);
}

static long mem_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                      const int64_t* pos, int rwf) {
    (void)rwf;
    return mem_rw(f, iov, iov_count, pos, true);
}

static long mem_seek(struct libos_file* f, int64_t offset, int whence) {
    if (whence == PAL_SEEK_CUR)
        offset += libos_file_get_pos(f);
    else if (whence != PAL_SEEK_SET)
        return -EINVAL;
    libos_file_set_pos(f, offset);
    return offset;
}

static int mem_stat(struct libos_file* f, struct libos_stat* st) {
    return libos_pseudo_stat_at(f->data, st);
}

static void mem_close(struct libos_file* f) {
    libos_free(f->data);
}

static const struct libos_file_ops g_mem_ops = {
    .kind = "mem",
    .read = mem_read,
    .write = mem_write,
    .seek = mem_seek,
    .stat = mem_stat,
    .close = mem_close,
};

int proc_open_mem(const struct libos_pseudo_at* at, int flags, struct libos_file** out) {
    struct libos_pseudo_at* copy = libos_malloc(sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    *copy = *at;
    *out = libos_file_alloc(&g_mem_ops, flags, NULL, NULL);
    if (!*out) {
        libos_free(copy);
        return -ENOMEM;
    }
    (*out)->data = copy;
    return 0;
}

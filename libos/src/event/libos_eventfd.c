/*
 * eventfd: a host eventfd. eventfd(2). The counter is the host's.
 */
#include <asm/fcntl.h>

#include "libos_event.h"
#include "libos_eventfd.h"

struct eventfd_data {
    uint32_t id;
    bool semaphore;
};

static size_t eventfd_fdinfo(struct libos_file* f, char* buf, size_t size) {
    const struct eventfd_data* data = f->data;
    int n =
        snprintf(buf, size, "eventfd-id: %u\neventfd-semaphore: %d\n", data->id, data->semaphore);
    return MIN((size_t)n, size);
}

static long eventfd_pack(struct libos_file* f, void* data, size_t size) {
    if (size < sizeof(struct eventfd_data))
        return -EINVAL;
    memcpy(data, f->data, sizeof(struct eventfd_data));
    return sizeof(struct eventfd_data);
}

static int eventfd_unpack(struct libos_file* f, const void* data, size_t size) {
    struct eventfd_data* d = size == sizeof(*d) ? libos_malloc(sizeof(*d)) : NULL;
    if (!d)
        return -ENOMEM;
    memcpy(d, data, sizeof(*d));
    f->data = d;
    return 0;
}

static void eventfd_close(struct libos_file* f) {
    libos_free(f->data);
}

const struct libos_file_ops g_libos_eventfd_ops = {
    .kind = "eventfd",
    .read = libos_stream_read,
    .write = libos_stream_write,
    .set_flags = libos_stream_set_flags,
    .fdinfo = eventfd_fdinfo,
    .close = eventfd_close,
    .pack = eventfd_pack,
    .unpack = eventfd_unpack,
};

bool libos_is_eventfd(const struct libos_file* f) {
    return f->ops == &g_libos_eventfd_ops;
}

long libos_eventfd_create(uint32_t initial, bool semaphore, bool nonblock, bool cloexec) {
    static uint32_t last_id;
    struct eventfd_data* data = libos_calloc(1, sizeof(*data));
    if (!data)
        return -ENOMEM;
    data->semaphore = semaphore;
    data->id = __atomic_fetch_add(&last_id, 1, __ATOMIC_RELAXED);
    PAL_HANDLE handle;
    int ret = PalEventfdCreate(
        initial, (semaphore ? PAL_OPTION_EFD_SEMAPHORE : 0) | (nonblock ? PAL_OPTION_NONBLOCK : 0),
        &handle);
    struct libos_file* f = NULL;
    if (ret == 0)
        f = libos_file_alloc(&g_libos_eventfd_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), handle,
                             NULL);
    if (!f) {
        libos_free(data);
        return ret ? pal_to_errno(ret) : -ENOMEM;
    }
    f->data = data;
    return libos_fd_publish(f, cloexec);
}

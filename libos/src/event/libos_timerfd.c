/*
 * timerfd: a host timer. timerfd_create(2).
 */
#include <asm/fcntl.h>

#include "libos_event.h"
#include "libos_eventfd.h"
#include "libos_time.h"

#define TIMER_ABSTIME_BIT 1 /* TFD_TIMER_ABSTIME */
#define TIMER_CANCEL_BIT  2 /* TFD_TIMER_CANCEL_ON_SET */

struct timerfd_data {
    int clock;
    int settime_flags; /* of the last timerfd_settime; for /proc */
};

/* Is the timer readable now? As Linux, "ticks" is not 0 then; how many, only a read tells. */
static int timer_ticks(struct libos_file* f) {
    PAL_FLG want = PAL_WAIT_READ, got = 0;
    int ret = PalStreamsWaitEvents(1, &f->host, &want, &got, 0);
    return ret == 0 && (got & PAL_WAIT_READ);
}

static size_t timerfd_fdinfo(struct libos_file* f, char* buf, size_t size) {
    const struct timerfd_data* data = f->data;
    PAL_NUM value = 0, interval = 0;
    PalTimerGet(f->host, &value, &interval);
    int n = snprintf(buf, size,
                     "clockid: %d\nticks: %d\nsettime flags: 0%o\nit_value: (%llu, %llu)\n"
                     "it_interval: (%llu, %llu)\n",
                     data->clock, timer_ticks(f), (unsigned)data->settime_flags,
                     (unsigned long long)(value / NSEC_PER_SEC),
                     (unsigned long long)(value % NSEC_PER_SEC),
                     (unsigned long long)(interval / NSEC_PER_SEC),
                     (unsigned long long)(interval % NSEC_PER_SEC));
    return MIN((size_t)n, size);
}

static long timerfd_pack(struct libos_file* f, void* data, size_t size) {
    if (size < sizeof(struct timerfd_data))
        return -EINVAL;
    memcpy(data, f->data, sizeof(struct timerfd_data));
    return sizeof(struct timerfd_data);
}

static int timerfd_unpack(struct libos_file* f, const void* data, size_t size) {
    struct timerfd_data* d = size == sizeof(*d) ? libos_malloc(sizeof(*d)) : NULL;
    if (!d)
        return -ENOMEM;
    memcpy(d, data, sizeof(*d));
    f->data = d;
    return 0;
}

static void timerfd_close(struct libos_file* f) {
    libos_free(f->data);
}

const struct libos_file_ops g_libos_timerfd_ops = {
    .kind = "timerfd",
    .read = libos_stream_read,
    .set_flags = libos_stream_set_flags,
    .fdinfo = timerfd_fdinfo,
    .close = timerfd_close,
    .pack = timerfd_pack,
    .unpack = timerfd_unpack,
};

long libos_timerfd_create(int clock, bool nonblock, bool cloexec) {
    struct timerfd_data* data = libos_calloc(1, sizeof(*data));
    if (!data)
        return -ENOMEM;
    data->clock = clock;
    PAL_HANDLE handle;
    int ret = PalTimerCreate((PAL_FLG)clock, nonblock ? PAL_OPTION_NONBLOCK : 0, &handle);
    struct libos_file* f = NULL;
    if (ret == 0)
        f = libos_file_alloc(&g_libos_timerfd_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), handle,
                             NULL);
    if (!f) {
        libos_free(data);
        return ret ? pal_to_errno(ret) : -ENOMEM;
    }
    f->data = data;
    return libos_fd_publish(f, cloexec);
}

bool libos_is_timerfd(const struct libos_file* f) {
    return f->ops == &g_libos_timerfd_ops;
}

static void fill_itimerspec(struct __kernel_itimerspec* out, PAL_NUM value, PAL_NUM interval) {
    out->it_value = ns_to_timespec(value);
    out->it_interval = ns_to_timespec(interval);
}

int libos_timerfd_set(struct libos_file* f, int flags, const struct __kernel_itimerspec* new_value,
                      struct __kernel_itimerspec* old_value) {
    struct timerfd_data* data = f->data;
    PAL_NUM old = 0, old_interval = 0;
    int ret = PalTimerSet(f->host, flags & TIMER_ABSTIME_BIT, flags & TIMER_CANCEL_BIT,
                          timespec_to_ns(&new_value->it_value),
                          timespec_to_ns(&new_value->it_interval), &old, &old_interval);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    data->settime_flags = flags;
    if (old_value)
        fill_itimerspec(old_value, old, old_interval);
    return 0;
}

int libos_timerfd_get(struct libos_file* f, struct __kernel_itimerspec* value) {
    PAL_NUM left = 0, interval = 0;
    int ret = PalTimerGet(f->host, &left, &interval);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    fill_itimerspec(value, left, interval);
    return 0;
}

/*
 * Polling several streams.
 */
#include <asm/poll.h>
#include <linux/mman.h>

#include "stream.h"

#define ON_STACK   64
#define OUT_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND)

/* Duplex handles take two entries; the second ones lie behind those of all handles, in order. */
static long fill(struct pollfd* polled, PAL_NUM count, PAL_HANDLE* handles, const PAL_FLG* events) {
    PAL_NUM used = count;
    for (PAL_NUM i = 0; i < count; i++) {
        polled[i] = (struct pollfd){.fd = -1};
        if (!handles[i])
            continue;
        struct host_handle* h = stream_of(handles[i]);
        if (!h)
            return PAL_ERROR_BADHANDLE;
        polled[i].fd = h->fd;
        polled[i].events = events[i];
        if (h->flags & HANDLE_DUPLEX) {
            polled[i].events &= ~OUT_EVENTS;
            polled[used++] = (struct pollfd){.fd = h->fd2, .events = events[i] & OUT_EVENTS};
        }
    }
    return used;
}

static void collect(const struct pollfd* polled, PAL_NUM count, PAL_HANDLE* handles,
                    PAL_FLG* ret_events) {
    PAL_NUM second = count;
    for (PAL_NUM i = 0; i < count; i++) {
        uint16_t events = polled[i].revents;
        if (handles[i] && (host_handle(handles[i])->flags & HANDLE_DUPLEX))
            events |= polled[second++].revents;
        if (events & POLLNVAL)
            events = (events & ~POLLNVAL) | POLLERR;
        ret_events[i] = events;
    }
}

static long poll_for(struct pollfd* polled, PAL_NUM used, PAL_NUM timeout_us) {
    if (timeout_us == 0)
        return host_syscall(__NR_poll, polled, used, 0);
    if (timeout_us == NO_TIMEOUT)
        return host_syscall_block(__NR_poll, polled, used, -1);
    struct __kernel_timespec timeout = {.tv_sec = timeout_us / 1000000,
                                        .tv_nsec = timeout_us % 1000000 * 1000};
    return host_syscall_block(__NR_ppoll, polled, used, &timeout, NULL, 8);
}

int PalStreamsWaitEvents(PAL_NUM count, PAL_HANDLE* handle_array, PAL_FLG* events,
                         PAL_FLG* ret_events, PAL_NUM timeout_us) {
    struct pollfd few[2 * ON_STACK];
    struct pollfd* polled = few;
    PAL_NUM bytes = 0;
    if (count > INT32_MAX / 2 || (count && (!handle_array || !events || !ret_events)))
        return PAL_ERROR_INVAL;
    if (count > ON_STACK) {
        bytes = PAGE_UP(2 * count * sizeof(*polled));
        long mapped = host_syscall(__NR_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped < 0)
            return host_error(mapped);
        polled = (struct pollfd*)mapped;
    }
    int ret;
    long used = fill(polled, count, handle_array, events);
    if (used < 0) {
        ret = used;
    } else {
        long ready = poll_for(polled, used, timeout_us);
        if (ready >= 0)
            collect(polled, count, handle_array, ret_events);
        ret = ready < 0 ? host_error(ready) : ready ? 0 : PAL_ERROR_TRYAGAIN;
    }
    if (bytes)
        host_syscall(__NR_munmap, polled, bytes);
    return ret;
}

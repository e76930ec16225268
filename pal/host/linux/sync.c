/*
 * Futexes, barriers, mutexes and events, and waiting for the end of threads and processes.
 */
#include <linux/membarrier.h>

#include "host_internal.h"

#define ANY_BITSET 0xffffffffu

int PalFutexWait(uint32_t* word, uint32_t expected, PAL_FLG clock, PAL_NUM deadline_ns,
                 bool shared) {
    int op = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG);
    if (clock == PAL_CLOCK_REALTIME)
        op |= FUTEX_CLOCK_REALTIME;
    else if (clock != PAL_CLOCK_MONOTONIC)
        return PAL_ERROR_INVAL;
    if (deadline_ns == NO_TIMEOUT)
        return host_error(
            host_syscall_block(__NR_futex, word, op, expected, NULL, NULL, ANY_BITSET));
    struct __kernel_timespec ts = host_timespec(deadline_ns);
    return host_error(host_syscall_block(__NR_futex, word, op, expected, &ts, NULL, ANY_BITSET));
}

void PalFutexWaitUninterruptible(uint32_t* word, uint32_t expected) {
    host_syscall(__NR_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL);
}

int PalFutexWake(uint32_t* word, PAL_NUM count, bool shared) {
    int op = FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG);
    if (count > INT32_MAX)
        count = INT32_MAX;
    return host_result(host_syscall(__NR_futex, word, op, count));
}

/* Registration is for the process's lifetime; a forked child inherits it with its memory. */
static int barrier(int command, int registration, bool* registered) {
    if (!__atomic_load_n(registered, __ATOMIC_ACQUIRE)) {
        long ret = host_syscall(__NR_membarrier, registration, 0);
        if (ret < 0)
            return host_error(ret);
        __atomic_store_n(registered, true, __ATOMIC_RELEASE);
    }
    long ret = host_syscall(__NR_membarrier, command, 0);
    if (ret == -EPERM) { /* a forked child may have to register for itself */
        host_syscall(__NR_membarrier, registration, 0);
        ret = host_syscall(__NR_membarrier, command, 0);
    }
    return host_error(ret);
}

int PalMemoryBarrierAll(void) {
    static bool registered;
    return barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                   &registered);
}

int PalInstructionBarrierAll(void) {
    static bool registered;
    return barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
                   MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, &registered);
}

int PalMemoryBarrierProcesses(bool expedited) {
    int command = expedited ? MEMBARRIER_CMD_GLOBAL_EXPEDITED : MEMBARRIER_CMD_GLOBAL;
    return host_error(host_syscall(__NR_membarrier, command, 0));
}

int PalMemoryBarrierJoin(void) {
    return host_error(host_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0));
}

int PalSequenceBarrierAll(int cpu) {
    /* A child of a fork is registered if its parent is, and registering again costs little. */
    long ret = host_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0);
    if (ret == 0)
        ret = host_syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
                           cpu == -1 ? 0 : MEMBARRIER_CMD_FLAG_CPU, cpu);
    return host_error(ret);
}

static int sync_new(PAL_IDX type, uint32_t word, bool auto_reset, PAL_HANDLE* handle) {
    struct host_handle* h = host_handle_new(type);
    if (!h)
        return PAL_ERROR_NOMEM;
    h->sync.word = word;
    h->sync.auto_reset = auto_reset;
    *handle = &h->pal;
    return 0;
}

int PalMutexCreate(PAL_NUM initial_count, PAL_HANDLE* handle) {
    return initial_count > 1 ? PAL_ERROR_INVAL
                             : sync_new(PAL_TYPE_MUTEX, initial_count, false, handle);
}

int PalNotificationEventCreate(PAL_BOL initial_state, PAL_HANDLE* handle) {
    return sync_new(PAL_TYPE_EVENT, initial_state, false, handle);
}

int PalSynchronizationEventCreate(PAL_BOL initial_state, PAL_HANDLE* handle) {
    return sync_new(PAL_TYPE_EVENT, initial_state, true, handle);
}

static void wake(uint32_t* word, int count) {
    host_syscall(__NR_futex, word, FUTEX_WAKE_PRIVATE, count);
}

void PalMutexRelease(PAL_HANDLE mutex) {
    if (!host_handle_is(mutex, PAL_TYPE_MUTEX))
        return;
    uint32_t* word = &host_handle(mutex)->sync.word;
    if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
        wake(word, 1);
}

int PalEventSet(PAL_HANDLE event) {
    if (!host_handle_is(event, PAL_TYPE_EVENT))
        return PAL_ERROR_BADHANDLE;
    struct host_handle* h = host_handle(event);
    __atomic_store_n(&h->sync.word, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&h->sync.waiters, __ATOMIC_SEQ_CST))
        wake(&h->sync.word, h->sync.auto_reset ? 1 : INT32_MAX);
    return 0;
}

int PalEventClear(PAL_HANDLE event) {
    if (!host_handle_is(event, PAL_TYPE_EVENT))
        return PAL_ERROR_BADHANDLE;
    __atomic_store_n(&host_handle(event)->sync.word, 0, __ATOMIC_SEQ_CST);
    return 0;
}

/* One sleep until *word != value. A wake, a change or a spurious return all give 0. */
static int sleep_on(uint32_t* word, uint32_t value, PAL_NUM deadline) {
    int ret = PalFutexWait(word, value, PAL_CLOCK_MONOTONIC, deadline, false);
    if (ret == PAL_ERROR_TIMEDOUT)
        return PAL_ERROR_TRYAGAIN;
    return ret == PAL_ERROR_TRYAGAIN ? 0 : ret;
}

static int wait_mutex(struct host_handle* h, PAL_NUM deadline) {
    uint32_t free = 0;
    if (__atomic_compare_exchange_n(&h->sync.word, &free, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
        return 0;
    while (__atomic_exchange_n(&h->sync.word, 2, __ATOMIC_ACQUIRE) != 0) {
        int ret = sleep_on(&h->sync.word, 2, deadline);
        if (ret)
            return ret;
    }
    return 0;
}

static bool event_take(struct host_handle* h) {
    uint32_t set = 1;
    if (!h->sync.auto_reset)
        return __atomic_load_n(&h->sync.word, __ATOMIC_ACQUIRE) == 1;
    return __atomic_compare_exchange_n(&h->sync.word, &set, 0, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static int wait_event(struct host_handle* h, PAL_NUM deadline) {
    int ret = 0;
    __atomic_add_fetch(&h->sync.waiters, 1, __ATOMIC_SEQ_CST);
    while (!event_take(h)) {
        ret = sleep_on(&h->sync.word, 0, deadline);
        if (ret) {
            if (event_take(h)) /* do not lose a signal that came with the timeout */
                ret = 0;
            break;
        }
    }
    __atomic_sub_fetch(&h->sync.waiters, 1, __ATOMIC_SEQ_CST);
    return ret;
}

static int wait_thread(struct host_handle* h, PAL_NUM deadline) {
    uint32_t running = 0;
    __atomic_compare_exchange_n(&h->thread.ended, &running, 2, false, __ATOMIC_ACQUIRE,
                                __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&h->thread.ended, __ATOMIC_ACQUIRE) != 1) {
        int ret = sleep_on(&h->thread.ended, 2, deadline);
        if (ret)
            return ret;
    }
    return 0;
}

int PalSynchronizationObjectWait(PAL_HANDLE handle, PAL_NUM timeout_us) {
    if (!handle)
        return PAL_ERROR_BADHANDLE;
    PAL_NUM deadline = NO_TIMEOUT, now;
    if (timeout_us < INT64_MAX / 2000) {
        PalClockGet(PAL_CLOCK_MONOTONIC, &now);
        deadline = now + timeout_us * 1000;
    }
    struct host_handle* h = host_handle(handle);
    switch (handle->hdr.type) {
        case PAL_TYPE_MUTEX:
            return wait_mutex(h, deadline);
        case PAL_TYPE_EVENT:
            return wait_event(h, deadline);
        case PAL_TYPE_THREAD:
            return wait_thread(h, deadline);
        case PAL_TYPE_PROCESS:
            return host_process_wait_end(h, deadline);
        default:
            return PAL_ERROR_BADHANDLE;
    }
}

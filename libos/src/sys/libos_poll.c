/*
 * poll, ppoll, select, pselect6: decode, wait with libos_poll(), write back. poll(2), select(2).
 */
#include <asm/poll.h>
#include <linux/resource.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "libos_event.h"
#include "libos_table.h"

#define STACK_FDS    32
#define NS_PER_SEC   1000000000ULL
#define BITS_PER_SET 64

/* The readiness that each set of select stands for (Linux's POLLIN_SET, POLLOUT_SET, POLLEX_SET).
 */
#define IN_SET  (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define OUT_SET (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define EX_SET  POLLPRI

/* ---- timeouts -------------------------------------------------------------------------------- */

/* A relative time as a deadline: 0 stays "do not wait". -EINVAL when not a proper time. */
static int deadline_from(int64_t sec, int64_t nsec, uint64_t* deadline_ns) {
    if (sec < 0 || nsec < 0 || nsec >= (int64_t)NS_PER_SEC)
        return -EINVAL;
    if (sec == 0 && nsec == 0)
        *deadline_ns = 0;
    else if ((uint64_t)sec > INT64_MAX / NS_PER_SEC - 1)
        *deadline_ns = NO_TIMEOUT;
    else
        *deadline_ns = libos_deadline_after((uint64_t)sec * NS_PER_SEC + (uint64_t)nsec);
    return 0;
}

/* Linux writes what is left of the timeout back, and restarts an interrupted call only if that
 * worked. `unit`: nanoseconds per unit of the second word. */
static long write_back_timeout(long ret, void* user_time, uint64_t deadline_ns, uint64_t unit) {
    if (user_time && deadline_ns != 0 && deadline_ns != NO_TIMEOUT) {
        uint64_t now = libos_monotonic_ns();
        uint64_t left = now < deadline_ns ? deadline_ns - now : 0;
        int64_t words[2] = {(int64_t)(left / NS_PER_SEC), (int64_t)(left % NS_PER_SEC / unit)};
        if (user_put(words, user_time) < 0 && ret == -ERESTARTNOHAND)
            return -EINTR;
    }
    return ret;
}

/* ---- poll ------------------------------------------------------------------------------------ */

static long poll_user(struct pollfd* ufds, unsigned int count, uint64_t deadline_ns) {
    struct pollfd on_stack[STACK_FDS];
    struct pollfd* fds = on_stack;
    if (count > libos_rlimit(RLIMIT_NOFILE))
        return -EINVAL;
    if (count > STACK_FDS) {
        fds = libos_malloc(count * sizeof(*fds));
        if (!fds)
            return -ENOMEM;
    }
    long ret = user_copy_from(fds, ufds, count * sizeof(*fds));
    if (ret == 0)
        ret = libos_poll(fds, count, deadline_ns, false);
    for (unsigned int i = 0; ret >= 0 && i < count; i++) {
        if (user_put(fds[i].revents, &ufds[i].revents) < 0)
            ret = -EFAULT;
    }
    if (fds != on_stack)
        libos_free(fds);
    return ret;
}

static long poll_restart(struct libos_thread* t) {
    long ret = poll_user((struct pollfd*)t->restart.args[0], (unsigned int)t->restart.args[1],
                         t->restart.args[2]);
    if (ret == -EINTR) {
        t->restart.fn = poll_restart;
        return -ERESTART_RESTARTBLOCK;
    }
    return ret;
}

long libos_syscall_poll(struct pollfd* ufds, unsigned int count, int timeout_ms) {
    uint64_t deadline_ns = NO_TIMEOUT;
    if (timeout_ms == 0)
        deadline_ns = 0;
    else if (timeout_ms > 0)
        deadline_ns = libos_deadline_after((uint64_t)timeout_ms * 1000000);
    long ret = poll_user(ufds, count, deadline_ns);
    if (ret == -EINTR) {
        struct libos_thread* t = get_cur_thread();
        t->restart.fn = poll_restart;
        t->restart.args[0] = (uint64_t)ufds;
        t->restart.args[1] = count;
        t->restart.args[2] = deadline_ns;
        return -ERESTART_RESTARTBLOCK;
    }
    return ret;
}

long libos_syscall_ppoll(struct pollfd* ufds, unsigned int count, struct __kernel_timespec* timeout,
                         const void* sigmask, size_t sigset_size) {
    uint64_t deadline_ns = NO_TIMEOUT;
    if (timeout) {
        struct __kernel_timespec ts;
        if (user_get(ts, timeout) < 0)
            return -EFAULT;
        if (deadline_from(ts.tv_sec, ts.tv_nsec, &deadline_ns) < 0)
            return -EINVAL;
    }
    long ret = libos_set_temporary_mask(sigmask, sigset_size);
    if (ret < 0)
        return ret;
    ret = poll_user(ufds, count, deadline_ns);
    if (ret == -EINTR)
        ret = -ERESTARTNOHAND;
    return write_back_timeout(ret, timeout, deadline_ns, 1);
}

/* ---- select ---------------------------------------------------------------------------------- */

struct select_sets {
    uint64_t *in, *out, *ex; /* `words` words each */
    size_t words;
};

static bool test_bit(const uint64_t* set, size_t bit) {
    return set[bit / BITS_PER_SET] >> (bit % BITS_PER_SET) & 1;
}

static void set_bit(uint64_t* set, size_t bit) {
    set[bit / BITS_PER_SET] |= 1ULL << (bit % BITS_PER_SET);
}

static size_t select_to_poll(const struct select_sets* s, size_t count, struct pollfd* fds) {
    size_t n = 0;
    for (size_t fd = 0; fd < count; fd++) {
        if (fd % BITS_PER_SET == 0) {
            size_t w = fd / BITS_PER_SET;
            if (!(s->in[w] | s->out[w] | s->ex[w])) {
                fd += BITS_PER_SET - 1;
                continue;
            }
        }
        short events = 0;
        if (test_bit(s->in, fd))
            events |= IN_SET & ~(POLLHUP | POLLERR);
        if (test_bit(s->out, fd))
            events |= OUT_SET & ~POLLERR;
        if (test_bit(s->ex, fd))
            events |= EX_SET;
        if (!events)
            continue;
        if (fds)
            fds[n] = (struct pollfd){.fd = (int)fd, .events = events};
        n++;
    }
    return n;
}

/* The events of an answer that count for the sets the descriptor was asked in. */
static unsigned select_events(const struct pollfd* p) {
    unsigned counting = 0;
    if (p->events & POLLIN)
        counting |= IN_SET;
    if (p->events & POLLOUT)
        counting |= OUT_SET;
    if (p->events & POLLPRI)
        counting |= EX_SET;
    return (unsigned)p->revents & counting;
}

/* poll always reports a hang-up, select only in the read set: such descriptors are taken out (a
 * negative number is ignored) and the wait goes on. True if anything else is ready. */
static bool select_ready(struct pollfd* fds, size_t n) {
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (fds[i].fd < 0)
            continue;
        if (select_events(&fds[i]))
            any = true;
        else if (fds[i].revents)
            fds[i].fd = ~fds[i].fd;
    }
    return any;
}

/* The answers as sets; returns the number of bits. */
static long select_from_poll(const struct select_sets* s, const struct pollfd* fds, size_t n) {
    long bits = 0;
    memset(s->in, 0, s->words * sizeof(uint64_t));
    memset(s->out, 0, s->words * sizeof(uint64_t));
    memset(s->ex, 0, s->words * sizeof(uint64_t));
    for (size_t i = 0; i < n; i++) {
        unsigned events = select_events(&fds[i]);
        if (fds[i].fd < 0 || !events)
            continue;
        size_t fd = (size_t)fds[i].fd;
        if ((fds[i].events & POLLIN) && (events & IN_SET)) {
            set_bit(s->in, fd);
            bits++;
        }
        if ((fds[i].events & POLLOUT) && (events & OUT_SET)) {
            set_bit(s->out, fd);
            bits++;
        }
        if ((fds[i].events & POLLPRI) && (events & EX_SET)) {
            set_bit(s->ex, fd);
            bits++;
        }
    }
    return bits;
}

static long select_wait(const struct select_sets* s, size_t count, uint64_t deadline_ns) {
    struct pollfd on_stack[STACK_FDS];
    struct pollfd* fds = on_stack;
    size_t n = select_to_poll(s, count, NULL);
    if (n > STACK_FDS) {
        fds = libos_malloc(n * sizeof(*fds));
        if (!fds)
            return -ENOMEM;
    }
    select_to_poll(s, count, fds);
    long ret;
    do {
        ret = libos_poll(fds, n, deadline_ns, true);
    } while (ret > 0 && !select_ready(fds, n));
    if (ret >= 0)
        ret = select_from_poll(s, fds, n);
    if (fds != on_stack)
        libos_free(fds);
    return ret;
}

/* Reads `count` bits of a user's set; the rest of the last word is cleared. */
static int get_set(uint64_t* set, size_t words, size_t count, const void* user_set) {
    if (!user_set)
        return 0;
    if (user_copy_from(set, user_set, words * sizeof(*set)) < 0)
        return -EFAULT;
    if (count % BITS_PER_SET)
        set[words - 1] &= (1ULL << (count % BITS_PER_SET)) - 1;
    return 0;
}

static long select_user(int count, void* in, void* out, void* ex, uint64_t deadline_ns) {
    uint64_t on_stack[3 * 1024 / BITS_PER_SET];
    if (count < 0)
        return -EINVAL;
    int open_end = libos_fd_table_end();
    if (count > open_end)
        count = open_end;
    size_t words = ((size_t)count + BITS_PER_SET - 1) / BITS_PER_SET;
    uint64_t* bits = on_stack;
    if (3 * words > ARRAY_SIZE(on_stack)) {
        bits = libos_malloc(3 * words * sizeof(*bits));
        if (!bits)
            return -ENOMEM;
    }
    memset(bits, 0, 3 * words * sizeof(*bits));
    struct select_sets s = {bits, bits + words, bits + 2 * words, words};
    long ret = -EFAULT;
    if (get_set(s.in, words, (size_t)count, in) == 0 &&
        get_set(s.out, words, (size_t)count, out) == 0 &&
        get_set(s.ex, words, (size_t)count, ex) == 0)
        ret = select_wait(&s, (size_t)count, deadline_ns);
    if (ret >= 0) {
        size_t size = words * sizeof(uint64_t);
        if ((in && user_copy_to(in, s.in, size) < 0) ||
            (out && user_copy_to(out, s.out, size) < 0) || (ex && user_copy_to(ex, s.ex, size) < 0))
            ret = -EFAULT;
    }
    if (bits != on_stack)
        libos_free(bits);
    return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

long libos_syscall_select(int count, fd_set* in, fd_set* out, fd_set* ex,
                          struct __kernel_old_timeval* timeout) {
    uint64_t deadline_ns = NO_TIMEOUT;
    if (timeout) {
        struct __kernel_old_timeval tv;
        if (user_get(tv, timeout) < 0)
            return -EFAULT;
        if (deadline_from(tv.tv_sec + tv.tv_usec / 1000000, tv.tv_usec % 1000000 * 1000,
                          &deadline_ns) < 0)
            return -EINVAL;
    }
    long ret = select_user(count, in, out, ex, deadline_ns);
    return write_back_timeout(ret, timeout, deadline_ns, 1000);
}

long libos_syscall_pselect6(int count, fd_set* in, fd_set* out, fd_set* ex,
                            struct __kernel_timespec* timeout, void* sig) {
    struct {
        const void* mask;
        size_t size;
    } sigmask = {NULL, 0};
    uint64_t deadline_ns = NO_TIMEOUT;
    if (sig && user_get(sigmask, sig) < 0)
        return -EFAULT;
    if (timeout) {
        struct __kernel_timespec ts;
        if (user_get(ts, timeout) < 0)
            return -EFAULT;
        if (deadline_from(ts.tv_sec, ts.tv_nsec, &deadline_ns) < 0)
            return -EINVAL;
    }
    long ret = libos_set_temporary_mask(sigmask.mask, sigmask.size);
    if (ret < 0)
        return ret;
    ret = select_user(count, in, out, ex, deadline_ns);
    return write_back_timeout(ret, timeout, deadline_ns, 1);
}

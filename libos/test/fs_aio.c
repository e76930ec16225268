/* Native asynchronous I/O: io_setup, io_submit, io_getevents, and the ring that libaio reads. */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "oracle.h"

struct ring {
    uint32_t id, nr, head, tail, magic, compat, incompat, header_length;
    struct io_event events[];
};

#define setup(n, ctx)     sc(SYS_io_setup, n, ctx)
#define destroy(ctx)      sc(SYS_io_destroy, ctx)
#define submit(ctx, n, l) sc(SYS_io_submit, ctx, n, l)
#define getevents(...)    sc(SYS_io_getevents, __VA_ARGS__)
#define NOW               (&(struct timespec){0, 0})

static struct iocb make(int op, int fd, void* buf, size_t size, long offset) {
    return (struct iocb){.aio_lio_opcode = op,
                         .aio_fildes = fd,
                         .aio_buf = (uint64_t)buf,
                         .aio_nbytes = size,
                         .aio_offset = offset,
                         .aio_data = 0x1234567800 + op,
                         .aio_key = 99};
}

static long submit_one(aio_context_t ctx, struct iocb* cb) {
    return submit(ctx, 1, &cb);
}

/* Submits it and waits for its event. */
static long result_of(aio_context_t ctx, struct iocb* cb) {
    struct io_event e = {0};
    long ret = submit_one(ctx, cb);
    if (ret != 1)
        return ret;
    CHECK_EQ(getevents(ctx, 1, 1, &e, NULL), 1);
    CHECK_EQ(e.obj, (uint64_t)cb);
    CHECK_EQ(e.data, cb->aio_data);
    CHECK_EQ(e.res2, 0);
    CHECK_EQ(cb->aio_key, 0);
    return e.res;
}

TEST(setup_and_destroy) {
    aio_context_t ctx = 0, other = 0;
    CHECK_EQ(setup(10, NULL), -EFAULT);
    CHECK_EQ(setup(0, &ctx), -EINVAL);
    ctx = 5;
    CHECK_EQ(setup(10, &ctx), -EINVAL);
    ctx = 0;
    CHECK_EQ(setup(0x7fffffff, &ctx), -EINVAL);
    CHECK_EQ(setup(3000000, &ctx), -EAGAIN); /* more than aio-max-nr */
    CHECK_EQ(setup(10, &ctx), 0);
    CHECK_EQ(setup(10, &other), 0);
    CHECK(ctx && other && ctx != other);
    CHECK_EQ(destroy(other), 0);
    CHECK_EQ(destroy(other), -EINVAL);
    CHECK_EQ(destroy(0), -EINVAL);
    CHECK_EQ(destroy(8), -EINVAL);
    char buf[8];
    struct iocb cb = make(IOCB_CMD_PREAD, 0, buf, 1, 0);
    struct io_event e;
    CHECK_EQ(submit_one(other, &cb), -EINVAL);
    CHECK_EQ(getevents(other, 0, 1, &e, NOW), -EINVAL);
    CHECK_EQ(getevents(ctx, 0, 1, &e, NOW), 0);
    CHECK_EQ(destroy(ctx), 0);
}

TEST(read_and_write) {
    aio_context_t ctx = 0;
    NEED(setup(8, &ctx) == 0);
    int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600);
    NEED(fd >= 0);
    char out[] = "asynchronous", in[64] = {0};
    struct iocb cb = make(IOCB_CMD_PWRITE, fd, out, 12, 100);
    CHECK_EQ(result_of(ctx, &cb), 12);
    cb = make(IOCB_CMD_PREAD, fd, in, sizeof(in), 101);
    CHECK_EQ(result_of(ctx, &cb), 11);
    CHECK_MEM(in, "synchronous", 11);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0); /* the position is not touched */
    struct iovec iov[2] = {{in, 5}, {in + 32, 20}};
    memset(in, 0, sizeof(in));
    cb = make(IOCB_CMD_PREADV, fd, iov, 2, 100);
    CHECK_EQ(result_of(ctx, &cb), 12);
    CHECK_MEM(in, "async", 5);
    CHECK_MEM(in + 32, "hronous", 7);
    iov[0] = (struct iovec){out, 1};
    iov[1] = (struct iovec){out + 5, 2};
    cb = make(IOCB_CMD_PWRITEV, fd, iov, 2, 0);
    CHECK_EQ(result_of(ctx, &cb), 3);
    CHECK_EQ(pread(fd, in, 3, 0), 3);
    CHECK_MEM(in, "ahr", 3);
    cb = make(IOCB_CMD_PREAD, fd, in, 10, 5000);
    CHECK_EQ(result_of(ctx, &cb), 0);
    cb = make(IOCB_CMD_PREADV, fd, NULL, 0, 0);
    CHECK_EQ(result_of(ctx, &cb), 0);
    cb = make(IOCB_CMD_FSYNC, fd, NULL, 0, 0);
    CHECK_EQ(result_of(ctx, &cb), 0);
    cb = make(IOCB_CMD_FDSYNC, fd, NULL, 0, 0);
    CHECK_EQ(result_of(ctx, &cb), 0);
    cb = make(IOCB_CMD_PREAD, fd, (void*)8, 10, 0); /* found out in the middle of the work */
    CHECK_EQ(result_of(ctx, &cb), -EFAULT);
    /* Appending ignores the offset. */
    int append = open("aio", O_WRONLY | O_APPEND);
    cb = make(IOCB_CMD_PWRITE, append, out, 3, 0);
    CHECK_EQ(result_of(ctx, &cb), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 115);
    close(append);
    CHECK_EQ(destroy(ctx), 0);
    close(fd);
    unlink("aio");
}

TEST(refused) {
    aio_context_t ctx = 0;
    char buf[16];
    NEED(setup(8, &ctx) == 0);
    int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600), ro = open("aio", O_RDONLY);
    int dir = open(".", O_RDONLY), path = open("aio", O_PATH);
    struct iocb cb = make(IOCB_CMD_PREAD, 999, buf, 1, 0), bad;
    CHECK_EQ(submit_one(ctx, &cb), -EBADF);
    cb = make(IOCB_CMD_PREAD, path, buf, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EBADF);
    cb = make(IOCB_CMD_PWRITE, ro, buf, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EBADF);
    cb = make(IOCB_CMD_PREAD, dir, buf, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(IOCB_CMD_PREAD, fd, buf, 1, -1);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(IOCB_CMD_PREAD, fd, buf, -1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(IOCB_CMD_PREAD, fd, (void*)-1L, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EFAULT);
    cb = make(IOCB_CMD_PREADV, fd, (void*)8, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EFAULT);
    cb = make(IOCB_CMD_PREADV, fd, buf, 5000, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(IOCB_CMD_NOOP, fd, buf, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(77, fd, buf, 1, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(IOCB_CMD_FSYNC, fd, buf, 0, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb = make(IOCB_CMD_PREAD, fd, buf, 1, 0);
    cb.aio_reserved2 = 1;
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb.aio_reserved2 = 0;
    cb.aio_rw_flags = 1 << 20;
    CHECK_EQ(submit_one(ctx, &cb), -EOPNOTSUPP);
    cb.aio_rw_flags = 0;
    cb.aio_flags = IOCB_FLAG_RESFD;
    cb.aio_resfd = 999;
    CHECK_EQ(submit_one(ctx, &cb), -EBADF);
    cb.aio_resfd = fd;
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    cb.aio_flags = IOCB_FLAG_IOPRIO;
    cb.aio_reqprio = 5;
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    CHECK_EQ(submit(ctx, -1, &bad), -EINVAL);
    CHECK_EQ(submit(ctx, 0, NULL), 0);
    CHECK_EQ(submit(ctx, 1, NULL), -EFAULT);
    struct iocb* list[] = {&cb, (struct iocb*)8, &cb};
    cb.aio_flags = 0;
    CHECK_EQ(submit(ctx, 3, list), 1); /* those before the bad one */
    list[0] = (struct iocb*)8;
    CHECK_EQ(submit(ctx, 3, list), -EFAULT);
    struct io_event e[4];
    CHECK_EQ(getevents(ctx, 2, 1, e, NOW), -EINVAL);
    CHECK_EQ(getevents(ctx, -1, 1, e, NOW), -EINVAL);
    CHECK_EQ(getevents(ctx, 0, -1, e, NOW), -EINVAL);
    CHECK_EQ(getevents(ctx, 1, 1, e, 8), -EFAULT);
    CHECK_EQ(getevents(ctx, 1, 1, 8, NOW), -EFAULT);
    CHECK_EQ(getevents(ctx, 1, 4, e, NOW), 1); /* it was not lost */
    CHECK_EQ(sc(SYS_io_cancel, ctx, 8, e), -EFAULT);
    CHECK_EQ(sc(SYS_io_cancel, ctx, &cb, e), -EINVAL); /* done already */
    cb.aio_key = 7;
    CHECK_EQ(sc(SYS_io_cancel, ctx, &cb, e), -EINVAL);
    CHECK_EQ(destroy(ctx), 0);
    close(fd);
    close(ro);
    close(dir);
    close(path);
    unlink("aio");
}

TEST(the_ring) {
    aio_context_t ctx = 0;
    char buf[16] = "0123456789";
    NEED(setup(4, &ctx) == 0);
    struct ring* ring = (struct ring*)ctx;
    CHECK_EQ(ring->magic, 0xa10a10a1);
    CHECK_EQ(ring->compat, 1);
    CHECK_EQ(ring->incompat, 0);
    CHECK_EQ(ring->header_length, sizeof(struct ring));
    CHECK(ring->nr >= 10);
    CHECK_EQ(ring->head, ring->tail);
    int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct iocb cb[3];
    struct iocb* list[3];
    for (int i = 0; i < 3; i++) {
        cb[i] = make(IOCB_CMD_PWRITE, fd, buf, i + 1, 0);
        cb[i].aio_data = i;
        list[i] = &cb[i];
    }
    CHECK_EQ(submit(ctx, 3, list), 3);
    CHECK_EQ((ring->tail + ring->nr - ring->head) % ring->nr, 3);
    /* The program takes the first event out by itself. */
    CHECK_EQ(ring->events[ring->head].res, 1);
    CHECK_EQ(ring->events[ring->head].obj, (uint64_t)&cb[0]);
    ring->head = (ring->head + 1) % ring->nr;
    struct io_event e[3];
    CHECK_EQ(getevents(ctx, 0, 3, e, NOW), 2);
    CHECK_EQ(e[0].res, 2);
    CHECK_EQ(e[1].res, 3);
    CHECK_EQ(ring->head, ring->tail);
    /* Many times round. */
    for (int i = 0; i < 2000; i++) {
        if (submit(ctx, 3, list) != 3 || getevents(ctx, 3, 3, e, NULL) != 3 || e[2].data != 2) {
            CHECK(!"a round");
            break;
        }
    }
    /* It is filled until there is no room. */
    long all = 0, one;
    while ((one = submit_one(ctx, &cb[0])) == 1)
        all++;
    CHECK_EQ(one, -EAGAIN);
    CHECK(all >= 4 && all < ring->nr);
    for (long i = 0; i < all; i++)
        CHECK_EQ(getevents(ctx, 1, 1, e, NULL), 1);
    CHECK_EQ(getevents(ctx, 0, 1, e, NOW), 0);
    CHECK_EQ(destroy(ctx), 0);
    CHECK_EQ(madvise(ring, 4096, MADV_NORMAL), -1); /* unmapped */
    close(fd);
    unlink("aio");
}

TEST(limits) {
    FILE* f = fopen("/proc/sys/fs/aio-nr", "r");
    FILE* g = fopen("/proc/sys/fs/aio-max-nr", "r");
    NEED(f && g);
    long now = -1, max = -1, after = -1;
    CHECK_EQ(fscanf(f, "%ld", &now), 1);
    CHECK_EQ(fscanf(g, "%ld", &max), 1);
    CHECK(now >= 0 && max >= 65536);
    fclose(f);
    fclose(g);
    aio_context_t ctx = 0;
    NEED(setup(100, &ctx) == 0);
    f = fopen("/proc/sys/fs/aio-nr", "r");
    CHECK_EQ(fscanf(f, "%ld", &after), 1);
    CHECK(after >= 100);
    fclose(f);
    char path[64];
    snprintf(path, sizeof(path), "%lx-", ctx);
    f = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;
    while (f && fgets(line, sizeof(line), f))
        found |= !strncmp(line, path, strlen(path)) && strstr(line, "/[aio] (deleted)");
    CHECK(found);
    if (f)
        fclose(f);
    CHECK_EQ(destroy(ctx), 0);
}

TEST(eventfd_is_told) {
    aio_context_t ctx = 0;
    char buf[16] = "x";
    NEED(setup(8, &ctx) == 0);
    int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600), event = eventfd(0, EFD_NONBLOCK);
    struct iocb cb = make(IOCB_CMD_PWRITE, fd, buf, 1, 0);
    struct iocb* list[] = {&cb, &cb, &cb};
    cb.aio_flags = IOCB_FLAG_RESFD;
    cb.aio_resfd = event;
    CHECK_EQ(submit(ctx, 3, list), 3);
    struct pollfd p = {event, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, -1), 1);
    uint64_t count = 0;
    CHECK_EQ(read(event, &count, 8), 8);
    CHECK_EQ(count, 3);
    struct io_event e[4];
    CHECK_EQ(getevents(ctx, 3, 4, e, NULL), 3);
    CHECK_EQ(destroy(ctx), 0);
    close(fd);
    close(event);
    unlink("aio");
}

TEST(streams) {
    aio_context_t ctx = 0;
    int fds[2], pair[2];
    char buf[16];
    NEED(setup(8, &ctx) == 0 && pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct iocb cb = make(IOCB_CMD_PWRITE, fds[1], "pipe", 4, 12345);
    CHECK_EQ(result_of(ctx, &cb), 4); /* the offset means nothing */
    cb = make(IOCB_CMD_PREAD, fds[0], buf, sizeof(buf), 0);
    CHECK_EQ(result_of(ctx, &cb), 4);
    CHECK_MEM(buf, "pipe", 4);
    cb = make(IOCB_CMD_PWRITE, pair[0], "pair", 4, 0);
    CHECK_EQ(result_of(ctx, &cb), 4);
    cb = make(IOCB_CMD_PREAD, pair[1], buf, sizeof(buf), 0);
    CHECK_EQ(result_of(ctx, &cb), 4);
    cb = make(IOCB_CMD_FSYNC, fds[1], NULL, 0, 0);
    CHECK_EQ(submit_one(ctx, &cb), -EINVAL);
    signal(SIGPIPE, SIG_IGN);
    close(fds[0]);
    cb = make(IOCB_CMD_PWRITE, fds[1], "pipe", 4, 0);
    CHECK_EQ(result_of(ctx, &cb), -EPIPE);
    CHECK_EQ(destroy(ctx), 0);
    close(fds[1]);
    close(pair[0]);
    close(pair[1]);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static aio_context_t shared;
static int shared_fd;

static void* submitter(void* arg) {
    char buf[16] = "y";
    struct iocb cb = make(IOCB_CMD_PWRITE, shared_fd, buf, 1, 0);
    usleep(20000);
    CHECK_EQ(submit_one(shared, &cb), 1);
    usleep(20000);
    CHECK_EQ(submit_one(shared, &cb), 1);
    return arg;
}

static void* destroyer(void* arg) {
    usleep(20000);
    CHECK_EQ(destroy(shared), 0);
    return arg;
}

static volatile int alarms;
static void on_alarm(int sig) {
    alarms += sig == SIGALRM;
}

TEST(waiting) {
    pthread_t t;
    struct io_event e[4];
    shared = 0;
    NEED(setup(8, &shared) == 0);
    shared_fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600);
    NEED(pthread_create(&t, NULL, submitter, NULL) == 0);
    CHECK_EQ(getevents(shared, 2, 4, e, NULL), 2);
    pthread_join(t, NULL);
    CHECK_EQ(getevents(shared, 1, 4, e, (&(struct timespec){0, 1000000})), 0);
    /* A signal ends the wait. */
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
    ualarm(20000, 20000); /* again, should the first come before the wait */
    CHECK_EQ(getevents(shared, 1, 4, e, NULL), -EINTR);
    ualarm(0, 0);
    CHECK(alarms >= 1);
    /* With a mask of its own, which is gone afterwards. */
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &all, NULL);
    struct {
        sigset_t* set;
        size_t size;
    } sig = {&none, 8};
    alarms = 0;
    ualarm(20000, 0);
    CHECK_EQ(sc(SYS_io_pgetevents, shared, 1, 4, e, NULL, &sig), -EINTR);
    CHECK_EQ(alarms, 1);
    sigprocmask(SIG_SETMASK, NULL, &all);
    CHECK(sigismember(&all, SIGALRM));
    sig.size = 7;
    CHECK_EQ(sc(SYS_io_pgetevents, shared, 1, 4, e, NULL, &sig), -EINVAL);
    CHECK_EQ(sc(SYS_io_pgetevents, shared, 1, 4, e, NULL, 8), -EFAULT);
    CHECK_EQ(sc(SYS_io_pgetevents, shared, 0, 4, e, NOW, NULL), 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* The context goes away meanwhile. */
    NEED(pthread_create(&t, NULL, destroyer, NULL) == 0);
    CHECK_EQ(getevents(shared, 1, 4, e, NULL), -EINVAL);
    pthread_join(t, NULL);
    close(shared_fd);
    unlink("aio");
}

/* ---- many threads on one context ------------------------------------------------------------- */

#define ROUNDS 500
static int taken;

static void* worker(void* arg) {
    char buf[8] = "z";
    struct io_event e[8];
    struct iocb cb = make(IOCB_CMD_PWRITE, shared_fd, buf, 1, 0);
    for (int i = 0; i < ROUNDS; i++) {
        long ret;
        while ((ret = submit_one(shared, &cb)) == -EAGAIN)
            sched_yield();
        CHECK_EQ(ret, 1);
        ret = getevents(shared, i % 2, 8, e, NULL);
        CHECK(ret >= 0);
        __atomic_add_fetch(&taken, ret, __ATOMIC_RELAXED);
    }
    return arg;
}

TEST(threads) {
    pthread_t t[3];
    shared = 0;
    taken = 0;
    NEED(setup(64, &shared) == 0);
    shared_fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 3; i++)
        NEED(pthread_create(&t[i], NULL, worker, NULL) == 0);
    struct timespec tick = {0, 1000000};
    char buf[8] = "z";
    struct iocb cb = make(IOCB_CMD_PWRITE, shared_fd, buf, 1, 0);
    for (int i = 0; i < 3; i++) {
        while (pthread_tryjoin_np(t[i], NULL)) { /* nobody is left waiting for ever */
            submit_one(shared, &cb);
            nanosleep(&tick, NULL);
        }
    }
    CHECK(taken >= 3 * ROUNDS / 2);
    CHECK_EQ(destroy(shared), 0);
    close(shared_fd);
    unlink("aio");
}

/* AF_UNIX between processes that come, go and are killed: servers with one queue, names that many
 * fight for, descriptors under way. Every answer that is due arrives; every name leads to its
 * owner; nothing that was sent stays open when all have closed it. */
#include "storm.h"

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define WORKERS 4
#define NAMES   8
#define HEAD    offsetof(struct sockaddr_un, sun_path)

static struct shared { /* of all processes */
    atomic_ulong connections, datagrams, refused, taken, passed;
    atomic_int stop;
} * g;

static socklen_t name_of(struct sockaddr_un* un, const char* what, int number) {
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "storm-%d-%s-%d", (int)getsid(0),
                     what, number);
    return HEAD + 1 + n;
}

static void set_timeout(int fd) {
    struct timeval t = {STORM_PATIENCE, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static bool send_fd(int sock, int fd) {
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u = {{0}};
    struct iovec v = {"f", 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(sock, &m, MSG_NOSIGNAL) == 1;
}

static int receive_fd(int sock, char* b) {
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u;
    struct iovec v = {b, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
    int fd = -1;
    if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1)
        return -2;
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

/* One connection: who is there is told, a descriptor is used and closed. */
static void* server(void* arg) {
    int s = (int)(intptr_t)arg;
    for (;;) {
        int fd = accept4(s, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EINTR)
                STORM_BAD("accept: errno %d", errno);
            continue;
        }
        char b = 0;
        struct ucred cred = {0};
        socklen_t size = sizeof(cred);
        set_timeout(fd);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 || cred.pid <= 0)
            STORM_BAD("credentials: pid %d", cred.pid);
        int got = receive_fd(fd, &b);
        if (got >= 0) {
            if (write(got, &cred.pid, sizeof(cred.pid)) != sizeof(cred.pid) && errno != EPIPE)
                STORM_BAD("passed descriptor: errno %d", errno);
            close(got);
        } else if (got == -1) {
            send(fd, &cred.pid, sizeof(cred.pid), MSG_NOSIGNAL);
        }
        close(fd);
    }
    return NULL;
}

static void connect_once(bool pass) {
    struct sockaddr_un un;
    socklen_t len = name_of(&un, "server", 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), who = 0, p[2];
    set_timeout(fd);
    if (connect(fd, (void*)&un, len) < 0) {
        STORM_BAD("connect: errno %d", errno);
        close(fd);
        return;
    }
    if (pass && pipe(p) == 0) {
        if (!send_fd(fd, p[1]))
            STORM_BAD("send_fd: errno %d", errno);
        close(p[1]);
        struct pollfd w = {p[0], POLLIN, 0};
        if (poll(&w, 1, STORM_PATIENCE * 1000) != 1)
            STORM_BAD("the pipe that was passed says nothing");
        else if (read(p[0], &who, sizeof(who)) != sizeof(who) || who != getpid())
            STORM_BAD("by the pipe: %d, not %d", who, getpid());
        else if (read(p[0], &who, sizeof(who)) != 0)
            STORM_BAD("the pipe has no end");
        close(p[0]);
        atomic_fetch_add(&g->passed, 1);
    } else {
        if (send(fd, "c", 1, MSG_NOSIGNAL) != 1 || recv(fd, &who, sizeof(who), 0) != sizeof(who) ||
            who != getpid())
            STORM_BAD("answer: %d, not %d, errno %d", who, getpid(), errno);
    }
    close(fd);
    atomic_fetch_add(&g->connections, 1);
}

/* Names that all fight for: whoever has one gets what is sent to it, from who says he sent it. */
static void datagram_once(unsigned* seed) {
    struct sockaddr_un un, from;
    int mine = rand_r(seed) % NAMES, other = rand_r(seed) % NAMES;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = name_of(&un, "name", mine);
    if (bind(fd, (void*)&un, len) < 0) {
        if (errno != EADDRINUSE)
            STORM_BAD("bind: errno %d", errno);
        atomic_fetch_add(&g->taken, 1);
        close(fd);
        return;
    }
    len = name_of(&un, "name", other);
    if (sendto(fd, &mine, sizeof(mine), 0, (void*)&un, len) != sizeof(mine)) {
        if (errno != ECONNREFUSED && errno != EAGAIN)
            STORM_BAD("sendto: errno %d", errno);
        atomic_fetch_add(&g->refused, 1);
    }
    int sender;
    len = sizeof(from);
    while (recvfrom(fd, &sender, sizeof(sender), 0, (void*)&from, &len) == sizeof(sender)) {
        struct sockaddr_un wanted;
        socklen_t wanted_len = name_of(&wanted, "name", sender);
        if (len != wanted_len || memcmp(&from, &wanted, len))
            STORM_BAD("a datagram from %d came under %.*s", sender, (int)(len - HEAD),
                      from.sun_path + 1);
        atomic_fetch_add(&g->datagrams, 1);
        len = sizeof(from);
    }
    close(fd);
}

static int worker(int number) {
    unsigned seed = (unsigned)(number * 7919 + getpid());
    while (!atomic_load(&g->stop)) {
        int what = rand_r(&seed) % 16;
        if (what < 6)
            connect_once(what < 3);
        else if (what < 15)
            datagram_once(&seed);
        else {
            pid_t pid = fork();
            if (pid == 0) {
                connect_once(false);
                _exit(storm_bad != 0);
            }
            int status = -1;
            if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
                STORM_BAD("child: %d, status %x", (int)pid, status);
        }
    }
    return storm_bad != 0;
}

static pid_t spawn(int number) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(worker(number));
    return pid;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char** argv) {
    struct sockaddr_un un;
    pthread_t threads[2];
    pid_t pids[WORKERS];
    double seconds = argc > 1 ? atof(argv[1]) : 1, end;
    unsigned seed = 1;
    setsid();
    g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = name_of(&un, "server", 0);
    if (bind(s, (void*)&un, len) < 0 || listen(s, 64) < 0)
        STORM_BAD("server: errno %d", errno);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < WORKERS; i++)
        pids[i] = spawn(i);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, server, (void*)(intptr_t)s);
    end = now() + seconds;
    for (int i = 0; now() < end; i = (i + 1) % WORKERS) {
        usleep(20000);
        if (rand_r(&seed) % 3)
            continue;
        kill(pids[i], SIGKILL); /* in the midst of whatever it does */
        int status = 0;
        if (waitpid(pids[i], &status, 0) != pids[i] || !WIFSIGNALED(status))
            STORM_BAD("killed: status %x", status);
        pids[i] = spawn(i);
    }
    atomic_store(&g->stop, 1);
    for (int i = 0; i < WORKERS; i++) {
        int status = -1;
        if (waitpid(pids[i], &status, 0) != pids[i] || status)
            STORM_BAD("worker: status %x", status);
    }
    if (!g->connections || !g->datagrams || !g->passed)
        STORM_BAD("not everything happened: %lu %lu %lu", g->connections, g->datagrams, g->passed);
    if (getenv("STORM_COUNTS"))
        fprintf(stderr, "%lu connections, %lu datagrams, %lu refused, %lu taken, %lu passed\n",
                g->connections, g->datagrams, g->refused, g->taken, g->passed);
    storm_say(storm_bad ? "bad\n" : "ok\n");
    return storm_bad != 0;
}

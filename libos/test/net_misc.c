/* Readiness bits of each kind of file, epoll_pwait2, socket families that are not there, netlink,
 * ancillary data of datagrams, timeouts of many messages. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "oracle.h"

/* ---- readiness ---------------------------------------------------------------------------------
 */

#define ALL                                                                                        \
    (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND | POLLPRI | POLLRDHUP)

static int bits(int fd, int want) {
    struct pollfd p = {fd, want, 0};
    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

TEST(bits_of_files) {
    int e = eventfd(1, 0), t = timerfd_create(CLOCK_MONOTONIC, 0), p[2], s[2];
    struct itimerspec its = {.it_value.tv_nsec = 1};
    CHECK_EQ(bits(e, ALL), POLLIN | POLLOUT);
    CHECK_EQ(bits(e, POLLRDNORM | POLLWRNORM), 0);
    timerfd_settime(t, 0, &its, NULL);
    while (!bits(t, POLLIN))
        ;
    CHECK_EQ(bits(t, ALL), POLLIN);
    NEED_OK(pipe(p));
    CHECK_EQ(bits(p[1], ALL), POLLOUT | POLLWRNORM);
    CHECK_EQ(bits(p[0], ALL), 0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(bits(p[0], ALL), POLLIN | POLLRDNORM);
    CHECK_EQ(bits(p[0], POLLRDNORM), POLLRDNORM);
    close(p[1]);
    CHECK_EQ(bits(p[0], ALL), POLLIN | POLLRDNORM | POLLHUP);
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CHECK_EQ(bits(s[0], ALL), POLLOUT | POLLWRNORM | POLLWRBAND);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(bits(s[0], ALL), POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLWRBAND);
    close(s[1]);
    CHECK_EQ(bits(s[0], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP);
    int f = open("/dev/null", O_RDWR);
    CHECK_EQ(bits(f, ALL), POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    CHECK_EQ(bits(f, POLLPRI), 0);
    close(f);
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDNORM, .data.u64 = 5};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev), 0);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
    CHECK_EQ(ev.events, EPOLLIN);
    CHECK_EQ(bits(ep, ALL), POLLIN | POLLRDNORM);
    close(ep);
    close(e);
    close(t);
    close(p[0]);
    close(s[0]);
}

static long pwait2(int ep, struct epoll_event* e, int max, const struct timespec* t,
                   const sigset_t* set, size_t size) {
    return syscall(SYS_epoll_pwait2, ep, e, max, t, set, size);
}
static volatile int g_signals;
static void count_signal(int sig) {
    (void)sig;
    g_signals++;
}

TEST(epoll_pwait2_all) {
    int ep = epoll_create1(0), p[2];
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 77}, got = {0};
    struct timespec zero = {0, 0}, some = {0, 3000001}, bad = {0, 1000000000}, negative = {-1, 0};
    struct timespec before, after;
    NEED_OK(pipe(p));
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
    CHECK_EQ(pwait2(ep, &got, 1, &zero, NULL, 0), 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_EQ(pwait2(ep, &got, 1, &some, NULL, 0), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 3000001);
    CHECK_EQ(some.tv_nsec, 3000001);
    CHECK_ERRNO(pwait2(ep, &got, 1, &bad, NULL, 0), EINVAL);
    CHECK_ERRNO(pwait2(ep, &got, 1, &negative, NULL, 0), EINVAL);
    CHECK_ERRNO(pwait2(ep, &got, 0, &zero, NULL, 0), EINVAL);
    CHECK_ERRNO(pwait2(ep, &got, 1, (void*)8, NULL, 0), EFAULT);
    sigset_t usr1, empty;
    sigemptyset(&empty);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK_ERRNO(pwait2(ep, &got, 1, &zero, &empty, 7), EINVAL);
    struct sigaction a = {.sa_handler = count_signal};
    sigaction(SIGUSR1, &a, NULL);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    raise(SIGUSR1);
    CHECK_EQ(g_signals, 0);
    CHECK_ERRNO(pwait2(ep, &got, 1, NULL, &empty, 8), EINTR);
    CHECK_EQ(g_signals, 1);
    raise(SIGUSR1);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(pwait2(ep, &got, 1, NULL, &empty, 8), 1); /* events come before signals */
    CHECK_EQ(got.data.u64, 77);
    CHECK_EQ(got.events, EPOLLIN);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    close(ep);
    close(p[0]);
    close(p[1]);
}

/* ---- families ----------------------------------------------------------------------------------
 */

TEST(families) {
    CHECK_ERRNO(socket(AF_APPLETALK, SOCK_DGRAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(3, SOCK_DGRAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(-1, SOCK_DGRAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(46, SOCK_DGRAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(AF_INET, 11, 0), EINVAL);
    CHECK_ERRNO(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 2), EPROTONOSUPPORT);
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM | 0x10, 0), EINVAL);
    CHECK_ERRNO(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
    CHECK_ERRNO(socket(AF_NETLINK, SOCK_RAW, 99), EPROTONOSUPPORT);
    int p[2];
    CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, p), EOPNOTSUPP);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, (void*)8), EFAULT);
    int raw = socket(AF_UNIX, SOCK_RAW, 0), type = 0;
    socklen_t size = sizeof(type);
    CHECK_EQ(getsockopt(raw, SOL_SOCKET, SO_TYPE, &type, &size), 0);
    CHECK_EQ(type, SOCK_DGRAM);
    close(raw);
}

/* ---- netlink -----------------------------------------------------------------------------------
 */

static int dump(int fd, int type, int family, int answer) {
    struct {
        struct nlmsghdr h;
        struct rtgenmsg g;
        char pad[32];
    } q = {{sizeof(struct nlmsghdr) + 32, type, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {family}, {0}};
    static char buf[65536];
    int count = 0;
    CHECK_EQ(send(fd, &q, q.h.nlmsg_len, 0), q.h.nlmsg_len);
    for (;;) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);
        if (n <= 0)
            return -1;
        int left = (int)n;
        for (struct nlmsghdr* h = (void*)buf; NLMSG_OK(h, (unsigned)left);
             h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_DONE)
                return count;
            if (h->nlmsg_type == NLMSG_ERROR)
                return -2;
            count += h->nlmsg_type == answer && h->nlmsg_seq == 7;
        }
    }
}

TEST(netlink_dumps) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
    socklen_t size = sizeof(nl);
    NEED_OK(bind(fd, (void*)&nl, sizeof(nl)));
    CHECK_EQ(getsockname(fd, (void*)&nl, &size), 0);
    CHECK(nl.nl_pid != 0);
    CHECK(dump(fd, RTM_GETLINK, AF_UNSPEC, RTM_NEWLINK) >= 1);
    CHECK(dump(fd, RTM_GETADDR, AF_UNSPEC, RTM_NEWADDR) >= 1);
    CHECK(dump(fd, RTM_GETROUTE, AF_INET, RTM_NEWROUTE) >= 0);
    CHECK(dump(fd, RTM_GETNEIGH, AF_UNSPEC, RTM_NEWNEIGH) >= 0);
    CHECK(dump(fd, RTM_GETRULE, AF_INET, RTM_NEWRULE) >= 0);
    close(fd);
    fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
    CHECK(fd >= 0);
    char b;
    CHECK_ERRNO(recv(fd, &b, 1, MSG_DONTWAIT), EAGAIN);
    close(fd);
}

/* ---- datagrams ---------------------------------------------------------------------------------
 */

static int udp(struct sockaddr_in* addr) {
    socklen_t size = sizeof(*addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_EQ(bind(fd, (void*)addr, sizeof(*addr)), 0);
    CHECK_EQ(getsockname(fd, (void*)addr, &size), 0);
    return fd;
}

static struct cmsghdr* find_control(struct msghdr* m, int level, int type) {
    for (struct cmsghdr* c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == level && c->cmsg_type == type)
            return c;
    }
    return NULL;
}

TEST(ancillary) {
    struct sockaddr_in to, from, out;
    int a = udp(&to), b = udp(&from), on = 1;
    CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
    CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
    CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
    union {
        char buf[512];
        struct cmsghdr align;
    } u;
    char data[16] = "abc";
    struct iovec v = {data, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &to, .msg_namelen = sizeof(to)};
    memset(&u, 0, sizeof(u));
    m.msg_control = &u;
    m.msg_controllen = CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in_pktinfo));
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_TTL;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    *(int*)CMSG_DATA(c) = 33;
    c = CMSG_NXTHDR(&m, c);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    ((struct in_pktinfo*)CMSG_DATA(c))->ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(sendmsg(b, &m, 0), 3);
    v.iov_len = sizeof(data);
    m.msg_name = &out;
    m.msg_namelen = sizeof(out);
    memset(&u, 0, sizeof(u));
    m.msg_controllen = sizeof(u);
    CHECK_EQ(recvmsg(a, &m, 0), 3);
    CHECK_EQ(out.sin_port, from.sin_port);
    c = find_control(&m, IPPROTO_IP, IP_TTL);
    CHECK(c && *(int*)CMSG_DATA(c) == 33);
    c = find_control(&m, IPPROTO_IP, IP_PKTINFO);
    CHECK(c && ((struct in_pktinfo*)CMSG_DATA(c))->ipi_addr.s_addr == htonl(INADDR_LOOPBACK));
    c = find_control(&m, SOL_SOCKET, SO_TIMESTAMPNS);
    CHECK(c && ((struct timespec*)CMSG_DATA(c))->tv_sec > 0);
    CHECK_EQ(m.msg_flags, 0);
    /* too little room: cut, in order */
    v.iov_len = 3;
    m.msg_name = &to;
    m.msg_namelen = sizeof(to);
    m.msg_controllen = 0;
    CHECK_EQ(sendmsg(b, &m, 0), 3);
    m.msg_name = NULL;
    m.msg_controllen = 24;
    CHECK_EQ(recvmsg(a, &m, 0), 3);
    CHECK(m.msg_flags & MSG_CTRUNC);
    CHECK_EQ(m.msg_controllen, 24);
    close(a);
    /* errors of a peer that is gone come through the queue */
    CHECK_EQ(setsockopt(b, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
    CHECK_EQ(sendto(b, "x", 1, 0, (void*)&to, sizeof(to)), 1);
    struct pollfd p = {b, 0, 0};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents, POLLERR);
    v.iov_len = sizeof(data);
    m.msg_name = &out;
    m.msg_namelen = sizeof(out);
    m.msg_controllen = sizeof(u);
    CHECK_EQ(recvmsg(b, &m, MSG_ERRQUEUE), 1);
    CHECK_EQ(m.msg_flags, MSG_ERRQUEUE);
    CHECK_EQ(out.sin_port, to.sin_port);
    c = find_control(&m, IPPROTO_IP, IP_RECVERR);
    if (CHECK(c != NULL)) {
        struct sock_extended_err* e = (void*)CMSG_DATA(c);
        CHECK(e->ee_errno == ECONNREFUSED && e->ee_origin == SO_EE_ORIGIN_ICMP);
    }
    close(b);
}

TEST(many_with_timeout) {
    struct sockaddr_in to, from;
    int a = udp(&to), b = udp(&from);
    struct mmsghdr m[4];
    struct iovec v[4];
    char room[4][8];
    memset(m, 0, sizeof(m));
    for (int i = 0; i < 4; i++) {
        v[i] = (struct iovec){room[i], 8};
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(sendto(b, "abc", i + 1, 0, (void*)&to, sizeof(to)), i + 1);
    struct timespec t = {0, 1}; /* looked at after each message */
    CHECK_EQ(recvmmsg(a, m, 4, 0, &t), 1);
    CHECK_EQ(m[0].msg_len, 1);
    CHECK(t.tv_sec == 0 && t.tv_nsec == 0);
    t = (struct timespec){60, 0};
    CHECK_EQ(recvmmsg(a, m, 4, MSG_WAITFORONE, &t), 2);
    CHECK(t.tv_sec <= 60 && t.tv_sec >= 50);
    t.tv_nsec = 1000000000;
    CHECK_ERRNO(recvmmsg(a, m, 4, 0, &t), EINVAL);
    CHECK_ERRNO(recvmmsg(a, m, 4, 0, (void*)8), EFAULT);
    CHECK_EQ(recvmmsg(a, m, 0, 0, NULL), 0);
    struct timeval tv = {0, 1000};
    setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    CHECK_ERRNO(recvmmsg(a, m, 4, 0, NULL), EAGAIN);
    m[0].msg_hdr.msg_name = &to;
    m[0].msg_hdr.msg_namelen = sizeof(to);
    m[1].msg_hdr.msg_name = (void*)8; /* the first went out */
    m[1].msg_hdr.msg_namelen = sizeof(to);
    CHECK_EQ(sendmmsg(b, m, 2, 0), 1);
    CHECK_ERRNO(sendmmsg(b, m + 1, 1, 0), EFAULT);
    close(a);
    close(b);
}

/* ---- options -----------------------------------------------------------------------------------
 */

static void both(int fd, int level, int name, int set, int want) {
    int value = set;
    socklen_t size = sizeof(value);
    CHECK_EQ(setsockopt(fd, level, name, &value, sizeof(value)), 0);
    value = -12345;
    CHECK_EQ(getsockopt(fd, level, name, &value, &size), 0);
    CHECK_EQ(value, want);
    CHECK_EQ(size, sizeof(value));
}

TEST(options) {
    int t = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
    int t6 = socket(AF_INET6, SOCK_STREAM, 0);
    both(t, SOL_SOCKET, SO_REUSEPORT, 1, 1);
    both(t, SOL_SOCKET, SO_KEEPALIVE, 1, 1);
    both(t, SOL_SOCKET, SO_OOBINLINE, 1, 1);
    both(t, SOL_SOCKET, SO_RCVLOWAT, 3, 3);
    both(t, SOL_SOCKET, SO_PRIORITY, 3, 3);
    both(t, SOL_SOCKET, SO_ZEROCOPY, 1, 1);
    both(t, SOL_SOCKET, SO_SNDBUF, 8192, 16384);
    both(u, SOL_SOCKET, SO_BROADCAST, 1, 1);
    both(u, SOL_SOCKET, SO_NO_CHECK, 1, 1);
    both(t, IPPROTO_TCP, TCP_KEEPIDLE, 17, 17);
    both(t, IPPROTO_TCP, TCP_KEEPINTVL, 18, 18);
    both(t, IPPROTO_TCP, TCP_KEEPCNT, 5, 5);
    both(t, IPPROTO_TCP, TCP_USER_TIMEOUT, 1234, 1234);
    both(t, IPPROTO_TCP, TCP_QUICKACK, 0, 0);
    both(t, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 0);
    both(t, IPPROTO_IP, IP_TOS, 0x10, 0x10);
    both(t, IPPROTO_IP, IP_TTL, 77, 77);
    both(u, IPPROTO_IP, IP_MULTICAST_TTL, 5, 5);
    both(u, IPPROTO_IP, IP_MULTICAST_LOOP, 0, 0);
    both(u, IPPROTO_UDP, UDP_CORK, 1, 1);
    if (t6 >= 0) {
        both(t6, IPPROTO_IPV6, IPV6_V6ONLY, 1, 1);
        both(t6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9, 9);
        both(t6, IPPROTO_IPV6, IPV6_TCLASS, 8, 8);
    }
    struct linger l = {1, 3};
    socklen_t size = sizeof(l);
    CHECK_EQ(setsockopt(t, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    memset(&l, 0, sizeof(l));
    CHECK_EQ(getsockopt(t, SOL_SOCKET, SO_LINGER, &l, &size), 0);
    CHECK(l.l_onoff == 1 && l.l_linger == 3);
    struct tcp_info info;
    size = sizeof(info);
    CHECK_EQ(getsockopt(t, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    CHECK_EQ(info.tcpi_state, 7 /* TCP_CLOSE */);
    char name[32] = "";
    size = sizeof(name);
    CHECK_EQ(getsockopt(t, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
    CHECK(name[0] != 0);
    CHECK_ERRNO(setsockopt(t, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8), ENOENT);
    int domain = 0, proto = 0;
    size = sizeof(domain);
    CHECK_EQ(getsockopt(u, SOL_SOCKET, SO_DOMAIN, &domain, &size), 0);
    CHECK_EQ(getsockopt(u, SOL_SOCKET, SO_PROTOCOL, &proto, &size), 0);
    CHECK(domain == AF_INET && proto == IPPROTO_UDP);
    CHECK_ERRNO(setsockopt(t, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
    CHECK_ERRNO(setsockopt(t, SOL_SOCKET, SO_KEEPALIVE, &domain, -1), EINVAL);
    CHECK_ERRNO(getsockopt(t, SOL_SOCKET, SO_TYPE, &domain, (void*)8), EFAULT);
    CHECK_ERRNO(getsockopt(t, SOL_SOCKET, SO_TYPE, (void*)8, &size), EFAULT);
    close(t);
    close(u);
    close(t6);
}

TEST(filter) {
    struct sockaddr_in to, from;
    int a = udp(&to), b = udp(&from);
    /* takes datagrams of which the first data byte (behind the UDP header) is 'y' */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog prog = {4, code};
    char c[4];
    CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
    CHECK_EQ(sendto(b, "n", 1, 0, (void*)&to, sizeof(to)), 1);
    CHECK_EQ(sendto(b, "y", 1, 0, (void*)&to, sizeof(to)), 1);
    CHECK_EQ(recv(a, c, 4, 0), 1);
    CHECK_EQ(c[0], 'y');
    int zero = 0;
    CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)), 0);
    CHECK_ERRNO(setsockopt(a, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)), ENOENT);
    prog.filter = (void*)8;
    CHECK_ERRNO(setsockopt(a, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), EFAULT);
    prog.filter = code;
    prog.len = 0;
    CHECK_ERRNO(setsockopt(a, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), EINVAL);
    code[3].code = 0xffff;
    prog.len = 4;
    CHECK_ERRNO(setsockopt(a, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), EINVAL);
    CHECK_ERRNO(setsockopt(a, SOL_SOCKET, SO_ATTACH_FILTER, &prog, 4), EINVAL);
    close(a);
    close(b);
}

/* ---- streams -----------------------------------------------------------------------------------
 */

static int tcp_pair(int p[2]) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    p[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s, (void*)&addr, size) < 0 || listen(s, 1) < 0 ||
        getsockname(s, (void*)&addr, &size) < 0 || connect(p[0], (void*)&addr, size) < 0)
        return -1;
    p[1] = accept(s, NULL, NULL);
    close(s);
    setsockopt(p[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return p[1] < 0 ? -1 : 0;
}

TEST(moving_without_copies) {
    int p[2], q[2];
    char b[32];
    NEED_OK(tcp_pair(p));
    NEED_OK(pipe(q));
    int f = open("net-misc", O_CREAT | O_TRUNC | O_RDWR, 0600);
    CHECK_EQ(write(f, "0123456789", 10), 10);
    off_t off = 2;
    CHECK_EQ(sendfile(p[0], f, &off, 5), 5);
    CHECK_EQ(off, 7);
    CHECK_EQ(recv(p[1], b, 5, MSG_WAITALL), 5);
    CHECK_MEM(b, "23456", 5);
    CHECK_EQ(write(q[1], "pipe", 4), 4);
    CHECK_EQ(splice(q[0], NULL, p[0], NULL, 4, 0), 4);
    CHECK_EQ(splice(p[1], NULL, q[1], NULL, 4, 0), 4);
    CHECK_EQ(read(q[0], b, 4), 4);
    CHECK_MEM(b, "pipe", 4);
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    CHECK_ERRNO(splice(p[1], NULL, q[1], NULL, 4, 0), EAGAIN);
    fcntl(p[1], F_SETFL, 0);
    CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 4, 0), EINVAL);
    int s[2];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    off = 0;
    CHECK_EQ(sendfile(s[0], f, &off, 10), 10);
    CHECK_EQ(read(s[1], b, 32), 10);
    CHECK_EQ(write(q[1], "ab", 2), 2);
    CHECK_EQ(splice(q[0], NULL, s[0], NULL, 2, 0), 2);
    CHECK_EQ(read(s[1], b, 32), 2);
    /* urgent data */
    CHECK_EQ(send(p[0], "!", 1, MSG_OOB), 1);
    struct pollfd w = {p[1], POLLPRI, 0};
    CHECK_EQ(poll(&w, 1, 5000), 1);
    CHECK_EQ(recv(p[1], b, 1, MSG_OOB), 1);
    CHECK_EQ(b[0], '!');
    /* zero copy: told through the queue of errors */
    int on = 1;
    CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), 0);
    CHECK_EQ(send(p[0], "zero", 4, MSG_ZEROCOPY), 4);
    CHECK_EQ(recv(p[1], b, 4, MSG_WAITALL), 4);
    CHECK_MEM(b, "zero", 4);
    w = (struct pollfd){p[0], 0, 0};
    CHECK_EQ(poll(&w, 1, 5000), 1);
    CHECK(w.revents & POLLERR);
    close(s[0]);
    close(s[1]);
    close(p[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
    close(f);
    unlink("net-misc");
}

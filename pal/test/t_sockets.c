/*
 * Sockets, by URI and by number. Loopback only.
 */
#include "pal_test.h"

#define INET   2
#define INET6  10
#define STREAM 1
#define DGRAM  2

struct in4 {
    uint16_t family, port;
    uint8_t addr[4];
    uint8_t zero[8];
};
static struct in4 loopback(uint16_t port_net) {
    return (struct in4){.family = INET, .port = port_net, .addr = {127, 0, 0, 1}};
}
static int get(PAL_HANDLE h, void* buffer, PAL_NUM size) {
    int ret = PalStreamRead(h, 0, &size, buffer, NULL, 0);
    return ret < 0 ? ret : (int)size;
}
static int put(PAL_HANDLE h, const void* buffer, PAL_NUM size) {
    int ret = PalStreamWrite(h, 0, &size, buffer, NULL);
    return ret < 0 ? ret : (int)size;
}
/* The client's URI for a server's name. */
static const char* client_uri(PAL_HANDLE server, char uri[80]) {
    char name[80];
    if (PalStreamGetName(server, name, sizeof(name)) < 0)
        return "";
    char* rest = strchr(name, ':') + 1;
    memcpy(uri, name, 3);
    uri[3] = ':';
    strlcpy(uri + 4, rest, 76);
    return uri;
}

static int tcp_pair(const char* server_uri, PAL_HANDLE* server, PAL_HANDLE ends[2]) {
    char uri[80];
    int ret = PalStreamOpen(server_uri, PAL_ACCESS_RDWR, 0, 0, 0, server);
    if (ret == 0)
        ret = PalStreamOpen(client_uri(*server, uri), PAL_ACCESS_RDWR, 0, 0, 0, &ends[0]);
    return ret < 0 ? ret : PalStreamWaitForClient(*server, &ends[1], 0);
}

TEST(PalStreamOpen, tcp) {
    PAL_HANDLE server, e[2];
    char b[8];
    EXPECT(tcp_pair("tcp.srv:127.0.0.1:0", &server, e), 0);
    EXPECT(server->hdr.type, PAL_TYPE_TCPSRV);
    EXPECT(e[0]->hdr.type, PAL_TYPE_TCP);
    EXPECT(e[1]->hdr.type, PAL_TYPE_TCP);
    EXPECT(put(e[0], "ping", 4), 4);
    EXPECT(get(e[1], b, 8), 4);
    EXPECT(put(e[1], "pong!", 5), 5);
    EXPECT(get(e[0], b, 8), 5);
    EXPECT(PalStreamDelete(e[0], PAL_DELETE_WR), 0);
    EXPECT(get(e[1], b, 8), 0);
    char name[80];
    EXPECT(PalStreamGetName(e[0], name, 80), 0);
    EXPECT(memcmp(name, "tcp:127.0.0.1:", 14), 0);
    PalObjectClose(e[0]);
    PalObjectClose(e[1]);
    PalObjectClose(server);
}

TEST(PalStreamOpen, tcp6) {
    PAL_HANDLE server, e[2], h;
    char b[8], name[80];
    int ret = tcp_pair("tcp.srv:[::1]:0", &server, e);
    if (ret == PAL_ERROR_ADDRNOTEXIST || ret == PAL_ERROR_AFNOSUPPORT)
        SKIP("no IPv6 here");
    EXPECT(ret, 0);
    EXPECT(PalStreamGetName(e[0], name, 80), 0);
    EXPECT(memcmp(name, "tcp:[::1]:", 10), 0);
    EXPECT(put(e[0], "six", 3), 3);
    EXPECT(get(e[1], b, 8), 3);
    PalObjectClose(e[0]);
    PalObjectClose(e[1]);
    PalObjectClose(server);
    EXPECT(PalStreamOpen("tcp.srv:[0:0::1.2.3.4]:0", 2, 0, 0, 0, &h), PAL_ERROR_ADDRNOTEXIST);
    EXPECT(PalStreamOpen("tcp.srv:[::]:0", 2, 0, PAL_CREATE_DUALSTACK, 0, &h), 0);
    PalObjectClose(h);
}

TEST(PalStreamOpen, tcp_refused) {
    PAL_HANDLE server, h;
    char uri[80];
    EXPECT(PalStreamOpen("udp.srv:127.0.0.1:0", PAL_ACCESS_RDWR, 0, 0, 0, &server), 0);
    client_uri(server, uri);
    memcpy(uri, "tcp", 3); /* a port that most likely no one listens on */
    EXPECT(PalStreamOpen(uri, PAL_ACCESS_RDWR, 0, 0, 0, &h), PAL_ERROR_CONNREFUSED);
    PalObjectClose(server);
}

TEST(PalStreamOpen, udp) {
    PAL_HANDLE server, client, other;
    char uri[80], source[80], b[8];
    PAL_NUM n = 8;
    EXPECT(PalStreamOpen("udp.srv:127.0.0.1:0", PAL_ACCESS_RDWR, 0, 0, 0, &server), 0);
    EXPECT(PalStreamOpen(client_uri(server, uri), PAL_ACCESS_RDWR, 0, 0, 0, &client), 0);
    EXPECT(put(client, "hi", 2), 2);
    EXPECT(PalStreamRead(server, 0, &n, b, source, sizeof(source)), 0);
    EXPECT(n, 2);
    EXPECT(memcmp(source, "udp:127.0.0.1:", 14), 0);
    n = 3;
    EXPECT(PalStreamWrite(server, 0, &n, "you", source), 0);
    EXPECT(get(client, b, 8), 3);
    EXPECT(PalStreamWrite(server, 0, &n, "you", "tcp:127.0.0.1:1"), PAL_ERROR_INVAL);
    EXPECT(PalStreamWrite(server, 0, &n, "you", "udp:127.0.0.1"), PAL_ERROR_INVAL);
    /* a handle of its own for who sends */
    EXPECT(put(client, "new", 3), 3);
    EXPECT(PalStreamWaitForClient(server, &other, 0), 0);
    EXPECT(other->hdr.type, PAL_TYPE_UDP);
    EXPECT(get(server, b, 8), 3);
    EXPECT(put(client, "again", 5), 5);
    EXPECT(get(other, b, 8), 5);
    EXPECT(put(other, "answer", 6), 6);
    EXPECT(get(client, b, 8), 6);
    PalObjectClose(other);
    PalObjectClose(client);
    PalObjectClose(server);
}

/* ---- By number ---------------------------------------------------------------------------------
 */

/* A listening socket and a connected pair. */
static int connected(PAL_HANDLE* listener, PAL_HANDLE ends[2]) {
    struct in4 addr = loopback(0);
    PAL_NUM size = sizeof(addr);
    int ret = PalSocketCreate(INET, STREAM, 0, 0, listener);
    if (ret == 0)
        ret = PalSocketBind(*listener, &addr, sizeof(addr));
    if (ret == 0)
        ret = PalSocketListen(*listener, 5);
    if (ret == 0)
        ret = PalSocketName(*listener, false, &addr, &size);
    if (ret == 0)
        ret = PalSocketCreate(INET, STREAM, 0, 0, &ends[0]);
    if (ret == 0)
        ret = PalSocketConnect(ends[0], &addr, sizeof(addr));
    size = sizeof(addr);
    return ret < 0 ? ret : PalSocketAccept(*listener, 0, &ends[1], &addr, &size);
}
static void close3(PAL_HANDLE a, PAL_HANDLE b[2]) {
    PalObjectClose(a);
    PalObjectClose(b[0]);
    PalObjectClose(b[1]);
}

TEST(PalSocketCreate, families) {
    PAL_HANDLE h;
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_SOCKET);
    PalObjectClose(h);
    EXPECT(PalSocketCreate(999, STREAM, 0, 0, &h), PAL_ERROR_AFNOSUPPORT);
    EXPECT(PalSocketCreate(INET, 99, 0, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalSocketCreate(INET, STREAM | 02000000, 0, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalSocketCreate(INET, STREAM, 17, 0, &h), PAL_ERROR_PROTONOSUPPORT);
    EXPECT(PalSocketCreate(INET, STREAM, 0, PAL_OPTION_TRUNC, &h), PAL_ERROR_INVAL);
}

TEST(PalSocketPair, types) {
    PAL_HANDLE p[2];
    char b[8];
    EXPECT(PalSocketPair(5 /* SOCK_SEQPACKET */, 0, p), 0);
    EXPECT(put(p[0], "abc", 3), 3);
    EXPECT(put(p[0], "de", 2), 2);
    EXPECT(get(p[1], b, 8), 3);
    EXPECT(get(p[1], b, 8), 2);
    struct in4 addr = loopback(0);
    EXPECT(PalSocketBind(p[0], &addr, sizeof(addr)), PAL_ERROR_INVAL);
    EXPECT(PalSocketConnect(p[0], &addr, sizeof(addr)), PAL_ERROR_INVAL);
    EXPECT(PalSocketListen(p[0], 1), PAL_ERROR_INVAL);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    EXPECT(PalSocketPair(3, 0, p), PAL_ERROR_SOCKTNOSUPPORT);
    EXPECT(PalSocketPair(STREAM, PAL_OPTION_TRUNC, p), PAL_ERROR_INVAL);
}

TEST(PalSocketBind, addresses) {
    PAL_HANDLE h, other;
    struct in4 addr = loopback(0);
    PAL_NUM size = sizeof(addr);
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &h), 0);
    EXPECT(PalSocketBind(h, BAD_ADDRESS, sizeof(addr)), PAL_ERROR_BADADDR);
    EXPECT(PalSocketBind(h, &addr, 3), PAL_ERROR_INVAL);
    EXPECT(PalSocketBind(h, &addr, 1ul << 40), PAL_ERROR_INVAL);
    EXPECT(PalSocketBind(h, &addr, sizeof(addr)), 0);
    EXPECT(PalSocketBind(h, &addr, sizeof(addr)), PAL_ERROR_INVAL);
    EXPECT(PalSocketName(h, false, &addr, &size), 0);
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &other), 0);
    EXPECT(PalSocketListen(h, 1), 0);
    EXPECT(PalSocketBind(other, &addr, sizeof(addr)), PAL_ERROR_ADDRINUSE);
    addr = (struct in4){.family = INET, .addr = {192, 0, 2, 77}};
    EXPECT(PalSocketBind(other, &addr, sizeof(addr)), PAL_ERROR_ADDRNOTEXIST);
    EXPECT(PalSocketBind(NULL, &addr, sizeof(addr)), PAL_ERROR_BADHANDLE);
    PalObjectClose(other);
    PalObjectClose(h);
}

TEST(PalSocketListen, not_a_socket) {
    PAL_HANDLE h;
    EXPECT(PalEventfdCreate(0, 0, &h), 0);
    EXPECT(PalSocketListen(h, 1), PAL_ERROR_NOTSOCKET);
    PalObjectClose(h);
    EXPECT(PalSocketListen(NULL, 1), PAL_ERROR_BADHANDLE);
    EXPECT(PalSocketCreate(INET, DGRAM, 0, 0, &h), 0);
    EXPECT(PalSocketListen(h, 1), PAL_ERROR_NOTSUPPORT);
    PalObjectClose(h);
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &h), 0);
    EXPECT(PalSocketListen(h, 1ul << 40), 0);
    PalObjectClose(h);
}

TEST(PalSocketConnect, errors) {
    PAL_HANDLE l, e[2], h;
    struct in4 addr = loopback(0);
    PAL_NUM size = sizeof(addr);
    EXPECT(connected(&l, e), 0);
    EXPECT(PalSocketName(l, false, &addr, &size), 0);
    EXPECT(PalSocketConnect(e[0], &addr, sizeof(addr)), PAL_ERROR_ISCONNECTED);
    close3(l, e);
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &h), 0);
    EXPECT(PalSocketConnect(h, &addr, sizeof(addr)), PAL_ERROR_CONNREFUSED);
    EXPECT(PalSocketConnect(h, BAD_ADDRESS, sizeof(addr)), PAL_ERROR_BADADDR);
    EXPECT(PalSocketConnect(NULL, &addr, sizeof(addr)), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalSocketAccept, address_and_options) {
    PAL_HANDLE l, e[2], c;
    EXPECT(connected(&l, e), 0);
    PAL_NUM on = 1;
    PAL_STREAM_ATTR attr;
    EXPECT(PalStreamAttributesQueryByHandle(l, &attr), 0);
    attr.nonblocking = on;
    EXPECT(PalStreamAttributesSetByHandle(l, &attr), 0);
    EXPECT(PalSocketAccept(l, 0, &c, NULL, NULL), PAL_ERROR_TRYAGAIN);
    EXPECT(PalSocketAccept(e[0], 0, &c, NULL, NULL), PAL_ERROR_INVAL);
    EXPECT(PalSocketAccept(l, PAL_OPTION_TRUNC, &c, NULL, NULL), PAL_ERROR_INVAL);
    EXPECT(PalSocketAccept(NULL, 0, &c, NULL, NULL), PAL_ERROR_BADHANDLE);
    close3(l, e);
}

TEST(PalSocketSend, data) {
    PAL_HANDLE l, e[2];
    struct iovec iov[2] = {{"abc", 3}, {"de", 2}};
    char b[8];
    EXPECT(connected(&l, e), 0);
    EXPECT(PalSocketSend(e[0], iov, 2, NULL, 0, NULL, 0, 0), 5);
    EXPECT(PalSocketSend(e[0], iov, 1, NULL, 0, NULL, 0, 0), 3);
    EXPECT(get(e[1], b, 8), 8);
    EXPECT(memcmp(b, "abcdeabc", 8), 0);
    struct iovec bad = {BAD_ADDRESS, 4};
    EXPECT(PalSocketSend(e[0], &bad, 1, NULL, 0, NULL, 0, 0), PAL_ERROR_BADADDR);
    EXPECT(PalSocketSend(e[0], BAD_ADDRESS, 2, NULL, 0, NULL, 0, 0), PAL_ERROR_BADADDR);
    EXPECT(PalSocketSend(NULL, iov, 1, NULL, 0, NULL, 0, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalSocketShutdown(e[0], 1), 0);
    EXPECT(PalSocketSend(e[0], iov, 1, NULL, 0, NULL, 0, 0), PAL_ERROR_CONNFAILED_PIPE);
    close3(l, e);
}

TEST(PalSocketSend, no_descriptors) {
    PAL_HANDLE p[2];
    struct iovec iov = {"x", 1};
    struct {
        size_t size;
        int level, type, fd, pad;
    } control = {20, 1, 1 /* SCM_RIGHTS */, 0, 0};
    EXPECT(PalSocketPair(STREAM, 0, p), 0);
    EXPECT(PalSocketSend(p[0], &iov, 1, NULL, 0, &control, sizeof(control), 0),
           PAL_ERROR_NOTSUPPORT);
    control.type = 77;
    EXPECT(PalSocketSend(p[0], &iov, 1, NULL, 0, &control, sizeof(control), 0), PAL_ERROR_INVAL);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

TEST(PalSocketReceive, datagrams) {
    PAL_HANDLE a, c;
    struct in4 addr = loopback(0), from;
    PAL_NUM size = sizeof(addr);
    char b[4], more[4];
    struct iovec out = {"123456", 6}, in[2] = {{b, 2}, {more, 2}};
    PAL_FLG flags;
    EXPECT(PalSocketCreate(INET, DGRAM, 0, 0, &a), 0);
    EXPECT(PalSocketBind(a, &addr, sizeof(addr)), 0);
    EXPECT(PalSocketName(a, false, &addr, &size), 0);
    EXPECT(PalSocketCreate(INET, DGRAM, 0, 0, &c), 0);
    for (int i = 0; i < 3; i++)
        EXPECT(PalSocketSend(c, &out, 1, &addr, sizeof(addr), NULL, 0, 0), 6);
    size = sizeof(from);
    EXPECT(PalSocketReceive(a, in, 2, &from, &size, NULL, NULL, 0, &flags), 4);
    EXPECT(flags & 0x20 /* MSG_TRUNC */, 0x20);
    EXPECT(size, sizeof(from));
    EXPECT(from.family, INET);
    EXPECT(memcmp(more, "34", 2), 0);
    size = sizeof(from);
    EXPECT(PalSocketReceive(a, in, 1, &from, &size, NULL, NULL, 0x20, NULL), 6);
    in[0].iov_base = BAD_ADDRESS;
    EXPECT(PalSocketReceive(a, in, 1, NULL, NULL, NULL, NULL, 0, NULL), PAL_ERROR_BADADDR);
    EXPECT(PalSocketReceive(a, in, 1, NULL, NULL, NULL, NULL, 0x40, NULL), PAL_ERROR_TRYAGAIN);
    EXPECT(PalSocketReceive(NULL, in, 1, NULL, NULL, NULL, NULL, 0, NULL), PAL_ERROR_BADHANDLE);
    PalObjectClose(a);
    PalObjectClose(c);
}

TEST(PalSocketReceive, control_data) {
    PAL_HANDLE a, c;
    struct in4 addr = loopback(0);
    PAL_NUM size = sizeof(addr);
    int on = 1;
    char b[4];
    struct {
        size_t size;
        int level, type;
        uint64_t time[2];
    } control;
    struct iovec out = {"x", 1}, in = {b, 4};
    PAL_FLG flags = 0;
    EXPECT(PalSocketCreate(INET, DGRAM, 0, 0, &a), 0);
    EXPECT(PalSocketBind(a, &addr, sizeof(addr)), 0);
    EXPECT(PalSocketName(a, false, &addr, &size), 0);
    EXPECT(PalSocketOptionSet(a, 1, 29 /* SO_TIMESTAMP */, &on, sizeof(on)), 0);
    EXPECT(PalSocketCreate(INET, DGRAM, 0, 0, &c), 0);
    EXPECT(PalSocketSend(c, &out, 1, &addr, sizeof(addr), NULL, 0, 0), 1);
    size = sizeof(control);
    EXPECT(PalSocketReceive(a, &in, 1, NULL, NULL, &control, &size, 0, &flags), 1);
    EXPECT(size, sizeof(control));
    EXPECT(control.type, 29);
    EXPECT(flags, 0);
    PalObjectClose(a);
    PalObjectClose(c);
}

TEST(PalSocketName, own_and_peer) {
    PAL_HANDLE l, e[2];
    struct in4 own, peer;
    PAL_NUM size = sizeof(own);
    EXPECT(connected(&l, e), 0);
    EXPECT(PalSocketName(e[0], false, &own, &size), 0);
    EXPECT(PalSocketName(e[1], true, &peer, &size), 0);
    EXPECT(memcmp(&own, &peer, sizeof(own)), 0);
    EXPECT(PalSocketName(l, true, &peer, &size), PAL_ERROR_NOTCONNECTION);
    EXPECT(PalSocketName(e[0], false, BAD_ADDRESS, &size), PAL_ERROR_BADADDR);
    EXPECT(PalSocketName(e[0], false, &own, NULL), PAL_ERROR_INVAL);
    size = 2;
    EXPECT(PalSocketName(e[0], false, &own, &size), 0);
    EXPECT(size, sizeof(own)); /* cut, and told so */
    EXPECT(PalSocketName(NULL, false, &own, &size), PAL_ERROR_BADHANDLE);
    close3(l, e);
}

TEST(PalSocketOptionGet, values) {
    PAL_HANDLE h;
    int v = -1;
    PAL_NUM size = sizeof(v);
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &h), 0);
    EXPECT(PalSocketOptionGet(h, 1, 3 /* SO_TYPE */, &v, &size), 0);
    EXPECT(v, STREAM);
    EXPECT(size, 4);
    EXPECT(PalSocketOptionGet(h, 1, 9999, &v, &size), PAL_ERROR_NOPROTOOPT);
    EXPECT(PalSocketOptionGet(h, 1, 77 /* SO_PEERPIDFD */, &v, &size), PAL_ERROR_NOPROTOOPT);
    EXPECT(PalSocketOptionGet(h, 1, 3, BAD_ADDRESS, &size), PAL_ERROR_BADADDR);
    EXPECT(PalSocketOptionGet(h, 1, 3, &v, NULL), PAL_ERROR_INVAL);
    EXPECT(PalSocketOptionGet(NULL, 1, 3, &v, &size), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalSocketOptionSet, values) {
    PAL_HANDLE h;
    int v = 1;
    PAL_NUM size = sizeof(v);
    EXPECT(PalSocketCreate(INET, STREAM, 0, 0, &h), 0);
    EXPECT(PalSocketOptionSet(h, 6, 1 /* TCP_NODELAY */, &v, sizeof(v)), 0);
    v = 0;
    EXPECT(PalSocketOptionGet(h, 6, 1, &v, &size), 0);
    CHECK(v);
    EXPECT(PalSocketOptionSet(h, 1, 9999, &v, sizeof(v)), PAL_ERROR_NOPROTOOPT);
    EXPECT(PalSocketOptionSet(h, 6, 1, &v, 1), PAL_ERROR_INVAL);
    EXPECT(PalSocketOptionSet(h, 6, 1, BAD_ADDRESS, 4), PAL_ERROR_BADADDR);
    EXPECT(PalSocketOptionSet(h, 6, 1, &v, 1ul << 40), PAL_ERROR_INVAL);
    EXPECT(PalSocketOptionSet(test_event(), 6, 1, &v, 4), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalSocketShutdown, how) {
    PAL_HANDLE l, e[2];
    char b[4];
    EXPECT(connected(&l, e), 0);
    EXPECT(PalSocketShutdown(e[0], 3), PAL_ERROR_INVAL);
    EXPECT(PalSocketShutdown(e[0], 1), 0);
    EXPECT(get(e[1], b, 4), 0);
    EXPECT(PalSocketShutdown(e[1], 2), 0);
    EXPECT(PalSocketShutdown(e[1], 2), PAL_ERROR_NOTCONNECTION);
    EXPECT(PalSocketShutdown(NULL, 1), PAL_ERROR_BADHANDLE);
    close3(l, e);
}

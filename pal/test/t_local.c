/* AF_UNIX sockets: names of the instance, handles and credentials in control data. */
#include "pal_test.h"

#define LOCAL    1
#define STREAM   1
#define DGRAM    2
#define PASSCRED 16

struct un {
    uint16_t family;
    char path[108];
};

static PAL_NUM name(struct un* un, const char* text) {
    size_t n = strlen(text);
    *un = (struct un){.family = LOCAL};
    memcpy(un->path + 1, text, n);
    return 3 + n;
}

TEST(PalSocketBind, local_names) {
    PAL_HANDLE a, b, c;
    struct un un, got;
    PAL_NUM size = name(&un, "b1"), got_size = sizeof(got);
    EXPECT(PalSocketCreate(LOCAL, STREAM, 0, 0, &a), 0);
    EXPECT(PalSocketCreate(LOCAL, STREAM, 0, 0, &b), 0);
    EXPECT(PalSocketBind(a, &un, size), 0);
    EXPECT(PalSocketBind(b, &un, size), PAL_ERROR_ADDRINUSE);
    EXPECT(PalSocketBind(a, &un, size), PAL_ERROR_INVAL);
    EXPECT(PalSocketConnect(b, &un, size), PAL_ERROR_CONNREFUSED);
    EXPECT(PalSocketListen(a, 1), 0);
    EXPECT(PalSocketConnect(b, &un, size), 0);
    EXPECT(PalSocketName(b, true, &got, &got_size), 0);
    EXPECT(got_size, size);
    EXPECT(memcmp(&got, &un, size), 0);
    got_size = sizeof(got);
    EXPECT(PalSocketAccept(a, 0, &c, &got, &got_size), 0);
    EXPECT(got_size, 2);
    PalObjectClose(c);
    /* neither paths nor names that are too long */
    un.path[0] = '/';
    EXPECT(PalSocketConnect(b, &un, size), PAL_ERROR_INVAL);
    un.path[0] = 0;
    EXPECT(PalSocketBind(b, &un, sizeof(un)), PAL_ERROR_INVAL);
    EXPECT(PalSocketBind(b, &un, 2), PAL_ERROR_INVAL);
    PalObjectClose(a);
    PalObjectClose(b);
}

TEST(PalSocketSend, local_datagrams) {
    PAL_HANDLE a, b;
    struct un un, from;
    char buf[4];
    int zero = 0;
    struct iovec out = {"xy", 2}, in = {buf, 4};
    PAL_NUM size = name(&un, "d1"), from_size = sizeof(from);
    EXPECT(PalSocketCreate(LOCAL, DGRAM, 0, 0, &a), 0);
    EXPECT(PalSocketCreate(LOCAL, DGRAM, 0, 0, &b), 0);
    EXPECT(PalSocketBind(a, &un, size), 0);
    EXPECT(PalSocketSend(b, &out, 1, &un, size, NULL, 0, 0), 2);
    EXPECT(PalSocketReceive(a, &in, 1, &from, &from_size, NULL, NULL, 0, NULL), 2);
    EXPECT(from_size, 0);
    struct un mine;
    PAL_NUM mine_size = name(&mine, "d2");
    EXPECT(PalSocketBind(b, &mine, mine_size), 0);
    EXPECT(PalStreamControl(b, PAL_OP_SOCKET_RENEW, &zero, 4), 0); /* free of it */
    EXPECT(PalSocketBind(b, &mine, mine_size), 0);
    EXPECT(PalSocketSend(b, &out, 1, &un, size, NULL, 0, 0), 2);
    from_size = sizeof(from);
    EXPECT(PalSocketReceive(a, &in, 1, &from, &from_size, NULL, NULL, 0, NULL), 2);
    EXPECT(from_size, mine_size);
    EXPECT(memcmp(&from, &mine, mine_size), 0);
    EXPECT(PalStreamControl(test_event(), PAL_OP_SOCKET_RENEW, &zero, 4), PAL_ERROR_BADHANDLE);
    PalObjectClose(a);
    PalObjectClose(b);
}

struct record {
    size_t size;
    int level, type;
    PAL_HANDLE handles[3];
};

TEST(PalHandleRecordGet, kinds) {
    PAL_HANDLE pipe[2], pair[2], event;
    PAL_HANDLE_RECORD a, b;
    EXPECT(PalPipeCreate(0, pipe), 0);
    EXPECT(PalSocketPair(STREAM, 0, pair), 0);
    EXPECT(PalEventfdCreate(0, 0, &event), 0);
    EXPECT(PalHandleRecordGet(pipe[0], &a), 0);
    EXPECT(a.type, PAL_TYPE_PIPE);
    EXPECT(PalHandleRecordGet(pipe[1], &b), 0);
    EXPECT(b.type, PAL_TYPE_PIPE);
    CHECK(a.flags != b.flags); /* one reads, one writes */
    EXPECT(PalHandleRecordGet(pair[0], &a), 0);
    EXPECT(a.family, LOCAL);
    EXPECT(a.socket_type, STREAM);
    EXPECT(PalHandleRecordGet(event, &a), 0);
    EXPECT(a.type, PAL_TYPE_EVENTFD);
    EXPECT(PalHandleRecordGet(NULL, &a), PAL_ERROR_BADHANDLE);
    for (int i = 0; i < 2; i++) {
        PalObjectClose(pipe[i]);
        PalObjectClose(pair[i]);
    }
    PalObjectClose(event);
}

TEST(PalHandleRecordSet, handles_in_control_data) {
    PAL_HANDLE p[2], pipe[2], memory;
    PAL_HANDLE_RECORD what, other;
    char b[4];
    struct iovec out = {"x", 1}, in = {b, 4};
    struct record r = {16 + 24, 1, 1, {0}};
    PAL_NUM size = sizeof(r);
    PAL_FLG flags = 0;
    EXPECT(PalSocketPair(STREAM, 0, p), 0);
    EXPECT(PalPipeCreate(0, pipe), 0);
    EXPECT(PalMemoryObjectCreate("m", 0, &memory), 0);
    r.handles[0] = pipe[1];
    r.handles[1] = memory;
    r.handles[2] = pipe[1];
    EXPECT(PalHandleRecordGet(pipe[1], &what), 0);
    EXPECT(PalHandleRecordGet(memory, &other), 0);
    EXPECT(PalSocketSend(p[0], &out, 1, NULL, 0, &r, sizeof(r), 0), 1);
    PalObjectClose(pipe[1]);
    PalObjectClose(memory);
    EXPECT(PalSocketReceive(p[1], &in, 1, NULL, NULL, &r, &size, 0, &flags), 1);
    EXPECT(flags, 0);
    EXPECT(size, sizeof(r));
    EXPECT(r.size, 16 + 24);
    EXPECT(PalHandleRecordSet(r.handles[0], &other), PAL_ERROR_INCONSIST); /* a lie */
    EXPECT(PalHandleRecordSet(r.handles[0], &what), 0);
    EXPECT(PalHandleRecordSet(r.handles[1], &other), 0);
    EXPECT(PalHandleRecordSet(NULL, &other), PAL_ERROR_BADHANDLE);
    EXPECT(r.handles[0]->hdr.type, PAL_TYPE_PIPE);
    PAL_NUM one = 1;
    EXPECT(PalStreamWrite(r.handles[0], 0, &one, "q", NULL), 0);
    EXPECT(PalStreamRead(pipe[0], 0, &one, b, NULL, 0), 0);
    EXPECT(b[0], 'q');
    /* no room: none arrives */
    EXPECT(PalSocketSend(p[0], &out, 1, NULL, 0, &r, sizeof(r), 0), 1);
    for (int i = 0; i < 3; i++)
        PalObjectClose(r.handles[i]);
    size = 16;
    EXPECT(PalSocketReceive(p[1], &in, 1, NULL, NULL, &r, &size, 0, &flags), 1);
    EXPECT(size, 0);
    CHECK(flags & 0x8 /* MSG_CTRUNC */);
    one = 1;
    EXPECT(PalStreamRead(pipe[0], 0, &one, b, NULL, 0), 0);
    EXPECT(one, 0); /* the last writer is gone */
    PalObjectClose(pipe[0]);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    EXPECT(PalHandleRecordGet(test_event(), &what), PAL_ERROR_BADHANDLE);
}

TEST(PalSocketReceive, senders_credentials) {
    PAL_HANDLE p[2];
    int on = 1;
    char b[4];
    struct {
        size_t size;
        int level, type, cred[4];
    } r;
    struct iovec out = {"x", 1}, in = {b, 4};
    PAL_NUM size = sizeof(r);
    EXPECT(PalSocketPair(STREAM, 0, p), 0);
    EXPECT(PalSocketOptionSet(p[1], 1, PASSCRED, &on, sizeof(on)), 0);
    EXPECT(PalSocketSend(p[0], &out, 1, NULL, 0, NULL, 0, 0), 1);
    EXPECT(PalSocketReceive(p[1], &in, 1, NULL, NULL, &r, &size, 0, NULL), 1);
    EXPECT(r.type, 2 /* SCM_CREDENTIALS */);
    EXPECT(r.cred[0], PalGetPalControl()->process_id);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

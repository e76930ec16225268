/*
 * Waiting for streams, and the small operations on them.
 */
#include "pal_test.h"

static int put(PAL_HANDLE h, const char* text) {
    PAL_NUM size = strlen(text);
    int ret = PalStreamWrite(h, 0, &size, text, NULL);
    return ret < 0 ? ret : (int)size;
}

TEST(PalStreamsWaitEvents, readiness) {
    PAL_HANDLE p[2], loop, set[4];
    PAL_FLG events[4] = {PAL_WAIT_READ, PAL_WAIT_WRITE, PAL_WAIT_READ,
                         PAL_WAIT_READ | PAL_WAIT_WRITE};
    PAL_FLG got[4] = {9, 9, 9, 9};
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalStreamOpen("pipe:", PAL_ACCESS_RDWR, 0, 0, 0, &loop), 0);
    set[0] = p[0], set[1] = p[1], set[2] = NULL, set[3] = loop;
    EXPECT(PalStreamsWaitEvents(4, set, events, got, NO_TIMEOUT), 0);
    EXPECT(got[0], 0);
    EXPECT(got[1], PAL_WAIT_WRITE);
    EXPECT(got[2], 0);
    EXPECT(got[3], PAL_WAIT_WRITE);
    EXPECT(put(loop, "x"), 1);
    EXPECT(put(p[1], "x"), 1);
    EXPECT(PalStreamsWaitEvents(4, set, events, got, 0), 0);
    EXPECT(got[0], PAL_WAIT_READ);
    EXPECT(got[3], PAL_WAIT_READ | PAL_WAIT_WRITE);
    PalObjectClose(p[0]);
    set[0] = NULL;
    EXPECT(PalStreamsWaitEvents(2, set, events, got, 1000000), 0);
    EXPECT(got[1], PAL_WAIT_WRITE | PAL_WAIT_ERROR);
    PalObjectClose(p[1]);
    PalObjectClose(loop);
}

TEST(PalStreamsWaitEvents, timeouts) {
    PAL_HANDLE p[2];
    PAL_FLG events = PAL_WAIT_READ, got;
    PAL_NUM before, after;
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalStreamsWaitEvents(1, p, &events, &got, 0), PAL_ERROR_TRYAGAIN);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &before), 0);
    EXPECT(PalStreamsWaitEvents(1, p, &events, &got, 20000), PAL_ERROR_TRYAGAIN);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &after), 0);
    CHECK(after - before >= 20000000);
    EXPECT(PalStreamsWaitEvents(0, NULL, NULL, NULL, 1000), PAL_ERROR_TRYAGAIN);
    PAL_HANDLE event = test_event();
    EXPECT(PalStreamsWaitEvents(1, &event, &events, &got, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamsWaitEvents(1, NULL, &events, &got, 0), PAL_ERROR_INVAL);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

TEST(PalStreamsWaitEvents, many) {
    static PAL_HANDLE set[300];
    static PAL_FLG events[300], got[300];
    PAL_HANDLE p[2];
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(put(p[1], "x"), 1);
    for (int i = 0; i < 300; i++) {
        set[i] = i % 3 ? p[0] : NULL;
        events[i] = PAL_WAIT_READ;
    }
    EXPECT(PalStreamsWaitEvents(300, set, events, got, 0), 0);
    for (int i = 0; i < 300; i++)
        EXPECT(got[i], i % 3 ? PAL_WAIT_READ : 0);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

TEST(PalWaitSetCreate, is_waitable) {
    PAL_HANDLE s, outer, p[2];
    PAL_WAITSET_EVENT e;
    EXPECT(PalWaitSetCreate(&s), 0);
    EXPECT(s->hdr.type, PAL_TYPE_WAITSET);
    EXPECT(PalWaitSetCreate(&outer), 0);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalWaitSetAdd(s, p[1], PAL_WAIT_WRITE, 1), 0);
    EXPECT(PalWaitSetAdd(outer, s, PAL_WAIT_READ, 2), 0);
    EXPECT(PalWaitSetWait(outer, &e, 1, NO_TIMEOUT), 1);
    EXPECT(e.data, 2);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(outer);
    PalObjectClose(s);
}

TEST(PalWaitSetAdd, members) {
    PAL_HANDLE s, p[2], file = test_file("ep", "");
    CHECK(file);
    EXPECT(PalWaitSetCreate(&s), 0);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalWaitSetAdd(s, p[0], PAL_WAIT_READ, 1), 0);
    EXPECT(PalWaitSetAdd(s, p[0], PAL_WAIT_READ, 1), PAL_ERROR_STREAMEXIST);
    EXPECT(PalWaitSetAdd(s, file, PAL_WAIT_READ, 1), PAL_ERROR_PERM);
    EXPECT(PalWaitSetAdd(s, s, PAL_WAIT_READ, 1), PAL_ERROR_INVAL);
    EXPECT(PalWaitSetAdd(p[0], p[1], PAL_WAIT_READ, 1), PAL_ERROR_INVAL);
    EXPECT(PalWaitSetAdd(s, test_event(), PAL_WAIT_READ, 1), PAL_ERROR_BADHANDLE);
    EXPECT(PalWaitSetAdd(NULL, p[0], PAL_WAIT_READ, 1), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(s);
    PalObjectClose(file);
}

TEST(PalWaitSetModify, events) {
    PAL_HANDLE s, p[2], loop;
    PAL_WAITSET_EVENT e[4];
    EXPECT(PalWaitSetCreate(&s), 0);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalWaitSetModify(s, p[0], PAL_WAIT_READ, 1), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalWaitSetAdd(s, p[1], 0, 1), 0);
    EXPECT(PalWaitSetWait(s, e, 4, 0), 0);
    EXPECT(PalWaitSetModify(s, p[1], PAL_WAIT_WRITE, 0x123456789abcdef), 0);
    EXPECT(PalWaitSetWait(s, e, 4, 0), 1);
    EXPECT(e[0].data, 0x123456789abcdef);
    EXPECT(PalWaitSetRemove(s, p[1]), 0);
    /* a handle with two sides */
    EXPECT(PalStreamOpen("pipe:", PAL_ACCESS_RDWR, 0, 0, 0, &loop), 0);
    EXPECT(PalWaitSetAdd(s, loop, PAL_WAIT_READ, 5), 0);
    EXPECT(PalWaitSetWait(s, e, 4, 0), 0);
    EXPECT(PalWaitSetModify(s, loop, PAL_WAIT_READ | PAL_WAIT_WRITE, 6), 0);
    EXPECT(PalWaitSetWait(s, e, 4, 0), 1);
    EXPECT(e[0].data, 6);
    EXPECT(PalWaitSetModify(s, loop, PAL_WAIT_READ, 7), 0);
    EXPECT(PalWaitSetWait(s, e, 4, 0), 0);
    EXPECT(put(loop, "x"), 1);
    EXPECT(PalWaitSetWait(s, e, 4, 0), 1);
    EXPECT(e[0].data, 7);
    EXPECT(PalWaitSetRemove(s, loop), 0);
    EXPECT(PalWaitSetModify(NULL, p[0], 0, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(loop);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(s);
}

TEST(PalWaitSetRemove, members) {
    PAL_HANDLE s, p[2];
    PAL_WAITSET_EVENT e;
    EXPECT(PalWaitSetCreate(&s), 0);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalWaitSetAdd(s, p[1], PAL_WAIT_WRITE, 1), 0);
    EXPECT(PalWaitSetRemove(s, p[1]), 0);
    EXPECT(PalWaitSetWait(s, &e, 1, 0), 0);
    EXPECT(PalWaitSetRemove(s, p[1]), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalWaitSetRemove(s, NULL), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(s);
}

TEST(PalWaitSetWait, timeouts) {
    PAL_HANDLE s, p[2];
    PAL_WAITSET_EVENT e;
    PAL_NUM before, after;
    EXPECT(PalWaitSetCreate(&s), 0);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalWaitSetAdd(s, p[0], PAL_WAIT_READ | 1u << 31 /* EPOLLET */, 1), 0);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &before), 0);
    EXPECT(PalWaitSetWait(s, &e, 1, 2500000), 0);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &after), 0);
    CHECK(after - before >= 2500000);
    EXPECT(put(p[1], "x"), 1);
    EXPECT(PalWaitSetWait(s, &e, 1, NO_TIMEOUT), 1);
    EXPECT(PalWaitSetWait(s, &e, 1, 0), 0); /* edge-triggered */
    EXPECT(put(p[1], "x"), 1);
    EXPECT(PalWaitSetWait(s, BAD_ADDRESS, 1, 0), PAL_ERROR_BADADDR);
    EXPECT(PalWaitSetWait(s, &e, 0, 0), PAL_ERROR_INVAL);
    EXPECT(PalWaitSetWait(s, &e, 1ul << 40, 0), PAL_ERROR_INVAL);
    EXPECT(PalWaitSetWait(p[0], &e, 1, 0), PAL_ERROR_INVAL);
    EXPECT(PalWaitSetWait(NULL, &e, 1, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(s);
}

/* ---- Small operations --------------------------------------------------------------------------
 */

TEST(PalStreamControl, pipes_and_files) {
    PAL_HANDLE p[2], f = test_file("ct", "");
    int v = 0;
    char b[2];
    PAL_NUM n = 2;
    CHECK(f);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(put(p[1], "abc"), 3);
    EXPECT(PalStreamControl(p[0], PAL_OP_BYTES_READABLE, &v, sizeof(v)), 0);
    EXPECT(v, 3);
    EXPECT(PalStreamControl(p[0], PAL_OP_PIPE_SIZE_GET, &v, sizeof(v)), 0);
    CHECK(v >= 4096);
    v = 5000;
    EXPECT(PalStreamControl(p[0], PAL_OP_PIPE_SIZE_SET, &v, sizeof(v)), 0);
    EXPECT(v, 8192);
    EXPECT(PalStreamControl(f, PAL_OP_PIPE_SIZE_GET, &v, sizeof(v)), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamControl(p[0], PAL_OP_TTY_SIZE_GET, b, 8), PAL_ERROR_NOTTY);
    v = 1;
    EXPECT(PalStreamControl(f, PAL_OP_APPEND_SET, &v, sizeof(v)), 0);
    uint32_t flags;
    EXPECT(PalStreamControl(f, PAL_OP_FLAGS_GET, &flags, sizeof(flags)), 0);
    EXPECT(flags & 02003, 02002); /* O_APPEND, O_RDWR */
    v = 01000000;                 /* O_NOATIME */
    EXPECT(PalStreamControl(f, PAL_OP_STATUS_SET, &v, sizeof(v)), 0);
    EXPECT(PalStreamControl(f, PAL_OP_FLAGS_GET, &flags, sizeof(flags)), 0);
    EXPECT(flags & 01042003, 01002002);
    PAL_HANDLE again;
    PAL_LOCK_TEST_REQUEST test = {.type = 2, .start = 0, .length = 0};
    EXPECT(PalStreamReopen(f, PAL_ACCESS_RDWR, 0, &again), 0);
    EXPECT(PalStreamLock(again, false, 1, 5, 3, false), 0);
    EXPECT(PalStreamControl(f, PAL_OP_LOCK_TEST, &test, sizeof(test)), 0);
    CHECK(test.type == 1 && test.start == 5 && test.length == 3 && !test.by_process);
    EXPECT(PalStreamControl(again, PAL_OP_LOCK_TEST, &test, sizeof(test)), 0);
    EXPECT(test.type, 0);
    EXPECT(PalStreamControl(f, PAL_OP_LOCK_TEST, &test, sizeof(test)), PAL_ERROR_INVAL);
    PalObjectClose(again);
    EXPECT(PalStreamRead(p[0], 0, &n, b, NULL, 0), 0);
    EXPECT(PalStreamControl(p[0], 0, &v, sizeof(v)), PAL_ERROR_NOTIMPLEMENTED);
    EXPECT(PalStreamControl(p[0], 9999, &v, sizeof(v)), PAL_ERROR_NOTIMPLEMENTED);
    EXPECT(PalStreamControl(p[0], PAL_OP_BYTES_READABLE, &v, 2), PAL_ERROR_INVAL);
    EXPECT(PalStreamControl(p[0], PAL_OP_BYTES_READABLE, NULL, 4), PAL_ERROR_INVAL);
    EXPECT(PalStreamControl(p[0], PAL_OP_BYTES_READABLE, BAD_ADDRESS, 4), PAL_ERROR_BADADDR);
    EXPECT(PalStreamControl(NULL, PAL_OP_BYTES_READABLE, &v, 4), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(f);
}

TEST(PalStreamControl, terminals) {
    PAL_HANDLE master, slave;
    union {
        PAL_HANDLE handle;
        uint32_t flags;
    } peer = {.flags = 0402 /* O_RDWR | O_NOCTTY */};
    struct {
        uint16_t rows, columns, x, y;
    } size = {24, 80, 0, 0}, seen;
    uint32_t termios[16];
    int unlock = 0, number = -1;
    if (PalStreamOpen("dev:/dev/ptmx", PAL_ACCESS_RDWR, 0, 0, PAL_OPTION_NOCTTY, &master) < 0)
        SKIP("no pseudo-terminals here");
    EXPECT(PalStreamControl(master, PAL_OP_PTY_LOCK, &unlock, 4), 0);
    EXPECT(PalStreamControl(master, PAL_OP_PTY_NUMBER, &number, 4), 0);
    CHECK(number >= 0);
    EXPECT(PalStreamControl(master, PAL_OP_PTY_OPEN_PEER, &peer, 8), 0);
    slave = peer.handle;
    EXPECT(slave->hdr.type, PAL_TYPE_DEV);
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_SIZE_SET, &size, 8), 0);
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_SIZE_GET, &seen, 8), 0);
    EXPECT(seen.columns, 80);
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_ATTR_GET, termios, sizeof(termios)), 0);
    termios[3] &= ~010u; /* no ECHO */
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_ATTR_SET, termios, sizeof(termios)), 0);
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_ATTR_SET_FLUSH, termios, sizeof(termios)), 0);
    PAL_FLG events = PAL_WAIT_READ, got;
    EXPECT(put(master, "line\n"), 5); /* a moment later it is there */
    EXPECT(PalStreamsWaitEvents(1, &slave, &events, &got, 5000000), 0);
    EXPECT(PalStreamControl(slave, PAL_OP_BYTES_READABLE, &number, 4), 0);
    EXPECT(number, 5);
    number = 0; /* TCIFLUSH */
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_FLUSH, &number, 4), 0);
    EXPECT(PalStreamControl(slave, PAL_OP_BYTES_READABLE, &number, 4), 0);
    EXPECT(number, 0);
    EXPECT(PalStreamControl(slave, PAL_OP_TTY_BYTES_QUEUED, &number, 4), 0);
    peer.flags = 0100; /* O_CREAT has no meaning here */
    EXPECT(PalStreamControl(master, PAL_OP_PTY_OPEN_PEER, &peer, 8), PAL_ERROR_INVAL);
    PalObjectClose(slave);
    PalObjectClose(master);
}

TEST(PalStreamControl, seals) {
    PAL_HANDLE m;
    uint32_t seals;
    PAL_NUM n = 1;
    EXPECT(PalMemoryObjectCreate("sealed", 0, &m), 0);
    EXPECT(PalStreamWrite(m, 0, &n, "x", NULL), 0);
    seals = 8; /* F_SEAL_WRITE */
    EXPECT(PalStreamControl(m, PAL_OP_SEALS_ADD, &seals, 4), 0);
    EXPECT(PalStreamControl(m, PAL_OP_SEALS_GET, &seals, 4), 0);
    EXPECT(seals, 8);
    EXPECT(PalStreamWrite(m, 0, &n, "x", NULL), PAL_ERROR_PERM);
    PalObjectClose(m);
}

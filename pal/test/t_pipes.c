/*
 * Pipes, named and not, event counters, timers, change notifications, handles on the way.
 */
#include "pal_test.h"

static int get(PAL_HANDLE h, void* buffer, PAL_NUM size) {
    int ret = PalStreamRead(h, 0, &size, buffer, NULL, 0);
    return ret < 0 ? ret : (int)size;
}
static int put(PAL_HANDLE h, const void* buffer, PAL_NUM size) {
    int ret = PalStreamWrite(h, 0, &size, buffer, NULL);
    return ret < 0 ? ret : (int)size;
}

/* Both ends of a named pipe. */
static int named_pair(const char* name, PAL_HANDLE* server, PAL_HANDLE ends[2]) {
    char uri[64];
    snprintf(uri, sizeof(uri), "pipe.srv:%s", name);
    int ret = PalStreamOpen(uri, PAL_ACCESS_RDWR, 0, 0, 0, server);
    if (ret < 0)
        return ret;
    snprintf(uri, sizeof(uri), "pipe:%s", name);
    ret = PalStreamOpen(uri, PAL_ACCESS_RDWR, 0, 0, 0, &ends[0]);
    return ret < 0 ? ret : PalStreamWaitForClient(*server, &ends[1], 0);
}

TEST(PalPipeCreate, one_way) {
    PAL_HANDLE p[2];
    char b[8];
    EXPECT(PalPipeCreate(PAL_OPTION_NONBLOCK, p), 0);
    EXPECT(p[0]->hdr.type, PAL_TYPE_PIPE);
    EXPECT(get(p[0], b, 8), PAL_ERROR_TRYAGAIN);
    EXPECT(put(p[1], "abc", 3), 3);
    EXPECT(get(p[0], b, 8), 3);
    EXPECT(get(p[1], b, 8), PAL_ERROR_BADHANDLE);
    EXPECT(put(p[0], "x", 1), PAL_ERROR_BADHANDLE);
    EXPECT(put(p[1], BAD_ADDRESS, 1), PAL_ERROR_BADADDR);
    PalObjectClose(p[0]);
    EXPECT(put(p[1], "x", 1), PAL_ERROR_CONNFAILED_PIPE); /* and no signal */
    PalObjectClose(p[1]);
    EXPECT(PalPipeCreate(0, p), 0);
    PalObjectClose(p[1]);
    EXPECT(get(p[0], b, 8), 0);
    PalObjectClose(p[0]);
    EXPECT(PalPipeCreate(PAL_OPTION_TRUNC, p), PAL_ERROR_INVAL);
}

TEST(PalPipeCreate, packets) {
    PAL_HANDLE p[2];
    char b[8];
    EXPECT(PalPipeCreate(PAL_OPTION_DIRECT, p), 0);
    EXPECT(put(p[1], "abc", 3), 3);
    EXPECT(put(p[1], "de", 2), 2);
    EXPECT(get(p[0], b, 8), 3);
    EXPECT(get(p[0], b, 8), 2);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

TEST(PalStreamOpen, anonymous_pipe_loops_back) {
    PAL_HANDLE h;
    char b[8];
    EXPECT(PalStreamOpen("pipe:", PAL_ACCESS_RDWR, 0, 0, PAL_OPTION_NONBLOCK, &h), 0);
    EXPECT(get(h, b, 8), PAL_ERROR_TRYAGAIN);
    EXPECT(put(h, "loop", 4), 4);
    EXPECT(get(h, b, 8), 4);
    EXPECT(memcmp(b, "loop", 4), 0);
    PalObjectClose(h);
}

TEST(PalStreamWaitForClient, named_pipe) {
    PAL_HANDLE server, ends[2], h;
    char b[8];
    EXPECT(PalStreamOpen("pipe:nobody", PAL_ACCESS_RDWR, 0, 0, 0, &h), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(named_pair("one", &server, ends), 0);
    EXPECT(server->hdr.type, PAL_TYPE_PIPESRV);
    EXPECT(ends[0]->hdr.type, PAL_TYPE_PIPE);
    EXPECT(ends[1]->hdr.type, PAL_TYPE_PIPE);
    EXPECT(put(ends[0], "to", 2), 2);
    EXPECT(get(ends[1], b, 8), 2);
    EXPECT(put(ends[1], "fro", 3), 3);
    EXPECT(get(ends[0], b, 8), 3);
    EXPECT(PalStreamOpen("pipe.srv:one", PAL_ACCESS_RDWR, 0, 0, 0, &h), PAL_ERROR_STREAMEXIST);
    EXPECT(PalStreamDelete(ends[0], PAL_DELETE_WR), 0);
    EXPECT(get(ends[1], b, 8), 0);
    EXPECT(put(ends[1], "still", 5), 5);
    PalObjectClose(ends[0]);
    EXPECT(put(ends[1], "x", 1), PAL_ERROR_CONNFAILED_PIPE);
    PalObjectClose(ends[1]);
    PalObjectClose(server);
    EXPECT(PalStreamOpen("pipe:one", PAL_ACCESS_RDWR, 0, 0, 0, &h), PAL_ERROR_STREAMNOTEXIST);
}

TEST(PalStreamWaitForClient, bad_arguments) {
    PAL_HANDLE server, h, p[2];
    EXPECT(PalStreamWaitForClient(NULL, &h, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamWaitForClient(test_event(), &h, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalStreamWaitForClient(p[0], &h, 0), PAL_ERROR_NOTSERVER);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    EXPECT(PalStreamOpen("pipe.srv:nb", PAL_ACCESS_RDWR, 0, 0, PAL_OPTION_NONBLOCK, &server), 0);
    EXPECT(PalStreamWaitForClient(server, &h, 0), PAL_ERROR_TRYAGAIN);
    EXPECT(PalStreamWaitForClient(server, &h, PAL_OPTION_TRUNC), PAL_ERROR_INVAL);
    PalObjectClose(server);
    char uri[200] = "pipe.srv:";
    memset(uri + 9, 'n', 180);
    uri[189] = '\0';
    EXPECT(PalStreamOpen(uri, PAL_ACCESS_RDWR, 0, 0, 0, &server), PAL_ERROR_TOOLONG);
}

TEST(PalEventfdCreate, counts) {
    PAL_HANDLE h;
    uint64_t v;
    EXPECT(PalEventfdCreate(3, PAL_OPTION_NONBLOCK, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_EVENTFD);
    EXPECT(get(h, &v, 8), 8);
    EXPECT(v, 3);
    EXPECT(get(h, &v, 8), PAL_ERROR_TRYAGAIN);
    v = 5;
    EXPECT(put(h, &v, 8), 8);
    EXPECT(put(h, &v, 8), 8);
    EXPECT(get(h, &v, 8), 8);
    EXPECT(v, 10);
    EXPECT(get(h, &v, 4), PAL_ERROR_INVAL);
    PalObjectClose(h);
    EXPECT(PalEventfdCreate(2, PAL_OPTION_EFD_SEMAPHORE | PAL_OPTION_NONBLOCK, &h), 0);
    EXPECT(get(h, &v, 8), 8);
    EXPECT(v, 1);
    EXPECT(get(h, &v, 8), 8);
    EXPECT(get(h, &v, 8), PAL_ERROR_TRYAGAIN);
    PalObjectClose(h);
    EXPECT(PalEventfdCreate(1ul << 32, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalEventfdCreate(0, PAL_OPTION_TRUNC, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("eventfd:", PAL_ACCESS_RDWR, 0, 0, PAL_OPTION_NONBLOCK, &h), 0);
    EXPECT(get(h, &v, 8), PAL_ERROR_TRYAGAIN);
    PalObjectClose(h);
}

/* ---- Timers ------------------------------------------------------------------------------------
 */

TEST(PalTimerCreate, clocks) {
    PAL_HANDLE h;
    uint64_t v;
    EXPECT(PalTimerCreate(PAL_CLOCK_REALTIME, 0, &h), 0);
    PalObjectClose(h);
    EXPECT(PalTimerCreate(PAL_CLOCK_BOOTTIME, 0, &h), 0);
    PalObjectClose(h);
    EXPECT(PalTimerCreate(PAL_CLOCK_PROCESS_CPU, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalTimerCreate(PAL_CLOCK_MONOTONIC, PAL_OPTION_TRUNC, &h), PAL_ERROR_INVAL);
    EXPECT(PalTimerCreate(PAL_CLOCK_MONOTONIC, PAL_OPTION_NONBLOCK, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_TIMER);
    EXPECT(get(h, &v, 8), PAL_ERROR_TRYAGAIN);
    PalObjectClose(h);
}

TEST(PalTimerSet, relative_and_absolute) {
    PAL_HANDLE h;
    PAL_NUM old, interval, now;
    uint64_t v;
    EXPECT(PalTimerCreate(PAL_CLOCK_MONOTONIC, 0, &h), 0);
    EXPECT(PalTimerSet(h, false, false, 1000000, 1000000, &old, &interval), 0);
    EXPECT(old, 0);
    EXPECT(interval, 0);
    EXPECT(get(h, &v, 8), 8);
    CHECK(v >= 1);
    EXPECT(PalTimerSet(h, false, false, 3600000000000, 7, &old, &interval), 0);
    EXPECT(interval, 1000000);
    EXPECT(PalTimerSet(h, false, false, 0, 0, &old, &interval), 0);
    CHECK(old > 3500000000000);
    EXPECT(interval, 7);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &now), 0);
    EXPECT(PalTimerSet(h, true, false, now + 1000000, 0, NULL, NULL), 0);
    EXPECT(get(h, &v, 8), 8);
    EXPECT(v, 1);
    EXPECT(PalTimerSet(NULL, false, false, 1, 0, NULL, NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalTimerSet(test_event(), false, false, 1, 0, NULL, NULL), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    EXPECT(PalTimerCreate(PAL_CLOCK_REALTIME, 0, &h), 0);
    EXPECT(PalTimerSet(h, true, true, ~0ul / 2, 0, NULL, NULL), 0);
    PalObjectClose(h);
}

TEST(PalTimerGet, remaining) {
    PAL_HANDLE h;
    PAL_NUM value, interval;
    EXPECT(PalTimerCreate(PAL_CLOCK_MONOTONIC, 0, &h), 0);
    EXPECT(PalTimerGet(h, &value, &interval), 0);
    EXPECT(value, 0);
    EXPECT(PalTimerSet(h, false, false, 100000000000, 5, NULL, NULL), 0);
    EXPECT(PalTimerGet(h, &value, &interval), 0);
    CHECK(value > 90000000000 && value <= 100000000000);
    EXPECT(interval, 5);
    PalObjectClose(h);
    EXPECT(PalTimerGet(NULL, &value, &interval), PAL_ERROR_BADHANDLE);
}

/* ---- Change notifications ----------------------------------------------------------------------
 */

TEST(PalWatchCreate, options) {
    PAL_HANDLE w;
    char b[64];
    EXPECT(PalWatchCreate(PAL_OPTION_NONBLOCK, &w), 0);
    EXPECT(w->hdr.type, PAL_TYPE_WATCH);
    EXPECT(get(w, b, 64), PAL_ERROR_TRYAGAIN);
    PalObjectClose(w);
    EXPECT(PalWatchCreate(PAL_OPTION_TRUNC, &w), PAL_ERROR_INVAL);
}

TEST(PalWatchAdd, events) {
    struct {
        int wd;
        uint32_t mask, cookie, length;
        char name[64];
    } event;
    PAL_HANDLE w, dir = test_dir(), h;
    PAL_IDX id;
    CHECK(dir);
    EXPECT(PalWatchCreate(PAL_OPTION_NONBLOCK, &w), 0);
    EXPECT(PalWatchAdd(w, dir, 0x100 /* IN_CREATE */, &id), 0);
    CHECK(h = test_file("watched", ""));
    CHECK(get(w, &event, sizeof(event)) >= 16);
    EXPECT(event.wd, id);
    EXPECT(event.mask, 0x100);
    EXPECT(strcmp(event.name, "watched"), 0);
    EXPECT(PalWatchAdd(w, h, 0, &id), PAL_ERROR_INVAL);
    EXPECT(PalWatchAdd(w, NULL, 0x100, &id), PAL_ERROR_BADHANDLE);
    EXPECT(PalWatchAdd(dir, dir, 0x100, &id), PAL_ERROR_BADHANDLE);
    EXPECT(PalWatchAdd(w, w, 0x100, &id), PAL_ERROR_NOTSUPPORT);
    PalObjectClose(h);
    PalObjectClose(dir);
    PalObjectClose(w);
}

TEST(PalWatchRemove, ids) {
    PAL_HANDLE w, dir = test_dir();
    PAL_IDX id;
    CHECK(dir);
    EXPECT(PalWatchCreate(0, &w), 0);
    EXPECT(PalWatchAdd(w, dir, 0x100, &id), 0);
    EXPECT(PalWatchRemove(w, id), 0);
    EXPECT(PalWatchRemove(w, id), PAL_ERROR_INVAL);
    EXPECT(PalWatchRemove(dir, id), PAL_ERROR_BADHANDLE);
    PalObjectClose(dir);
    PalObjectClose(w);
}

/* ---- Handles on the way ------------------------------------------------------------------------
 */

TEST(PalSendHandle, every_kind) {
    PAL_HANDLE server, ends[2], cargo[12], got;
    int count = 0;
    EXPECT(named_pair("send", &server, ends), 0);
    CHECK(cargo[count++] = test_file("sent", "content"));
    CHECK(cargo[count++] = test_dir());
    EXPECT(PalStreamOpen("dir:.", PAL_ACCESS_PATH, 0, 0, 0, &cargo[count++]), 0);
    EXPECT(PalStreamOpen("dev:/dev/null", PAL_ACCESS_RDWR, 0, 0, 0, &cargo[count++]), 0);
    EXPECT(PalStreamOpen("pipe:", PAL_ACCESS_RDWR, 0, 0, 0, &cargo[count++]), 0);
    EXPECT(PalStreamOpen("pipe.srv:other", PAL_ACCESS_RDWR, 0, 0, 0, &cargo[count++]), 0);
    EXPECT(PalStreamOpen("tcp.srv:127.0.0.1:0", PAL_ACCESS_RDWR, 0, 0, 0, &cargo[count++]), 0);
    EXPECT(PalStreamOpen("udp.srv:127.0.0.1:0", PAL_ACCESS_RDWR, 0, 0, 0, &cargo[count++]), 0);
    EXPECT(PalEventfdCreate(7, 0, &cargo[count++]), 0);
    EXPECT(PalTimerCreate(PAL_CLOCK_MONOTONIC, 0, &cargo[count++]), 0);
    EXPECT(PalSocketCreate(2, 1, 0, 0, &cargo[count++]), 0);
    EXPECT(PalWaitSetCreate(&cargo[count++]), 0);
    for (int i = 0; i < count; i++) {
        EXPECT(PalSendHandle(ends[0], cargo[i]), 0);
        EXPECT(PalReceiveHandle(ends[1], &got), 0);
        EXPECT(got->hdr.type, cargo[i]->hdr.type);
        CHECK(got != cargo[i]);
        if (got->hdr.type == PAL_TYPE_FILE) {
            char b[8];
            EXPECT(get(got, b, 8), 7);
            EXPECT(memcmp(b, "content", 7), 0);
        }
        if (i == 4) { /* the loop still loops, with both descriptors */
            char b[8];
            EXPECT(put(got, "xy", 2), 2);
            EXPECT(get(cargo[i], b, 8), 2);
        }
        PalObjectClose(got);
        PalObjectClose(cargo[i]);
    }
    PalObjectClose(ends[0]);
    PalObjectClose(ends[1]);
    PalObjectClose(server);
}

TEST(PalSendHandle, bad_arguments) {
    PAL_HANDLE server, ends[2], p[2];
    EXPECT(named_pair("sendbad", &server, ends), 0);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalSendHandle(p[1], ends[0]), PAL_ERROR_NOTSUPPORT);
    EXPECT(PalSendHandle(server, ends[0]), PAL_ERROR_NOTSUPPORT);
    EXPECT(PalSendHandle(NULL, ends[0]), PAL_ERROR_BADHANDLE);
    EXPECT(PalSendHandle(ends[0], NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalSendHandle(ends[0], test_event()), PAL_ERROR_BADHANDLE);
    PalObjectClose(ends[1]);
    EXPECT(PalSendHandle(ends[0], p[0]), PAL_ERROR_CONNFAILED_PIPE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(ends[0]);
    PalObjectClose(server);
}

TEST(PalReceiveHandle, lies_are_refused) {
    PAL_HANDLE server, ends[2], got, p[2];
    char junk[24] = "this is not a handle....";
    EXPECT(named_pair("receive", &server, ends), 0);
    EXPECT(put(ends[0], junk, 24), 24);
    EXPECT(PalReceiveHandle(ends[1], &got), PAL_ERROR_INCONSIST);
    EXPECT(put(ends[0], junk, 3), 3);
    EXPECT(PalReceiveHandle(ends[1], &got), PAL_ERROR_INCONSIST);
    PalObjectClose(ends[0]);
    EXPECT(PalReceiveHandle(ends[1], &got), PAL_ERROR_CONNFAILED);
    EXPECT(PalReceiveHandle(NULL, &got), PAL_ERROR_BADHANDLE);
    EXPECT(PalReceiveHandle(server, &got), PAL_ERROR_NOTSUPPORT);
    EXPECT(PalPipeCreate(PAL_OPTION_NONBLOCK, p), 0);
    EXPECT(PalReceiveHandle(p[0], &got), PAL_ERROR_NOTSUPPORT);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(ends[1]);
    PalObjectClose(server);
}

/*
 * Processes: created, forked, waited for, talked to.
 */
#include "pal_test.h"

static int get(PAL_HANDLE h, void* buffer, PAL_NUM size) {
    int ret = PalStreamRead(h, PAL_OFFSET_CURRENT, &size, buffer, NULL, 0);
    return ret < 0 ? ret : (int)size;
}
static int put(PAL_HANDLE h, const void* buffer, PAL_NUM size) {
    int ret = PalStreamWrite(h, PAL_OFFSET_CURRENT, &size, buffer, NULL);
    return ret < 0 ? ret : (int)size;
}

/* The created process does what its first argument says; exit codes above 100 tell what failed. */
static int child_echo(PAL_HANDLE parent) {
    char b[16];
    int n = get(parent, b, sizeof(b));
    return n > 0 && put(parent, b, n) == n ? 42 : 101;
}
static int child_handles(PAL_HANDLE parent) {
    PAL_HANDLE h;
    char b[16];
    if (PalReceiveHandle(parent, &h) < 0 || h->hdr.type != PAL_TYPE_FILE)
        return 102;
    if (get(h, b, sizeof(b)) != 4 || memcmp(b, "gift", 4) != 0)
        return 103;
    PAL_HANDLE p[2];
    if (PalPipeCreate(0, p) < 0 || put(p[1], "back", 4) != 4 || PalSendHandle(parent, p[0]) < 0)
        return 104;
    return 43;
}
static int child_named_pipe(void) {
    PAL_HANDLE h;
    if (PalStreamOpen("pipe:between", PAL_ACCESS_RDWR, 0, 0, 0, &h) < 0)
        return 105;
    return put(h, "met", 3) == 3 ? 44 : 106;
}
int test_child(PAL_CONTROL* control) {
    const char* what = control->host_argv[0] ? control->host_argv[0] : "";
    if (strcmp(control->executable ? control->executable : "", "file:whatever") != 0)
        return 100;
    if (strcmp(what, "echo") == 0)
        return child_echo(control->parent_process);
    if (strcmp(what, "handles") == 0)
        return child_handles(control->parent_process);
    if (strcmp(what, "pipe") == 0)
        return child_named_pipe();
    if (strcmp(what, "kill") == 0)
        PalProcessKillSelf(15);
    return 107;
}

static int create(const char* what, PAL_HANDLE* h) {
    PAL_STR args[] = {what, NULL};
    return PalProcessCreate("file:whatever", args, h);
}

TEST(PalProcessCreate, stream_and_status) {
    PAL_HANDLE h;
    PAL_NUM status = 0;
    char b[16];
    EXPECT(create("echo", &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_PROCESS);
    EXPECT(put(h, "hello", 5), 5);
    EXPECT(get(h, b, 16), 5);
    EXPECT(memcmp(b, "hello", 5), 0);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 42);
    EXPECT(get(h, b, 16), 0);
    PalObjectClose(h);
}

TEST(PalProcessCreate, bad_arguments) {
    PAL_HANDLE h;
    EXPECT(PalProcessCreate("dir:x", NULL, &h), PAL_ERROR_INVAL);
    EXPECT(PalProcessCreate(NULL, NULL, &h), PAL_ERROR_INVAL);
}

TEST(PalSendHandle, to_another_process) {
    PAL_HANDLE h, back, gift = test_file("gift", "gift");
    PAL_NUM status;
    char b[16];
    CHECK(gift);
    EXPECT(PalStreamSeek(gift, 0, PAL_SEEK_SET), 0);
    EXPECT(create("handles", &h), 0);
    EXPECT(PalSendHandle(h, gift), 0);
    EXPECT(PalReceiveHandle(h, &back), 0);
    EXPECT(back->hdr.type, PAL_TYPE_PIPE);
    EXPECT(get(back, b, 16), 4);
    EXPECT(memcmp(b, "back", 4), 0);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 43);
    PalObjectClose(back);
    PalObjectClose(gift);
    PalObjectClose(h);
}

TEST(PalReceiveHandle, process_is_gone) {
    PAL_HANDLE h, got;
    PAL_NUM status;
    EXPECT(create("nothing", &h), 0);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 107);
    EXPECT(PalReceiveHandle(h, &got), PAL_ERROR_CONNFAILED);
    PalObjectClose(h);
}

TEST(PalStreamWaitForClient, from_another_process) {
    PAL_HANDLE h, server, client;
    PAL_NUM status;
    char b[16];
    EXPECT(PalStreamOpen("pipe.srv:between", PAL_ACCESS_RDWR, 0, 0, 0, &server), 0);
    EXPECT(create("pipe", &h), 0);
    EXPECT(PalStreamWaitForClient(server, &client, 0), 0);
    EXPECT(get(client, b, 16), 3);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 44);
    PalObjectClose(client);
    PalObjectClose(server);
    PalObjectClose(h);
}

TEST(PalProcessKillSelf, seen_by_parent) {
    PAL_HANDLE h;
    PAL_NUM status;
    EXPECT(create("kill", &h), 0);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 256 + 15);
    PalObjectClose(h);
}

TEST(PalProcessWait, answers) {
    PAL_HANDLE h;
    PAL_NUM status;
    PAL_FLG events = PAL_WAIT_READ, got;
    EXPECT(PalProcessWait(NULL, false, &status), PAL_ERROR_BADHANDLE);
    EXPECT(PalProcessWait(test_event(), false, &status), PAL_ERROR_BADHANDLE);
    EXPECT(create("echo", &h), 0);
    EXPECT(PalProcessWait(h, false, &status), PAL_ERROR_TRYAGAIN);
    EXPECT(PalSynchronizationObjectWait(h, 1000), PAL_ERROR_TRYAGAIN);
    EXPECT(put(h, "x", 1), 1);
    EXPECT(PalStreamsWaitEvents(1, &h, &events, &got, 10000000), 0);
    EXPECT(PalSynchronizationObjectWait(h, 10000000), 0);
    EXPECT(PalProcessWait(h, false, &status), 0);
    EXPECT(PalProcessWait(h, true, &status), 0); /* as often as one likes */
    EXPECT(status, 42);
    PalObjectClose(h);
}

/* ---- Fork --------------------------------------------------------------------------------------
 */

#define NEED_FORK                                                                                  \
    if (!(PalGetPalControl()->capabilities & PAL_CAP_FORK))                                        \
    SKIP("this host cannot fork")

TEST(PalProcessFork, memory_and_handles) {
    NEED_FORK;
    PAL_HANDLE p[2], child;
    PAL_NUM status;
    PAL_FLG events = PAL_WAIT_READ, got;
    static int private = 1;
    int* shared = NULL;
    char b[8];
    EXPECT(PalVirtualMemoryAlloc((void**)&shared, 4096, PAL_ALLOC_SHARED,
                                 PAL_PROT_READ | PAL_PROT_WRITE),
           0);
    EXPECT(PalPipeCreate(0, p), 0);
    int ret = PalProcessFork(&child);
    EXPECT(ret, 0);
    if (!child) {
        private = 2;
        *shared = 5;
        PalProcessExit(put(p[1], "kid", 3) == 3 && pal_get_tcb()->self == pal_get_tcb() ? 9 : 1);
    }
    EXPECT(get(p[0], b, 8), 3);
    EXPECT(PalStreamsWaitEvents(1, &child, &events, &got, 10000000), 0);
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 9);
    EXPECT(private, 1);
    EXPECT(*shared, 5);
    PalObjectClose(child);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    EXPECT(PalVirtualMemoryFree(shared, 4096), 0);
}

static uint32_t g_stop_forking;
static int make_handles(void* arg) {
    while (!__atomic_load_n(&g_stop_forking, __ATOMIC_SEQ_CST)) {
        PAL_HANDLE h;
        if (PalEventfdCreate(0, 0, &h) == 0)
            PalObjectClose(h);
    }
    return 0;
}

/* Other threads hold the PAL's locks at the moment of the fork; the child must find them free. */
TEST(PalProcessFork, with_busy_threads) {
    NEED_FORK;
    PAL_HANDLE t[2], child;
    for (int i = 0; i < 2; i++)
        EXPECT(PalThreadCreate(make_handles, NULL, &t[i]), 0);
    int failed = 0;
    for (int i = 0; i < 100 && !failed; i++) {
        int ret = PalProcessFork(&child);
        if (ret < 0) {
            failed = ret;
            break;
        }
        if (!child) {
            PAL_HANDLE h, thread;
            uint32_t word = 1;
            g_stop_forking = 1;
            int bad = PalEventfdCreate(0, 0, &h) < 0 ||
                      PalThreadCreate(make_handles, &word, &thread) < 0 ||
                      PalSynchronizationObjectWait(thread, 10000000) < 0;
            PalProcessExit(bad ? 1 : 0);
        }
        PAL_NUM status = 99;
        failed = PalProcessWait(child, true, &status);
        if (!failed && status)
            failed = 1000 + status;
        PalObjectClose(child);
    }
    g_stop_forking = 1;
    for (int i = 0; i < 2; i++) {
        PalSynchronizationObjectWait(t[i], NO_TIMEOUT);
        PalObjectClose(t[i]);
    }
    EXPECT(failed, 0);
}

static void serve(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    context->rax = 4711;
}

TEST(PalProcessFork, traps_stay_armed) {
    NEED_FORK;
    PAL_HANDLE child;
    PAL_NUM status;
    PalSetExceptionHandler(serve, PAL_EVENT_ILLEGAL);
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        uint64_t result = 39;
        __asm__ volatile("syscall" : "+a"(result) : "D"(0) : "rcx", "r11", "memory");
        PalProcessExit(result == 4711 ? 5 : 1);
    }
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 5);
    PalObjectClose(child);
}

TEST(PalProcessExit, code) {
    NEED_FORK;
    PAL_HANDLE child;
    PAL_NUM status;
    EXPECT(PalProcessFork(&child), 0);
    if (!child)
        PalProcessExit(0x1ff); /* the host keeps eight bits */
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 0xff);
    PalObjectClose(child);
}

TEST(PalProcessStopSelf, bad_arguments) {
    EXPECT(PalProcessStopSelf(0), PAL_ERROR_INVAL);
    EXPECT(PalProcessStopSelf(15), PAL_ERROR_INVAL);
}

TEST(PalProcessUsage, figures) {
    PAL_USAGE usage;
    EXPECT(PalProcessUsage(false, &usage), 0);
    CHECK(usage.max_rss && usage.resident && usage.virtual_size >= usage.resident);
    EXPECT(PalProcessUsage(true, &usage), 0);
}

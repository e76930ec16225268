/*
 * Every stream call with random handles, numbers, addresses and paths: an answer that the interface
 * knows, and no crash. The same seed gives the same calls.
 */
#include "pal_test.h"

#define ROUNDS  40000
#define HANDLES 24

static uint64_t g_state = 0x9e3779b97f4a7c15;

static uint64_t rnd(void) { /* xorshift64* */
    g_state ^= g_state >> 12;
    g_state ^= g_state << 25;
    g_state ^= g_state >> 27;
    return g_state * 0x2545f4914f6cdd1d;
}

static PAL_HANDLE g_pool[HANDLES];
static char g_buffer[8192];

static PAL_HANDLE handle(void) {
    return g_pool[rnd() % HANDLES];
}
static PAL_NUM number(void) {
    static const PAL_NUM some[] = {0,         1,         2,         3,         7,    8,
                                   15,        100,       4095,      4096,      4097, 65536,
                                   1ul << 31, 1ul << 32, 1ul << 62, 1ul << 63, ~0ul, ~0ul - 1};
    return rnd() % 4 ? some[rnd() % (sizeof(some) / sizeof(some[0]))] : rnd() >> (rnd() % 64);
}
/* Sizes that a buffer of ours holds, if the address is ours. */
static PAL_NUM size(void) {
    return rnd() % sizeof(g_buffer);
}
static void* address(void) {
    static void* const bad[] = {NULL, (void*)8, (void*)-4096, (void*)0x8000000000000000,
                                (void*)0x7ffffffff000};
    return rnd() % 3 ? g_buffer : bad[rnd() % 5];
}
static PAL_STR path(void) {
    static const char* const some[] = {
        "",       ".",      "..",   "a",    "a/b", "../x", "/",     "/etc", "a/../b", "b/",
        "c/d/e/", "link/x", "link", "a//b", "...", "b",    "./a/.", "c",    "fifo"};
    return some[rnd() % (sizeof(some) / sizeof(some[0]))];
}
static struct iovec* vector(void) {
    static struct iovec iov[4];
    for (int i = 0; i < 4; i++)
        iov[i] = (struct iovec){address(), size() / 4};
    return iov;
}

/* Every handle is non-blocking where it can block: no call here may last. */
static int open_some(int slot) {
    static const char* const uris[] = {"dir:.",         "file:a", "pipe:",  "udp.srv:127.0.0.1:0",
                                       "pipe.srv:fuzz", "file:b", "file:c", "tcp.srv:127.0.0.1:0",
                                       "eventfd:"};
    PAL_HANDLE h = NULL, ends[2];
    int ret;
    switch (rnd() % 8) {
        case 0:
            ret = PalTimerCreate(PAL_CLOCK_MONOTONIC, PAL_OPTION_NONBLOCK, &h);
            break;
        case 1:
            ret = PalWatchCreate(PAL_OPTION_NONBLOCK, &h);
            break;
        case 2:
            ret = PalWaitSetCreate(&h);
            break;
        case 3:
            ret = PalMemoryObjectCreate("fuzz", 0, &h);
            break;
        case 4:
            ret = PalSocketPair(1, PAL_OPTION_NONBLOCK, ends);
            if (ret == 0) {
                PalObjectClose(ends[1]);
                h = ends[0];
            }
            break;
        case 5:
            ret = PalSocketCreate(2, 1 + rnd() % 2, 0, PAL_OPTION_NONBLOCK, &h);
            break;
        default:
            ret = PalStreamOpen(uris[rnd() % 9], PAL_ACCESS_RDWR, 0600, 0, PAL_OPTION_NONBLOCK, &h);
            if (ret < 0)
                ret = PalStreamOpen("dir:.", rnd() % 2 ? PAL_ACCESS_PATH : PAL_ACCESS_RDONLY, 0, 0,
                                    0, &h);
            break;
    }
    if (ret == 0)
        g_pool[slot] = h;
    return ret;
}

static int64_t files_call(uint64_t which) {
    PAL_NUM n = size(), off = number();
    switch (which) {
        case 0:
            return PalStreamRead(handle(), off, &n, address(), NULL, 0);
        case 1:
            return PalStreamWrite(handle(), off % 100000, &n, address(),
                                  rnd() % 9 ? NULL : "udp:x");
        case 2:
            return PalStreamReadV(handle(), off, vector(), rnd() % 5, rnd() % 8 ? 0 : number());
        case 3:
            return PalStreamWriteV(handle(), off % 100000, vector(), rnd() % 5, rnd() % 32);
        case 4:
            return PalStreamSeek(handle(), number(), rnd() % 7) >= 0 ? 0 : -1;
        case 5:
            return PalStreamSetLength(handle(), rnd() % 8 ? n : 1ul << 63);
        case 6:
            return PalStreamAllocate(handle(), number(), off % 65536, n);
        case 7:
            return PalStreamAdvise(handle(), off, n, number());
        case 8:
            return PalStreamSyncRange(handle(), off, n, number());
        case 9:
            return PalStreamFlushMode(handle(), rnd() % 5 == 2 ? 9 : rnd() % 2);
        case 10:
            return PalStreamCopy(handle(), rnd() % 2 ? &off : NULL, handle(), NULL, n, rnd() % 5,
                                 PAL_SPLICE_NONBLOCK | (rnd() % 8 ? 0 : number()));
        default:
            return PalStreamVmsplice(handle(), vector(), rnd() % 5, PAL_SPLICE_NONBLOCK);
    }
}

static int64_t names_call(uint64_t which) {
    PAL_STREAM_ATTR attr = {.uid = -1, .gid = -1, .share_flags = 0700};
    PAL_HANDLE h;
    int ret;
    switch (which) {
        case 0: /* never a FIFO: opening one waits */
            ret = PalStreamOpenAt(handle(), path(), PAL_ACCESS_RDWR | (rnd() % 2 ? 8 : 0), 0700,
                                  rnd() % 4, PAL_OPTION_NONBLOCK | (rnd() & 0x7fff), &h);
            if (ret == 0)
                PalObjectClose(h);
            return ret;
        case 1:
            return PalStreamAttributesQueryAt(handle(), path(), &attr);
        case 2:
            return PalDirectoryCreateAt(handle(), path(), 0700);
        case 3:
            return PalDirectoryRemoveNameAt(handle(), path(), rnd() % 2);
        case 4:
            return PalDirectoryRenameAt(handle(), path(), handle(), path(), rnd() % 9);
        case 5:
            return PalDirectoryLinkAt(handle(), path(), handle(), path());
        case 6:
            return PalDirectorySymlinkAt(path(), handle(), path());
        case 7:
            return PalDirectoryReadLinkAt(handle(), path(), address(), size());
        case 8:
            return PalDirectoryMakeNodeAt(handle(), path(), rnd() % 2 ? 0010600 : number(),
                                          number());
        case 9:
            return PalDirectoryRead(handle(), address(), size());
        case 10:
            return PalDirectoryLinkHandle(handle(), handle(), path());
        case 11:
            return PalStreamAttributesQueryByHandle(handle(), &attr);
        case 12:
            return PalStreamAttributesChange(handle(), &attr, number());
        case 13:
            return PalStreamXattrGet(handle(), "user.x", address(), size());
        case 14:
            return PalStreamXattrSet(handle(), "user.x", address(), size() / 100, number());
        default:
            return PalStreamGetName(handle(), g_buffer, size());
    }
}

static int64_t sockets_call(uint64_t which) {
    PAL_NUM n = size(), m = size();
    PAL_FLG flags;
    switch (which) {
        case 0:
            return PalSocketBind(handle(), address(), number());
        case 1:
            return PalSocketListen(handle(), number());
        case 2:
            return PalSocketConnect(handle(), address(), number());
        case 3:
            return PalSocketSend(handle(), vector(), rnd() % 5, address(), n % 200, NULL, 0,
                                 0x40 | (rnd() & 0x3f));
        case 4:
            return PalSocketReceive(handle(), vector(), rnd() % 5, address(), &n, address(), &m,
                                    0x40 | (rnd() & 0x3f), rnd() % 2 ? &flags : NULL);
        case 5:
            return PalSocketName(handle(), rnd() % 2, address(), &n);
        case 6:
            return PalSocketOptionGet(handle(), rnd() % 50, rnd() % 80, address(), &n);
        case 7:
            return PalSocketOptionSet(handle(), rnd() % 50, rnd() % 80, address(), n % 64);
        default:
            return PalSocketShutdown(handle(), number());
    }
}

static int64_t others_call(uint64_t which) {
    PAL_FLG events[4] = {number(), number(), number(), number()}, got[4];
    PAL_HANDLE set[4] = {handle(), handle(), handle(), handle()}, h;
    PAL_NUM a, b;
    PAL_IDX id;
    PAL_PTR at = NULL;
    int ret;
    switch (which) {
        case 0:
            return PalStreamsWaitEvents(4, set, events, got, 0);
        case 1:
            return PalWaitSetAdd(handle(), handle(), number(), number());
        case 2:
            return PalWaitSetModify(handle(), handle(), number(), number());
        case 3:
            return PalWaitSetRemove(handle(), handle());
        case 4:
            return PalWaitSetWait(handle(), address(), size() / 12, 0);
        case 5:
            return PalTimerSet(handle(), rnd() % 2, rnd() % 2, number(), number(), &a, &b);
        case 6:
            return PalTimerGet(handle(), &a, &b);
        case 7:
            return PalWatchAdd(handle(), handle(), number(), &id);
        case 8:
            return PalWatchRemove(handle(), number());
        case 9:
            return PalStreamLock(handle(), rnd() % 2, rnd() % 4, number(), number(), false);
        case 10:
            memset(g_buffer, 0, 64);
            return PalStreamControl(handle(), PAL_OP_BYTES_READABLE + rnd() % 2, g_buffer,
                                    number());
        case 11:
            return PalSendHandle(handle(), handle());
        case 12:
            ret = PalStreamMap(handle(), &at, rnd() % 16, number(), rnd() % 4 * 4096);
            if (ret == 0)
                ret = PalStreamUnmap(at, 4096);
            return ret;
        default:
            ret = PalStreamReopen(handle(), rnd() % 16, PAL_OPTION_NONBLOCK, &h);
            if (ret == 0)
                PalObjectClose(h);
            return ret;
    }
}

TEST(PalStreamControl, random_calls) {
    PAL_HANDLE dir = test_dir();
    CHECK(dir && test_file("a", "text") && test_file("b", "more"));
    EXPECT(PalDirectoryCreateAt(dir, "c", 0700), 0);
    EXPECT(PalDirectorySymlinkAt("..", dir, "link"), 0);
    for (int i = 0; i < HANDLES; i++)
        open_some(i);
    g_pool[0] = NULL;
    g_pool[1] = test_event();
    int answers[-PAL_ERROR_BOUND] = {0}, kinds = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t before = g_state;
        int64_t ret = 0;
        switch (rnd() % 5) {
            case 0:
                ret = files_call(rnd() % 12);
                break;
            case 1:
                ret = names_call(rnd() % 16);
                break;
            case 2:
                ret = sockets_call(rnd() % 9);
                break;
            case 3:
                ret = others_call(rnd() % 14);
                break;
            default:
                if (rnd() % 8 == 0) {
                    int slot = 2 + rnd() % (HANDLES - 2);
                    PalObjectClose(g_pool[slot]);
                    g_pool[slot] = NULL;
                    open_some(slot);
                }
        }
        if (ret <= PAL_ERROR_BOUND || ret == PAL_ERROR_INTERRUPTED)
            test_print("  state 0x%lx, round %d\n", before, i);
        CHECK(ret > PAL_ERROR_BOUND && ret != PAL_ERROR_INTERRUPTED);
        if (ret < 0)
            kinds += !answers[-ret]++;
    }
    CHECK(kinds >= 15);                        /* it really got somewhere */
    CHECK(answers[-PAL_ERROR_INCONSIST] == 0); /* each host error has a name of its own */
}

/*
 * A program written to the older documents: every Dk* name (they had no call for an exit status).
 */
#include "pal/dk.h"
#include "pal_test.h"

static int text_is(PAL_HANDLE h, const char* text) {
    char b[32];
    PAL_NUM n = sizeof(b);
    return DkStreamRead(h, 0, &n, b, NULL, 0) == 0 && n == strlen(text) && !memcmp(b, text, n);
}

TEST(PalStreamOpen, by_old_names) {
    PAL_HANDLE h, server, client, end;
    PAL_STREAM_ATTR attr;
    PAL_NUM n = 5;
    char name[4200];
    PAL_PTR at = NULL;
    EXPECT(DkStreamOpen("file:dk", PAL_ACCESS_RDWR, PAL_SHARE_OWNER_R | PAL_SHARE_OWNER_W,
                        PAL_CREATE_TRY, 0, &h),
           0);
    EXPECT(DkStreamWrite(h, 0, &n, (PAL_PTR) "hello", NULL), 0);
    CHECK(text_is(h, "hello"));
    EXPECT(DkStreamFlush(h), 0);
    EXPECT(DkStreamSetLength(h, 4), 0);
    EXPECT(DkStreamAttributesQuery("file:dk", &attr), 0);
    EXPECT(attr.pending_size, 4);
    EXPECT(DkStreamAttributesQueryByHandle(h, &attr), 0);
    EXPECT(DkStreamAttributesSetByHandle(h, &attr), 0);
    EXPECT(DkStreamMap(h, &at, PAL_PROT_READ | PAL_PROT_WRITECOPY, 0, 4096), 0);
    EXPECT(*(char*)at, 'h');
    EXPECT(DkStreamUnmap(at, 4096), 0);
    EXPECT(DkStreamChangeName(h, "file:dk2"), 0);
    EXPECT(DkStreamGetName(h, name, sizeof(name)), 0);
    EXPECT(DkStreamDelete(h, PAL_DELETE_ALL), 0);
    EXPECT(DkStreamOpen("pipe.srv:dk", PAL_ACCESS_RDWR, 0, 0, 0, &server), 0);
    EXPECT(DkStreamOpen("pipe:dk", PAL_ACCESS_RDWR, 0, 0, 0, &client), 0);
    EXPECT(DkStreamWaitForClient(server, &end), 0);
    EXPECT(DkSendHandle(client, h), 0);
    DkObjectClose(h);
    EXPECT(DkReceiveHandle(end, &h), 0);
    CHECK(text_is(h, "hell"));
    PAL_HANDLE set[2] = {client, end};
    PAL_FLG events[2] = {PAL_WAIT_READ, PAL_WAIT_WRITE}, got[2];
    EXPECT(DkStreamsWaitEvents(2, set, events, got, 0), 0);
    EXPECT(got[1], PAL_WAIT_WRITE);
    DkObjectClose(h);
    DkObjectClose(client);
    DkObjectClose(end);
    DkObjectClose(server);
}

static PAL_HANDLE g_event, g_mutex;
static int g_word = 1;

static int thread(void* arg) {
    DkSynchronizationObjectWait(g_mutex, NO_TIMEOUT);
    DkMutexRelease(g_mutex);
    DkEventSet(g_event);
    DkThreadExit(&g_word);
}

TEST(PalThreadCreate, by_old_names) {
    PAL_HANDLE t, auto_event;
    EXPECT(DkNotificationEventCreate(PAL_FALSE, &g_event), 0);
    EXPECT(DkSynchronizationEventCreate(PAL_TRUE, &auto_event), 0);
    EXPECT(DkMutexCreate(1, &g_mutex), 0);
    EXPECT(DkThreadCreate((PAL_PTR)thread, NULL, &t), 0);
    DkThreadYieldExecution();
    DkMutexRelease(g_mutex);
    EXPECT(DkSynchronizationObjectWait(g_event, NO_TIMEOUT), 0);
    EXPECT(DkSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    EXPECT(DkThreadResume(t), PAL_ERROR_NOTHREAD);
    EXPECT(DkEventClear(g_event), 0);
    EXPECT(DkSynchronizationObjectWait(g_event, 0), PAL_ERROR_TRYAGAIN);
    EXPECT(DkThreadDelayExecution(100), 100);
    DkObjectClose(t);
    DkObjectClose(auto_event);
    DkObjectClose(g_event);
    DkObjectClose(g_mutex);
}

static int g_faults;
static void on_fault(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    g_faults++;
    context->rip += 2; /* ud2 */
}

TEST(PalVirtualMemoryAlloc, by_old_names) {
    PAL_PTR at = NULL, base;
    PAL_NUM us, size = 0;
    PAL_IDX words[PAL_CPUID_WORD_NUM];
    uint32_t random = 0;
    EXPECT(DkVirtualMemoryAlloc(&at, 4096, 0, PAL_PROT_READ | PAL_PROT_WRITE), 0);
    EXPECT(DkVirtualMemoryProtect(at, 4096, PAL_PROT_READ), 0);
    EXPECT(DkVirtualMemoryFree(at, 4096), 0);
    CHECK(DkMemoryAvailableQuota() > 0);
    EXPECT(DkSystemTimeQuery(&us), 0);
    EXPECT(DkRandomBitsRead(&random, sizeof(random)), 0);
    EXPECT(DkSegmentRegisterGet(PAL_SEGMENT_FS, &base), 0);
    EXPECT(DkSegmentRegisterSet(PAL_SEGMENT_FS, base), 0);
    EXPECT(DkCpuIdRetrieve(0, 0, words), 0);
    EXPECT(DkDebugLog("", &size), 0);
    DkSetExceptionHandler(on_fault, PAL_EVENT_ILLEGAL);
    __asm__ volatile("ud2");
    EXPECT(g_faults, 1);
    EXPECT(DkAttestationReport(NULL, &size, NULL, &size, NULL, &size), PAL_ERROR_NOTIMPLEMENTED);
    EXPECT(DkAttestationQuote(NULL, 0, NULL, &size), PAL_ERROR_NOTIMPLEMENTED);
    EXPECT(DkSetProtectedFilesKey(NULL), PAL_ERROR_NOTIMPLEMENTED);
}

int test_child(PAL_CONTROL* control) {
    (void)control;
    DkProcessExit(21);
}

TEST(PalProcessCreate, by_old_names) {
    PAL_HANDLE h;
    PAL_STR args[] = {"child", NULL};
    PAL_NUM status;
    EXPECT(DkProcessCreate("file:dk", args, &h), 0);
    EXPECT(DkSynchronizationObjectWait(h, 10000000), 0);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 21);
    DkObjectClose(h);
}

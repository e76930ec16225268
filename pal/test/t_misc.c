/*
 * The control block, clocks, random numbers, limits, and what this host lacks.
 */
#include "pal_test.h"

TEST(PalGetPalControl, fields) {
    PAL_CONTROL* c = PalGetPalControl();
    CHECK(c->process_id && c->first_thread && !c->parent_process);
    EXPECT(c->alloc_align, 4096);
    CHECK(c->user_address.start && c->user_address.start < c->user_address.end);
    CHECK(c->libos_address.start < c->libos_address.end);
    CHECK(c->user_address.end <= c->libos_address.start ||
          c->libos_address.end <= c->user_address.start);
    CHECK(c->host_cwd[0] == '/' && c->host_release[0] && c->host_name[0]);
    CHECK(c->host_argv && c->host_envp);
    EXPECT(c->first_thread->hdr.type, PAL_TYPE_THREAD);
    EXPECT(pal_get_tcb()->thread, c->first_thread);
}

TEST(pal_control_addr, same_block) {
    EXPECT(pal_control_addr(), PalGetPalControl());
}

TEST(PalTopologyQuery, fills) {
    PAL_CONTROL* c = PalGetPalControl();
    EXPECT(PalTopologyQuery(), 0);
    CHECK(c->topo_info.thread_count >= 1 && c->topo_info.threads[0].online);
    CHECK(c->topo_info.core_count >= 1 && c->topo_info.socket_count >= 1);
    CHECK(c->mem_info.mem_total > 1 << 20);
    CHECK(c->cpu_info.cpu_vendor[0] && c->cpu_info.cpu_brand[0] && c->cpu_info.cpu_flags[0]);
    CHECK(c->cpu_info.xsave_size >= 512);
    EXPECT(PalTopologyQuery(), 0);
}

TEST(PalDebugLog, count) {
    PAL_NUM n = 0;
    EXPECT(PalDebugLog("", &n), 0);
    EXPECT(n, 0);
    n = 4;
    EXPECT(PalDebugLog(BAD_ADDRESS, &n), PAL_ERROR_BADADDR);
}

TEST(PalSystemTimeQuery, agrees) {
    PAL_NUM us, ns;
    EXPECT(PalSystemTimeQuery(&us), 0);
    EXPECT(PalClockGet(PAL_CLOCK_REALTIME, &ns), 0);
    CHECK(us > 1600000000000000 && ns / 1000 >= us && ns / 1000 - us < 10000000);
}

TEST(PalClockGet, every_clock) {
    static const PAL_FLG clocks[] = {
        PAL_CLOCK_REALTIME,         PAL_CLOCK_MONOTONIC,     PAL_CLOCK_PROCESS_CPU,
        PAL_CLOCK_THREAD_CPU,       PAL_CLOCK_MONOTONIC_RAW, PAL_CLOCK_REALTIME_COARSE,
        PAL_CLOCK_MONOTONIC_COARSE, PAL_CLOCK_BOOTTIME,      PAL_CLOCK_TAI};
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        PAL_NUM a = 0, b = 0;
        EXPECT(PalClockGet(clocks[i], &a), 0);
        EXPECT(PalClockGet(clocks[i], &b), 0);
        CHECK(a && b >= a);
    }
    PAL_NUM t;
    EXPECT(PalClockGet(99, &t), PAL_ERROR_INVAL);
}

TEST(PalClockResolution, values) {
    PAL_NUM r;
    EXPECT(PalClockResolution(PAL_CLOCK_MONOTONIC, &r), 0);
    EXPECT(r, 1);
    EXPECT(PalClockResolution(99, &r), PAL_ERROR_INVAL);
}

TEST(PalClockSleep, deadline) {
    PAL_NUM before, after;
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &before), 0);
    EXPECT(PalClockSleep(PAL_CLOCK_MONOTONIC, before + 3000000), 0);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &after), 0);
    CHECK(after - before >= 3000000);
    EXPECT(PalClockSleep(PAL_CLOCK_MONOTONIC, 0), 0); /* long ago */
    EXPECT(PalClockSleep(99, 0), PAL_ERROR_INVAL);
}

TEST(PalRandomBitsRead, differ) {
    static uint8_t a[1000], b[1000];
    EXPECT(PalRandomBitsRead(a, sizeof(a)), 0);
    EXPECT(PalRandomBitsRead(b, sizeof(b)), 0);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    EXPECT(PalRandomBitsRead(a, 0), 0);
    EXPECT(PalRandomBitsRead(BAD_ADDRESS, 8), PAL_ERROR_BADADDR);
}

TEST(PalSegmentRegisterSet, fs) {
    static uint64_t tls[2] = {0x1122334455667788, 0};
    PAL_PTR base;
    uint64_t seen;
    EXPECT(PalSegmentRegisterSet(PAL_SEGMENT_FS, tls), 0);
    __asm__ volatile("movq %%fs:0, %0" : "=r"(seen));
    EXPECT(seen, tls[0]);
    EXPECT(PalSegmentRegisterGet(PAL_SEGMENT_FS, &base), 0);
    EXPECT(base, tls);
    EXPECT(PalSegmentRegisterSet(3, tls), PAL_ERROR_INVAL);
    CHECK(PalSegmentRegisterSet(PAL_SEGMENT_FS, (void*)0x8000000000000000) < 0);
}

TEST(PalSegmentRegisterGet, gs_is_the_tcb) {
    PAL_PTR base;
    EXPECT(PalSegmentRegisterGet(PAL_SEGMENT_GS, &base), 0);
    EXPECT(base, pal_get_tcb());
    EXPECT(PalSegmentRegisterGet(9, &base), PAL_ERROR_INVAL);
}

TEST(PalCpuIdRetrieve, vendor) {
    PAL_IDX v[PAL_CPUID_WORD_NUM] = {0};
    EXPECT(PalCpuIdRetrieve(0, 0, v), 0);
    CHECK(v[PAL_CPUID_WORD_EAX] >= 1 && v[PAL_CPUID_WORD_EBX]);
}

TEST(PalHostReport, text) {
    static char text[65536];
    int64_t all = PalHostReport(PAL_HOST_UPTIME, text, sizeof(text));
    CHECK(all > 4 && all < 64 && text[all - 1] == '\n');
    text[3] = '#';
    CHECK(PalHostReport(PAL_HOST_UPTIME, text, 3) >= 4); /* the length, though less fits */
    EXPECT(text[3], '#');
    CHECK(PalHostReport(PAL_HOST_STAT, NULL, 0) > 0);
    EXPECT(PalHostReport(PAL_HOST_REPORT_COUNT, text, sizeof(text)), PAL_ERROR_NOTIMPLEMENTED);
}

TEST(PalSystemInfoQuery, figures) {
    PAL_SYSTEM_INFO info;
    EXPECT(PalSystemInfoQuery(&info), 0);
    CHECK(info.uptime_ns && info.total_ram && info.free_ram <= info.total_ram && info.processes);
}

TEST(PalResourceLimitGet, limits) {
    PAL_NUM soft, hard;
    EXPECT(PalResourceLimitGet(7 /* RLIMIT_NOFILE */, &soft, &hard), 0);
    CHECK(soft && soft <= hard);
    EXPECT(PalResourceLimitGet(99, &soft, &hard), PAL_ERROR_INVAL);
}

TEST(PalThreadTimerSlackSet, values) {
    EXPECT(PalThreadTimerSlackSet(60000), 0);
    EXPECT(PalThreadTimerSlackSet(50000), 0);
    EXPECT(PalThreadTimerSlackSet(0), PAL_ERROR_INVAL);
}

TEST(PalThreadRestartableSet, on_and_off) {
    PAL_PTR area = NULL;
    const PAL_CONTROL* control = PalGetPalControl();
    EXPECT(PalVirtualMemoryAlloc(&area, 4096, 0, PAL_PROT_READ | PAL_PROT_WRITE), 0);
    if (control->rseq_align) {
        volatile uint32_t* cpu = (uint32_t*)area + 1;
        EXPECT(PalThreadRestartableSet(area, 32, 0x53053053, true), 0);
        PalThreadYieldExecution();
        CHECK(*cpu < 4096);
        EXPECT(PalThreadRestartableSet(area, 32, 0x53053053, false), 0);
        EXPECT(*cpu, UINT32_MAX);
    }
    EXPECT(PalThreadRestartableSet((PAL_PTR)8, 32, 1, true), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryFree(area, 4096), 0);
}

TEST(PalProcessHugePagesSet, values) {
    EXPECT(PalProcessHugePagesSet(PAL_HUGE_PAGES_NEVER), 0);
    EXPECT(PalProcessHugePagesSet(PAL_HUGE_PAGES_DEFAULT), 0);
    EXPECT(PalProcessHugePagesSet(3), PAL_ERROR_INVAL);
}

TEST(PalResourceLimitSet, lower) {
    PAL_NUM soft, hard, now, same;
    EXPECT(PalResourceLimitGet(7, &soft, &hard), 0);
    EXPECT(PalResourceLimitSet(7, soft - 1, hard), 0);
    EXPECT(PalResourceLimitGet(7, &now, &same), 0);
    EXPECT(now, soft - 1);
    EXPECT(PalResourceLimitSet(7, 2, 1), PAL_ERROR_INVAL);
    EXPECT(PalResourceLimitSet(99, 1, 1), PAL_ERROR_INVAL);
}

/* In a process of its own, as a hard limit does not come back. 0, or the step that went wrong. */
static int too_many_files(void) {
    PAL_HANDLE h[64];
    int count = 0, ret = 0;
    if (PalResourceLimitSet(7, 32, 32))
        return 1;
    while (count < 64 && (ret = PalEventfdCreate(0, 0, &h[count])) == 0)
        count++;
    if (ret != PAL_ERROR_TOOMANYFILES || count <= 10)
        return 2;
    PalObjectClose(h[--count]);
    return PalEventfdCreate(0, 0, &h[count]) ? 3 : 0;
}

/* The limit is reached: the error says so, and the next call after a close works again. */
TEST(PalStreamOpen, too_many_files) {
    PAL_HANDLE child;
    PAL_NUM status;
    EXPECT(PalProcessFork(&child), 0);
    if (!child)
        PalProcessExit((PAL_NUM)too_many_files());
    EXPECT(PalProcessWait(child, true, &status), 0);
    PalObjectClose(child);
    EXPECT(status, 0);
}

/* ---- Not on this host --------------------------------------------------------------------------
 */

TEST(PalAttestationReport, absent) {
    PAL_NUM size = 0;
    EXPECT(PalAttestationReport(NULL, &size, NULL, &size, NULL, &size), PAL_ERROR_NOTIMPLEMENTED);
}
TEST(PalAttestationQuote, absent) {
    PAL_NUM size = 0;
    EXPECT(PalAttestationQuote(NULL, 0, NULL, &size), PAL_ERROR_NOTIMPLEMENTED);
}
TEST(PalSetProtectedFilesKey, absent) {
    EXPECT(PalSetProtectedFilesKey(NULL), PAL_ERROR_NOTIMPLEMENTED);
}

/* ---- Errors ------------------------------------------------------------------------------------
 */

TEST(pal_strerror, texts) {
    for (int e = 0; e >= PAL_ERROR_BOUND - 2; e--) {
        const char* text = pal_strerror(e);
        CHECK(text && *text);
    }
    EXPECT(strcmp(pal_strerror(PAL_ERROR_TOOMANYFILES), "too many open files"), 0);
    CHECK(pal_strerror(12345));
    CHECK(pal_strerror(-12345));
}

/*
 * Control block, clocks, random bits, segment registers, figures of the machine, absent calls.
 */
#include "pal_test.h"

TEST(PalGetPalControl, fields) {
    PAL_CONTROL* c = PalGetPalControl();
    CHECK(c == pal_control_addr());
    CHECK(c->user_address.start < c->user_address.end);
    CHECK(c->user_address.end <= c->libos_address.start);
    CHECK((PAL_NUM)c->user_address.start >= 0x10000);
    EXPECT(c->alloc_align, 4096);
    CHECK(c->process_id > 0);
    CHECK(c->first_thread && c->first_thread->hdr.type == PAL_TYPE_THREAD);
    CHECK(c->host_cwd && c->host_cwd[0] == '/');
    CHECK(c->host_release && c->host_release[0]);
    CHECK(c->cpu_info.xsave_size >= 512);
    EXPECT(c->cpu_info.xfeatures & 3, 3);
    CHECK(c->host_argv != NULL && c->host_envp != NULL);
    CHECK(pal_get_tcb()->thread == c->first_thread);
}

TEST(pal_control_addr, is_the_control_block) {
    CHECK(pal_control_addr() == PalGetPalControl());
}

TEST(PalGetPalControl, pal_strerror_has_a_text_for_every_error) {
    for (int e = PAL_ERROR_BOUND + 1; e <= 0; e++)
        CHECK(strcmp(pal_strerror(e), "unknown error") != 0);
    CHECK(strcmp(pal_strerror(-9999), "unknown error") == 0);
    CHECK(strcmp(pal_strerror(INT32_MIN), "unknown error") == 0);
}

TEST(PalTopologyQuery, fills_the_control_block) {
    PAL_CONTROL* c = PalGetPalControl();
    EXPECT(PalTopologyQuery(), 0);
    EXPECT(PalTopologyQuery(), 0);
    CHECK(c->topo_info.thread_count >= 1);
    CHECK(c->topo_info.threads[0].online);
    CHECK(c->topo_info.core_count >= 1 && c->topo_info.core_count <= c->topo_info.thread_count);
    CHECK(c->topo_info.socket_count >= 1 && c->topo_info.node_count >= 1);
    CHECK(c->cpu_info.cpu_vendor[0] && c->cpu_info.cpu_flags);
    CHECK(c->mem_info.mem_total > 0);
}

TEST(PalDebugLog, bad_buffer) {
    PAL_NUM size = 5;
    EXPECT(PalDebugLog(BAD_ADDRESS, &size), PAL_ERROR_BADADDR);
    EXPECT(PalDebugLog("x", NULL), PAL_ERROR_INVAL);
    size = 0;
    EXPECT(PalDebugLog("", &size), 0);
}

TEST(PalClockGet, each_clock) {
    static const PAL_FLG clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11};
    PAL_NUM t;
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        EXPECT(PalClockGet(clocks[i], &t), 0);
        CHECK(t > 0);
        EXPECT(PalClockResolution(clocks[i], &t), 0);
        CHECK(t > 0);
    }
    EXPECT(PalClockGet(99, &t), PAL_ERROR_INVAL);
}

TEST(PalClockResolution, bad_clock) {
    PAL_NUM t;
    EXPECT(PalClockResolution(99, &t), PAL_ERROR_INVAL);
}

TEST(PalSystemTimeQuery, agrees_with_the_clock) {
    PAL_NUM us, ns;
    EXPECT(PalSystemTimeQuery(&us), 0);
    EXPECT(PalClockGet(PAL_CLOCK_REALTIME, &ns), 0);
    CHECK(ns / 1000 - us < 1000000);
}

TEST(PalClockSleep, until_the_deadline) {
    PAL_NUM t, after;
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &t), 0);
    EXPECT(PalClockSleep(PAL_CLOCK_MONOTONIC, t + 2000000), 0);
    EXPECT(PalClockGet(PAL_CLOCK_MONOTONIC, &after), 0);
    CHECK(after >= t + 2000000);
    EXPECT(PalClockSleep(PAL_CLOCK_MONOTONIC, 0), 0);
    EXPECT(PalClockSleep(99, 0), PAL_ERROR_INVAL);
}

TEST(PalRandomBitsRead, fills) {
    static unsigned char buffer[100000];
    int zeros = 0;
    EXPECT(PalRandomBitsRead(buffer, sizeof(buffer)), 0);
    for (size_t i = 0; i < sizeof(buffer); i++)
        zeros += buffer[i] == 0;
    CHECK(zeros > 100 && zeros < 1000);
    EXPECT(PalRandomBitsRead(BAD_ADDRESS, 8), PAL_ERROR_BADADDR);
    EXPECT(PalRandomBitsRead(NULL, 0), 0);
}

TEST(PalSegmentRegisterSet, fs_only) {
    PAL_PTR old, fs;
    EXPECT(PalSegmentRegisterGet(PAL_SEGMENT_FS, &old), 0);
    EXPECT(PalSegmentRegisterSet(PAL_SEGMENT_FS, (PAL_PTR)0x1234), 0);
    EXPECT(PalSegmentRegisterGet(PAL_SEGMENT_FS, &fs), 0);
    EXPECT(PalSegmentRegisterSet(PAL_SEGMENT_FS, old), 0);
    EXPECT(fs, 0x1234);
    EXPECT(PalSegmentRegisterSet(PAL_SEGMENT_FS, (PAL_PTR)(1UL << 63)), PAL_ERROR_PERM);
    EXPECT(PalSegmentRegisterSet(PAL_SEGMENT_GS, NULL), PAL_ERROR_DENIED);
    EXPECT(PalSegmentRegisterSet(3, NULL), PAL_ERROR_INVAL);
}

TEST(PalSegmentRegisterGet, gs_is_the_thread_block) {
    PAL_PTR gs;
    EXPECT(PalSegmentRegisterGet(PAL_SEGMENT_GS, &gs), 0);
    CHECK(gs == pal_get_tcb());
    EXPECT(PalSegmentRegisterGet(0, &gs), PAL_ERROR_INVAL);
}

TEST(PalCpuIdRetrieve, vendor) {
    PAL_IDX v[4] = {0};
    EXPECT(PalCpuIdRetrieve(0, 0, v), 0);
    CHECK(v[PAL_CPUID_WORD_EAX] > 0 && v[PAL_CPUID_WORD_EBX] > 0);
}

TEST(PalSystemInfoQuery, sensible) {
    PAL_SYSTEM_INFO info;
    EXPECT(PalSystemInfoQuery(&info), 0);
    CHECK(info.total_ram > info.free_ram);
    CHECK(info.available_ram <= info.total_ram);
    CHECK(info.uptime_ns > 0 && info.processes > 0);
}

TEST(PalProcessUsage, sensible) {
    PAL_USAGE all, mine;
    EXPECT(PalProcessUsage(false, &all), 0);
    EXPECT(PalProcessUsage(true, &mine), 0);
    CHECK(all.max_rss > 0 && all.resident > 0 && all.virtual_size >= all.resident);
    CHECK(mine.user_ns + mine.system_ns > 0);
}

TEST(PalResourceLimitGet, and_set) {
    PAL_NUM soft, hard;
    EXPECT(PalResourceLimitGet(7, &soft, &hard), 0);
    EXPECT(PalResourceLimitSet(7, soft, hard), 0);
    EXPECT(PalResourceLimitGet(99, &soft, &hard), PAL_ERROR_INVAL);
}

TEST(PalResourceLimitSet, bad) {
    EXPECT(PalResourceLimitSet(99, 0, 0), PAL_ERROR_INVAL);
    EXPECT(PalResourceLimitSet(7, 2, 1), PAL_ERROR_INVAL);
}

TEST(PalAttestationReport, is_absent) {
    PAL_NUM size = 0;
    EXPECT(PalAttestationReport(NULL, &size, NULL, &size, NULL, &size), PAL_ERROR_NOTIMPLEMENTED);
}

TEST(PalAttestationQuote, is_absent) {
    PAL_NUM size = 0;
    EXPECT(PalAttestationQuote(NULL, 0, NULL, &size), PAL_ERROR_NOTIMPLEMENTED);
}

TEST(PalSetProtectedFilesKey, is_absent) {
    EXPECT(PalSetProtectedFilesKey(NULL), PAL_ERROR_NOTIMPLEMENTED);
}

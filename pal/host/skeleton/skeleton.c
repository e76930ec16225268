/*
 * The skeleton host: every call answers "not implemented". A port starts from a copy of this folder
 * and replaces the calls one by one; what it does not have keeps its line here. The Linux host
 * links it with weak definitions, so that there is one place that says what an absent call answers.
 */
#include "pal/pal.h"

#ifdef PAL_SKELETON_WEAK
#define CALL __attribute__((weak))
#else
#define CALL
#endif

CALL int PalTopologyQuery(void) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL PAL_CONTROL* PalGetPalControl(void) {
    return NULL;
}

CALL PAL_CONTROL* pal_control_addr(void) {
    return NULL;
}

CALL int PalVirtualMemoryAlloc(PAL_PTR* addr, PAL_NUM size, PAL_FLG alloc_type, PAL_FLG prot) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemoryFree(PAL_PTR addr, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemoryProtect(PAL_PTR addr, PAL_NUM size, PAL_FLG prot) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemoryRemap(PAL_PTR old_addr, PAL_NUM old_size, PAL_PTR new_addr,
                               PAL_NUM new_size, bool keep_old) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemoryAdvise(PAL_PTR addr, PAL_NUM size, PAL_FLG advice) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemorySync(PAL_PTR addr, PAL_NUM size, PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemoryResident(PAL_PTR addr, PAL_NUM size, uint8_t* vec) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalVirtualMemoryLock(PAL_PTR addr, PAL_NUM size, PAL_FLG lock) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL PAL_NUM PalMemoryAvailableQuota(void) {
    return 0;
}

CALL int PalMemoryObjectCreate(PAL_STR name, PAL_FLG flags, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessCreate(PAL_STR exec_uri, PAL_STR* args, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessFork(PAL_HANDLE* child) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessWait(PAL_HANDLE process, bool block, PAL_NUM* status) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessForget(PAL_IDX host_id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessForkInto(PAL_IDX* host_id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessReap(PAL_IDX* host_id, PAL_NUM* status) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessId(PAL_HANDLE process, PAL_IDX* host_id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessOpen(PAL_IDX host_id, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessKick(PAL_IDX host_id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessContinue(PAL_IDX host_id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessKill(PAL_IDX host_id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessSetSubreaper(bool on) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL _Noreturn void PalProcessExit(PAL_NUM exit_code) {
    for (;;)
        __builtin_trap();
}

CALL _Noreturn void PalProcessKillSelf(PAL_NUM signo) {
    for (;;)
        __builtin_trap();
}

CALL int PalProcessStopSelf(PAL_NUM signo) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamOpen(PAL_STR uri, PAL_FLG access, PAL_FLG share_flags, PAL_FLG create,
                       PAL_FLG options, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamOpenAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG access, PAL_FLG share_flags,
                         PAL_FLG create, PAL_FLG options, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalHandleName(PAL_HANDLE handle, PAL_HANDLE_NAME* name) {
    (void)handle, (void)name;
    return PAL_ERROR_NOTIMPLEMENTED;
}
CALL int PalStreamOpenNamed(const PAL_HANDLE_NAME* name, PAL_FLG access, PAL_FLG options,
                            PAL_HANDLE* out) {
    (void)name, (void)access, (void)options, (void)out;
    return PAL_ERROR_NOTIMPLEMENTED;
}
CALL int PalStreamReopen(PAL_HANDLE handle, PAL_FLG access, PAL_FLG options, PAL_HANDLE* out) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamWaitForClient(PAL_HANDLE handle, PAL_HANDLE* client, PAL_FLG options) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamRead(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count, PAL_PTR buffer,
                       PAL_PTR source, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamWrite(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count, const void* buffer,
                        PAL_STR dest) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamReadV(PAL_HANDLE handle, PAL_NUM offset, const struct iovec* iov,
                            PAL_NUM iov_count, PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamWriteV(PAL_HANDLE handle, PAL_NUM offset, const struct iovec* iov,
                             PAL_NUM iov_count, PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamCopy(PAL_HANDLE in, PAL_NUM* in_offset, PAL_HANDLE out, PAL_NUM* out_offset,
                           PAL_NUM size, PAL_FLG how, PAL_FLG splice_flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamVmsplice(PAL_HANDLE pipe, const struct iovec* iov, PAL_NUM iov_count,
                               PAL_FLG splice_flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamDelete(PAL_HANDLE handle, PAL_FLG access) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamMap(PAL_HANDLE handle, PAL_PTR* addr, PAL_FLG prot, PAL_NUM offset,
                      PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamUnmap(PAL_PTR addr, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamSetLength(PAL_HANDLE handle, PAL_NUM length) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamFlush(PAL_HANDLE handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamFlushMode(PAL_HANDLE handle, PAL_FLG mode) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSendHandle(PAL_HANDLE handle, PAL_HANDLE cargo) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalReceiveHandle(PAL_HANDLE handle, PAL_HANDLE* cargo) {
    return PAL_ERROR_NOTIMPLEMENTED;
}
CALL int PalHandleRecordGet(PAL_HANDLE handle, PAL_HANDLE_RECORD* record) {
    return PAL_ERROR_NOTIMPLEMENTED;
}
CALL int PalHandleRecordSet(PAL_HANDLE handle, const PAL_HANDLE_RECORD* record) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAttributesQuery(PAL_STR uri, PAL_STREAM_ATTR* attr) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAttributesQueryByHandle(PAL_HANDLE handle, PAL_STREAM_ATTR* attr) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAttributesQueryAt(PAL_HANDLE dir, PAL_STR path, PAL_STREAM_ATTR* attr) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAttributesSetByHandle(PAL_HANDLE handle, PAL_STREAM_ATTR* attr) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAttributesChange(PAL_HANDLE handle, const PAL_STREAM_ATTR* attr, PAL_FLG which) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamGetName(PAL_HANDLE handle, PAL_PTR buffer, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamChangeName(PAL_HANDLE handle, PAL_STR uri) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectoryCreateAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG share_flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectoryRemoveNameAt(PAL_HANDLE dir, PAL_STR path, bool is_directory) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectoryRenameAt(PAL_HANDLE old_dir, PAL_STR old_path, PAL_HANDLE new_dir,
                              PAL_STR new_path, PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectoryLinkAt(PAL_HANDLE old_dir, PAL_STR old_path, PAL_HANDLE new_dir,
                            PAL_STR new_path) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectoryLinkHandle(PAL_HANDLE file, PAL_HANDLE new_dir, PAL_STR new_path) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectorySymlinkAt(PAL_STR target, PAL_HANDLE dir, PAL_STR path) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalDirectoryMakeNodeAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG mode, PAL_NUM rdev) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalDirectoryReadLinkAt(PAL_HANDLE dir, PAL_STR path, char* buffer, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalDirectoryRead(PAL_HANDLE dir, PAL_PTR buffer, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamSeek(PAL_HANDLE handle, int64_t offset, PAL_FLG whence) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAllocate(PAL_HANDLE handle, PAL_FLG mode, PAL_NUM offset, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamAdvise(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM size, PAL_FLG advice) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamSyncRange(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM size, PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamFilesystemQuery(PAL_HANDLE handle, PAL_FS_STAT* stat) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamXattrGet(PAL_HANDLE handle, PAL_STR name, PAL_PTR value, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamXattrSet(PAL_HANDLE handle, PAL_STR name, const void* value, PAL_NUM size,
                           PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalStreamXattrList(PAL_HANDLE handle, char* list, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamXattrRemove(PAL_HANDLE handle, PAL_STR name) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamLock(PAL_HANDLE handle, bool whole, PAL_FLG type, PAL_NUM start, PAL_NUM length,
                       bool wait) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalPipeCreate(PAL_FLG options, PAL_HANDLE handles[2]) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalEventfdCreate(PAL_NUM initial, PAL_FLG options, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalTimerCreate(PAL_FLG clock, PAL_FLG options, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalTimerSet(PAL_HANDLE timer, bool absolute, bool cancel_on_set, PAL_NUM value_ns,
                     PAL_NUM interval_ns, PAL_NUM* old_value_ns, PAL_NUM* old_interval_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalTimerGet(PAL_HANDLE timer, PAL_NUM* value_ns, PAL_NUM* interval_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWatchCreate(PAL_FLG options, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWatchAdd(PAL_HANDLE watch, PAL_HANDLE object, PAL_FLG mask, PAL_IDX* id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWatchRemove(PAL_HANDLE watch, PAL_IDX id) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamControl(PAL_HANDLE handle, PAL_FLG op, PAL_PTR arg, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketCreate(PAL_FLG family, PAL_FLG type, PAL_FLG protocol, PAL_FLG options,
                         PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketPair(PAL_FLG type, PAL_FLG options, PAL_HANDLE handles[2]) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketBind(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketListen(PAL_HANDLE handle, PAL_NUM backlog) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketConnect(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketAccept(PAL_HANDLE handle, PAL_FLG options, PAL_HANDLE* client, void* addr,
                         PAL_NUM* addr_size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalSocketSend(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count,
                           const void* addr, PAL_NUM addr_size, const void* control,
                           PAL_NUM control_size, PAL_FLG flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalSocketReceive(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count,
                              void* addr, PAL_NUM* addr_size, void* control, PAL_NUM* control_size,
                              PAL_FLG flags, PAL_FLG* out_flags) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketName(PAL_HANDLE handle, bool peer, void* addr, PAL_NUM* addr_size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketOptionGet(PAL_HANDLE handle, PAL_FLG level, PAL_FLG name, void* value,
                            PAL_NUM* size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketOptionSet(PAL_HANDLE handle, PAL_FLG level, PAL_FLG name, const void* value,
                            PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSocketShutdown(PAL_HANDLE handle, PAL_FLG how) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalStreamsWaitEvents(PAL_NUM count, PAL_HANDLE* handle_array, PAL_FLG* events,
                              PAL_FLG* ret_events, PAL_NUM timeout_us) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWaitSetCreate(PAL_HANDLE* set) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWaitSetAdd(PAL_HANDLE set, PAL_HANDLE object, PAL_FLG events, PAL_NUM data) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWaitSetModify(PAL_HANDLE set, PAL_HANDLE object, PAL_FLG events, PAL_NUM data) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalWaitSetRemove(PAL_HANDLE set, PAL_HANDLE object) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalWaitSetWait(PAL_HANDLE set, PAL_WAITSET_EVENT* events, PAL_NUM max,
                            PAL_NUM timeout_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadCreate(int (*addr)(void*), PAL_PTR param, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL PAL_NUM PalThreadDelayExecution(PAL_NUM duration_us) {
    return 0;
}

CALL void PalThreadYieldExecution(void) {
}

CALL _Noreturn void PalThreadExit(int* clear_child_tid) {
    for (;;)
        __builtin_trap();
}

CALL int PalThreadResume(PAL_HANDLE thread) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadSetCPUAffinity(PAL_HANDLE thread, PAL_NUM cpu_num, PAL_IDX* cpu_indexes) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadGetCPUAffinity(PAL_HANDLE thread, PAL_NUM size, uint8_t* mask) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadGetCPU(PAL_IDX* cpu, PAL_IDX* node) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadSchedSet(PAL_HANDLE thread, PAL_FLG policy, int priority, int nice) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadSchedGet(PAL_HANDLE thread, PAL_FLG* policy, int* priority, int* nice) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadIoPrioritySet(PAL_HANDLE thread, PAL_FLG value) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int64_t PalHostReport(PAL_FLG which, char* text, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadSetName(PAL_HANDLE thread, PAL_STR name) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadCpuTime(PAL_HANDLE thread, PAL_NUM* user_ns, PAL_NUM* system_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessUsage(PAL_FLG of, PAL_USAGE* usage) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL void PalSetExceptionHandler(PAL_EVENT_HANDLER handler, PAL_NUM event) {
}

CALL int PalMutexCreate(PAL_NUM initial_count, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL void PalMutexRelease(PAL_HANDLE mutex) {
}

CALL int PalNotificationEventCreate(PAL_BOL initial_state, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSynchronizationEventCreate(PAL_BOL initial_state, PAL_HANDLE* handle) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalEventSet(PAL_HANDLE event) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalEventClear(PAL_HANDLE event) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSynchronizationObjectWait(PAL_HANDLE handle, PAL_NUM timeout_us) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalFutexWait(uint32_t* word, uint32_t expected, PAL_FLG clock, PAL_NUM deadline_ns,
                      bool shared) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL void PalFutexWaitUninterruptible(uint32_t* word, uint32_t expected) {
}

CALL int PalRobustLock(PAL_ROBUST_LOCK* lock) {
    return 0;
}

CALL void PalRobustUnlock(PAL_ROBUST_LOCK* lock) {
}

CALL int PalFutexWake(uint32_t* word, PAL_NUM count, bool shared) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSharedFutexWait(uint32_t* word, uint32_t expected, uint32_t bitset, PAL_FLG clock,
                            PAL_NUM deadline_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSharedFutexWake(uint32_t* word, PAL_NUM count, uint32_t bitset) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSharedFutexRequeue(uint32_t* word, uint32_t* other, PAL_NUM wake, PAL_NUM move,
                               const uint32_t* expected) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSharedFutexWakeOp(uint32_t* word, uint32_t* other, PAL_NUM wake, PAL_NUM wake_other,
                              uint32_t op) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalFutexWaitAny(PAL_FUTEX_WAITER* waiters, PAL_NUM count, PAL_FLG clock,
                         PAL_NUM deadline_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalMemoryBarrierAll(void) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalMemoryBarrierProcesses(bool expedited) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalMemoryBarrierJoin(void) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSequenceBarrierAll(int cpu) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalInstructionBarrierAll(void) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL void PalObjectClose(PAL_HANDLE handle) {
}

CALL int PalDebugLog(const void* buffer, PAL_NUM* size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSystemTimeQuery(PAL_NUM* time_us) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalClockGet(PAL_FLG clock, PAL_NUM* time_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalClockResolution(PAL_FLG clock, PAL_NUM* resolution_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalClockSleep(PAL_FLG clock, PAL_NUM deadline_ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalRandomBitsRead(PAL_PTR buffer, PAL_NUM size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSegmentRegisterGet(PAL_FLG reg, PAL_PTR* addr) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSegmentRegisterSet(PAL_FLG reg, PAL_PTR addr) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalCpuIdRetrieve(PAL_IDX leaf, PAL_IDX subleaf, PAL_IDX values[PAL_CPUID_WORD_NUM]) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSystemInfoQuery(PAL_SYSTEM_INFO* info) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalResourceLimitGet(PAL_FLG resource, PAL_NUM* soft, PAL_NUM* hard) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalResourceLimitSet(PAL_FLG resource, PAL_NUM soft, PAL_NUM hard) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadRestartableSet(PAL_PTR area, PAL_NUM size, PAL_FLG signature, bool on) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalThreadTimerSlackSet(PAL_NUM ns) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalProcessHugePagesSet(PAL_FLG how) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalAttestationReport(PAL_PTR user_report_data, PAL_NUM* user_report_data_size,
                              PAL_PTR target_info, PAL_NUM* target_info_size, PAL_PTR report,
                              PAL_NUM* report_size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalAttestationQuote(PAL_PTR user_report_data, PAL_NUM user_report_data_size, PAL_PTR quote,
                             PAL_NUM* quote_size) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

CALL int PalSetProtectedFilesKey(PAL_PTR pf_key_hex) {
    return PAL_ERROR_NOTIMPLEMENTED;
}

/*
 * The older names of the PAL host ABI (Dk...), for programs written to the older documents. Three
 * calls took their arguments a little differently and are functions; all others are the same call.
 */
#ifndef PAL_DK_H
#define PAL_DK_H

#include "pal/pal.h"

#define DkAttestationQuote              PalAttestationQuote
#define DkAttestationReport             PalAttestationReport
#define DkCpuIdRetrieve                 PalCpuIdRetrieve
#define DkDebugLog                      PalDebugLog
#define DkEventClear                    PalEventClear
#define DkEventSet                      PalEventSet
#define DkMemoryAvailableQuota          PalMemoryAvailableQuota
#define DkMutexCreate                   PalMutexCreate
#define DkMutexRelease                  PalMutexRelease
#define DkNotificationEventCreate       PalNotificationEventCreate
#define DkObjectClose                   PalObjectClose
#define DkProcessCreate                 PalProcessCreate
#define DkProcessExit                   PalProcessExit
#define DkRandomBitsRead                PalRandomBitsRead
#define DkReceiveHandle                 PalReceiveHandle
#define DkSegmentRegisterGet            PalSegmentRegisterGet
#define DkSegmentRegisterSet            PalSegmentRegisterSet
#define DkSendHandle                    PalSendHandle
#define DkSetExceptionHandler           PalSetExceptionHandler
#define DkSetProtectedFilesKey          PalSetProtectedFilesKey
#define DkStreamAttributesQuery         PalStreamAttributesQuery
#define DkStreamAttributesQueryByHandle PalStreamAttributesQueryByHandle
#define DkStreamAttributesSetByHandle   PalStreamAttributesSetByHandle
#define DkStreamChangeName              PalStreamChangeName
#define DkStreamDelete                  PalStreamDelete
#define DkStreamFlush                   PalStreamFlush
#define DkStreamGetName                 PalStreamGetName
#define DkStreamMap                     PalStreamMap
#define DkStreamOpen                    PalStreamOpen
#define DkStreamRead                    PalStreamRead
#define DkStreamSetLength               PalStreamSetLength
#define DkStreamUnmap                   PalStreamUnmap
#define DkStreamWrite                   PalStreamWrite
#define DkStreamsWaitEvents             PalStreamsWaitEvents
#define DkSynchronizationEventCreate    PalSynchronizationEventCreate
#define DkSynchronizationObjectWait     PalSynchronizationObjectWait
#define DkSystemTimeQuery               PalSystemTimeQuery
#define DkThreadDelayExecution          PalThreadDelayExecution
#define DkThreadResume                  PalThreadResume
#define DkThreadYieldExecution          PalThreadYieldExecution
#define DkVirtualMemoryAlloc            PalVirtualMemoryAlloc
#define DkVirtualMemoryFree             PalVirtualMemoryFree
#define DkVirtualMemoryProtect          PalVirtualMemoryProtect

static inline int DkThreadCreate(PAL_PTR addr, PAL_PTR param, PAL_HANDLE* handle) {
    return PalThreadCreate((int (*)(void*))addr, param, handle);
}

_Noreturn static inline void DkThreadExit(PAL_PTR clear_child_tid) {
    PalThreadExit((int*)clear_child_tid);
}

static inline int DkStreamWaitForClient(PAL_HANDLE handle, PAL_HANDLE* client) {
    return PalStreamWaitForClient(handle, client, 0);
}

#endif /* PAL_DK_H */

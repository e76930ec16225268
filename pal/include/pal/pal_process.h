/*
 * Part of the host ABI, pal.h: processes.
 */
#ifndef PAL_PROCESS_H
#define PAL_PROCESS_H

/* exec_uri: file: URI of the program the new process runs (its libos.entrypoint); args: NULL-ended.
 * The new process shares the manifest, inherits nothing else; handle is a stream to it. */
int PalProcessCreate(PAL_STR exec_uri, PAL_STR* args, PAL_HANDLE* handle);
/* Clone this process (PAL_CAP_FORK): returns 0 in the child with *child = NULL, 0 in the parent
 * with a handle on which PalStreamsWaitEvents reports the child's end. Only the caller's thread
 * exists in the child; its TCB stays valid. Private memory is copied, handles are shared. */
int PalProcessFork(PAL_HANDLE* child);
/* The same without a handle: 1 in the parent, 0 in the child. *host_id is the child's number in
 * both (PalProcessId()); in shared memory, all see it there before the child runs, even if the
 * parent does not live to. Told of at the end by PalProcessReap(). */
int PalProcessForkInto(PAL_IDX* host_id);
/* Exit status of a forked or created process that has ended: *status = code, or 256 + signal.
 * PAL_ERROR_NOCHILD: it was forgotten. */
int PalProcessWait(PAL_HANDLE process, bool block, PAL_NUM* status);
/* Any child that has ended, forked by this process or inherited as its subreaper: its host number
 * and status, as above. It is told again until PalProcessForget(): should this process die before
 * it has taken note, whoever inherits the child is told. PAL_ERROR_TRYAGAIN: none has ended;
 * PAL_ERROR_NOCHILD: there are none. Does not block. */
int PalProcessReap(PAL_IDX* host_id, PAL_NUM* status);
/* The host may use the number anew. PAL_ERROR_NOCHILD: no such child has ended. */
int PalProcessForget(PAL_IDX host_id);
/* The host's number of a forked or created child, or of this process (NULL). Only for the calls
 * below, and never for the guest's eyes. */
int PalProcessId(PAL_HANDLE process, PAL_IDX* host_id);
/* A handle on which waiting for PAL_WAIT_READ ends when that process of the instance has ended, and
 * nothing else works. PAL_ERROR_NOTHREAD: it has ended. */
int PalProcessOpen(PAL_IDX host_id, PAL_HANDLE* handle);
/* Kick another process of the instance: one of its threads gets an upcall as by PalThreadResume().
 * The caller sees to it that host_id still is that process. PAL_ERROR_NOTHREAD: it has ended. */
int PalProcessKick(PAL_IDX host_id);
/* The same, and if PalProcessStopSelf() has stopped it, it goes on. */
int PalProcessContinue(PAL_IDX host_id);
/* End another process of the instance, whatever it does. Errors as PalProcessKick(). */
int PalProcessKill(PAL_IDX host_id);
/* From now on (or no longer) this process inherits the children of its descendants that end. */
int PalProcessSetSubreaper(bool on);
_Noreturn void PalProcessExit(PAL_NUM exit_code);
/* End this process as if killed by host-visible signal number signo (core dump off). */
_Noreturn void PalProcessKillSelf(PAL_NUM signo);
/* Stop the whole process (job control) until the host continues it. */
int PalProcessStopSelf(PAL_NUM signo);

#endif /* PAL_PROCESS_H */

/*
 * Part of the host ABI, pal.h: barriers on other threads, restartable sequences.
 */
#ifndef PAL_BARRIER_H
#define PAL_BARRIER_H

/* Make every thread of the process execute a full barrier before this returns. */
int PalMemoryBarrierAll(void);
/* The same, and serialise the instruction stream of every thread (for code patching). */
int PalInstructionBarrierAll(void);
/* Every thread of every process; if expedited, of those that asked for it by
 * PalMemoryBarrierJoin(). */
int PalMemoryBarrierProcesses(bool expedited);
int PalMemoryBarrierJoin(void);
/* End the restartable sequence of every thread of the process, or of the one on this CPU (not -1).
 */
int PalSequenceBarrierAll(int cpu);
/* Linux's rseq(2) for the calling thread: on, the host keeps its CPU in the area and ends
 * sequences; off, with the same values, no more. PAL_ERROR_BADADDR, _NOTIMPLEMENTED. New threads
 * have none. */
int PalThreadRestartableSet(PAL_PTR area, PAL_NUM size, PAL_FLG signature, bool on);

#endif /* PAL_BARRIER_H */

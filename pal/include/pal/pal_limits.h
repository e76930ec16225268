/*
 * Part of the host ABI, pal.h: limits and habits of the host that the program sets.
 */
#ifndef PAL_LIMITS_H
#define PAL_LIMITS_H

/* Pass a resource limit (Linux's RLIMIT_* number) that only the host can enforce. */
int PalResourceLimitGet(PAL_FLG resource, PAL_NUM* soft, PAL_NUM* hard);
int PalResourceLimitSet(PAL_FLG resource, PAL_NUM soft, PAL_NUM hard);
/* How much later than asked the calling thread's timeouts may be; not 0. New threads have it too.
 */
int PalThreadTimerSlackSet(PAL_NUM ns);
/* Huge pages for the process: as the host does by default, none, or only where advised. */
enum { PAL_HUGE_PAGES_DEFAULT = 0, PAL_HUGE_PAGES_NEVER = 1, PAL_HUGE_PAGES_ADVISED = 2 };
int PalProcessHugePagesSet(PAL_FLG how);

#endif /* PAL_LIMITS_H */

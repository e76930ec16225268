/*
 * Part of the host ABI, pal.h: robust locks; futexes of the guest.
 */
#ifndef PAL_FUTEX_H
#define PAL_FUTEX_H

/* Locks in memory shared between processes (all zero: free), that outlive their owners. Kept by the
 * host for each thread: a thread may hold several, and gives them back in any order; a forked child
 * holds none. */
typedef struct PAL_ROBUST_LOCK_ {
    struct PAL_ROBUST_LOCK_* next; /* the host's, while it is held */
    uint32_t word;                 /* the host's; 0: free */
    uint32_t reserved;
} PAL_ROBUST_LOCK;
/* 0: taken; 1: taken, and the last owner died holding it: what the lock guards may be half done.
 * Makes no host call if the lock is free, but for a thread's first one. A kick neither ends the
 * wait nor is used up by it. */
int PalRobustLock(PAL_ROBUST_LOCK* lock);
/* Only by the thread that holds it. Makes no host call if nobody waits. */
void PalRobustUnlock(PAL_ROBUST_LOCK* lock);

/*
 * Futexes of the guest in memory that processes share (PAL_CAP_SHARED_MEM): every process that maps
 * the same memory waits and wakes there. A word may be a bad address: PAL_ERROR_BADADDR, or
 * PAL_ERROR_INVAL where it is not aligned. bitset: a wake meets the waiters whose bitset shares a
 * bit with its own; 0 is PAL_ERROR_INVAL. The rest is as for PalFutexWait. [blocking]
 */
int PalSharedFutexWait(uint32_t* word, uint32_t expected, uint32_t bitset, PAL_FLG clock,
                       PAL_NUM deadline_ns);
/* Returns how many were woken, the longest waiting first. */
int PalSharedFutexWake(uint32_t* word, PAL_NUM count, uint32_t bitset);
/* Wakes `wake` of them and lets up to `move` more wait for `other` from now on; returns how many
 * that were in all. expected: not NULL, then PAL_ERROR_TRYAGAIN unless that is in *word. */
int PalSharedFutexRequeue(uint32_t* word, uint32_t* other, PAL_NUM wake, PAL_NUM move,
                          const uint32_t* expected);
/* FUTEX_WAKE_OP of futex(2), with its encoding of op: changes *other, and wakes on both. */
int PalSharedFutexWakeOp(uint32_t* word, uint32_t* other, PAL_NUM wake, PAL_NUM wake_other,
                         uint32_t op);
/* Wait for any of up to 128 words. The index of one that was woken. [blocking] */
typedef struct PAL_FUTEX_WAITER_ {
    PAL_NUM expected; /* 32 bits */
    PAL_NUM word;     /* its address */
    PAL_FLG flags;    /* PAL_FUTEX_SHARED or PAL_FUTEX_PRIVATE */
    PAL_FLG zero;
} PAL_FUTEX_WAITER; /* laid out as struct futex_waitv */
enum {
    PAL_FUTEX_SHARED = 2,    /* as PalSharedFutexWait */
    PAL_FUTEX_PRIVATE = 130, /* as PalFutexWait; shared false */
};
int PalFutexWaitAny(PAL_FUTEX_WAITER* waiters, PAL_NUM count, PAL_FLG clock, PAL_NUM deadline_ns);

#endif /* PAL_FUTEX_H */

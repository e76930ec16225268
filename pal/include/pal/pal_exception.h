/*
 * Part of the host ABI, pal.h: exceptions.
 */
#ifndef PAL_EXCEPTION_H
#define PAL_EXCEPTION_H

enum {
    PAL_EVENT_ARITHMETIC_ERROR = 1,
    PAL_EVENT_MEMFAULT = 2,
    PAL_EVENT_ILLEGAL = 3,     /* illegal instruction, or a `syscall` outside the stub page */
    PAL_EVENT_QUIT = 4,        /* a terminating signal from outside: see host_signo */
    PAL_EVENT_INTERRUPTED = 5, /* kicked, or any other asynchronous signal from outside */
    PAL_EVENT_TRAP = 6,        /* int3, single step */
    PAL_EVENT_CHILD = 7, /* a child ended: PalProcessReap(). With no handler none is interrupted */
    PAL_EVENT_NUM_BOUND = 8,
};

/* The CPU at the moment of an event. A handler may change any register; they take effect when it
 * returns. Vector state is left alone and is live again once the handler has returned. */
typedef struct PAL_CONTEXT {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, efl;
    uint64_t err, trapno, cr2;
    uint32_t mxcsr, fpucw;
    void* fpregs;       /* the host's copy of the XSAVE area; valid during the upcall */
    int32_t host_signo; /* Linux number of the signal behind the event; 0 if none */
    int32_t host_code;  /* its si_code */
    bool is_syscall;    /* PAL_EVENT_ILLEGAL: it was a trapped system call; rip is behind it */
    uint64_t ret_addr;  /* reserved */
    /* The base of GS. The upcall itself runs with the PAL's, pal_get_tcb(), whatever it was. */
    uint64_t gs_base;
} PAL_CONTEXT;

/* Upcall, on the thread's exception stack, host signals blocked. is_in_pal: the interrupted code
 * is the PAL's, perhaps under one of its locks: such an upcall may call PalThreadResume,
 * PalFutexWake, PalDebugLog, the clock calls, PalProcessExit and PalProcessKillSelf only. It must
 * not block. addr: fault address, for synchronous events. */
typedef void (*PAL_EVENT_HANDLER)(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context);
void PalSetExceptionHandler(PAL_EVENT_HANDLER handler, PAL_NUM event);

#endif /* PAL_EXCEPTION_H */

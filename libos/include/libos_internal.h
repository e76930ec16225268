/*
 * What every file of the LibOS uses: errors, messages, memory, user memory, reference counts.
 */
#ifndef LIBOS_INTERNAL_H
#define LIBOS_INTERNAL_H

#include <asm/errno.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culm_list.h"
#include "culm_printf.h"
#include "culm_string.h"
#include "libos_lock.h"
#include "libos_tcb.h"
#include "pal/pal.h"

/* Errors inside the LibOS are negative errno values in `int` or `long`. These four never reach a
 * guest: the way out turns them into EINTR or a restart (libos/src/signal). Linux's own numbers. */
#define ERESTARTSYS           512 /* restart if SA_RESTART, or if no handler runs */
#define ERESTARTNOINTR        513 /* always restart */
#define ERESTARTNOHAND        514 /* restart only if no handler runs */
#define ERESTART_RESTARTBLOCK 516 /* EINTR if a handler runs, else on through restart_syscall */

/* PAL_ERROR_* to -errno (0 and positive values pass through). A value the PAL may not return is
 * -EIO. PAL_ERROR_INTERRUPTED becomes -ERESTARTSYS: callers that differ say so. */
long pal_to_errno(long pal_ret);

extern PAL_CONTROL* g_pal_control;

/* ---- messages for people -------------------------------------------------------------------- */
void libos_log(int level, const char* fmt, ...) __attribute__((format(printf, 2, 3)));
extern bool g_error_said; /* an error was logged: a second line would only repeat it */
#define log_error(...)   libos_log(PAL_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) libos_log(PAL_LOG_WARNING, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (g_pal_control->log_level >= PAL_LOG_DEBUG)                                             \
            libos_log(PAL_LOG_DEBUG, __VA_ARGS__);                                                 \
    } while (0)
/* A state that cannot be: says where and ends the process. */
_Noreturn void libos_bug(const char* file, int line, const char* what);
#define BUG_ON(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0))                                                         \
            libos_bug(__FILE__, __LINE__, #cond);                                                  \
    } while (0)

/* ---- LibOS memory (libos/src/mm/libos_malloc.c) --------------------------------------------- */
void* libos_malloc(size_t size); /* NULL when there is none; 16-byte aligned, not zeroed */
void* libos_calloc(size_t count, size_t size);
void* libos_realloc(void* ptr, size_t size);
void libos_free(void* ptr); /* NULL is fine */
char* libos_strdup(const char* s);
/* Whole zeroed pages from the LibOS's range; freed with libos_free_pages. NULL: none left. */
void* libos_alloc_pages(size_t size);
void libos_free_pages(void* addr, size_t size);

/* ---- user memory (libos/src/arch/x86_64/) -----------------------------------------------------
 * No probing: a fault in the middle is fixed up. Addresses outside the guest's range are refused.
 * The int ones return 0 or -EFAULT. */
extern uint64_t g_user_end; /* end of the guest's address range */
static inline bool access_ok(const void* ptr, size_t size) {
    uint64_t a = (uint64_t)ptr;
    return a <= g_user_end && size <= g_user_end - a;
}
int user_copy_from(void* dst, const void* user_src, size_t size);
int user_copy_to(void* user_dst, const void* src, size_t size);
/* As much as can be copied; these return the bytes NOT copied. */
size_t user_copy_from_partial(void* dst, const void* user_src, size_t size);
size_t user_copy_to_partial(void* user_dst, const void* src, size_t size);
size_t user_clear_partial(void* user_dst, size_t size);
/* Copies with the NUL; returns the length without it, -EFAULT, or `size` if there is no NUL in
 * size bytes (the caller knows whether that is ENAMETOOLONG or E2BIG). */
long user_copy_string(char* dst, const char* user_src, size_t size);
#define user_get(var, uptr) user_copy_from(&(var), (uptr), sizeof(var))
#define user_put(var, uptr) user_copy_to((uptr), &(var), sizeof(var))
/* Atomics on user words. Return 0 or -EFAULT. */
int user_load_u32(const uint32_t* uaddr, uint32_t* value);
int user_store_u32(uint32_t* uaddr, uint32_t value);
int user_cmpxchg_u32(uint32_t* uaddr, uint32_t* expected, uint32_t desired); /* *expected = seen */

/* ---- small things ---------------------------------------------------------------------------- */
#define PAGE_SIZE        4096UL
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + ((__typeof__(x))(a)-1), a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)
#define PAGE_DOWN(x)     ALIGN_DOWN((x), PAGE_SIZE)
#define PAGE_UP(x)       ALIGN_UP((x), PAGE_SIZE)
#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))

typedef struct {
    uint32_t count;
} refcount_t;
static inline void ref_set(refcount_t* r, uint32_t n) {
    __atomic_store_n(&r->count, n, __ATOMIC_RELAXED);
}
static inline void ref_get(refcount_t* r) {
    __atomic_add_fetch(&r->count, 1, __ATOMIC_RELAXED);
}
/* true: that was the last one. */
static inline bool ref_put(refcount_t* r) {
    return __atomic_sub_fetch(&r->count, 1, __ATOMIC_ACQ_REL) == 0;
}
/* false: it had already gone to zero. */
static inline bool ref_get_unless_zero(refcount_t* r) {
    uint32_t n = __atomic_load_n(&r->count, __ATOMIC_RELAXED);
    while (n) {
        if (__atomic_compare_exchange_n(&r->count, &n, n + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

#endif /* LIBOS_INTERNAL_H */

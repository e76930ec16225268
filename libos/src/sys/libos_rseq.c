/*
 * Restartable sequences: rseq(2). The host's kernel does the work, on the program's own area: it
 * keeps the CPU number there and ends a sequence that a preemption or a signal interrupts. (Signals
 * of the program reach a thread outside of the LibOS by a signal of the host's, so those count as
 * well.) What is left to do here: the area is registered for the host thread just as long as for
 * the program's.
 */
#include <linux/rseq.h>
#include "libos_process.h"
#include "libos_table.h"

#define SIZE_FIRST                                                                                 \
    32 /* of the area before it could grow: any size but this must hold all fields                 \
        */

static int set_on_host(const struct libos_rseq* r, bool on) {
    int ret = PalThreadRestartableSet((PAL_PTR)r->area, r->size, r->signature, on);
    return ret == PAL_ERROR_DENIED ? -EFAULT : (int)pal_to_errno(ret);
}

/* The host thread stops being this thread's, or its program ends. */
void libos_rseq_leave(struct libos_thread* t) {
    if (t->rseq.area)
        set_on_host(&t->rseq, false);
}

void libos_rseq_enter(struct libos_thread* t) {
    if (t->rseq.area)
        set_on_host(&t->rseq, true);
}

void libos_rseq_exec(void) {
    struct libos_thread* t = get_cur_thread();
    libos_rseq_leave(t);
    t->rseq = (struct libos_rseq){0};
}

/* A handler begins, so no sequence goes on. */
void libos_rseq_signal(const struct libos_thread* t) {
    uint64_t* current = (uint64_t*)(t->rseq.area + offsetof(struct rseq, rseq_cs));
    uint64_t cs;
    if (t->rseq.area && user_get(cs, current) == 0 && cs) {
        cs = 0;
        user_put(cs, current);
    }
}

static long unregister(struct libos_thread* t, const struct libos_rseq* r) {
    if (!r->area || r->area != t->rseq.area || r->size != t->rseq.size)
        return -EINVAL;
    if (r->signature != t->rseq.signature)
        return -EPERM;
    int ret = set_on_host(r, false);
    if (!ret)
        t->rseq = (struct libos_rseq){0};
    return ret;
}

static bool good_shape(const struct libos_rseq* r) {
    if (r->size == SIZE_FIRST)
        return IS_ALIGNED(r->area, SIZE_FIRST);
    return r->size > SIZE_FIRST && IS_ALIGNED(r->area, g_pal_control->rseq_align) &&
           r->size >= g_pal_control->rseq_feature_size;
}

long libos_syscall_rseq(struct rseq* area, uint32_t len, int flags, uint32_t sig) {
    struct libos_thread* t = get_cur_thread();
    struct libos_rseq r = {.area = (uint64_t)area, .size = len, .signature = sig};
    if (!g_pal_control->rseq_align)
        return -ENOSYS; /* as on a kernel without it */
    if (flags & RSEQ_FLAG_UNREGISTER)
        return flags & ~RSEQ_FLAG_UNREGISTER ? -EINVAL : unregister(t, &r);
    if (flags)
        return -EINVAL;
    if (t->rseq.area) {
        if (t->rseq.area != r.area || t->rseq.size != len)
            return -EINVAL;
        return t->rseq.signature != sig ? -EPERM : -EBUSY;
    }
    if (!good_shape(&r))
        return -EINVAL;
    if (!access_ok(area, len))
        return -EFAULT;
    int ret = set_on_host(&r, true);
    if (!ret)
        t->rseq = r;
    return ret;
}

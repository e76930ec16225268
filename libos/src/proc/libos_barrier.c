/*
 * The fork barrier: stops every other thread of the process at a point where it holds no lock.
 * See libos_lock.h. The barrier word is 0 (down) or the tid of the thread that raised it.
 */
#include "libos_internal.h"
#include "libos_process.h"

uint32_t g_libos_fork_barrier;

void libos_barrier_wait(void) {
    uint32_t up;
    while ((up = __atomic_load_n(&g_libos_fork_barrier, __ATOMIC_SEQ_CST)) != 0) {
        struct libos_thread* t = get_cur_thread();
        if (t && up == (uint32_t)t->tid)
            return; /* the forker itself goes on */
        PalFutexWaitUninterruptible(&g_libos_fork_barrier, up);
    }
}

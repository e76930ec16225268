/* What the calls of sys/ ask of eventfd, timerfd and signalfd. Each returns a descriptor or -errno.
 */
#ifndef LIBOS_EVENTFD_H
#define LIBOS_EVENTFD_H

#include <linux/time_types.h>

#include "libos_event.h"

long libos_eventfd_create(uint32_t initial, bool semaphore, bool nonblock, bool cloexec);

long libos_timerfd_create(int clock, bool nonblock, bool cloexec);
bool libos_is_timerfd(const struct libos_file* f);
/* Times are checked; old may be NULL. */
int libos_timerfd_set(struct libos_file* f, int flags, const struct __kernel_itimerspec* new_value,
                      struct __kernel_itimerspec* old_value);
int libos_timerfd_get(struct libos_file* f, struct __kernel_itimerspec* value);

long libos_signalfd_create(libos_sigset_t mask, bool nonblock, bool cloexec);
bool libos_is_signalfd(const struct libos_file* f);
void libos_signalfd_set_mask(struct libos_file* f, libos_sigset_t mask);

#endif /* LIBOS_EVENTFD_H */

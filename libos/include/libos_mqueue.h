/*
 * POSIX message queues. mq_overview(7). The queues lie in the arena: libos/src/ipc/libos_mq*.c.
 */
#ifndef LIBOS_MQUEUE_H
#define LIBOS_MQUEUE_H

#include <linux/mqueue.h>
#include <linux/signal.h>

#include "libos_file.h"

#define LIBOS_MQ_NAME_MAX 255

/* name: LibOS memory, one component. attr NULL: the default. *out: an open file. */
int libos_mq_open(const char* name, int flags, uint32_t mode, const struct mq_attr* attr,
                  struct libos_file** out);
int libos_mq_unlink(const char* name);
bool libos_mq_is(const struct libos_file* f);

/* deadline_ns: on PAL_CLOCK_REALTIME, or NO_TIMEOUT. data: user memory. */
long libos_mq_send(struct libos_file* f, const void* data, size_t size, uint32_t priority,
                   uint64_t deadline_ns);
/* Returns the length. */
long libos_mq_receive(struct libos_file* f, void* data, size_t size, uint32_t* user_priority,
                      uint64_t deadline_ns);
void libos_mq_get_attr(struct libos_file* f, struct mq_attr* attr);
/* event NULL: this process wants none any more. cookie: NOTIFY_COOKIE_LEN bytes, SIGEV_THREAD; goes
 * to that socket. */
int libos_mq_notify(struct libos_file* f, const struct sigevent* event, const char* cookie,
                    struct libos_file* socket);

#endif /* LIBOS_MQUEUE_H */

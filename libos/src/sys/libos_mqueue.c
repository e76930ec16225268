/*
 * mq_open, mq_unlink, mq_timedsend, mq_timedreceive, mq_notify, mq_getsetattr: decoding. See
 * ipc/libos_mq.c.
 */
#include "libos_mqueue.h"

#include <asm/fcntl.h>
#include <linux/limits.h>

#include "libos_event.h"
#include "libos_socket.h"
#include "libos_table.h"
#include "libos_time.h"

#define PRIORITIES 32768

static int get_name(char* name, const char* user_name) {
    char path[PATH_MAX];
    long len = user_copy_string(path, user_name, sizeof(path));
    if (len < 0)
        return (int)len;
    if (len == sizeof(path) || len > LIBOS_MQ_NAME_MAX + 1)
        return -ENAMETOOLONG;
    memcpy(name, path, (size_t)len + 1);
    return 0;
}

long libos_syscall_mq_open(const char* u_name, int oflag, mode_t mode, struct mq_attr* u_attr) {
    char name[LIBOS_MQ_NAME_MAX + 2];
    struct mq_attr attr;
    struct libos_file* f;
    if (u_attr && user_get(attr, u_attr) < 0)
        return -EFAULT;
    int ret = get_name(name, u_name);
    if (ret == 0)
        ret = libos_mq_open(name, oflag, mode, u_attr ? &attr : NULL, &f);
    return ret < 0 ? ret : libos_fd_publish(f, true); /* always close-on-exec */
}

long libos_syscall_mq_unlink(const char* u_name) {
    char name[LIBOS_MQ_NAME_MAX + 2];
    int ret = get_name(name, u_name);
    return ret < 0 ? ret : libos_mq_unlink(name);
}

static int get_deadline(uint64_t* ns, const struct __kernel_timespec* user) {
    *ns = NO_TIMEOUT;
    return user ? user_get_timespec(ns, user) : 0;
}

/* A queue that was opened for this; NULL: -EBADF. not_for: O_RDONLY or O_WRONLY. */
static struct libos_file* get_queue(int mqdes, int not_for) {
    struct libos_file* f = libos_fd_get_open(mqdes);
    if (!f)
        return NULL;
    int access = f->flags & O_ACCMODE;
    if (libos_mq_is(f) && access != not_for && access != O_ACCMODE)
        return f;
    libos_file_put(f);
    return NULL;
}

long libos_syscall_mq_timedsend(int mqdes, const char* u_msg_ptr, size_t msg_len,
                                unsigned int msg_prio,
                                const struct __kernel_timespec* u_abs_timeout) {
    uint64_t deadline;
    long ret = get_deadline(&deadline, u_abs_timeout);
    if (ret < 0)
        return ret;
    if (msg_prio >= PRIORITIES)
        return -EINVAL;
    struct libos_file* f = get_queue(mqdes, O_RDONLY);
    if (!f)
        return -EBADF;
    ret = libos_mq_send(f, u_msg_ptr, msg_len, msg_prio, deadline);
    libos_file_put(f);
    return ret;
}

long libos_syscall_mq_timedreceive(int mqdes, char* u_msg_ptr, size_t msg_len,
                                   unsigned int* u_msg_prio,
                                   const struct __kernel_timespec* u_abs_timeout) {
    uint64_t deadline;
    long ret = get_deadline(&deadline, u_abs_timeout);
    if (ret < 0)
        return ret;
    struct libos_file* f = get_queue(mqdes, O_WRONLY);
    if (!f)
        return -EBADF;
    ret = libos_mq_receive(f, u_msg_ptr, msg_len, u_msg_prio, deadline);
    libos_file_put(f);
    return ret;
}

long libos_syscall_mq_getsetattr(int mqdes, const struct mq_attr* u_mqstat,
                                 struct mq_attr* u_omqstat) {
    struct mq_attr in, out;
    if (u_mqstat && user_get(in, u_mqstat) < 0)
        return -EFAULT;
    if (u_mqstat && (in.mq_flags & ~O_NONBLOCK))
        return -EINVAL;
    struct libos_file* f = libos_fd_get_open(mqdes);
    long ret = f && libos_mq_is(f) ? 0 : -EBADF;
    if (!ret) {
        libos_mq_get_attr(f, &out);
        if (u_mqstat) {
            uint32_t flags = __atomic_load_n(&f->flags, __ATOMIC_RELAXED) & ~(uint32_t)O_NONBLOCK;
            __atomic_store_n(&f->flags, flags | (uint32_t)in.mq_flags, __ATOMIC_RELAXED);
            libos_file_changed(f);
        }
    }
    if (f)
        libos_file_put(f);
    return !ret && u_omqstat && user_put(out, u_omqstat) < 0 ? -EFAULT : ret;
}

/* ---- mq_notify ----------------------------------------------------------------------------------
 */

static int check_event(const struct sigevent* e) {
    if (e->sigev_notify != SIGEV_NONE && e->sigev_notify != SIGEV_SIGNAL &&
        e->sigev_notify != SIGEV_THREAD)
        return -EINVAL;
    return e->sigev_notify == SIGEV_SIGNAL && (unsigned)e->sigev_signo > 64 ? -EINVAL : 0;
}

/* The socket that a SIGEV_THREAD notification names, and what it is to say. */
static int get_socket(const struct sigevent* e, char* cookie, struct libos_file** out) {
    if (user_copy_from(cookie, e->sigev_value.sival_ptr, NOTIFY_COOKIE_LEN) < 0)
        return -EFAULT;
    struct libos_file* f = libos_fd_get_open(e->sigev_signo);
    int ret = f ? libos_netlink_check(f) : -EBADF;
    if (ret < 0 && f)
        libos_file_put(f);
    else
        *out = f;
    return ret;
}

long libos_syscall_mq_notify(int mqdes, const struct sigevent* u_notification) {
    struct sigevent event;
    struct libos_file* socket = NULL;
    char cookie[NOTIFY_COOKIE_LEN];
    if (u_notification) {
        int ret = user_get(event, u_notification) < 0 ? -EFAULT : check_event(&event);
        if (!ret && event.sigev_notify == SIGEV_THREAD)
            ret = get_socket(&event, cookie, &socket);
        if (ret)
            return ret;
    }
    struct libos_file* f = libos_fd_get_open(mqdes);
    long ret = f && libos_mq_is(f)
                   ? libos_mq_notify(f, u_notification ? &event : NULL, cookie, socket)
                   : -EBADF;
    if (f)
        libos_file_put(f);
    if (socket)
        libos_file_put(socket);
    return ret;
}

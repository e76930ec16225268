/* What the files of socket calls share: addresses from and to the guest, numbers without a header.
 */
#ifndef LIBOS_SOCKET_USER_H
#define LIBOS_SOCKET_USER_H

#include <asm/socket.h>
#include <linux/socket.h>

#include "libos_internal.h"

#define SOL_SOCKET_ 1
#define SOL_TCP_    6

/* 0, -EINVAL (size), -EFAULT. */
int libos_get_sockaddr(struct __kernel_sockaddr_storage* addr, const void* user_addr, int size);
/* Cuts at *user_size and tells the whole size there. 0, -EFAULT, -EINVAL. */
int libos_put_sockaddr(const struct __kernel_sockaddr_storage* addr, PAL_NUM size, void* user_addr,
                       int* user_size);

#endif /* LIBOS_SOCKET_USER_H */

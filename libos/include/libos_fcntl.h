/*
 * fcntl's record locks (sys/libos_lock.c); arg is the guest's struct flock.
 */
#ifndef LIBOS_FCNTL_H
#define LIBOS_FCNTL_H

#include "libos_file.h"

long libos_fcntl_getlk(struct libos_file* f, unsigned long arg, bool ofd);
long libos_fcntl_setlk(struct libos_file* f, unsigned long arg, bool ofd, bool wait);

#endif /* LIBOS_FCNTL_H */

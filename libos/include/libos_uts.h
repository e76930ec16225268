/*
 * The names uname(2) tells.
 */
#ifndef LIBOS_UTS_H
#define LIBOS_UTS_H

#include "libos_internal.h"

#define LIBOS_UTS_LEN 64 /* __NEW_UTS_LEN */

struct libos_uts {
    libos_lock_t lock; /* guards nodename and domainname */
    char nodename[LIBOS_UTS_LEN + 1], domainname[LIBOS_UTS_LEN + 1];
    char release[LIBOS_UTS_LEN + 1], version[LIBOS_UTS_LEN + 1]; /* constant */
};
extern struct libos_uts g_uts;
int libos_uts_init(void); /* 0 */

#endif /* LIBOS_UTS_H */

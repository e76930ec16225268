/*
 * The one place where PAL errors become Linux errno values.
 */
#include "libos_internal.h"

long pal_to_errno(long pal_ret) {
    if (pal_ret >= 0)
        return pal_ret;
    if (pal_ret == PAL_ERROR_INTERRUPTED)
        return -ERESTARTSYS;
#define CASE_(name, value, linux_errno, text) [value] = linux_errno,
    static const uint8_t map[] = {PAL_ERROR_LIST(CASE_)};
#undef CASE_
    unsigned long index = -(unsigned long)pal_ret;
    if (index >= ARRAY_SIZE(map) || !map[index])
        return -EIO; /* not a reply a PAL may give */
    return -(long)map[index];
}

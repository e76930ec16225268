/*
 * Text that the host tells of itself, for /proc and /sys.
 */
#ifndef PROC_HOST_H
#define PROC_HOST_H

#include "pseudo_text.h"

/* Appends the report PAL_HOST_*. -ENOSYS: the host does not tell; nothing was appended. */
int libos_host_report(uint32_t which, struct libos_text* out);
/* The same by lines of "name value": the value behind `name`, or `otherwise`. */
uint64_t libos_host_value(const char* text, size_t size, const char* name, uint64_t otherwise);

/* A node whose text is the host's, and `fallback` where the host does not tell. */
struct proc_host_file {
    uint32_t which;
    const char* fallback; /* NULL: then there is no such file */
};
int proc_show_host(const struct libos_pseudo_at* at, struct libos_text* out);

#define HOST_FILE(n, w, text)                                                                      \
    {                                                                                              \
        .name = (n), .mode = S_IFREG | 0444, .show = proc_show_host,                               \
        .data = &(const struct proc_host_file) {                                                   \
            PAL_HOST_##w, text                                                                     \
        }                                                                                          \
    }

#endif /* PROC_HOST_H */

/*
 * Tracing of system calls: what the files of trace/ share.
 */
#ifndef LIBOS_TRACE_H
#define LIBOS_TRACE_H

#include "libos_internal.h"
#include "libos_table.h"

struct trace_name { /* tables end with a NULL name */
    uint64_t value;
    const char* name;
};
extern const struct trace_name trace_open_flags[], trace_prot_flags[], trace_map_flags[];
extern const struct trace_name trace_sighow[], trace_whence[], trace_clocks[], trace_fcntl[];
extern const struct trace_name trace_futex[], trace_families[], trace_rlimits[], trace_prctl[];

const char* libos_errno_name(int error); /* never NULL */
const char* libos_signal_name(int sig);  /* NULL: a real-time signal, or none */

/* A line that is put together piece by piece; what does not fit is cut. */
struct trace_line {
    size_t length;
    char text[1000];
};
void trace_put(struct trace_line* line, const char* fmt, ...) __attribute__((format(printf, 2, 3)));

/* One argument; next: the one behind it (a size). result: of the call, or a negative number while
 * it is not known. */
void trace_arg(struct trace_line* line, unsigned kind, uint64_t value, uint64_t next, long result);

/* The fixed result of a call that the manifest mocks; false: none. (mock.c) */
bool trace_mock(uint32_t nr, long* result);

/* --stats (stats.c) */
void trace_count(uint32_t nr, uint64_t ns, bool failed, bool trapped);
void trace_stats_init(void);

#endif /* LIBOS_TRACE_H */

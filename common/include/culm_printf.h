/*
 * Formatted output for freestanding code: %d %i %u %x %X %o %c %s %p %% with flags 0 - + space #,
 * width, precision (also *), and length hh h l ll z j t. No floating point.
 */
#ifndef CULM_PRINTF_H
#define CULM_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

/* As C's: always terminates when size > 0; returns the length the whole text would have. */
int vsnprintf(char* buf, size_t size, const char* fmt, va_list ap);
int snprintf(char* buf, size_t size, const char* fmt, ...) __attribute__((format(printf, 3, 4)));

/* Calls put(arg, text, len) for each piece instead. Returns the total length. */
typedef void (*culm_put_t)(void* arg, const char* text, size_t len);
int culm_vprintf(culm_put_t put, void* arg, const char* fmt, va_list ap);

#endif /* CULM_PRINTF_H */

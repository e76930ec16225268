/*
 * A text that grows: contents of pseudo files.
 */
#include "libos_fs.h"

void libos_text_append(struct libos_text* t, const char* s, size_t len) {
    if (t->error)
        return;
    if (t->capacity - t->size < len) {
        size_t capacity = MAX(t->capacity * 2, ALIGN_UP(t->size + len, 1024UL));
        char* buf = libos_realloc(t->buf, capacity);
        if (!buf) {
            t->error = -ENOMEM;
            return;
        }
        t->buf = buf;
        t->capacity = capacity;
    }
    memcpy(t->buf + t->size, s, len);
    t->size += len;
}

static void put(void* arg, const char* s, size_t len) {
    libos_text_append(arg, s, len);
}

void libos_text_printf(struct libos_text* t, const char* fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    culm_vprintf(put, t, fmt, ap);
    va_end(ap);
}

/*
 * Text that the host tells of itself. It is shown, never acted upon; still it must be text.
 */
#include "proc_host.h"

#define FIRST_SIZE 4096
#define LAST_SIZE  (4 << 20) /* more is no honest answer */

static bool is_text(const char* s, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c >= 0x7f)
            return false;
    }
    return true;
}

int libos_host_report(uint32_t which, struct libos_text* out) {
    for (size_t size = FIRST_SIZE; size <= LAST_SIZE;) {
        char* buf = libos_malloc(size);
        if (!buf)
            return -ENOMEM;
        int64_t n = PalHostReport(which, buf, size);
        int ret = n < 0 ? -ENOSYS : 0;
        bool all = n >= 0 && (uint64_t)n <= size;
        if (all && is_text(buf, (size_t)n))
            libos_text_append(out, buf, (size_t)n);
        else if (all)
            ret = -ENOSYS;
        libos_free(buf);
        if (ret || all)
            return ret;
        if ((uint64_t)n > LAST_SIZE)
            break;
        size = MAX((size_t)n + FIRST_SIZE, size * 2); /* it may have grown meanwhile */
    }
    return -ENOSYS;
}

uint64_t libos_host_value(const char* text, size_t size, const char* name, uint64_t otherwise) {
    size_t len = strlen(name);
    for (const char *s = text, *end = text + size; s < end;) {
        const char* next = memchr(s, '\n', (size_t)(end - s));
        next = next ? next + 1 : end;
        if ((size_t)(next - s) > len && memcmp(s, name, len) == 0 && s[len] == ' ') {
            uint64_t value = 0;
            for (s += len; s < next && *s == ' '; s++)
                ;
            if (s == next || *s < '0' || *s > '9')
                return otherwise;
            for (; s < next && *s >= '0' && *s <= '9'; s++)
                value = value * 10 + (uint64_t)(*s - '0');
            return value;
        }
        s = next;
    }
    return otherwise;
}

int proc_show_host(const struct libos_pseudo_at* at, struct libos_text* out) {
    const struct proc_host_file* file = at->node->data;
    int ret = libos_host_report(file->which, out);
    if (ret == -ENOSYS && file->fallback) {
        libos_text_append(out, file->fallback, strlen(file->fallback));
        ret = 0;
    }
    return ret == -ENOSYS ? -EOPNOTSUPP : ret;
}

/*
 * strlcpy and strlcat, which this libc does not have; common/src/string.c would bring its own
 * memcpy and hide copies from the sanitizer.
 */
#include <string.h>

size_t strlcpy(char* dst, const char* src, size_t size);
size_t strlcat(char* dst, const char* src, size_t size);

size_t strlcpy(char* dst, const char* src, size_t size) {
    size_t length = strlen(src);
    if (size) {
        size_t n = length < size ? length : size - 1;
        memcpy(dst, src, n);
        dst[n] = 0;
    }
    return length;
}

size_t strlcat(char* dst, const char* src, size_t size) {
    size_t used = strnlen(dst, size);
    return used == size ? size + strlen(src) : used + strlcpy(dst + used, src, size - used);
}

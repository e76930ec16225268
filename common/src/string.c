/*
 * String functions for freestanding code. memcpy and memset are `rep movsb/stosb`: no vector
 * registers may be touched, and fast short rep makes them good enough for every size we move.
 */
#include "culm_string.h"

void* memcpy(void* restrict dst, const void* restrict src, size_t n) {
    void* d = dst;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
    return dst;
}

void* memmove(void* dst, const void* src, size_t n) {
    if ((size_t)((char*)dst - (const char*)src) >= n)
        return memcpy(dst, src, n);
    char* d = (char*)dst + n;
    const char* s = (const char*)src + n;
    while (n >= 8) {
        d -= 8;
        s -= 8;
        n -= 8;
        unsigned long v = *(const unsigned long __attribute__((aligned(1)))*)s;
        *(unsigned long __attribute__((aligned(1)))*)d = v;
    }
    while (n--)
        *--d = *--s;
    return dst;
}

void* memset(void* dst, int c, size_t n) {
    void* d = dst;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
    return dst;
}

int memcmp(const void* a, const void* b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}

void* memchr(const void* s, int c, size_t n) {
    const unsigned char* p = s;
    for (; n; n--, p++) {
        if (*p == (unsigned char)c)
            return (void*)p;
    }
    return NULL;
}

size_t strlen(const char* s) {
    const char* p = s;
    while (*p)
        p++;
    return p - s;
}

size_t strnlen(const char* s, size_t max) {
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

int strcmp(const char* a, const char* b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char* a, const char* b, size_t n) {
    for (; n; n--, a++, b++) {
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    }
    return 0;
}

char* strchr(const char* s, int c) {
    for (;; s++) {
        if (*s == (char)c)
            return (char*)s;
        if (!*s)
            return NULL;
    }
}

char* strrchr(const char* s, int c) {
    const char* last = NULL;
    for (;; s++) {
        if (*s == (char)c)
            last = s;
        if (!*s)
            return (char*)last;
    }
}

char* strstr(const char* haystack, const char* needle) {
    size_t n = strlen(needle);
    for (; n; haystack++) {
        haystack = strchr(haystack, *needle);
        if (!haystack || strncmp(haystack, needle, n) == 0)
            break;
    }
    return (char*)haystack;
}

size_t strlcpy(char* dst, const char* src, size_t size) {
    size_t len = strlen(src);
    if (size) {
        size_t n = len < size ? len : size - 1;
        memcpy(dst, src, n);
        dst[n] = '\0';
    }
    return len;
}

size_t strlcat(char* dst, const char* src, size_t size) {
    size_t have = strnlen(dst, size);
    return have + strlcpy(dst + have, src, size - have);
}

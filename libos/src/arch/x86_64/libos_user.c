/*
 * User memory. See libos_internal.h. The accesses themselves are in user_copy.S.
 */
#include "entry.h"
#include "libos_mm.h"

uint64_t g_user_end;

size_t libos_user_copy(void* dst, const void* src, size_t n);
size_t libos_user_clear(void* dst, size_t n);
long libos_user_strcpy(char* dst, const char* src, size_t n);
int libos_user_load_u32(const uint32_t* addr, uint32_t* value);
int libos_user_store_u32(uint32_t* addr, uint32_t value);
int libos_user_cmpxchg_u32(uint32_t* addr, uint32_t* expected, uint32_t desired);

struct ex_entry { /* each relative to itself */
    int32_t fault, fixup;
};
extern const struct ex_entry __start___ex_table[] __attribute__((visibility("hidden")));
extern const struct ex_entry __stop___ex_table[] __attribute__((visibility("hidden")));

uint64_t libos_find_fixup(uint64_t rip) {
    for (const struct ex_entry* e = __start___ex_table; e < __stop___ex_table; e++) {
        if ((uint64_t)&e->fault + e->fault == rip)
            return (uint64_t)&e->fixup + e->fixup;
    }
    return 0;
}

/* A user access failed. It may have met a stack that has yet to grow: true if it is worth another
 * try. Not while a lock is held, as that needs the lock of the address space; and not twice at one
 * address, which is beyond the end of a mapped file. */
static bool may_retry(const void* addr, uint64_t error_code, const void** last) {
    if (addr == *last || libos_get_tcb()->held)
        return false;
    *last = addr;
    return libos_mm_handle_fault((uint64_t)addr, error_code);
}
#define ERROR_READ  4 /* bits of the CPU's error code: user mode, ... */
#define ERROR_WRITE 6

/* Linux copies at most INT_MAX pages or so; a range that leaves the guest's half is refused whole.
 */
size_t user_copy_from_partial(void* dst, const void* user_src, size_t size) {
    if (!access_ok(user_src, size))
        return size;
    const void* last = NULL;
    size_t left = libos_user_copy(dst, user_src, size);
    while (left && may_retry((const char*)user_src + size - left, ERROR_READ, &last))
        left = libos_user_copy((char*)dst + size - left, (const char*)user_src + size - left, left);
    return left;
}

size_t user_copy_to_partial(void* user_dst, const void* src, size_t size) {
    if (!access_ok(user_dst, size))
        return size;
    const void* last = NULL;
    size_t left = libos_user_copy(user_dst, src, size);
    while (left && may_retry((char*)user_dst + size - left, ERROR_WRITE, &last))
        left = libos_user_copy((char*)user_dst + size - left, (const char*)src + size - left, left);
    return left;
}

size_t user_clear_partial(void* user_dst, size_t size) {
    if (!access_ok(user_dst, size))
        return size;
    const void* last = NULL;
    size_t left = libos_user_clear(user_dst, size);
    while (left && may_retry((char*)user_dst + size - left, ERROR_WRITE, &last))
        left = libos_user_clear((char*)user_dst + size - left, left);
    return left;
}

int user_copy_from(void* dst, const void* user_src, size_t size) {
    return user_copy_from_partial(dst, user_src, size) ? -EFAULT : 0;
}

int user_copy_to(void* user_dst, const void* src, size_t size) {
    return user_copy_to_partial(user_dst, src, size) ? -EFAULT : 0;
}

long user_copy_string(char* dst, const char* user_src, size_t size) {
    uint64_t start = (uint64_t)user_src;
    if (start >= g_user_end)
        return -EFAULT;
    size_t max = MIN(size, g_user_end - start);
    long len = libos_user_strcpy(dst, user_src, max);
    return len == (long)max && max < size ? -EFAULT : len;
}

int user_load_u32(const uint32_t* uaddr, uint32_t* value) {
    if (!access_ok(uaddr, sizeof(*uaddr)))
        return -EFAULT;
    const void* last = NULL;
    int ret;
    while ((ret = libos_user_load_u32(uaddr, value)) < 0 && may_retry(uaddr, ERROR_READ, &last))
        ;
    return ret;
}

int user_store_u32(uint32_t* uaddr, uint32_t value) {
    if (!access_ok(uaddr, sizeof(*uaddr)))
        return -EFAULT;
    const void* last = NULL;
    int ret;
    while ((ret = libos_user_store_u32(uaddr, value)) < 0 && may_retry(uaddr, ERROR_WRITE, &last))
        ;
    return ret;
}

int user_cmpxchg_u32(uint32_t* uaddr, uint32_t* expected, uint32_t desired) {
    if (!access_ok(uaddr, sizeof(*uaddr)))
        return -EFAULT;
    const void* last = NULL;
    int ret;
    while ((ret = libos_user_cmpxchg_u32(uaddr, expected, desired)) < 0 &&
           may_retry(uaddr, ERROR_WRITE, &last))
        ;
    return ret;
}

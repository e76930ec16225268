/*
 * Security modules: lsm_list_modules(2), lsm_get_self_attr(2), lsm_set_self_attr(2). As on a kernel
 * where capabilities are the only one.
 */
#include "libos_internal.h"
#include "libos_table.h"
#include "libos_uapi.h"

long libos_syscall_lsm_list_modules(uint64_t* user_ids, uint32_t* user_size, uint32_t flags) {
    uint32_t size, all = sizeof(uint64_t);
    uint64_t id = LSM_ID_CAPABILITY;
    if (flags)
        return -EINVAL;
    if (user_get(size, user_size) < 0 || user_put(all, user_size) < 0)
        return -EFAULT;
    if (size < all)
        return -E2BIG;
    return user_put(id, user_ids) < 0 ? -EFAULT : 1;
}

long libos_syscall_lsm_get_self_attr(unsigned int attr, struct lsm_ctx* user_ctx,
                                     uint32_t* user_size, uint32_t flags) {
    uint32_t size;
    struct lsm_ctx ctx;
    if (attr == LSM_ATTR_UNDEF || !user_size)
        return -EINVAL;
    if (user_get(size, user_size) < 0)
        return -EFAULT;
    if (flags) {
        if (flags != LSM_FLAG_SINGLE || !user_ctx)
            return -EINVAL;
        if (user_get(ctx, user_ctx) < 0)
            return -EFAULT;
        if (ctx.id == LSM_ID_UNDEF)
            return -EINVAL;
    }
    size = 0; /* capabilities have no attributes of this kind */
    return user_put(size, user_size) < 0 ? -EFAULT : -EOPNOTSUPP;
}

long libos_syscall_lsm_set_self_attr(unsigned int attr, struct lsm_ctx* user_ctx, uint32_t size,
                                     uint32_t flags) {
    struct lsm_ctx ctx;
    (void)attr;
    if (flags || size < sizeof(ctx))
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    char all[256]; /* the rest must be readable, too */
    for (uint32_t done = 0; done < size; done += MIN(size - done, sizeof(all))) {
        if (user_copy_from(all, (char*)user_ctx + done, MIN(size - done, sizeof(all))) < 0)
            return -EFAULT;
    }
    if (user_get(ctx, user_ctx) < 0)
        return -EFAULT;
    if (size < ctx.len || ctx.ctx_len > UINT64_MAX - sizeof(ctx) ||
        ctx.len < sizeof(ctx) + ctx.ctx_len)
        return -EINVAL;
    return -EOPNOTSUPP;
}

/*
 * tmpfs extended attributes: user.*, and trusted.* for the privileged.
 */
#include <linux/xattr.h>

#include "libos_process.h"
#include "tmpfs.h"

static int may_use(struct tmpfs_node* n, const char* name, bool write) {
    if (strncmp(name, "trusted.", 8) == 0 && name[8])
        return libos_capable(CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
    if (strncmp(name, "user.", 5) != 0)
        return -EOPNOTSUPP;
    if (!name[5])
        return -EINVAL;
    uint32_t type = n->mode & S_IFMT;
    if (type != S_IFREG && type != S_IFDIR)
        return write ? -EPERM : -ENODATA;
    uint32_t uid = get_cur_thread()->fsuid;
    if (type == S_IFDIR && (n->mode & S_ISVTX) && write && uid != n->uid &&
        !libos_capable(CAP_FOWNER))
        return -EPERM;
    return tmpfs_may(n, write ? 2 : 4);
}

static struct tmpfs_xattr* find(struct tmpfs_node* n, const char* name) {
    list_for_each(x, &n->xattrs, struct tmpfs_xattr, node) {
        if (strcmp(x->name, name) == 0)
            return x;
    }
    return NULL;
}

long tmpfs_getxattr(struct libos_file* f, const char* name, void* value, size_t size) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    long ret = may_use(n, name, false);
    if (ret)
        return ret;
    coord_lock(&n->lock);
    struct tmpfs_xattr* x = find(n, name);
    ret = x ? (long)x->size : -ENODATA;
    if (x && size && x->size > size)
        ret = -ERANGE;
    else if (x && size)
        memcpy(value, x->value, x->size);
    coord_unlock(&n->lock);
    return ret;
}

static struct tmpfs_xattr* new_attr(const char* name, const void* value, size_t size) {
    size_t len = strlen(name) + 1;
    struct tmpfs_xattr* x = coord_alloc(sizeof(*x) + len + size);
    if (!x)
        return NULL;
    x->size = size;
    x->value = x->name + len;
    memcpy(x->name, name, len);
    memcpy(x->value, value, size);
    return x;
}

int tmpfs_setxattr(struct libos_file* f, const char* name, const void* value, size_t size,
                   int flags) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    int ret = may_use(n, name, true);
    if (ret)
        return ret;
    coord_lock(&n->lock);
    struct tmpfs_xattr* old = find(n, name);
    if (old && (flags & XATTR_CREATE))
        ret = -EEXIST;
    else if (!old && (flags & XATTR_REPLACE))
        ret = -ENODATA;
    struct tmpfs_xattr* fresh = ret ? NULL : new_attr(name, value, size);
    if (!ret && !fresh)
        ret = -ENOSPC;
    if (!ret) {
        coord_list_add_tail(&n->xattrs, &fresh->node);
        if (old)
            coord_list_del(&old->node);
        coord_free(old);
        n->ctime_ns = tmpfs_now();
    }
    coord_unlock(&n->lock);
    return ret;
}

long tmpfs_listxattr(struct libos_file* f, char* list, size_t size) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    bool trusted = libos_capable(CAP_SYS_ADMIN);
    size_t total = 0;
    long ret = 0;
    coord_lock(&n->lock);
    list_for_each(x, &n->xattrs, struct tmpfs_xattr, node) {
        size_t len = strlen(x->name) + 1;
        if (!trusted && strncmp(x->name, "trusted.", 8) == 0)
            continue;
        if (size && total + len > size) {
            ret = -ERANGE;
            break;
        }
        if (size)
            memcpy(list + total, x->name, len);
        total += len;
    }
    coord_unlock(&n->lock);
    return ret ? ret : (long)total;
}

int tmpfs_removexattr(struct libos_file* f, const char* name) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    int ret = may_use(n, name, true);
    if (ret)
        return ret;
    coord_lock(&n->lock);
    struct tmpfs_xattr* x = find(n, name);
    if (x) {
        coord_list_del(&x->node);
        coord_free(x);
        n->ctime_ns = tmpfs_now();
    }
    coord_unlock(&n->lock);
    return x ? 0 : -ENODATA;
}

/*
 * tmpfs tells inotify what happens to its files.
 */
#include "libos_inotify.h"
#include "tmpfs.h"

void tmpfs_notify(const struct libos_file* f, uint32_t mask) {
    if (!libos_inotify_active() || (f->flags & O_PATH))
        return;
    const struct tmpfs_open* o = f->data;
    struct tmpfs* fs = o->node->fs;
    if (o->node->dir)
        mask |= IN_ISDIR;
    coord_lock(&fs->tree);
    struct tmpfs_entry* e = o->node->dir ? o->node->dir->self : o->entry;
    while (e && !e->dir && e->moved)
        e = e->moved;
    if (e && e->dir)
        libos_inotify_event(e->dir, mask, 0, e->name);
    libos_inotify_event(o->node, mask, 0, NULL);
    coord_unlock(&fs->tree);
}

void tmpfs_notify_name(struct tmpfs_node* dir, struct tmpfs_node* child, uint32_t mask,
                       uint32_t cookie, const char* name) {
    if (!libos_inotify_active())
        return;
    libos_inotify_event(dir, mask | (child->dir ? IN_ISDIR : 0), cookie, name);
}

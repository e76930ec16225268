/*
 * The table of advisory locks. See libos_lock_table.h.
 */
#include "libos_lock_table.h"

#include "libos_process.h"

#define BUCKETS      64
#define MAX_FOLLOWED 10 /* as Linux: longer chains of waiting are not looked through */

struct blocked { /* an owner waits for another one */
    struct list_node node;
    uint64_t owner, by;
};

static struct lock_table { /* in the arena */
    struct lock_bucket buckets[BUCKETS];
    struct coord_lock waiting_lock; /* taken inside of a bucket's */
    struct list_node waiting;       /* struct blocked; guarded by waiting_lock */
    uint64_t last_file;             /* atomic */
} * table(void) {
    return coord_root(COORD_ROOT_LOCKS, sizeof(struct lock_table));
}

uint64_t lock_new_file_number(void) {
    struct lock_table* t = table();
    return t ? __atomic_add_fetch(&t->last_file, 1, __ATOMIC_RELAXED) | LOCK_OWNER_FILE : 0;
}

/* ---- inodes -----------------------------------------------------------------------------------
 */

struct lock_bucket* lock_bucket_lock(uint64_t dev, uint64_t ino) {
    struct lock_table* t = table();
    if (!t)
        return NULL;
    struct lock_bucket* b = &t->buckets[(ino ^ ino >> 6 ^ dev) % BUCKETS];
    coord_lock(&b->lock);
    if (!b->inodes.next)
        coord_list_init(&b->inodes);
    return b;
}

struct lock_inode* lock_inode_find(struct lock_bucket* b, uint64_t dev, uint64_t ino, bool whole) {
    list_for_each(i, &b->inodes, struct lock_inode, node) {
        if (i->dev == dev && i->ino == ino && i->whole == whole)
            return i;
    }
    return NULL;
}

struct lock_inode* lock_inode_get(struct lock_bucket* b, uint64_t dev, uint64_t ino, bool whole) {
    struct lock_inode* i = lock_inode_find(b, dev, ino, whole);
    if (!i) {
        i = coord_alloc(sizeof(*i));
        if (!i)
            return NULL;
        i->dev = dev;
        i->ino = ino;
        i->whole = whole;
        list_init(&i->locks);
        coord_list_add(&b->inodes, &i->node);
    }
    COORD_SET(i->users, i->users + 1);
    return i;
}

void lock_inode_put(struct lock_inode* i) {
    COORD_SET(i->users, i->users - 1);
    if (i->users || !list_empty(&i->locks))
        return;
    coord_list_del(&i->node);
    coord_free(i);
}

/* ---- locks ------------------------------------------------------------------------------------
 */

struct lock_entry* lock_conflict(struct lock_inode* i, const struct lock_wish* w) {
    list_for_each(e, &i->locks, struct lock_entry, node) {
        if (e->owner != w->owner && e->start <= w->end && w->start <= e->end &&
            (e->exclusive || w->type == LIBOS_LOCK_EXCLUSIVE))
            return e;
    }
    return NULL;
}

static struct lock_entry* new_entry(const struct lock_wish* w) {
    struct lock_entry* e = coord_alloc(sizeof(*e));
    if (!e)
        return NULL;
    e->owner = w->owner;
    e->start = w->start;
    e->end = w->end;
    e->exclusive = w->type == LIBOS_LOCK_EXCLUSIVE;
    e->alone = w->alone;
    return e;
}

static void remove_entry(struct lock_entry* e) {
    coord_list_del(&e->node);
    coord_free(e);
}

/* Takes the range out of the owner's locks, splitting them. spare: for the one split. */
static void cut(struct lock_inode* i, const struct lock_wish* w, struct lock_entry** spare) {
    list_for_each_safe(e, &i->locks, struct lock_entry, node) {
        if (e->owner != w->owner || e->end < w->start || w->end < e->start)
            continue;
        if (e->start < w->start && e->end > w->end) {
            struct lock_entry* tail = *spare;
            *spare = NULL;
            tail->exclusive = e->exclusive;
            tail->start = w->end + 1;
            tail->end = e->end;
            coord_list_add(&i->locks, &tail->node);
            COORD_SET(e->end, w->start - 1);
        } else if (e->start < w->start) {
            COORD_SET(e->end, w->start - 1);
        } else if (e->end > w->end) {
            COORD_SET(e->start, w->end + 1);
        } else {
            remove_entry(e);
        }
    }
}

/* Joins e with the owner's neighbours of the same kind. */
static void merge(struct lock_inode* i, struct lock_entry* e) {
    list_for_each_safe(o, &i->locks, struct lock_entry, node) {
        if (o == e || o->owner != e->owner || o->exclusive != e->exclusive)
            continue;
        if (o->end != INT64_MAX && o->end + 1 == e->start)
            COORD_SET(e->start, o->start);
        else if (e->end != INT64_MAX && e->end + 1 == o->start)
            COORD_SET(e->end, o->end);
        else
            continue;
        remove_entry(o);
    }
}

int lock_apply(struct lock_inode* i, const struct lock_wish* w) {
    struct lock_entry* spare = new_entry(w);
    struct lock_entry* e = w->type == LIBOS_LOCK_NONE ? NULL : new_entry(w);
    if (!spare || (w->type != LIBOS_LOCK_NONE && !e)) {
        coord_free(spare);
        coord_free(e);
        return -ENOLCK;
    }
    cut(i, w, &spare);
    coord_free(spare);
    if (e) {
        coord_list_add_tail(&i->locks, &e->node);
        merge(i, e);
    }
    coord_wake(&i->changed);
    return 0;
}

static void drop_some(struct lock_inode* i, uint64_t owner, int32_t alone) {
    unsigned int dropped = 0;
    list_for_each_safe(e, &i->locks, struct lock_entry, node) {
        if (e->owner != owner && (!alone || e->alone != alone))
            continue;
        remove_entry(e);
        if (++dropped % 32 == 0)
            coord_commit();
    }
    if (dropped)
        coord_wake(&i->changed);
}

void lock_drop_owner(struct lock_inode* i, uint64_t owner) {
    drop_some(i, owner, 0);
}

void lock_not_alone(uint64_t owner) {
    struct lock_table* t = table();
    for (int b = 0; t && b < BUCKETS; b++) {
        if (!__atomic_load_n(&t->buckets[b].inodes.next, __ATOMIC_RELAXED))
            continue;
        coord_lock(&t->buckets[b].lock);
        list_for_each(i, &t->buckets[b].inodes, struct lock_inode, node) {
            list_for_each(e, &i->locks, struct lock_entry, node) {
                if (e->owner == owner)
                    e->alone = 0;
            }
        }
        coord_unlock(&t->buckets[b].lock);
    }
}

void lock_drop_everywhere(uint64_t owner) {
    struct lock_table* t = table();
    int32_t alone = owner & LOCK_OWNER_FILE ? 0 : (int32_t)owner;
    for (int b = 0; t && b < BUCKETS; b++) {
        if (!__atomic_load_n(&t->buckets[b].inodes.next, __ATOMIC_RELAXED))
            continue;
        coord_lock(&t->buckets[b].lock);
        list_for_each_safe(i, &t->buckets[b].inodes, struct lock_inode, node) {
            COORD_SET(i->users, i->users + 1);
            drop_some(i, owner, alone);
            lock_inode_put(i);
            coord_commit();
        }
        coord_unlock(&t->buckets[b].lock);
    }
    if (!t)
        return;
    coord_lock(&t->waiting_lock);
    if (t->waiting.next)
        list_for_each_safe(w, &t->waiting, struct blocked, node) {
            if (w->owner == owner) {
                coord_list_del(&w->node);
                coord_free(w);
            }
        }
    coord_unlock(&t->waiting_lock);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

/* Does `by` wait for the owner, maybe through others? Only processes' locks are looked through. */
static bool is_circle(struct lock_table* t, uint64_t owner, uint64_t by) {
    for (int i = 0; i < MAX_FOLLOWED; i++) {
        if (by == owner)
            return true;
        uint64_t next = 0;
        list_for_each(w, &t->waiting, struct blocked, node) {
            if (w->owner == by) {
                next = w->by;
                break;
            }
        }
        if (!next)
            return false;
        by = next;
    }
    return false;
}

/* Into the list of those who wait; *mine NULL: first time. */
static int begin_wait(uint64_t owner, uint64_t by, struct blocked** mine) {
    struct lock_table* t = table();
    int ret = 0;
    coord_lock(&t->waiting_lock);
    if (!t->waiting.next)
        coord_list_init(&t->waiting);
    if (is_circle(t, owner, by))
        ret = -EDEADLK;
    if (!ret && !*mine) {
        *mine = coord_alloc(sizeof(**mine));
        if (*mine) {
            (*mine)->owner = owner;
            coord_list_add(&t->waiting, &(*mine)->node);
        } else {
            ret = -ENOLCK;
        }
    }
    if (!ret)
        COORD_SET((*mine)->by, by);
    coord_unlock(&t->waiting_lock);
    return ret;
}

static void end_wait(struct blocked* mine) {
    struct lock_table* t = table();
    if (!mine)
        return;
    coord_lock(&t->waiting_lock);
    coord_list_del(&mine->node);
    coord_free(mine);
    coord_unlock(&t->waiting_lock);
}

int lock_wait(struct lock_bucket* b, struct lock_inode* i, const struct lock_wish* w) {
    struct blocked* mine = NULL;
    const struct lock_entry* e;
    int ret = 0;
    while (!ret && (e = lock_conflict(i, w))) {
        if (!(w->owner & LOCK_OWNER_FILE))
            ret = begin_wait(w->owner, e->owner, &mine);
        if (ret)
            break;
        uint32_t number = coord_queue_number(&i->changed);
        coord_unlock(&b->lock);
        ret = coord_wait(&i->changed, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        coord_lock(&b->lock);
    }
    end_wait(mine);
    return ret == -EINTR ? -ERESTARTSYS : ret;
}

/*
 * The table of advisory locks of all processes of the instance, in the arena: by inode, who has
 * locked what. libos_record_lock.c decides, this remembers.
 */
#ifndef LIBOS_LOCK_TABLE_H
#define LIBOS_LOCK_TABLE_H

#include "libos_coord.h"
#include "libos_locks.h"

/* A process (its pid), or an open file description (its number, with this bit). */
#define LOCK_OWNER_FILE (1ULL << 63)

struct lock_entry {
    struct list_node node; /* in no order: lists are short */
    uint64_t owner;
    int64_t start, end; /* inclusive */
    bool exclusive;
    int32_t alone; /* an open file description's, that only this process has; 0: others may */
};

struct lock_inode {
    struct list_node node;
    uint64_t dev, ino;
    bool whole; /* flock's own space */
    struct list_node locks;
    uint32_t users; /* threads working on it */
    struct coord_queue changed;
};

struct lock_bucket {
    struct coord_lock lock;
    struct list_node inodes; /* guarded by lock, with all in them */
};

/* What is asked of the table. */
struct lock_wish {
    uint64_t owner;
    int64_t start, end;
    int type;
    int32_t alone;
};

/* The bucket of an inode, locked. NULL: no memory. */
struct lock_bucket* lock_bucket_lock(uint64_t dev, uint64_t ino);
/* All under the bucket's lock. */
struct lock_inode* lock_inode_find(struct lock_bucket* b, uint64_t dev, uint64_t ino, bool whole);
struct lock_inode* lock_inode_get(struct lock_bucket* b, uint64_t dev, uint64_t ino, bool whole);
void lock_inode_put(struct lock_inode* i);
struct lock_entry* lock_conflict(struct lock_inode* i, const struct lock_wish* w);
/* Waits until nothing is in the way; the lock is dropped meanwhile. 0, -EDEADLK, -ERESTARTSYS. */
int lock_wait(struct lock_bucket* b, struct lock_inode* i, const struct lock_wish* w);
/* The owner has this range so from now on. 0 or -ENOLCK. */
int lock_apply(struct lock_inode* i, const struct lock_wish* w);
void lock_drop_owner(struct lock_inode* i, uint64_t owner);

/* All of this owner, wherever they are; of a process, those of descriptions that only it has as
 * well. Under no lock. */
void lock_drop_everywhere(uint64_t owner);
/* Other processes will have this description, too. Under no lock but the fork barrier. */
void lock_not_alone(uint64_t owner);

/* A number that no other open file description has had. */
uint64_t lock_new_file_number(void);

#endif /* LIBOS_LOCK_TABLE_H */

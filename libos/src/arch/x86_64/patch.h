/*
 * Call sites: `syscall` instructions of the guest that were rewritten to jump to a stub of ours.
 *
 * A patched site holds `jmp *[slot]` (FF 24 25 disp32, 7 bytes: no register, no stack, so the red
 * zone stays whole). The slots lie at 0x0B0Fxxxx, so that the jump's last two bytes are 0F 0B, ud2:
 * where the jump replaces `mov $nr,%eax; syscall`, a jump to the old `syscall` meets ud2 there and
 * is emulated. Where instructions behind the `syscall` are replaced it holds `jmp *slot(%rip)` (FF
 * 25 disp32), with the slot at a distance that makes an entry in the middle trap as well (near.c).
 * Each slot leads to its own stub. Ideas: zpoline (ATC'23), lazypoline (DSN'24).
 *
 * Look-ups take no lock: they run in upcalls.
 */
#ifndef LIBOS_PATCH_H
#define LIBOS_PATCH_H

#include "libos_internal.h"

#define PATCH_SLOTS_BASE 0x0B0F0000UL
#define PATCH_SITES_MAX  8192
#define PATCH_JUMP_SIZE  7
#define PATCH_NEAR_SIZE  6
#define PATCH_TAIL_MAX   13 /* bytes behind the `syscall` that a stub can hold */
#define PATCH_BYTES_MAX  (PATCH_TAIL_MAX + 2)
#define PATCH_STUB_SIZE  128

enum patch_state {
    PATCH_SEEN,    /* trapped; maybe patched at a later trap */
    PATCH_ACTIVE,  /* the bytes are ours (or are just being written) */
    PATCH_REFUSED, /* stays on the trap path */
    PATCH_GONE,    /* the code was unmapped or replaced */
};

/* All but `state` constant once the state is ACTIVE. */
struct patch_site {
    uint32_t state;   /* enum patch_state; atomic */
    uint32_t hits;    /* traps so far; roughly */
    uint64_t syscall; /* address of the `syscall` instruction: the key */
    uint64_t start;   /* first byte that changes */
    uint64_t slot;    /* near to the code; 0: the one in the table at PATCH_SLOTS_BASE */
    uint32_t starts;  /* bit n: a replaced instruction began n bytes behind the `syscall`'s start */
    uint8_t size;     /* bytes that change */
    uint8_t after;    /* of them, behind the `syscall`: copied into the stub's tail */
    uint8_t tail;     /* offset of the tail in the stub; 0: none */
    uint8_t call;     /* offset in the stub of "the system call, rax being set" */
    uint8_t go;       /* and of what comes behind the look at GS */
    bool stub_made; /* the stub and its slot were written, for this code or for former code there */
    uint32_t next_free; /* of a site that was taken back: index + 1 of the next */
};

int libos_patch_init(void);
/* For --stats: sites rewritten, sites that stay on the trap path. */
void libos_patch_counts(unsigned* patched, unsigned* refused);

/* ---- stubs.c ----------------------------------------------------------------------------------
 */
int patch_stubs_init(void);
/* The slots' fixed place in the guest's range: take it, give it up, does it lie in this range? */
int patch_slots_map(void);
void patch_slots_unmap(void);
bool patch_slots_within(uint64_t low, uint64_t high);
/* The site with this `syscall`, or NULL. Lock-free. GONE ones are not found. */
struct patch_site* patch_find(uint64_t syscall_addr);
/* A new site in state SEEN, or NULL when the table is full. Under g_patch_lock. */
struct patch_site* patch_add(uint64_t syscall_addr);
/* Calls fn for each site that is not GONE. Under g_patch_lock. */
void patch_for_each(void (*fn)(struct patch_site* s, void* arg), void* arg);
/* The site's code went away. Under g_patch_lock. */
void patch_set_gone(struct patch_site* s);
/* Forget all sites: no thread but the caller exists and no guest code is left. */
void patch_reset(void);
/* Fill in the site's stub and slot from the original bytes (site->size of them). before: how many
 * of them come before the `syscall`. 0, -ENOMEM, or -EBUSY: the stub of former code at this place
 * may be in use. */
int patch_make_stub(struct patch_site* s, const uint8_t* bytes);
/* The site's bytes when it is ACTIVE, s->size of them. */
void patch_jump_bytes(const struct patch_site* s, uint8_t bytes[PATCH_BYTES_MAX]);

/* ---- near.c -----------------------------------------------------------------------------------
 * Under g_patch_lock but for the two that map.
 */
/* A free slot that suits s->syscall and s->starts; 0: in no region that there is. */
uint64_t patch_near_slot(const struct patch_site* s);
bool patch_near_fits(const struct patch_site* s); /* does s->slot? */
/* Make a region for such code: its address, or 0. Not known until patch_near_add(). */
uint64_t patch_near_map(uint64_t site);
void patch_near_add(uint64_t region);
bool patch_near_full(void);
void patch_near_unmap(void); /* all of them: a new program */

#endif /* LIBOS_PATCH_H */

/*
 * Memory calls between mm/ and sys/: checked for form by the caller, ranges page-aligned.
 */
#ifndef LIBOS_MM_CALLS_H
#define LIBOS_MM_CALLS_H

#include "libos_mm.h"

/* libos_mm_protect.c; grows: PROT_GROWSDOWN, PROT_GROWSUP or 0. */
int mm_protect(uint64_t start, uint64_t end, int prot, int grows);
/* Set and clear VMA_* flags over a range: -ENOMEM if a part is not mapped (then nothing changes),
 * -EPERM for memory of the LibOS. */
int mm_set_flags(uint64_t start, uint64_t end, uint32_t set, uint32_t clear);
/* libos_mm_brk.c; returns the new end, or the old one if that cannot be. */
uint64_t mm_brk(uint64_t brk);
void mm_brk_init(uint64_t program_end, uint64_t start_data, uint64_t end_data);
bool mm_parse_size(const char* text, uint64_t* size); /* "256K" */
/* libos_mm_remap.c; an address or -errno. Checks all that mremap(2) checks. */
long mm_remap(uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned long flags,
              uint64_t new_addr);
/* libos_mm_advise.c; behavior must be known. */
bool mm_advice_known(int behavior);
int mm_advise(uint64_t start, uint64_t end, int behavior);
/* libos_mm_lock.c */
int mm_lock_range(uint64_t start, uint64_t end, bool on_fault);
int mm_unlock_range(uint64_t start, uint64_t end);
int mm_lock_all(bool current, bool future, bool on_fault);
void mm_unlock_all(void);
/* libos_mm_policy.c; a policy is a word to remember, 0 for none. -EFAULT: not mapped. */
int mm_set_policy(uint64_t start, uint64_t end, uint32_t policy);
int mm_get_policy(uint64_t addr, uint32_t* policy);
/* -ENOENT: no policy in the range; -EOPNOTSUPP: one that cannot have a home. */
int mm_set_home_node(uint64_t start, uint64_t end, bool (*may_have)(uint32_t policy));
/* A free place for len bytes, a multiple of align; nothing is reserved. For exec, which is alone.
 */
long mm_pick(uint64_t len, uint64_t align);
/* Where Linux puts position-independent programs: two thirds up, at random. */
uint64_t mm_pie_base(void);
uint64_t mm_random(uint64_t below); /* 0 without randomisation */
/* Randomisation on or off for the next layout (personality ADDR_NO_RANDOMIZE). */
void mm_set_randomise(bool on);
/* Where the ELF loader puts the stack: its highest address, page-aligned. */
uint64_t mm_stack_top(void);
void mm_set_start_stack(uint64_t sp);

#endif /* LIBOS_MM_CALLS_H */

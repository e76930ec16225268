/*
 * What the unit tests share: cmocka behind its list of includes, and a parse of literal text.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "toml.h"

static inline void* unit_alloc(void* arg, size_t size) {
    (void)arg;
    return malloc(size);
}

static inline void unit_free(void* arg, void* piece, size_t size) {
    (void)arg;
    (void)size;
    free(piece);
}

static const toml_memory_t unit_memory = {unit_alloc, unit_free, NULL};

/* The text is copied to the end of a block, so that a read past it is seen. */
static inline toml_table_t* unit_parse(const char* text, size_t size, toml_error_t* error) {
    char* copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    toml_table_t* root = toml_parse(copy, size, &unit_memory, error);
    free(copy); /* the tree must not need it */
    return root;
}

#endif /* UNIT_H */

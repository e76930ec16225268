/*
 * A fuzz target is LLVMFuzzerTestOneInput(), run by libFuzzer where clang is there, else by the
 * plain mutation loop of fuzz_main.c.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif /* FUZZ_H */

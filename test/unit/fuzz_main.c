/*
 * Runs a fuzz target on mutations of seed files for some seconds, where libFuzzer is not at hand.
 * usage: PROGRAM SECONDS FILE...      the same inputs in the same order on every machine
 */
#include <stdio.h>
#include <time.h>

#include "fuzz.h"

#define MAX_SEEDS 64
#define MAX_SIZE  8192

static struct {
    uint8_t bytes[MAX_SIZE];
    size_t size;
} seeds[MAX_SEEDS];

static uint64_t state = 88172645463325252ULL;

static uint32_t draw(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % below;
}

static size_t mutate(uint8_t* out, size_t size, size_t count) {
    static const char interesting[] = "\"'[]{}=.,#\\\n\r\t _-+0179eExXobuUTZ:\0\xFF\xC3\xEF";
    for (uint32_t edits = 1 + draw(6); edits && size; edits--) {
        size_t at = draw((uint32_t)size), other = draw((uint32_t)count);
        size_t length = 1 + draw(16);
        switch (draw(5)) {
            case 0:
                out[at] = (uint8_t)interesting[draw(sizeof(interesting) - 1)];
                break;
            case 1:
                out[at] = (uint8_t)draw(256);
                break;
            case 2: /* cut */
                length = length > size - at ? size - at : length;
                memmove(out + at, out + at + length, size - at - length);
                size -= length;
                break;
            case 3: /* double */
                length = length > size - at ? size - at : length;
                if (size + length <= MAX_SIZE) {
                    memmove(out + at + length, out + at, size - at);
                    size += length;
                }
                break;
            default: /* over from another seed */
                for (size_t i = 0; i < length && at + i < size && seeds[other].size; i++)
                    out[at + i] = seeds[other].bytes[(at + i) % seeds[other].size];
        }
    }
    return size;
}

int main(int argc, char** argv) {
    size_t count = 0;
    for (int i = 2; i < argc && count < MAX_SEEDS; i++) {
        FILE* file = fopen(argv[i], "rb");
        if (!file)
            return 2;
        seeds[count].size = fread(seeds[count].bytes, 1, MAX_SIZE, file);
        fclose(file);
        LLVMFuzzerTestOneInput(seeds[count].bytes, seeds[count].size);
        count++;
    }
    if (!count)
        return 2;
    unsigned long runs = 0;
    for (time_t end = time(NULL) + atoi(argv[1]); time(NULL) < end; runs++) {
        size_t seed = draw((uint32_t)count), size = seeds[seed].size;
        uint8_t* data = malloc(MAX_SIZE);
        memcpy(data, seeds[seed].bytes, size);
        size = mutate(data, size, count);
        uint8_t* exact = malloc(size ? size : 1); /* so that a read past the end is seen */
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        free(data);
    }
    printf("%lu runs\n", runs);
    return 0;
}

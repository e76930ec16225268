/* Reservations of 4 GiB and more, used here and there: address space is free, memory is not. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

int main(void) {
    unsigned long total = 0;
    char* at[16];
    for (int i = 0; i < 16; i++) {
        at[i] = mmap(NULL, 4UL << 30, i % 2 ? PROT_READ | PROT_WRITE : PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at[i] == MAP_FAILED) {
            perror("mmap");
            return 1;
        }
        total += 4;
    }
    for (int i = 0; i < 16; i++)
        for (unsigned long off = 0; off < 4UL << 30; off += 256UL << 20) {
            if (i % 2 == 0 && mprotect(at[i] + off, 65536, PROT_READ | PROT_WRITE))
                return 2;
            memset(at[i] + off, i + 1, 65536);
        }
    unsigned long sum = 0;
    for (int i = 0; i < 16; i++)
        for (unsigned long off = 0; off < 4UL << 30; off += 256UL << 20)
            sum += at[i][off + 65535];
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%lu GiB reserved, sum %lu, resident under 2 GiB: %d\n", total, sum,
           u.ru_maxrss < 2L << 20);
    for (int i = 0; i < 16; i++)
        munmap(at[i], 4UL << 30);
    return 0;
}

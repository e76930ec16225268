/* Recursion over 32 MiB of stack: in a thread, and in the main thread with the limit raised. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static long recurse(long n) {
    volatile char pad[1024];
    pad[n % 1024] = (char)n;
    return n ? recurse(n - 1) + pad[n % 1024] - (char)n + 1 : 0;
}

static void* in_thread(void* p) {
    *(long*)p = recurse(32 * 1024);
    return NULL;
}

int main(void) {
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 48 << 20);
    pthread_t t;
    long depth = 0;
    if (pthread_create(&t, &attr, in_thread, &depth))
        return 1;
    pthread_join(t, NULL);
    printf("thread: %ld\n", depth);
    struct rlimit r;
    getrlimit(RLIMIT_STACK, &r);
    if (r.rlim_max != RLIM_INFINITY && r.rlim_max < (64UL << 20)) {
        printf("the hard stack limit is too low\n");
        return 0;
    }
    r.rlim_cur = 64 << 20;
    setrlimit(RLIMIT_STACK, &r);
    printf("main: %ld\n", recurse(32 * 1024));
    return 0;
}

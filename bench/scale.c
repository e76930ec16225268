/* Threads that share nothing: N threads read, write, map and wake on their own; prints operations
 * per second of all together. Usage: scale THREADS MILLISECONDS */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int go, stop;

static void* work(void* arg) {
    char name[32], buf[4096] = {0};
    snprintf(name, sizeof(name), "scale-%ld", (long)arg);
    int fd = open(name, O_RDWR | O_CREAT, 0600), word = 0;
    if (fd < 0)
        exit(1);
    while (!go)
        usleep(1000);
    long n = 0;
    for (; !stop; n++) {
        struct stat st;
        pwrite(fd, buf, 100, (n % 100) * 100);
        pread(fd, buf, 100, (n % 100) * 100);
        fstat(fd, &st);
        char* m = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        m[0] = 1;
        munmap(m, 16384);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
        getppid();
    }
    close(fd);
    unlink(name);
    return (void*)n;
}

int main(int argc, char** argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 32, ms = argc > 2 ? atoi(argv[2]) : 500;
    pthread_t t[256];
    if (threads > 256)
        return 2;
    for (long i = 0; i < threads; i++)
        if (pthread_create(&t[i], NULL, work, (void*)i))
            return 1;
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000L}, a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    go = 1;
    nanosleep(&wait, NULL);
    stop = 1;
    long total = 0;
    for (int i = 0; i < threads; i++) {
        void* n;
        pthread_join(t[i], &n);
        total += (long)n;
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double s = b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
    printf("%.0f\n", s * 1e9 / total); /* nanoseconds for one round, all threads together */
    return 0;
}

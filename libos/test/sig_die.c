/* Ends of a process: each argument is one way to die; the exit status is the result. */
#define ORACLE_NO_MAIN
#include "oracle_mem.h"
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int overflow(int n) {
    volatile char pad[8192];
    pad[n % 100] = n;
    return overflow(n + 1) + pad[0];
}
static void* thread_exit_group(void* p) {
    sc(SYS_exit_group, (long)p);
    return NULL;
}
static void* thread_fault(void* p) {
    *(volatile int*)p = 1;
    return NULL;
}
static void* last_thread(void* p) {
    usleep(20000);
    say("the last thread ends\n");
    sc(SYS_exit, (long)p);
    return NULL;
}
static void* sleeper(void* p) {
    (void)p;
    for (;;)
        pause();
    return NULL;
}
static void on_signal(int signo) {
    for (;;)
        sc(SYS_getppid, signo);
}
static void fault_again(int signo) {
    *(volatile int*)8 = signo;
}

int main(int argc, char** argv) {
    const char* how = argc > 1 ? argv[1] : "exit";
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    pthread_t t;
    say("dying by %s\n", how);
    int signo = atoi(how);
    if (signo) {
        kill(getpid(), signo);
        /* ignored or stopped and continued: says so */
        say("survived\n");
        return 3;
    } else if (!strcmp(how, "exit")) {
        exit(42);
    } else if (!strcmp(how, "exit256")) {
        exit(256 + 7);
    } else if (!strcmp(how, "exit-1")) {
        exit(-1);
    } else if (!strcmp(how, "abort")) {
        abort();
    } else if (!strcmp(how, "null")) {
        *(volatile int*)8 = 1;
    } else if (!strcmp(how, "jump0")) {
        ((void (*)(void))0)();
    } else if (!strcmp(how, "hlt")) {
        __asm__ volatile("hlt");
    } else if (!strcmp(how, "ud2")) {
        __asm__ volatile("ud2");
    } else if (!strcmp(how, "int3")) {
        __asm__ volatile("int3");
    } else if (!strcmp(how, "div")) {
        __asm__ volatile("xor %%edx, %%edx\nxor %%ecx, %%ecx\ndiv %%ecx" ::: "rax", "rcx", "rdx");
    } else if (!strcmp(how, "bus")) {
        int fd = temp_file("bus", 0);
        char* p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
        return *p;
    } else if (!strcmp(how, "overflow")) {
        return overflow(1);
    } else if (!strcmp(how, "corrupt-libc")) {
        struct map m;
        void* at = (void*)&getenv;
        if (!map_of(at, &m) || mprotect((void*)m.start, m.end - m.start, 7))
            return 9;
        sc(SYS_gettid);
        memset((void*)m.start, 0x0b, 16); /* then garbage wherever we go */
        memset((char*)((uintptr_t)at & -PAGE), 0x06, PAGE);
        getenv("PATH");
    } else if (!strcmp(how, "unmap-libc")) {
        struct map m;
        map_of((void*)&getenv, &m);
        sc(SYS_munmap, m.start, m.end - m.start);
        getenv("PATH");
    } else if (!strcmp(how, "no-stack")) {
        __asm__ volatile("xor %%esp, %%esp\npush %%rax" ::: "memory");
    } else if (!strcmp(how, "no-stack-handler")) {
        struct sigaction sa = {.sa_handler = on_signal};
        sigaction(SIGSEGV, &sa, NULL);
        __asm__ volatile("mov $16, %%esp\nmov %%al, 0" ::: "memory");
    } else if (!strcmp(how, "bad-restorer")) {
        struct {
            void* handler;
            unsigned long flags;
            void* restorer;
            unsigned long mask;
        } k = {(void*)getpid, 0x04000000, (void*)16, 0};
        sc(SYS_rt_sigaction, SIGUSR1, &k, 0, 8);
        raise(SIGUSR1);
    } else if (!strcmp(how, "bad-frame")) {
        __asm__ volatile("mov $64, %%esp\nmov $15, %%eax\nsyscall" ::: "memory");
    } else if (!strcmp(how, "blocked-segv")) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        *(volatile int*)8 = 1;
    } else if (!strcmp(how, "ignored-segv")) {
        signal(SIGSEGV, SIG_IGN);
        *(volatile int*)8 = 1;
    } else if (!strcmp(how, "segv-in-handler")) {
        signal(SIGUSR1, fault_again);
        raise(SIGUSR1);
    } else if (!strcmp(how, "sigpipe")) {
        int p[2];
        if (pipe(p))
            return 1;
        close(p[0]);
        write(p[1], "x", 1);
    } else if (!strcmp(how, "fsize")) {
        struct rlimit one = {10, 10};
        setrlimit(RLIMIT_FSIZE, &one);
        int fd = temp_file("fsize", 0);
        say("wrote %zd\n", write(fd, "0123456789abcdef", 16));
        write(fd, "x", 1);
    } else if (!strcmp(how, "cpu")) {
        struct rlimit one = {1, 3};
        setrlimit(RLIMIT_CPU, &one);
        for (;;)
            __asm__ volatile("");
    } else if (!strcmp(how, "alarm")) {
        ualarm(5000, 0);
        pause();
    } else if (!strcmp(how, "thread-exit-group")) {
        pthread_create(&t, NULL, sleeper, NULL);
        pthread_create(&t, NULL, thread_exit_group, (void*)33);
        for (;;)
            pause();
    } else if (!strcmp(how, "thread-fault")) {
        pthread_create(&t, NULL, sleeper, NULL);
        pthread_create(&t, NULL, thread_fault, (void*)8);
        for (;;)
            pause();
    } else if (!strcmp(how, "main-exits-first")) {
        pthread_create(&t, NULL, last_thread, (void*)44);
        sc(SYS_exit, 11); /* only this thread; the status of the process is the last one's */
    } else if (!strcmp(how, "main-pthread-exit")) {
        pthread_create(&t, NULL, last_thread, (void*)0);
        pthread_exit(NULL);
    } else if (!strcmp(how, "return-with-threads")) {
        for (int i = 0; i < 10; i++)
            pthread_create(&t, NULL, sleeper, NULL);
        return 21;
    } else if (!strcmp(how, "stop-cont")) {
        return 0;
    } else if (!strcmp(how, "sigkill-self")) {
        sc(SYS_tgkill, getpid(), gettid(), SIGKILL);
    }
    say("not reached\n");
    return 5;
}

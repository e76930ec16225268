/* For tests with several processes: children that run a function, and gates to wait at. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "oracle.h"

/* A child that runs fn and ends with its result, or with 99 if a check in it failed. */
UNUSED static pid_t child(int (*fn)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        oracle_failures = 0;
        int status = fn();
        _exit(oracle_failures ? 99 : status);
    }
    return pid;
}

/* One passes for each time that it was opened. */
struct gate {
    int fd[2];
};
UNUSED static void gate_make(struct gate* g) {
    if (pipe2(g->fd, O_CLOEXEC))
        abort();
}
UNUSED static void gate_open(struct gate* g) {
    if (write(g->fd[1], "x", 1) != 1)
        abort();
}
UNUSED static void gate_pass(struct gate* g) {
    char c;
    ssize_t n;
    while ((n = read(g->fd[0], &c, 1)) < 0 && errno == EINTR)
        ;
    if (n != 1)
        _exit(98);
}

UNUSED static int end_of(pid_t pid) {
    int status = -1;
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

UNUSED static int sleeps(void) {
    for (;;)
        pause();
    return 0;
}

UNUSED static void pause_ms(int ms) {
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&ts, NULL);
}

/* Kills and reaps. */
UNUSED static void put_down(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

UNUSED static void block(int sig) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

UNUSED static void unblock(int sig) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Waits for a blocked signal, five seconds at most; its number or -1. */
UNUSED static int take(int sig, siginfo_t* info) {
    sigset_t set;
    struct timespec ts = {5, 0};
    sigemptyset(&set);
    sigaddset(&set, sig);
    return (int)syscall(SYS_rt_sigtimedwait, &set, info, &ts, 8);
}

UNUSED static bool is_pending(int sig) {
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, sig);
}

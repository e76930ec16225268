/* vfork, posix_spawn and exec in children: the child runs in its parent's memory until then. */
#include "oracle_mem.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static int end_of(int pid) {
    int status = 0;
    if (pid <= 0 || waitpid(pid, &status, 0) != pid)
        return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static volatile int g_word;

TEST(stores_are_seen) {
    g_word = 1;
    int pid = vfork();
    if (pid == 0) {
        g_word = 2;
        _exit(6);
    }
    CHECK_EQ(g_word, 2);
    CHECK_EQ(end_of(pid), 6);
}

TEST(ids) {
    static volatile int parent, child, seen_tid;
    parent = getpid();
    int pid = vfork();
    if (pid == 0) {
        child = sc(SYS_getpid);
        seen_tid = sc(SYS_gettid);
        _exit(sc(SYS_getppid) == parent ? 0 : 1);
    }
    CHECK_EQ(child, pid);
    CHECK_EQ(seen_tid, pid);
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(getpid(), parent);
    CHECK_EQ(sc(SYS_gettid), parent);
}

TEST(exec) {
    char* argv[] = {"sh", "-c", "exit 12", NULL};
    int pid = vfork();
    if (pid == 0) {
        execv("/bin/sh", argv);
        _exit(127);
    }
    CHECK_EQ(end_of(pid), 12);
}

TEST(exec_fails) {
    static volatile int error;
    char* argv[] = {"x", NULL};
    int pid = vfork();
    if (pid == 0) {
        execv("/nonexistent/program", argv);
        error = errno;
        _exit(127);
    }
    CHECK_EQ(error, ENOENT);
    CHECK_EQ(end_of(pid), 127);
}

TEST(descriptors_are_its_own) {
    int p[2];
    char c;
    NEED_OK(pipe(p));
    int pid = vfork();
    if (pid == 0) {
        close(p[0]);
        dup2(p[1], 50);
        _exit(write(50, "x", 1) != 1);
    }
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_ERRNO(fcntl(50, F_GETFD), EBADF);
    close(p[0]);
    close(p[1]);
}

static volatile int g_signals;
static void count(int sig) {
    (void)sig;
    g_signals++;
}

TEST(handlers_are_its_own) {
    signal(SIGUSR1, count);
    g_signals = 0;
    int pid = vfork();
    if (pid == 0) {
        signal(SIGUSR1, SIG_IGN);
        sc(SYS_kill, sc(SYS_getpid), SIGUSR1);
        _exit(0);
    }
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(g_signals, 0);
    raise(SIGUSR1);
    CHECK_EQ(g_signals, 1);
    signal(SIGUSR1, SIG_DFL);
}

TEST(handler_runs_in_child) {
    signal(SIGUSR1, count);
    g_signals = 0;
    int pid = vfork();
    if (pid == 0) {
        sc(SYS_kill, sc(SYS_getpid), SIGUSR1);
        _exit(g_signals);
    }
    CHECK_EQ(end_of(pid), 1);
    CHECK_EQ(g_signals, 1); /* in one memory */
    signal(SIGUSR1, SIG_DFL);
}

TEST(killed) {
    int pid = vfork();
    if (pid == 0) {
        sc(SYS_kill, sc(SYS_getpid), SIGTERM);
        _exit(1);
    }
    CHECK_EQ(end_of(pid), -SIGTERM);
    pid = vfork();
    if (pid == 0) {
        *(volatile int*)8 = 1;
        _exit(1);
    }
    CHECK_EQ(end_of(pid), -SIGSEGV);
}

TEST(fork_in_child) {
    static volatile int status;
    g_word = 1;
    int pid = vfork();
    if (pid == 0) {
        int c = sc(SYS_fork);
        if (c == 0) {
            g_word = 3;
            _exit(4);
        }
        int s = 0;
        status = waitpid(c, &s, 0) == c ? WEXITSTATUS(s) : -1;
        _exit(5);
    }
    CHECK_EQ(end_of(pid), 5);
    CHECK_EQ(status, 4);
    CHECK_EQ(g_word, 1);
}

TEST(vfork_in_child) {
    static volatile int inner;
    int pid = vfork();
    if (pid == 0) {
        int c = vfork();
        if (c == 0) {
            char* argv[] = {"sh", "-c", "exit 3", NULL};
            execv("/bin/sh", argv);
            _exit(127);
        }
        inner = end_of(c);
        _exit(8);
    }
    CHECK_EQ(end_of(pid), 8);
    CHECK_EQ(inner, 3);
}

/* Vector registers belong to whoever called. */
TEST(vector_registers) {
    double a = 1.5, b = 0;
    int pid;
    __asm__ volatile("movsd %2, %%xmm7\n\t"
                     "mov $58, %%eax\n\t" /* vfork */
                     "syscall\n\t"
                     "test %%eax, %%eax\n\t"
                     "jnz 1f\n\t"
                     "xorps %%xmm7, %%xmm7\n\t"
                     "mov $60, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "1: movsd %%xmm7, %1"
                     : "=&a"(pid), "=m"(b)
                     : "m"(a)
                     : "rcx", "r11", "rdi", "xmm7", "memory");
    CHECK(b == 1.5);
    CHECK_EQ(end_of(pid), 0);
}

/* ---- posix_spawn ------------------------------------------------------------------------------
 */

extern char** environ;

TEST(spawn) {
    char* argv[] = {"sh", "-c", "exit 23", NULL};
    int pid = 0;
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
    CHECK_EQ(end_of(pid), 23);
    CHECK_EQ(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ), ENOENT);
    CHECK_EQ(posix_spawn(&pid, "/etc/passwd", NULL, NULL, argv, environ), EACCES);
    CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

TEST(spawn_actions) {
    char* argv[] = {"sh", "-c", "echo told; pwd", NULL};
    posix_spawn_file_actions_t fa;
    int p[2], pid = 0;
    char text[64] = {0};
    NEED_OK(pipe2(p, O_CLOEXEC));
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, p[1], 1);
    posix_spawn_file_actions_addchdir_np(&fa, "/");
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", &fa, NULL, argv, environ), 0);
    close(p[1]);
    size_t n = 0;
    long got;
    while ((got = read(p[0], text + n, sizeof(text) - 1 - n)) > 0)
        n += got;
    CHECK_STR(text, "told\n/\n");
    CHECK_EQ(end_of(pid), 0);
    close(p[0]);
    posix_spawn_file_actions_destroy(&fa);
}

TEST(spawn_attributes) {
    char* argv[] = {"sh", "-c", "kill -USR1 $$; exit 5", NULL};
    posix_spawnattr_t at;
    sigset_t set, old;
    int pid = 0;
    posix_spawnattr_init(&at);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, &old);
    posix_spawnattr_setsigdefault(&at, &set);
    posix_spawnattr_setsigmask(&at, &old);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                      POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_RESETIDS);
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", NULL, &at, argv, environ), 0);
    CHECK_EQ(end_of(pid), -SIGUSR1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGUSR1, SIG_DFL);
    posix_spawnattr_destroy(&at);
}

TEST(system_and_popen) {
    char text[64] = {0};
    CHECK_EQ(WEXITSTATUS(system("exit 9")), 9);
    FILE* f = popen("echo one; echo two", "r");
    NEED(f);
    CHECK_EQ(fread(text, 1, sizeof(text), f), 8u);
    CHECK_STR(text, "one\ntwo\n");
    CHECK_EQ(pclose(f), 0);
}

TEST(many) {
    int bad = 0;
    for (int i = 0; i < 50; i++) {
        char* argv[] = {"true", NULL};
        int pid = 0;
        bad += posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0 || end_of(pid) != 0;
        pid = vfork();
        if (pid == 0)
            _exit(1);
        bad += end_of(pid) != 1;
    }
    CHECK_EQ(bad, 0);
}

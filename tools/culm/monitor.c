/*
 * The monitor: starts the PAL and stays outside until it ends. The PAL shares our process group, so
 * what the terminal sends (Ctrl-C, Ctrl-Z, SIGWINCH) reaches it directly; what another process
 * sends to us is passed on. When it stops, we stop; its end is ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "culm.h"

/* Where the PAL and the LibOS lie, seen from the directory of this command. */
static const struct {
    const char *pal, *libos;
} places[] = {
    {"../pal/host/linux/culm-pal", "../libos/libculm.so"},       /* build/tools/culm */
    {"build/pal/host/linux/culm-pal", "build/libos/libculm.so"}, /* a copy in the root */
    {"../libexec/culm/culm-pal", "../libexec/culm/libculm.so"},  /* installed in bin/ */
};
#define PLACE_COUNT (sizeof(places) / sizeof(places[0]))

#define PASSED_ON_CODE (-61) /* si_code that the PAL knows: pal/host/linux/host_internal.h */

struct launch {
    char pal[PLACE_COUNT][PATH_MAX];
    char libos[PLACE_COUNT][PATH_MAX];
    char fd_text[12];
    char** argv;
    char** environment;
    uint64_t old_mask;
    struct sigaction old_chld;
    pid_t parent;
    volatile int error; /* of the last execve, written by the child in our memory */
};

/* The kernel's own calls: musl keeps signals 32 to 34 for itself, but glibc programs use 34. */
static const uint64_t all_signals = ~0ULL;

static void set_mask(int how, const uint64_t* mask, uint64_t* old) {
    syscall(SYS_rt_sigprocmask, how, mask, old, sizeof(*mask));
}

static int manifest_fd(const char* text, size_t length) {
    int fd = memfd_create("manifest", 0); /* not close-on-exec: it is for the PAL */
    if (fd < 0)
        die(STATUS_USAGE, "memfd_create: %s", strerror(errno));
    while (length) {
        ssize_t n = write(fd, text, length);
        if (n < 0)
            die(STATUS_USAGE, "cannot store the manifest: %s", strerror(errno));
        text += n;
        length -= (size_t)n;
    }
    if (lseek(fd, 0, SEEK_SET) < 0)
        die(STATUS_USAGE, "cannot store the manifest: %s", strerror(errno));
    return fd;
}

static void find_places(struct launch* launch) {
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        die(STATUS_USAGE, "/proc/self/exe: %s (is /proc mounted?)", strerror(errno));
    while (n > 0 && self[n - 1] != '/')
        n--;
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        snprintf(launch->pal[i], PATH_MAX, "%.*s%s", (int)n, self, places[i].pal);
        snprintf(launch->libos[i], PATH_MAX, "%.*s%s", (int)n, self, places[i].libos);
    }
}

/* The child between vfork and execve: it shares our memory, but not our signal state. */
static void become_pal(struct launch* launch) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launch->parent)
        _exit(STATUS_USAGE); /* the monitor died before it could take us along */
    sigaction(SIGCHLD, &launch->old_chld, NULL);
    set_mask(SIG_SETMASK, &launch->old_mask, NULL);
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        launch->argv[0] = launch->pal[i];
        launch->argv[4] = launch->libos[i];
        execve(launch->pal[i], launch->argv, launch->environment);
        if (errno != ENOENT && errno != ENOTDIR)
            break;
    }
    launch->error = errno == ENOTDIR ? ENOENT : errno;
}

static pid_t start(struct launch* launch) {
    pid_t child = vfork();
    if (child < 0)
        die(STATUS_USAGE, "cannot start a process: %s", strerror(errno));
    if (child == 0) {
        become_pal(launch);
        _exit(STATUS_USAGE);
    }
    return child;
}

/* Sends on what some process sent us. The kernel's own go to the whole group, timers excepted. The
 * PAL is told who sent it: what came to the whole group came to it, too, and counts once. */
static void pass_on(pid_t child, const siginfo_t* info) {
    int signo = info->si_signo;
    if (info->si_code == SI_KERNEL && signo != SIGALRM && signo != SIGVTALRM && signo != SIGPROF)
        return;
    siginfo_t passed = *info;
    passed.si_errno = info->si_code;
    passed.si_code = PASSED_ON_CODE;
    syscall(SYS_rt_sigqueueinfo, child, signo, &passed);
}

/* Has the child gone on (or ended) since it stopped, or were we told to? */
static bool stop_is_over(pid_t child) {
    siginfo_t state = {0};
    uint64_t pending = 0;
    syscall(SYS_rt_sigpending, &pending, sizeof(pending));
    return waitid(P_PID, (id_t)child, &state, WCONTINUED | WEXITED | WNOHANG | WNOWAIT) == 0 &&
           (state.si_pid == child || (pending >> (SIGCONT - 1) & 1));
}

/* Stops this process by the same signal, then takes the child along when it goes on. */
static void stop_along(pid_t child, int signo) {
    struct sigaction deflt = {.sa_handler = SIG_DFL}, old;
    uint64_t one = 1ULL << (signo - 1);
    if (stop_is_over(child))
        return;
    sigaction(signo, &deflt, &old);
    kill(getpid(), signo);
    set_mask(SIG_UNBLOCK, &one, NULL); /* stops here */
    set_mask(SIG_BLOCK, &one, NULL);
    sigaction(signo, &old, NULL);
    /* What continued us was no signal to the program, unless it was for us alone. */
    uint64_t cont = 1ULL << (SIGCONT - 1);
    struct timespec now = {0};
    syscall(SYS_rt_sigtimedwait, &cont, NULL, &now, sizeof(cont));
    siginfo_t state = {0};
    if (waitid(P_PID, (id_t)child, &state, WCONTINUED | WEXITED | WNOHANG | WNOWAIT) == 0 &&
        state.si_pid == 0)
        kill(child, SIGCONT); /* only we were continued */
}

static int wait_for(pid_t child) {
    for (;;) {
        siginfo_t state = {0};
        if (waitid(P_PID, (id_t)child, &state, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) < 0 &&
            errno != EINTR)
            die(STATUS_USAGE, "waiting for the program: %s", strerror(errno));
        if (state.si_pid == child) {
            if (state.si_code == CLD_EXITED)
                return state.si_status;
            if (state.si_code == CLD_KILLED || state.si_code == CLD_DUMPED)
                return 128 + state.si_status;
            if (state.si_code == CLD_STOPPED)
                stop_along(child, state.si_status);
            continue;
        }
        siginfo_t info;
        if (syscall(SYS_rt_sigtimedwait, &all_signals, &info, NULL, sizeof(all_signals)) < 0)
            continue;
        if (info.si_signo != SIGCHLD)
            pass_on(child, &info);
    }
}

int monitor(struct run* run, const char* manifest, size_t length) {
    static struct launch launch;
    size_t count = 0;
    while (run->argv[count])
        count++;
    char* argv[count + 7];
    find_places(&launch);
    int fd = manifest_fd(manifest, length);
    snprintf(launch.fd_text, sizeof(launch.fd_text), "%d", fd);
    argv[1] = "--manifest-fd";
    argv[2] = launch.fd_text;
    argv[3] = "--libos";
    argv[5] = "--";
    memcpy(argv + 6, run->argv, (count + 1) * sizeof(*argv));
    launch.argv = argv;
    launch.environment = run->environment;
    launch.parent = getpid();

    set_mask(SIG_BLOCK, &all_signals, &launch.old_mask);
    struct sigaction deflt = {.sa_handler = SIG_DFL}; /* an ignored SIGCHLD would reap for us */
    sigaction(SIGCHLD, &deflt, &launch.old_chld);
    pid_t child = start(&launch);
    close(fd);
    int status = wait_for(child);
    if (launch.error == ENOENT)
        die(STATUS_USAGE,
            "culm-pal is missing (looked for %s and for ../libexec/culm/culm-pal): "
            "build with `make`, or install again",
            launch.pal[0]);
    if (launch.error)
        die(STATUS_USAGE, "%s: %s", launch.argv[0], strerror(launch.error));
    return status;
}

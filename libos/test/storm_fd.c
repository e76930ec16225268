/* The descriptor table under eight threads: open, dup, dup2 and close race on few numbers; a file
 * that is in use stays whole, and a number always means one file or none. */
#include "storm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define N     8
#define LOW   100
#define SLOTS 6

static char dir[] = "/tmp/storm_fd.XXXXXX";
static ino_t inodes[4];

static int open_one(int which) {
    char name[64];
    snprintf(name, sizeof(name), "%s/%d", dir, which);
    return open(name, O_RDONLY);
}

static void* racer(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        int slot = LOW + storm_random(w) % SLOTS, which = storm_random(w) % 4;
        switch (storm_random(w) % 6) {
            case 0: {
                int fd = open_one(which);
                if (fd < 0) {
                    STORM_BAD("open: errno %d", errno);
                    break;
                }
                char c = 0;
                if (pread(fd, &c, 1, 0) != 1 || c != 'a' + which)
                    STORM_BAD("own descriptor reads %c, not %c", c, 'a' + which);
                int r = dup2(fd, slot);
                if (r != slot && errno != EBUSY)
                    STORM_BAD("dup2: %d errno %d", r, errno);
                STORM_CHECK(!close(fd));
                break;
            }
            case 1:
                if (close(slot) && errno != EBADF)
                    STORM_BAD("close: errno %d", errno);
                break;
            case 2: {
                char c = 0;
                ssize_t n = pread(slot, &c, 1, 0);
                if (n == 1 ? c < 'a' || c > 'd' : n != -1 || errno != EBADF)
                    STORM_BAD("pread: %zd errno %d, %d", n, errno, c);
                break;
            }
            case 3: {
                struct stat st;
                if (fstat(slot, &st) ? errno != EBADF
                                     : st.st_ino != inodes[0] && st.st_ino != inodes[1] &&
                                           st.st_ino != inodes[2] && st.st_ino != inodes[3])
                    STORM_BAD("fstat: inode %lu errno %d", (long)st.st_ino, errno);
                break;
            }
            case 4: {
                int fd = fcntl(slot, F_DUPFD_CLOEXEC, LOW + SLOTS);
                if (fd >= 0) {
                    STORM_CHECK(fd >= LOW + SLOTS);
                    STORM_CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
                    STORM_CHECK(!close(fd));
                } else if (errno != EBADF) {
                    STORM_BAD("F_DUPFD: errno %d", errno);
                }
                break;
            }
            default: {
                char* p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, slot, 0);
                if (p != MAP_FAILED) {
                    if (*p < 'a' || *p > 'd')
                        STORM_BAD("mapped %d", *p);
                    munmap(p, 4096);
                } else if (errno != EBADF) {
                    STORM_BAD("mmap: errno %d", errno);
                }
            }
        }
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

/* Many descriptors: the lowest free number is given, and none twice. */
static atomic_int owner[1024];

static void* taker(void* arg) {
    struct storm_worker* w = arg;
    int mine[64], n = 0;
    while (!atomic_load(&storm_stop)) {
        if (n < 64 && (n == 0 || storm_random(w) % 2)) {
            int fd = storm_random(w) % 2 ? open_one(0) : dup(0);
            if (fd < 0 || fd >= 1024) {
                STORM_BAD("open: %d errno %d", fd, errno);
                continue;
            }
            if (atomic_exchange(&owner[fd], w->index + 1))
                STORM_BAD("number %d given twice", fd);
            mine[n++] = fd;
        } else {
            int i = storm_random(w) % n, fd = mine[i];
            mine[i] = mine[--n];
            if (atomic_exchange(&owner[fd], 0) != w->index + 1)
                STORM_BAD("number %d is not mine", fd);
            STORM_CHECK(!close(fd));
        }
        atomic_fetch_add(&w->progress, 1);
    }
    while (n) {
        atomic_store(&owner[mine[--n]], 0);
        close(mine[n]);
    }
    return NULL;
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    if (!mkdtemp(dir)) {
        storm_say("FAIL mkdtemp: errno %d\n", errno);
        return 93;
    }
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s/%d", dir, i);
        int fd = open(name, O_CREAT | O_RDWR, 0600);
        STORM_CHECK(fd >= 0);
        char c = 'a' + i;
        STORM_CHECK(write(fd, &c, 1) == 1);
        struct stat st;
        STORM_CHECK(!fstat(fd, &st));
        inodes[i] = st.st_ino;
        close(fd);
    }
    if (STORM_PART(argc, argv, "take"))
        storm_run("take", N, taker, NULL);
    if (STORM_PART(argc, argv, "race"))
        storm_run("race", N, racer, NULL);
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s/%d", dir, i);
        unlink(name);
    }
    rmdir(dir);
    return storm_result();
}

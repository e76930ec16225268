/* Many threads making, moving, linking, reading and removing the same few names: no answer that
 * Linux could not give, and in the end everything can be removed. Here and in /dev/shm. */
#include "oracle.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define THREADS 8
#define ROUNDS  4000

static char top[128];
static unsigned long bad;

static void odd(const char* what) {
    if (__atomic_fetch_add(&bad, 1, __ATOMIC_RELAXED) < 5)
        fprintf(stderr, "%s: %s\n", what, errno_name(errno));
}

static unsigned next(unsigned* seed) {
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 8;
}

static void name(unsigned* seed, char* out) {
    static const char* const dirs[] = {"", "a/", "b/", "a/c/", "l/"};
    sprintf(out, "%s/%s%c", top, dirs[next(seed) % 5], "abcflxyz"[next(seed) % 8]);
}

/* All the errors that a race on names can bring. */
static int fair(void) {
    return errno == ENOENT || errno == EEXIST || errno == ENOTDIR || errno == EISDIR ||
           errno == ENOTEMPTY || errno == EINVAL || errno == ELOOP || errno == EPERM ||
           errno == EBUSY || errno == ENXIO;
}

static void use_file(unsigned* seed, const char* path) {
    int fd = open(path, O_RDWR | (next(seed) & 1 ? O_CREAT : 0) | O_NONBLOCK, 0600);
    if (fd < 0) {
        if (!fair())
            odd("open");
        return;
    }
    char buf[300], back[300];
    memset(buf, 'a' + next(seed) % 26, sizeof(buf));
    struct stat st;
    unsigned at = next(seed) % 100000;
    if (fstat(fd, &st))
        odd("fstat");
    if (S_ISREG(st.st_mode)) {
        if (pwrite(fd, buf, sizeof(buf), at) != sizeof(buf))
            odd("pwrite");
        if (pread(fd, back, 1, at) < 0)
            odd("pread");
        if (next(seed) % 4 == 0 && ftruncate(fd, next(seed) % 200000))
            odd("ftruncate");
        if (next(seed) % 4 == 0) {
            char* m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
            if (m == MAP_FAILED || munmap(m, 4096))
                odd("mmap");
        }
    }
    close(fd);
}

static void list(const char* path) {
    DIR* d = opendir(path);
    if (!d) {
        if (!fair())
            odd("opendir");
        return;
    }
    int n = 0;
    for (struct dirent* e; (e = readdir(d)); n++)
        if (!e->d_name[0] || strchr(e->d_name, '/'))
            odd("readdir");
    closedir(d);
}

static void* worker(void* arg) {
    unsigned seed = 77 * (long)arg + 1;
    char a[256], b[256];
    struct stat st;
    for (int i = 0; i < ROUNDS; i++) {
        name(&seed, a);
        name(&seed, b);
        int ret = 0;
        switch (next(&seed) % 10) {
            case 0:
                ret = mkdir(a, 0755);
                break;
            case 1:
                ret = rename(a, b);
                break;
            case 2:
                ret = link(a, b);
                break;
            case 3:
                ret = symlink(next(&seed) & 1 ? "a" : "b", a);
                break;
            case 4:
                ret = unlink(a);
                break;
            case 5:
                ret = rmdir(a);
                break;
            case 6:
                list(next(&seed) & 1 ? top : a);
                break;
            case 7:
                ret = stat(a, &st);
                break;
            default:
                use_file(&seed, a);
        }
        if (ret && !fair())
            odd("call");
    }
    return NULL;
}

static void remove_all(const char* path) {
    DIR* d = opendir(path);
    if (!d)
        return;
    for (struct dirent* e; (e = readdir(d));) {
        char below[512];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        sprintf(below, "%s/%s", path, e->d_name);
        struct stat st;
        if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
            remove_all(below);
        else
            CHECK_OK(unlink(below));
    }
    closedir(d);
    CHECK_OK(rmdir(path));
}

static void storm(void) {
    char path[200];
    bad = 0;
    NEED_OK(mkdir(top, 0755));
    for (int i = 0; i < 2; i++) {
        sprintf(path, "%s/%c", top, "ab"[i]);
        mkdir(path, 0755);
    }
    sprintf(path, "%s/l", top);
    symlink("a/c", path);
    pthread_t t[THREADS];
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, worker, (void*)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(bad, 0);
    remove_all(top);
    CHECK_ERRNO(access(top, F_OK), ENOENT);
}

TEST(names_here) {
    strcpy(top, "storm");
    storm();
}

TEST(names_in_memory) {
    sprintf(top, "/dev/shm/storm-%d", getpid());
    if (access("/dev/shm", W_OK))
        SKIP("no /dev/shm");
    storm();
}

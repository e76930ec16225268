/*
 * Opening by URI and below a directory, and closing.
 */
#include "pal_test.h"

TEST(PalStreamOpen, file_create_modes) {
    PAL_HANDLE h;
    EXPECT(PalStreamOpen("file:o1", PAL_ACCESS_RDONLY, 0, 0, 0, &h), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamOpen("file:o1", PAL_ACCESS_RDWR, 0640, PAL_CREATE_ALWAYS, 0, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_FILE);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("file:o1", PAL_ACCESS_RDWR, 0640, PAL_CREATE_ALWAYS, 0, &h),
           PAL_ERROR_STREAMEXIST);
    EXPECT(PalStreamOpen("file:o1", PAL_ACCESS_RDWR, 0640, PAL_CREATE_TRY, 0, &h), 0);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("file:o1", PAL_ACCESS_RDONLY, 0, 0, PAL_OPTION_DIRECTORY, &h),
           PAL_ERROR_NOTDIR);
}

TEST(PalStreamOpen, dir) {
    PAL_HANDLE h;
    EXPECT(PalStreamOpen("dir:od", PAL_ACCESS_RDONLY, 0755, PAL_CREATE_ALWAYS, 0, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_DIR);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("dir:od", PAL_ACCESS_RDONLY, 0755, PAL_CREATE_ALWAYS, 0, &h),
           PAL_ERROR_STREAMEXIST);
    EXPECT(PalStreamOpen("dir:od", PAL_ACCESS_RDONLY, 0755, PAL_CREATE_TRY, 0, &h), 0);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("dir:o1", PAL_ACCESS_RDONLY, 0, 0, 0, &h), PAL_ERROR_NOTDIR);
    EXPECT(PalStreamOpen("file:od", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_DIR);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("file:od", PAL_ACCESS_RDWR, 0, 0, 0, &h), PAL_ERROR_STREAMISDIR);
}

TEST(PalStreamOpen, follows_host_symlinks) {
    PAL_HANDLE dir = test_dir(), h;
    CHECK(dir);
    EXPECT(PalDirectorySymlinkAt("o1", dir, "olink"), 0);
    EXPECT(PalStreamOpen("file:olink", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
    PalObjectClose(h);
    PalObjectClose(dir);
}

TEST(PalStreamOpen, bad_uris) {
    static const char* const bad[] = {"",
                                      ":",
                                      "x",
                                      BAD_URI,
                                      "file",
                                      "file:",
                                      "dir:",
                                      "FILE:x",
                                      "dev:",
                                      "dev:nothing",
                                      "pipe.srv:",
                                      "tcp:",
                                      "tcp:1.2.3.4",
                                      "tcp:1.2.3.4:",
                                      "tcp:1.2.3:80",
                                      "tcp:1.2.3.4.5:80",
                                      "tcp:1.2.3.256:80",
                                      "tcp:1.2.3.4:65536",
                                      "tcp:1.2.3.4:80x",
                                      "tcp:01.2.3.4:80",
                                      "tcp:1.2.3.4:-1",
                                      "tcp:localhost:80",
                                      "tcp:[::1]",
                                      "tcp:[::1]80",
                                      "tcp:[::1:80",
                                      "tcp:[1::2::3]:80",
                                      "tcp:[:1]:80",
                                      "tcp:[1:]:80",
                                      "tcp:[12345::]:80",
                                      "tcp:[1:2:3:4:5:6:7]:80",
                                      "tcp:[1:2:3:4:5:6:7:8:9]:80",
                                      "tcp:[1:2:3:4:5:6:7:8::]:80",
                                      "tcp:[::1.2.3]:80",
                                      "tcp:[]:80",
                                      "udp:1.2.3.4",
                                      "udp.srv::1:5",
                                      "tcp.srv:0.0.0.0:x",
                                      "tcp:127.0.0.1:0",
                                      "eventfd:x",
                                      "pipes:x"};
    PAL_HANDLE h;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int ret = PalStreamOpen(bad[i], PAL_ACCESS_RDWR, 0, 0, 0, &h);
        if (ret != PAL_ERROR_INVAL)
            test_print("  uri \"%s\"\n", bad[i]);
        EXPECT(ret, PAL_ERROR_INVAL);
    }
    EXPECT(PalStreamOpen(NULL, PAL_ACCESS_RDWR, 0, 0, 0, &h), PAL_ERROR_INVAL);
}

TEST(PalStreamOpen, bad_flags) {
    PAL_HANDLE h;
    EXPECT(PalStreamOpen("file:o1", 3, 0, 0, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 16, 0, 0, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 0, 010000, 0, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 0, 0, 8, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 0, 0, PAL_CREATE_DUALSTACK, 0, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 0, 0, 0, 0x2000, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 0, 0, 0, PAL_OPTION_EXCL, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:o1", 0, 0, 0, PAL_OPTION_EFD_SEMAPHORE, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("pipe:", 0, 0, 0, PAL_OPTION_TRUNC, &h), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("tcp.srv:127.0.0.1:0", 0, 0, 0, PAL_OPTION_DIRECTORY, &h),
           PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("dev:tty", PAL_ACCESS_PATH, 0, 0, 0, &h), PAL_ERROR_INVAL);
}

TEST(PalStreamOpen, devices) {
    PAL_HANDLE h;
    char byte = 1;
    PAL_NUM n = 1;
    EXPECT(PalStreamOpen("dev:/dev/zero", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_DEV);
    EXPECT(PalStreamRead(h, 0, &n, &byte, NULL, 0), 0);
    EXPECT(n, 1);
    EXPECT(byte, 0);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("dev:stdout", PAL_ACCESS_WRONLY, 0, 0, 0, &h), 0);
    PalObjectClose(h);
    /* closing does not take the process's own descriptor away */
    EXPECT(PalStreamOpen("dev:stdout", PAL_ACCESS_WRONLY, 0, 0, 0, &h), 0);
    PalObjectClose(h);
    if (PalStreamOpen("dev:stdin", PAL_ACCESS_RDONLY, 0, 0, 0, &h) < 0)
        SKIP("started without standard input");
    PalObjectClose(h);
    EXPECT(PalStreamOpen("dev:tty", PAL_ACCESS_RDWR, 0, 0, 0, &h), 0);
    PalObjectClose(h);
}

/* Started without standard streams (the variant "closed"): they stay closed, whatever is opened. */
TEST(PalStreamOpen, closed_standard_streams) {
    PAL_HANDLE file = test_file("std", "x"), h;
    PAL_STREAM_ATTR mine, std;
    CHECK(file);
    EXPECT(PalStreamAttributesQueryByHandle(file, &mine), 0);
    int ret = PalStreamOpen("dev:stdin", PAL_ACCESS_RDONLY, 0, 0, 0, &h);
    if (ret == 0) {
        EXPECT(PalStreamAttributesQueryByHandle(h, &std), 0);
        CHECK(std.ino != mine.ino || std.dev != mine.dev);
        PalObjectClose(h);
    } else {
        EXPECT(ret, PAL_ERROR_STREAMNOTEXIST);
    }
    PalObjectClose(file);
}

TEST(PalStreamOpen, unnamed_file) {
    PAL_HANDLE h;
    int ret = PalStreamOpen("file:.", PAL_ACCESS_RDWR, 0600, 0, PAL_OPTION_TMPFILE, &h);
    if (ret == PAL_ERROR_NOTSUPPORT)
        SKIP("this file system has no unnamed files");
    EXPECT(ret, 0);
    EXPECT(h->hdr.type, PAL_TYPE_FILE);
    PAL_NUM n = 3;
    EXPECT(PalStreamWrite(h, 0, &n, "abc", NULL), 0);
    PalObjectClose(h);
}

/* ---- Below a directory -------------------------------------------------------------------------
 */

/* in/ with file in/f, in/sub/g; out/ beside it; links that lead inside, outside, up and nowhere. */
static PAL_HANDLE make_tree(void) {
    static PAL_HANDLE in;
    if (in)
        return in;
    PAL_HANDLE dir = test_dir(), h;
    if (!dir || PalDirectoryCreateAt(dir, "in", 0755) < 0 ||
        PalDirectoryCreateAt(dir, "in/sub", 0755) < 0 || PalDirectoryCreateAt(dir, "out", 0755) < 0)
        return NULL;
    static const char* const files[] = {"in/f", "in/sub/g", "out/secret"};
    for (int i = 0; i < 3; i++) {
        if (!(h = test_file(files[i], files[i])))
            return NULL;
        PalObjectClose(h);
    }
    PalDirectorySymlinkAt("f", dir, "in/inner");
    PalDirectorySymlinkAt("../out", dir, "in/outer");
    PalDirectorySymlinkAt("/", dir, "in/root");
    PalDirectorySymlinkAt("nowhere", dir, "in/dangling");
    PalDirectorySymlinkAt("sub", dir, "in/dirlink");
    PalObjectClose(dir);
    return PalStreamOpen("dir:in", PAL_ACCESS_PATH, 0, 0, 0, &in) < 0 ? NULL : in;
}

static int try_at(const char* path, PAL_FLG access, PAL_FLG create, PAL_FLG options) {
    PAL_HANDLE h;
    int ret = PalStreamOpenAt(make_tree(), path, access, 0644, create, options, &h);
    if (ret < 0)
        return ret;
    ret = h->hdr.type;
    PalObjectClose(h);
    return ret;
}

TEST(PalStreamOpenAt, plain) {
    CHECK(make_tree());
    EXPECT(try_at("f", PAL_ACCESS_RDONLY, 0, 0), PAL_TYPE_FILE);
    EXPECT(try_at("sub/g", PAL_ACCESS_RDWR, 0, 0), PAL_TYPE_FILE);
    EXPECT(try_at("sub", PAL_ACCESS_RDONLY, 0, PAL_OPTION_DIRECTORY), PAL_TYPE_DIR);
    EXPECT(try_at("", PAL_ACCESS_RDONLY, 0, PAL_OPTION_DIRECTORY), PAL_TYPE_DIR);
    EXPECT(try_at(".", PAL_ACCESS_PATH, 0, PAL_OPTION_DIRECTORY), PAL_TYPE_DIR);
    EXPECT(try_at("sub/../f", PAL_ACCESS_RDONLY, 0, 0), PAL_TYPE_FILE);
    EXPECT(try_at("sub//./g", PAL_ACCESS_RDONLY, 0, 0), PAL_TYPE_FILE);
}

TEST(PalStreamOpenAt, errors_can_be_told_apart) {
    CHECK(make_tree());
    EXPECT(try_at("none", PAL_ACCESS_RDONLY, 0, 0), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(try_at("none/x", PAL_ACCESS_RDONLY, 0, 0), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(try_at("f/x", PAL_ACCESS_RDONLY, 0, 0), PAL_ERROR_NOTDIR);
    EXPECT(try_at("f/", PAL_ACCESS_RDONLY, 0, 0), PAL_ERROR_NOTDIR);
    EXPECT(try_at("f", PAL_ACCESS_RDONLY, 0, PAL_OPTION_DIRECTORY), PAL_ERROR_NOTDIR);
    EXPECT(try_at("sub", PAL_ACCESS_RDWR, 0, 0), PAL_ERROR_STREAMISDIR);
    EXPECT(try_at("f", PAL_ACCESS_RDWR, PAL_CREATE_ALWAYS, 0), PAL_ERROR_STREAMEXIST);
}

TEST(PalStreamOpenAt, symlinks_are_met_not_followed) {
    static const char* const links[] = {
        "inner",     "outer",        "root",     "dangling",        "dirlink",     "outer/x",
        "dirlink/g", "sub/../inner", "dirlink/", "root/etc/passwd", "outer/secret"};
    CHECK(make_tree());
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        int ret = try_at(links[i], PAL_ACCESS_RDONLY, 0, 0);
        if (ret != PAL_ERROR_SYMLINK)
            test_print("  path %s\n", links[i]);
        EXPECT(ret, PAL_ERROR_SYMLINK);
    }
    EXPECT(try_at("dirlink", PAL_ACCESS_RDONLY, 0, PAL_OPTION_DIRECTORY), PAL_ERROR_SYMLINK);
    EXPECT(try_at("dirlink", PAL_ACCESS_PATH, 0, PAL_OPTION_DIRECTORY), PAL_ERROR_SYMLINK);
    EXPECT(try_at("dangling", PAL_ACCESS_RDWR, PAL_CREATE_TRY, 0), PAL_ERROR_SYMLINK);
    EXPECT(try_at("dangling", PAL_ACCESS_RDWR, PAL_CREATE_ALWAYS, 0), PAL_ERROR_STREAMEXIST);
}

TEST(PalStreamOpenAt, path_names_the_link) {
    static const char* const links[] = {"inner", "sub/../inner"};
    PAL_STREAM_ATTR attr;
    PAL_HANDLE h;
    CHECK(make_tree());
    for (int i = 0; i < 2; i++) {
        EXPECT(PalStreamOpenAt(make_tree(), links[i], PAL_ACCESS_PATH, 0, 0, 0, &h), 0);
        EXPECT(PalStreamAttributesQueryByHandle(h, &attr), 0);
        EXPECT(attr.file_mode & 0170000, 0120000);
        PalObjectClose(h);
    }
}

TEST(PalStreamOpenAt, never_leaves) {
    static const char* const paths[] = {
        "..",          "../out",    "../out/secret",        "/",
        "/etc/passwd", "sub/../..", "sub/../../out/secret", "../in/f"};
    CHECK(make_tree());
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int ret = try_at(paths[i], PAL_ACCESS_PATH, 0, 0);
        if (ret != PAL_ERROR_CROSSED)
            test_print("  path %s\n", paths[i]);
        EXPECT(ret, PAL_ERROR_CROSSED);
    }
}

/* ---- Races -------------------------------------------------------------------------------------
 */

static uint32_t g_stop;
static PAL_HANDLE g_race; /* race/: dir, link -> ../out, and the two change places all the time */

static int swap_names(void* arg) {
    while (!__atomic_load_n(&g_stop, __ATOMIC_SEQ_CST))
        PalDirectoryRenameAt(g_race, "dir", g_race, "link", PAL_RENAME_EXCHANGE);
    return 0;
}

/* "dir/secret" is never there, whichever way the race goes: it lies where the link leads. */
TEST(PalStreamOpenAt, never_leaves_while_names_change) {
    PAL_HANDLE dir = test_dir(), t, h;
    PAL_STREAM_ATTR attr;
    char link[8];
    CHECK(make_tree() && dir);
    EXPECT(PalDirectoryCreateAt(dir, "race", 0755), 0);
    EXPECT(PalDirectoryCreateAt(dir, "race/dir", 0755), 0);
    EXPECT(PalDirectorySymlinkAt("../out", dir, "race/link"), 0);
    EXPECT(PalStreamOpen("dir:race", PAL_ACCESS_PATH, 0, 0, 0, &g_race), 0);
    EXPECT(PalThreadCreate(swap_names, NULL, &t), 0);
    int seen[3] = {0}, bad = 0;
    for (int i = 0; i < 20000 && !bad; i++) {
        int ret = PalStreamOpenAt(g_race, "dir/secret", PAL_ACCESS_RDONLY, 0, 0, 0, &h);
        int query = PalStreamAttributesQueryAt(g_race, "dir/../dir/secret", &attr);
        int remove = PalDirectoryRemoveNameAt(g_race, "dir/secret", false);
        int read = PalDirectoryReadLinkAt(g_race, "dir/secret", link, sizeof(link));
        int all[4] = {ret, query, remove, read};
        for (int k = 0; k < 4; k++) {
            seen[0] += all[k] == PAL_ERROR_SYMLINK;
            seen[1] += all[k] == PAL_ERROR_STREAMNOTEXIST;
            bad = all[k] != PAL_ERROR_SYMLINK && all[k] != PAL_ERROR_STREAMNOTEXIST &&
                          all[k] != PAL_ERROR_NOTDIR /* the walk looks twice */
                      ? all[k]
                      : bad;
        }
    }
    g_stop = 1;
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    EXPECT(bad, 0);
    CHECK(seen[0] && seen[1]);
    EXPECT(PalStreamAttributesQueryAt(dir, "out/secret", &attr), 0); /* still there */
    PalObjectClose(t);
    PalObjectClose(g_race);
    PalObjectClose(dir);
}

TEST(PalStreamOpenAt, bad_arguments) {
    PAL_HANDLE h;
    CHECK(make_tree());
    EXPECT(PalStreamOpenAt(NULL, "f", 0, 0, 0, 0, &h), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamOpenAt(test_event(), "f", 0, 0, 0, 0, &h), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamOpenAt(make_tree(), "f", 3, 0, 0, 0, &h), PAL_ERROR_INVAL);
    EXPECT(try_at("f", PAL_ACCESS_RDONLY, 0, PAL_OPTION_FOLLOW_LAST), PAL_ERROR_INVAL);
    PAL_HANDLE file = test_file("notadir", "x");
    CHECK(file);
    EXPECT(PalStreamOpenAt(file, "f", 0, 0, 0, 0, &h), PAL_ERROR_NOTDIR);
    EXPECT(PalStreamOpenAt(file, "a/f", 0, 0, 0, 0, &h), PAL_ERROR_NOTDIR);
    PalObjectClose(file);
    char name[300];
    memset(name, 'n', sizeof(name));
    name[299] = '\0';
    EXPECT(try_at(name, PAL_ACCESS_RDONLY, 0, 0), PAL_ERROR_TOOLONG);
}

TEST(PalStreamReopen, other_access) {
    PAL_HANDLE h = test_file("re", "hello"), again, dir;
    char byte;
    PAL_NUM n = 1;
    CHECK(h);
    EXPECT(PalStreamReopen(h, PAL_ACCESS_RDONLY, 0, &again), 0);
    EXPECT(PalStreamRead(again, PAL_OFFSET_CURRENT, &n, &byte, NULL, 0), 0);
    EXPECT(byte, 'h'); /* a position of its own */
    n = 1;
    EXPECT(PalStreamWrite(again, 0, &n, "x", NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamReopen(again, 3, 0, &dir), PAL_ERROR_INVAL);
    PalObjectClose(again);
    PalObjectClose(h);
    CHECK(dir = test_dir());
    EXPECT(PalStreamReopen(dir, PAL_ACCESS_RDONLY, 0, &again), 0);
    EXPECT(again->hdr.type, PAL_TYPE_DIR);
    PalObjectClose(again);
    EXPECT(PalStreamOpenAt(dir, "", PAL_ACCESS_PATH, 0, 0, 0, &h), 0);
    EXPECT(PalStreamReopen(h, PAL_ACCESS_RDONLY, PAL_OPTION_DIRECTORY, &again), 0);
    EXPECT(again->hdr.type, PAL_TYPE_DIR);
    PalObjectClose(again);
    PalObjectClose(h);
    PalObjectClose(dir);
    EXPECT(PalStreamReopen(NULL, 0, 0, &again), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamReopen(test_event(), 0, 0, &again), PAL_ERROR_BADHANDLE);
    EXPECT(PalEventfdCreate(0, 0, &h), 0);
    EXPECT(PalStreamReopen(h, 0, 0, &again), PAL_ERROR_NOTSUPPORT);
    PalObjectClose(h);
}

TEST(PalHandleName, tells_objects_apart) {
    PAL_HANDLE p[2], q[2], f = test_file("name", "x");
    PAL_HANDLE_NAME a, b, c;
    CHECK(f);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalPipeCreate(0, q), 0);
    EXPECT(PalHandleName(p[0], &a), 0);
    EXPECT(PalHandleName(p[1], &b), 0);
    EXPECT(PalHandleName(q[0], &c), 0);
    CHECK(a.process == b.process && a.process != 0);
    CHECK(a.dev == b.dev && a.ino == b.ino); /* both ends of one pipe */
    CHECK(a.number != b.number);
    CHECK(a.ino != c.ino);
    EXPECT(PalHandleName(f, &c), 0);
    CHECK(c.dev != a.dev || c.ino != a.ino);
    EXPECT(PalHandleName(test_event(), &c), PAL_ERROR_BADHANDLE);
    EXPECT(PalHandleName(NULL, &c), PAL_ERROR_BADHANDLE);
    PalObjectClose(f);
    for (int i = 0; i < 2; i++) {
        PalObjectClose(p[i]);
        PalObjectClose(q[i]);
    }
}

TEST(PalStreamOpenNamed, pipes_and_files) {
    PAL_HANDLE p[2], w, f = test_file("named", "hello");
    PAL_HANDLE_NAME name, of_pipe;
    char b[8];
    PAL_NUM n = 2;
    CHECK(f);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalHandleName(p[0], &of_pipe), 0);
    EXPECT(PalStreamOpenNamed(&of_pipe, PAL_ACCESS_WRONLY, PAL_OPTION_NONBLOCK, &w), 0);
    EXPECT(PalStreamWrite(w, 0, &n, "ab", NULL), 0);
    EXPECT(PalStreamRead(p[0], 0, &n, b, NULL, 0), 0);
    EXPECT(n, 2);
    PalObjectClose(w);
    EXPECT(PalHandleName(f, &name), 0);
    EXPECT(PalStreamOpenNamed(&name, PAL_ACCESS_RDONLY, 0, &w), 0);
    n = 8;
    EXPECT(PalStreamRead(w, PAL_OFFSET_CURRENT, &n, b, NULL, 0), 0);
    EXPECT(n, 5);
    PalObjectClose(w);
    EXPECT(PalStreamOpenNamed(&name, 3, 0, &w), PAL_ERROR_INVAL);
    of_pipe.number = name.number; /* something else by now */
    EXPECT(PalStreamOpenNamed(&of_pipe, PAL_ACCESS_RDONLY, 0, &w), PAL_ERROR_STREAMNOTEXIST);
    PalObjectClose(f);
    EXPECT(PalStreamOpenNamed(&name, PAL_ACCESS_RDONLY, 0, &w), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalHandleName(NULL, &name), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

TEST(PalObjectClose, releases_descriptors) {
    for (int i = 0; i < 5000; i++) { /* more than any usual limit on open files */
        PAL_HANDLE h, ends[2];
        EXPECT(PalStreamOpen("file:o1", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
        PalObjectClose(h);
        if (i % 8 == 0) {
            EXPECT(PalPipeCreate(0, ends), 0);
            PalObjectClose(ends[0]);
            PalObjectClose(ends[1]);
            EXPECT(PalStreamOpen("pipe:", PAL_ACCESS_RDWR, 0, 0, 0, &h), 0);
            PalObjectClose(h);
        }
    }
}

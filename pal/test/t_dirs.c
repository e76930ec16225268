/*
 * Names in directories.
 */
#include "pal_test.h"

static PAL_HANDLE g_dir;

/* One directory for all tests, with a symlink that leads out of it. */
static PAL_HANDLE dir(void) {
    if (!g_dir && (g_dir = test_dir())) {
        PalDirectoryCreateAt(g_dir, "real", 0755);
        PalDirectorySymlinkAt("real", g_dir, "link");
    }
    return g_dir;
}
static int exists(const char* name) {
    PAL_STREAM_ATTR attr;
    int ret = PalStreamAttributesQueryAt(dir(), name, &attr);
    return ret < 0 ? ret : (int)(attr.file_mode & 0170000);
}

TEST(PalDirectoryCreateAt, names) {
    CHECK(dir());
    EXPECT(PalDirectoryCreateAt(dir(), "d1", 0751), 0);
    EXPECT(PalDirectoryCreateAt(dir(), "d1", 0751), PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectoryCreateAt(dir(), "d1/d2/", 0755), 0);
    EXPECT(exists("d1/d2"), 0040000);
    EXPECT(PalDirectoryCreateAt(dir(), "none/x", 0755), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalDirectoryCreateAt(dir(), "link/x", 0755), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryCreateAt(dir(), "link", 0755), PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectoryCreateAt(dir(), "../x", 0755), PAL_ERROR_CROSSED);
    EXPECT(PalDirectoryCreateAt(dir(), "/x", 0755), PAL_ERROR_CROSSED);
    EXPECT(PalDirectoryCreateAt(dir(), "..", 0755), PAL_ERROR_CROSSED);
    EXPECT(PalDirectoryCreateAt(dir(), "", 0755), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryCreateAt(dir(), ".", 0755), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryCreateAt(dir(), "x", 010000), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryCreateAt(NULL, "x", 0755), PAL_ERROR_BADHANDLE);
    EXPECT(PalDirectoryCreateAt(test_event(), "x", 0755), PAL_ERROR_BADHANDLE);
}

TEST(PalDirectoryRemoveNameAt, names) {
    CHECK(dir());
    PAL_HANDLE h = test_file("real/f", "");
    CHECK(h);
    PalObjectClose(h);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "real", false), PAL_ERROR_STREAMISDIR);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "real", true), PAL_ERROR_NOTEMPTY);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "real/f", true), PAL_ERROR_NOTDIR);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "link/f", false), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "real/f", false), 0);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "real/f", false), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalDirectoryCreateAt(dir(), "real/d", 0755), 0);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "real/d", true), 0);
    EXPECT(PalDirectorySymlinkAt("real", dir(), "link2"), 0);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "link2", false), 0); /* the link, not what it names */
    EXPECT(exists("real"), 0040000);
    EXPECT(PalDirectoryRemoveNameAt(dir(), "../x", false), PAL_ERROR_CROSSED);
    EXPECT(PalDirectoryRemoveNameAt(NULL, "x", false), PAL_ERROR_BADHANDLE);
}

TEST(PalDirectoryRenameAt, flags) {
    PAL_HANDLE a = test_file("ra", "a"), b = test_file("rb", "b");
    CHECK(dir() && a && b);
    PalObjectClose(a);
    PalObjectClose(b);
    EXPECT(PalDirectoryRenameAt(dir(), "ra", dir(), "rb", PAL_RENAME_NOREPLACE),
           PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectoryRenameAt(dir(), "ra", dir(), "rb", PAL_RENAME_EXCHANGE), 0);
    EXPECT(PalDirectoryRenameAt(dir(), "ra", dir(), "rb", 0), 0);
    EXPECT(exists("ra"), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalDirectoryRenameAt(dir(), "rb", dir(), "real/rb", 0), 0);
    EXPECT(exists("real/rb"), 0100000);
    EXPECT(PalDirectoryRenameAt(dir(), "link/rb", dir(), "rb", 0), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryRenameAt(dir(), "real/rb", dir(), "link/x", 0), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryRenameAt(dir(), "real/rb", dir(), "../x", 0), PAL_ERROR_CROSSED);
    EXPECT(PalDirectoryRenameAt(dir(), "real/rb", dir(), "x", 8), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryRenameAt(dir(), "real/rb", NULL, "x", 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalDirectoryRenameAt(NULL, "real/rb", dir(), "x", 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalDirectoryRenameAt(dir(), "real", dir(), "real/x", 0), PAL_ERROR_INVAL);
}

TEST(PalDirectoryLinkAt, names) {
    PAL_HANDLE h = test_file("la", "a");
    PAL_STREAM_ATTR attr;
    CHECK(dir() && h);
    EXPECT(PalDirectoryLinkAt(dir(), "la", dir(), "real/la"), 0);
    EXPECT(PalStreamAttributesQueryByHandle(h, &attr), 0);
    EXPECT(attr.nlink, 2);
    EXPECT(PalDirectoryLinkAt(dir(), "la", dir(), "real/la"), PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectoryLinkAt(dir(), "real", dir(), "x"), PAL_ERROR_PERM);
    EXPECT(PalDirectoryLinkAt(dir(), "link", dir(), "hardlink"), 0); /* the link itself */
    EXPECT(exists("hardlink"), 0120000);
    EXPECT(PalDirectoryLinkAt(dir(), "link/", dir(), "x"), PAL_ERROR_NOTDIR);
    EXPECT(PalDirectoryLinkAt(dir(), "link/la", dir(), "x"), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryLinkAt(dir(), "none", dir(), "x"), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalDirectoryLinkAt(NULL, "la", dir(), "x"), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalDirectoryLinkHandle, unnamed) {
    PAL_HANDLE h;
    CHECK(dir());
    int ret = PalStreamOpenAt(dir(), "", PAL_ACCESS_RDWR, 0600, 0, PAL_OPTION_TMPFILE, &h);
    if (ret == PAL_ERROR_NOTSUPPORT)
        SKIP("this file system has no unnamed files");
    EXPECT(ret, 0);
    EXPECT(PalDirectoryLinkHandle(h, dir(), "real/named"), 0);
    EXPECT(exists("real/named"), 0100000);
    EXPECT(PalDirectoryLinkHandle(h, dir(), "real/named"), PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectoryLinkHandle(h, dir(), "link/x"), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryLinkHandle(NULL, dir(), "x"), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    EXPECT(PalStreamOpenAt(dir(), "real", PAL_ACCESS_RDWR, 0600, 0,
                           PAL_OPTION_TMPFILE | PAL_OPTION_EXCL, &h),
           0);
    EXPECT(PalDirectoryLinkHandle(h, dir(), "never"), PAL_ERROR_STREAMNOTEXIST);
    PalObjectClose(h);
}

TEST(PalDirectorySymlinkAt, names) {
    CHECK(dir());
    EXPECT(PalDirectorySymlinkAt("anything/at all", dir(), "real/sym"), 0);
    EXPECT(exists("real/sym"), 0120000);
    EXPECT(PalDirectorySymlinkAt("x", dir(), "real/sym"), PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectorySymlinkAt("", dir(), "empty"), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalDirectorySymlinkAt("x", dir(), "link/sym"), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectorySymlinkAt("x", NULL, "s"), PAL_ERROR_BADHANDLE);
}

TEST(PalDirectoryMakeNodeAt, kinds) {
    CHECK(dir());
    EXPECT(PalDirectoryMakeNodeAt(dir(), "fifo", 0010644, 0), 0);
    EXPECT(exists("fifo"), 0010000);
    EXPECT(PalDirectoryMakeNodeAt(dir(), "real/sock", 0140644, 0), 0);
    EXPECT(exists("real/sock"), 0140000);
    EXPECT(PalDirectoryMakeNodeAt(dir(), "reg", 0100644, 0), 0);
    EXPECT(PalDirectoryMakeNodeAt(dir(), "reg", 0100644, 0), PAL_ERROR_STREAMEXIST);
    EXPECT(PalDirectoryMakeNodeAt(dir(), "bad", 0170644, 0), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryMakeNodeAt(dir(), "link/x", 0100644, 0), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryMakeNodeAt(NULL, "x", 0100644, 0), PAL_ERROR_BADHANDLE);
}

TEST(PalDirectoryReadLinkAt, targets) {
    char b[64];
    CHECK(dir());
    EXPECT(PalDirectorySymlinkAt("target", dir(), "rl"), 0);
    EXPECT(PalDirectorySymlinkAt("other", dir(), "real/rl"), 0);
    EXPECT(PalDirectoryReadLinkAt(dir(), "rl", b, 64), 6);
    EXPECT(memcmp(b, "target", 6), 0);
    EXPECT(PalDirectoryReadLinkAt(dir(), "rl", b, 3), 3);
    EXPECT(PalDirectoryReadLinkAt(dir(), "real/rl", b, 64), 5);
    EXPECT(memcmp(b, "other", 5), 0);
    EXPECT(PalDirectoryReadLinkAt(dir(), "real", b, 64), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryReadLinkAt(dir(), "real/../real", b, 64), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryReadLinkAt(dir(), "none", b, 64), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalDirectoryReadLinkAt(dir(), "link/rl", b, 64), PAL_ERROR_SYMLINK);
    EXPECT(PalDirectoryReadLinkAt(dir(), "..", b, 64), PAL_ERROR_CROSSED);
    EXPECT(PalDirectoryReadLinkAt(dir(), "rl", b, 0), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryReadLinkAt(dir(), "rl", BAD_ADDRESS, 64), PAL_ERROR_BADADDR);
    EXPECT(PalDirectoryReadLinkAt(NULL, "rl", b, 64), PAL_ERROR_BADHANDLE);
    PAL_HANDLE h; /* a handle on the link itself */
    EXPECT(PalStreamOpenAt(dir(), "rl", PAL_ACCESS_PATH, 0, 0, 0, &h), 0);
    EXPECT(PalDirectoryReadLinkAt(h, "", b, 64), 6);
    PalObjectClose(h);
}

TEST(PalDirectoryRead, records) {
    struct {
        uint64_t ino;
        int64_t off;
        uint16_t size;
        uint8_t type;
        char name[];
    } * d;
    static char b[1024] __attribute__((aligned(8)));
    PAL_HANDLE h;
    CHECK(dir());
    EXPECT(PalDirectoryCreateAt(dir(), "list", 0755), 0);
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof(name), "list/entry-%d", i);
        EXPECT(PalDirectoryCreateAt(dir(), name, 0755), 0);
    }
    EXPECT(PalStreamOpenAt(dir(), "list", PAL_ACCESS_RDONLY, 0, 0, PAL_OPTION_DIRECTORY, &h), 0);
    for (int round = 0; round < 2; round++) {
        int count = 0, got;
        while ((got = PalDirectoryRead(h, b, sizeof(b))) > 0) {
            for (int pos = 0; pos < got; pos += d->size) {
                d = (void*)(b + pos);
                count++;
            }
        }
        EXPECT(got, 0);
        EXPECT(count, 52);
        EXPECT(PalStreamSeek(h, 0, PAL_SEEK_SET), 0);
    }
    EXPECT(PalDirectoryRead(h, b, 1), PAL_ERROR_INVAL);
    EXPECT(PalDirectoryRead(h, BAD_ADDRESS, 1024), PAL_ERROR_BADADDR);
    EXPECT(PalDirectoryRead(NULL, b, 1024), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    CHECK(h = test_file("plain", ""));
    EXPECT(PalDirectoryRead(h, b, 1024), PAL_ERROR_NOTDIR);
    PalObjectClose(h);
}

/*
 * Attributes, extended attributes, names, locks, and what changes them.
 */
#include "pal_test.h"

TEST(PalStreamAttributesQuery, by_uri) {
    PAL_STREAM_ATTR a;
    PAL_HANDLE h = test_file("q1", "12345");
    CHECK(h);
    PalObjectClose(h);
    EXPECT(PalStreamAttributesQuery("file:q1", &a), 0);
    EXPECT(a.handle_type, PAL_TYPE_FILE);
    EXPECT(a.pending_size, 5);
    EXPECT(a.file_mode & 0170000, 0100000);
    EXPECT(a.share_flags, a.file_mode & 07777);
    EXPECT(a.nlink, 1);
    CHECK(a.ino && a.blksize && a.mtime_ns > 0 && a.dev);
    EXPECT(PalStreamAttributesQuery("file:.", &a), 0);
    EXPECT(a.handle_type, PAL_TYPE_DIR);
    EXPECT(PalStreamAttributesQuery("dir:q1", &a), PAL_ERROR_NOTDIR);
    EXPECT(PalStreamAttributesQuery("dev:stdout", &a), 0);
    EXPECT(a.handle_type, PAL_TYPE_DEV);
    EXPECT(PalStreamAttributesQuery("dev:/dev/null", &a), 0);
    EXPECT(a.handle_type, PAL_TYPE_DEV);
    EXPECT(a.rdev, 0x103);
    EXPECT(PalStreamAttributesQuery("file:none", &a), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamAttributesQuery("tcp:1.2.3.4:5", &a), PAL_ERROR_NOTSUPPORT);
    EXPECT(PalStreamAttributesQuery(BAD_URI, &a), PAL_ERROR_INVAL);
    EXPECT(PalStreamAttributesQuery("file:", &a), PAL_ERROR_INVAL);
}

TEST(PalStreamAttributesQueryByHandle, streams) {
    PAL_STREAM_ATTR a;
    PAL_HANDLE p[2];
    PAL_NUM n = 3;
    EXPECT(PalPipeCreate(PAL_OPTION_NONBLOCK, p), 0);
    EXPECT(PalStreamAttributesQueryByHandle(p[0], &a), 0);
    EXPECT(a.handle_type, PAL_TYPE_PIPE);
    EXPECT(a.pending_size, 0);
    EXPECT(a.readable, false);
    EXPECT(a.nonblocking, true);
    EXPECT(PalStreamWrite(p[1], 0, &n, "abc", NULL), 0);
    EXPECT(PalStreamAttributesQueryByHandle(p[0], &a), 0);
    EXPECT(a.pending_size, 3);
    EXPECT(a.readable, true);
    EXPECT(a.disconnected, false);
    PalObjectClose(p[1]);
    EXPECT(PalStreamAttributesQueryByHandle(p[0], &a), 0);
    EXPECT(a.disconnected, true);
    PalObjectClose(p[0]);
    EXPECT(PalStreamAttributesQueryByHandle(NULL, &a), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamAttributesQueryByHandle(test_event(), &a), PAL_ERROR_BADHANDLE);
}

TEST(PalStreamAttributesQueryAt, paths) {
    PAL_STREAM_ATTR a;
    PAL_HANDLE dir = test_dir(), h;
    CHECK(dir);
    EXPECT(PalDirectoryCreateAt(dir, "qa", 0755), 0);
    CHECK(h = test_file("qa/f", "123"));
    PalObjectClose(h);
    EXPECT(PalDirectorySymlinkAt("f", dir, "qa/l"), 0);
    EXPECT(PalDirectorySymlinkAt("qa", dir, "qal"), 0);
    EXPECT(PalStreamAttributesQueryAt(dir, "qa/f", &a), 0);
    EXPECT(a.pending_size, 3);
    EXPECT(PalStreamAttributesQueryAt(dir, "qa/l", &a), 0);
    EXPECT(a.file_mode & 0170000, 0120000);
    EXPECT(PalStreamAttributesQueryAt(dir, "qal", &a), 0);
    EXPECT(a.file_mode & 0170000, 0120000);
    EXPECT(PalStreamAttributesQueryAt(dir, "", &a), 0);
    EXPECT(a.file_mode & 0170000, 0040000);
    EXPECT(PalStreamAttributesQueryAt(dir, ".", &a), 0);
    EXPECT(PalStreamAttributesQueryAt(dir, "qal/f", &a), PAL_ERROR_SYMLINK);
    EXPECT(PalStreamAttributesQueryAt(dir, "qal/", &a), PAL_ERROR_SYMLINK);
    EXPECT(PalStreamAttributesQueryAt(dir, "qa/f/", &a), PAL_ERROR_NOTDIR);
    EXPECT(PalStreamAttributesQueryAt(dir, "qa/none", &a), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamAttributesQueryAt(dir, "..", &a), PAL_ERROR_CROSSED);
    EXPECT(PalStreamAttributesQueryAt(dir, "../x", &a), PAL_ERROR_CROSSED);
    EXPECT(PalStreamAttributesQueryAt(dir, "/", &a), PAL_ERROR_CROSSED);
    EXPECT(PalStreamAttributesQueryAt(NULL, "x", &a), PAL_ERROR_BADHANDLE);
    PalObjectClose(dir);
}

TEST(PalStreamAttributesSetByHandle, nonblocking_and_mode) {
    PAL_STREAM_ATTR a;
    PAL_HANDLE p[2], h = test_file("sb", "");
    char byte;
    PAL_NUM n = 1;
    CHECK(h);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalStreamAttributesQueryByHandle(p[0], &a), 0);
    a.nonblocking = true;
    EXPECT(PalStreamAttributesSetByHandle(p[0], &a), 0);
    EXPECT(PalStreamRead(p[0], 0, &n, &byte, NULL, 0), PAL_ERROR_TRYAGAIN);
    EXPECT(PalStreamAttributesQueryByHandle(p[0], &a), 0);
    EXPECT(a.nonblocking, true);
    EXPECT(PalStreamAttributesQueryByHandle(h, &a), 0);
    a.share_flags = 0600;
    EXPECT(PalStreamAttributesSetByHandle(h, &a), 0);
    EXPECT(PalStreamAttributesQueryByHandle(h, &a), 0);
    EXPECT(a.file_mode, 0100600);
    a.share_flags = 0100600;
    EXPECT(PalStreamAttributesSetByHandle(h, &a), PAL_ERROR_INVAL);
    EXPECT(PalStreamAttributesSetByHandle(NULL, &a), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PalObjectClose(h);
}

TEST(PalStreamAttributesChange, mode_times_owner) {
    PAL_STREAM_ATTR a, b;
    CHECK(test_file("ch", ""));
    for (int path = 0; path < 2; path++) {
        PAL_HANDLE h;
        EXPECT(PalStreamOpen("file:ch", path ? PAL_ACCESS_PATH : PAL_ACCESS_RDONLY, 0, 0, 0, &h),
               0);
        EXPECT(PalStreamAttributesQueryByHandle(h, &a), 0);
        a.share_flags = 0604 + path;
        a.atime_ns = 1000000000000000123;
        a.mtime_ns = -1; /* just before 1970 */
        EXPECT(PalStreamAttributesChange(h, &a,
                                         PAL_SETATTR_MODE | PAL_SETATTR_ATIME | PAL_SETATTR_MTIME),
               0);
        EXPECT(PalStreamAttributesQueryByHandle(h, &b), 0);
        EXPECT(b.share_flags, 0604 + path);
        EXPECT(b.atime_ns, a.atime_ns);
        EXPECT(b.mtime_ns, -1);
        EXPECT(PalStreamAttributesChange(h, &a, PAL_SETATTR_MTIME_NOW), 0);
        EXPECT(PalStreamAttributesQueryByHandle(h, &b), 0);
        CHECK(b.mtime_ns > 0);
        EXPECT(b.atime_ns, a.atime_ns);
        a.uid = a.gid = (PAL_NUM)-1;
        EXPECT(PalStreamAttributesChange(h, &a, PAL_SETATTR_OWNER), 0);
        EXPECT(PalStreamAttributesChange(h, &a, 64), PAL_ERROR_INVAL);
        a.share_flags = 010000;
        EXPECT(PalStreamAttributesChange(h, &a, PAL_SETATTR_MODE), PAL_ERROR_INVAL);
        PalObjectClose(h);
    }
    EXPECT(PalStreamAttributesChange(NULL, &a, 0), PAL_ERROR_BADHANDLE);
}

TEST(PalStreamAttributesChange, symlink_itself) {
    PAL_STREAM_ATTR a;
    PAL_HANDLE dir = test_dir(), h;
    CHECK(dir);
    EXPECT(PalDirectorySymlinkAt("ch", dir, "chl"), 0);
    EXPECT(PalStreamOpenAt(dir, "chl", PAL_ACCESS_PATH, 0, 0, 0, &h), 0);
    a.mtime_ns = 5000000000;
    EXPECT(PalStreamAttributesChange(h, &a, PAL_SETATTR_MTIME), 0);
    EXPECT(PalStreamAttributesQueryAt(dir, "chl", &a), 0);
    EXPECT(a.mtime_ns, 5000000000);
    PalObjectClose(h);
    PalObjectClose(dir);
}

/* ---- Extended attributes -----------------------------------------------------------------------
 */

static PAL_HANDLE xattr_file(PAL_FLG access) {
    PAL_HANDLE h = test_file("xa", "");
    if (!h)
        return NULL;
    int ret = PalStreamXattrSet(h, "user.probe", "1", 1, 0);
    PalObjectClose(h);
    if (ret < 0 || PalStreamOpen("file:xa", access, 0, 0, 0, &h) < 0)
        return NULL;
    return h;
}

TEST(PalStreamXattrSet, flags) {
    static const PAL_FLG kinds[] = {PAL_ACCESS_RDONLY, PAL_ACCESS_PATH};
    for (int i = 0; i < 2; i++) {
        PAL_HANDLE h = xattr_file(kinds[i]);
        if (!h)
            SKIP("this file system has no user attributes");
        EXPECT(PalStreamXattrSet(h, "user.a", "abc", 3, 1), 0); /* XATTR_CREATE */
        EXPECT(PalStreamXattrSet(h, "user.a", "abc", 3, 1), PAL_ERROR_STREAMEXIST);
        EXPECT(PalStreamXattrSet(h, "user.none", "abc", 3, 2), PAL_ERROR_NODATA);
        EXPECT(PalStreamXattrSet(h, "user.a", "abc", 3, 8), PAL_ERROR_INVAL);
        EXPECT(PalStreamXattrSet(h, "user.a", BAD_ADDRESS, 3, 0), PAL_ERROR_BADADDR);
        EXPECT(PalStreamXattrSet(h, "bad", "abc", 3, 0), PAL_ERROR_NOTSUPPORT);
        EXPECT(PalStreamXattrRemove(h, "user.a"), 0);
        PalObjectClose(h);
    }
    EXPECT(PalStreamXattrSet(NULL, "user.a", "abc", 3, 0), PAL_ERROR_BADHANDLE);
}

TEST(PalStreamXattrGet, sizes) {
    static const PAL_FLG kinds[] = {PAL_ACCESS_RDONLY, PAL_ACCESS_PATH};
    char b[16];
    for (int i = 0; i < 2; i++) {
        PAL_HANDLE h = xattr_file(kinds[i]);
        if (!h)
            SKIP("this file system has no user attributes");
        EXPECT(PalStreamXattrSet(h, "user.g", "value", 5, 0), 0);
        EXPECT(PalStreamXattrGet(h, "user.g", NULL, 0), 5);
        EXPECT(PalStreamXattrGet(h, "user.g", b, 16), 5);
        EXPECT(memcmp(b, "value", 5), 0);
        EXPECT(PalStreamXattrGet(h, "user.g", b, 2), PAL_ERROR_RANGE);
        EXPECT(PalStreamXattrGet(h, "user.none", b, 16), PAL_ERROR_NODATA);
        EXPECT(PalStreamXattrGet(h, "user.g", BAD_ADDRESS, 16), PAL_ERROR_BADADDR);
        PalObjectClose(h);
    }
    EXPECT(PalStreamXattrGet(NULL, "user.g", b, 16), PAL_ERROR_BADHANDLE);
}

TEST(PalStreamXattrList, names) {
    static const PAL_FLG kinds[] = {PAL_ACCESS_RDONLY, PAL_ACCESS_PATH};
    char b[256];
    for (int i = 0; i < 2; i++) {
        PAL_HANDLE h = xattr_file(kinds[i]);
        if (!h)
            SKIP("this file system has no user attributes");
        int64_t size = PalStreamXattrList(h, NULL, 0);
        CHECK(size >= 11);
        EXPECT(PalStreamXattrList(h, b, sizeof(b)), size);
        EXPECT(PalStreamXattrList(h, b, 1), PAL_ERROR_RANGE);
        PalObjectClose(h);
    }
    EXPECT(PalStreamXattrList(test_event(), b, 1), PAL_ERROR_BADHANDLE);
}

TEST(PalStreamXattrRemove, names) {
    static const PAL_FLG kinds[] = {PAL_ACCESS_RDONLY, PAL_ACCESS_PATH};
    for (int i = 0; i < 2; i++) {
        PAL_HANDLE h = xattr_file(kinds[i]);
        if (!h)
            SKIP("this file system has no user attributes");
        EXPECT(PalStreamXattrSet(h, "user.r", "", 0, 0), 0);
        EXPECT(PalStreamXattrRemove(h, "user.r"), 0);
        EXPECT(PalStreamXattrRemove(h, "user.r"), PAL_ERROR_NODATA);
        PalObjectClose(h);
    }
    EXPECT(PalStreamXattrRemove(NULL, "user.r"), PAL_ERROR_BADHANDLE);
}

/* ---- Names -------------------------------------------------------------------------------------
 */

TEST(PalStreamGetName, uris) {
    char name[4200];
    PAL_HANDLE h = test_file("gn", ""), dir = test_dir();
    CHECK(h && dir);
    EXPECT(PalStreamGetName(h, name, sizeof(name)), 0);
    EXPECT(memcmp(name, "file:/", 6), 0);
    EXPECT(strcmp(name + strlen(name) - 3, "/gn"), 0);
    EXPECT(PalStreamGetName(h, name, 5), PAL_ERROR_RANGE);
    EXPECT(PalDirectoryRenameAt(dir, "gn", dir, "gn2", 0), 0);
    EXPECT(PalStreamGetName(h, name, sizeof(name)), 0);
    EXPECT(strcmp(name + strlen(name) - 4, "/gn2"), 0);
    EXPECT(PalDirectoryRemoveNameAt(dir, "gn2", false), 0);
    EXPECT(PalStreamGetName(h, name, sizeof(name)), PAL_ERROR_STREAMNOTEXIST);
    PalObjectClose(h);
    EXPECT(PalStreamGetName(dir, name, sizeof(name)), 0);
    EXPECT(memcmp(name, "dir:/", 5), 0);
    PalObjectClose(dir);
    EXPECT(PalStreamOpen("dev:stdout", PAL_ACCESS_WRONLY, 0, 0, 0, &h), 0);
    EXPECT(PalStreamGetName(h, name, sizeof(name)), 0);
    EXPECT(strcmp(name, "dev:stdout"), 0);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("pipe.srv:gn", PAL_ACCESS_RDWR, 0, 0, 0, &h), 0);
    EXPECT(PalStreamGetName(h, name, sizeof(name)), 0);
    EXPECT(strcmp(name, "pipe.srv:gn"), 0);
    PalObjectClose(h);
    EXPECT(PalStreamGetName(NULL, name, sizeof(name)), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamGetName(test_event(), name, sizeof(name)), PAL_ERROR_BADHANDLE);
}

TEST(PalStreamChangeName, rename) {
    PAL_HANDLE h = test_file("cn", ""), e;
    PAL_STREAM_ATTR a;
    CHECK(h);
    EXPECT(PalStreamChangeName(h, "file:cn2"), 0);
    EXPECT(PalStreamAttributesQuery("file:cn2", &a), 0);
    EXPECT(PalStreamAttributesQuery("file:cn", &a), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamChangeName(h, "file:none/x"), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamChangeName(h, "dir:x"), PAL_ERROR_INVAL);
    EXPECT(PalStreamChangeName(h, BAD_URI), PAL_ERROR_INVAL);
    EXPECT(PalStreamChangeName(NULL, "file:x"), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    EXPECT(PalEventfdCreate(0, 0, &e), 0);
    EXPECT(PalStreamChangeName(e, "file:x"), PAL_ERROR_NOTSUPPORT);
    PalObjectClose(e);
}

TEST(PalStreamDelete, files_and_streams) {
    PAL_STREAM_ATTR a;
    PAL_HANDLE h = test_file("de", ""), e;
    CHECK(h);
    EXPECT(PalStreamDelete(h, PAL_DELETE_RD), PAL_ERROR_INVAL);
    EXPECT(PalStreamDelete(h, 3), PAL_ERROR_INVAL);
    EXPECT(PalStreamDelete(h, PAL_DELETE_ALL), 0);
    EXPECT(PalStreamAttributesQuery("file:de", &a), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamDelete(h, PAL_DELETE_ALL), PAL_ERROR_STREAMNOTEXIST);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("dir:ded", PAL_ACCESS_RDONLY, 0755, PAL_CREATE_TRY, 0, &h), 0);
    EXPECT(PalStreamDelete(h, PAL_DELETE_ALL), 0);
    PalObjectClose(h);
    EXPECT(PalStreamAttributesQuery("dir:ded", &a), PAL_ERROR_STREAMNOTEXIST);
    EXPECT(PalStreamDelete(NULL, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalEventfdCreate(0, 0, &e), 0);
    EXPECT(PalStreamDelete(e, 0), PAL_ERROR_NOTSUPPORT);
    PalObjectClose(e);
    EXPECT(PalStreamOpen("pipe:", PAL_ACCESS_RDWR, 0, 0, 0, &h), 0);
    char byte;
    PAL_NUM n = 1;
    EXPECT(PalStreamDelete(h, PAL_DELETE_WR), 0);
    EXPECT(PalStreamRead(h, 0, &n, &byte, NULL, 0), 0);
    EXPECT(n, 0);
    PalObjectClose(h);
}

/* ---- Locks -------------------------------------------------------------------------------------
 */

TEST(PalStreamLock, whole_and_ranges) {
    PAL_HANDLE a = test_file("lk", "0123456789"), b;
    CHECK(a);
    EXPECT(PalStreamOpen("file:lk", PAL_ACCESS_RDWR, 0, 0, 0, &b), 0);
    for (int whole = 0; whole < 2; whole++) {
        EXPECT(PalStreamLock(a, whole, 1, 0, 0, false), 0);
        EXPECT(PalStreamLock(b, whole, 1, 0, 0, false), 0);
        EXPECT(PalStreamLock(b, whole, 2, 0, 0, false), PAL_ERROR_TRYAGAIN);
        EXPECT(PalStreamLock(a, whole, 0, 0, 0, false), 0);
        EXPECT(PalStreamLock(b, whole, 2, 0, 0, true), 0);
        EXPECT(PalStreamLock(a, whole, 1, 0, 0, false), PAL_ERROR_TRYAGAIN);
        EXPECT(PalStreamLock(b, whole, 0, 0, 0, false), 0);
    }
    EXPECT(PalStreamLock(a, false, 2, 0, 5, false), 0);
    EXPECT(PalStreamLock(b, false, 2, 5, 5, false), 0);
    EXPECT(PalStreamLock(b, false, 2, 4, 1, false), PAL_ERROR_TRYAGAIN);
    EXPECT(PalStreamLock(a, false, 3, 0, 0, false), PAL_ERROR_INVAL);
    EXPECT(PalStreamLock(a, false, 1, 1ul << 63, 0, false), PAL_ERROR_INVAL);
    EXPECT(PalStreamLock(NULL, false, 1, 0, 0, false), PAL_ERROR_BADHANDLE);
    PalObjectClose(a); /* its locks go with it */
    EXPECT(PalStreamLock(b, false, 2, 4, 1, false), 0);
    PalObjectClose(b);
}

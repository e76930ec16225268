/*
 * Reading, writing and sizes of files; copies between handles; file systems.
 */
#include "pal_test.h"

static int read_at(PAL_HANDLE h, PAL_NUM offset, char* buffer, PAL_NUM size) {
    int ret = PalStreamRead(h, offset, &size, buffer, NULL, 0);
    return ret < 0 ? ret : (int)size;
}
static int write_at(PAL_HANDLE h, PAL_NUM offset, const char* text) {
    PAL_NUM size = strlen(text);
    int ret = PalStreamWrite(h, offset, &size, text, NULL);
    return ret < 0 ? ret : (int)size;
}

TEST(PalStreamRead, positions) {
    char b[16];
    PAL_HANDLE h = test_file("r1", "hello world");
    CHECK(h);
    EXPECT(read_at(h, 6, b, 16), 5);
    EXPECT(memcmp(b, "world", 5), 0);
    EXPECT(read_at(h, PAL_OFFSET_CURRENT, b, 5), 5);
    EXPECT(memcmp(b, "hello", 5), 0);
    EXPECT(read_at(h, PAL_OFFSET_CURRENT, b, 1), 1);
    EXPECT(b[0], ' ');
    EXPECT(read_at(h, 11, b, 16), 0);
    EXPECT(read_at(h, 1000000, b, 16), 0);
    EXPECT(read_at(h, 0, b, 0), 0);
    PalObjectClose(h);
}

TEST(PalStreamRead, directory_names) {
    PAL_HANDLE dir = test_dir(), h;
    CHECK(dir);
    EXPECT(PalDirectoryCreateAt(dir, "names", 0755), 0);
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof(name), "names/file-%03d", i);
        CHECK(h = test_file(name, ""));
        PalObjectClose(h);
    }
    EXPECT(PalStreamOpen("dir:names", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
    char b[100];
    EXPECT(read_at(h, 0, BAD_ADDRESS, 100), PAL_ERROR_BADADDR);
    int count = 0, got;
    while ((got = read_at(h, 0, b, sizeof(b))) > 0) {
        EXPECT(b[got - 1], 0);
        for (int i = 0; i < got; i++)
            count += !b[i];
    }
    EXPECT(got, 0);
    EXPECT(count, 202); /* "." and ".." too */
    PalObjectClose(h);
    PalObjectClose(dir);
}

TEST(PalStreamRead, bad_arguments) {
    char b[4];
    PAL_HANDLE h = test_file("r2", "text");
    CHECK(h);
    EXPECT(read_at(NULL, 0, b, 1), PAL_ERROR_BADHANDLE);
    EXPECT(read_at(test_event(), 0, b, 1), PAL_ERROR_BADHANDLE);
    EXPECT(read_at(h, 0, BAD_ADDRESS, 1), PAL_ERROR_BADADDR);
    EXPECT(read_at(h, PAL_OFFSET_CURRENT, BAD_ADDRESS, 1), PAL_ERROR_BADADDR);
    EXPECT(read_at(h, 1ul << 63, b, 1), PAL_ERROR_INVAL);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("file:r2", PAL_ACCESS_WRONLY, 0, 0, 0, &h), 0);
    EXPECT(read_at(h, 0, b, 1), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("file:r2", PAL_ACCESS_PATH, 0, 0, 0, &h), 0);
    EXPECT(read_at(h, 0, b, 1), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalStreamWrite, positions_and_append) {
    char b[16];
    PAL_HANDLE h = test_file("w1", "0123456789"), a;
    CHECK(h);
    EXPECT(write_at(h, 3, "xyz"), 3);
    EXPECT(write_at(h, 12, "end"), 3);
    EXPECT(read_at(h, 0, b, 16), 15);
    EXPECT(memcmp(b, "012xyz6789\0\0end", 15), 0);
    EXPECT(PalStreamOpen("file:w1", PAL_ACCESS_WRONLY | PAL_ACCESS_APPEND, 0, 0, 0, &a), 0);
    EXPECT(write_at(a, PAL_OFFSET_CURRENT, "!"), 1);
    EXPECT(read_at(h, 15, b, 16), 1);
    EXPECT(b[0], '!');
    PalObjectClose(a);
    PalObjectClose(h);
}

TEST(PalStreamWrite, bad_arguments) {
    PAL_HANDLE h;
    PAL_NUM n = 1;
    EXPECT(PalStreamWrite(NULL, 0, &n, "x", NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamWrite(test_event(), 0, &n, "x", NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamOpen("file:w1", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
    EXPECT(PalStreamWrite(h, 0, &n, "x", NULL), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    CHECK(h = test_file("w2", ""));
    EXPECT(PalStreamWrite(h, 0, &n, BAD_ADDRESS, NULL), PAL_ERROR_BADADDR);
    EXPECT(PalStreamWrite(h, 1ul << 63, &n, "x", NULL), PAL_ERROR_INVAL);
    PalObjectClose(h);
}

TEST(PalStreamReadV, vectors) {
    char a[3], b[20];
    struct iovec iov[2] = {{a, 3}, {b, 20}};
    PAL_HANDLE h = test_file("v1", "hello world");
    CHECK(h);
    EXPECT(PalStreamReadV(h, 0, iov, 2, 0), 11);
    EXPECT(memcmp(a, "hel", 3), 0);
    EXPECT(memcmp(b, "lo world", 8), 0);
    EXPECT(PalStreamReadV(h, 9, iov, 1, 0), 2);
    EXPECT(PalStreamReadV(h, PAL_OFFSET_CURRENT, iov, 2, 0), 11);
    EXPECT(PalStreamReadV(h, PAL_OFFSET_CURRENT, iov, 2, PAL_RW_HIPRI), 0);
    EXPECT(PalStreamReadV(h, 8, iov, 2, PAL_RW_HIPRI), 3);
    EXPECT(PalStreamReadV(h, 0, iov, 0, 0), 0);
    EXPECT(PalStreamReadV(h, 0, iov, 5000, 0), PAL_ERROR_INVAL);
    EXPECT(PalStreamReadV(h, 0, iov, 1, 1 << 20), PAL_ERROR_INVAL);
    EXPECT(PalStreamReadV(h, 0, BAD_ADDRESS, 2, 0), PAL_ERROR_BADADDR);
    iov[1].iov_base = BAD_ADDRESS; /* what came before stands */
    EXPECT(PalStreamReadV(h, 0, iov, 2, 0), 3);
    EXPECT(PalStreamReadV(h, 0, iov + 1, 1, 0), PAL_ERROR_BADADDR);
    EXPECT(PalStreamReadV(NULL, 0, iov, 1, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalStreamWriteV, vectors) {
    struct iovec iov[2] = {{"abc", 3}, {"defg", 4}};
    char b[20];
    PAL_HANDLE h = test_file("v2", "");
    CHECK(h);
    EXPECT(PalStreamWriteV(h, 2, iov, 2, 0), 7);
    EXPECT(PalStreamWriteV(h, 0, iov, 1, PAL_RW_DSYNC), 3);
    EXPECT(PalStreamWriteV(h, 0, iov, 2, PAL_RW_APPEND), 7);
    EXPECT(read_at(h, 0, b, 20), 16);
    EXPECT(memcmp(b, "abccdefgabcdefg", 3), 0);
    EXPECT(memcmp(b + 9, "abcdefg", 7), 0);
    EXPECT(PalStreamWriteV(h, 0, iov, 1, 1 << 20), PAL_ERROR_INVAL);
    EXPECT(PalStreamWriteV(h, 0, BAD_ADDRESS, 2, 0), PAL_ERROR_BADADDR);
    EXPECT(PalStreamWriteV(test_event(), 0, iov, 1, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalStreamSeek, whence) {
    PAL_HANDLE h = test_file("s1", "0123456789"), ends[2];
    char b;
    CHECK(h);
    EXPECT(PalStreamSeek(h, 4, PAL_SEEK_SET), 4);
    EXPECT(read_at(h, PAL_OFFSET_CURRENT, &b, 1), 1);
    EXPECT(b, '4');
    EXPECT(PalStreamSeek(h, -2, PAL_SEEK_CUR), 3);
    EXPECT(PalStreamSeek(h, -1, PAL_SEEK_END), 9);
    EXPECT(PalStreamSeek(h, 0, PAL_SEEK_DATA), 0);
    EXPECT(PalStreamSeek(h, 0, PAL_SEEK_HOLE), 10);
    EXPECT(PalStreamSeek(h, -1, PAL_SEEK_SET), PAL_ERROR_INVAL);
    EXPECT(PalStreamSeek(h, 10, PAL_SEEK_DATA), PAL_ERROR_NXIO);
    EXPECT(PalStreamSeek(h, 0, 5), PAL_ERROR_INVAL);
    EXPECT(PalStreamSeek(NULL, 0, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalPipeCreate(0, ends), 0);
    EXPECT(PalStreamSeek(ends[0], 0, 0), PAL_ERROR_SEEK);
    PalObjectClose(ends[0]);
    PalObjectClose(ends[1]);
    PalObjectClose(h);
}

TEST(PalStreamSetLength, grow_and_shrink) {
    PAL_STREAM_ATTR attr;
    PAL_HANDLE h = test_file("l1", "0123456789");
    CHECK(h);
    EXPECT(PalStreamSetLength(h, 4), 0);
    EXPECT(PalStreamAttributesQueryByHandle(h, &attr), 0);
    EXPECT(attr.pending_size, 4);
    EXPECT(PalStreamSetLength(h, 1 << 20), 0);
    EXPECT(PalStreamAttributesQueryByHandle(h, &attr), 0);
    EXPECT(attr.pending_size, 1 << 20);
    EXPECT(PalStreamSetLength(h, 1ul << 63), PAL_ERROR_INVAL);
    EXPECT(PalStreamSetLength(NULL, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
    EXPECT(PalStreamOpen("file:l1", PAL_ACCESS_RDONLY, 0, 0, 0, &h), 0);
    EXPECT(PalStreamSetLength(h, 0), PAL_ERROR_INVAL); /* as ftruncate(2) */
    PalObjectClose(h);
}

TEST(PalStreamFlush, file) {
    PAL_HANDLE h = test_file("fl", "x"), e;
    CHECK(h);
    EXPECT(PalStreamFlush(h), 0);
    EXPECT(PalStreamFlush(NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamFlush(test_event()), PAL_ERROR_BADHANDLE);
    EXPECT(PalEventfdCreate(0, 0, &e), 0);
    EXPECT(PalStreamFlush(e), PAL_ERROR_INVAL);
    PalObjectClose(e);
    PalObjectClose(h);
}

TEST(PalStreamFlushMode, modes) {
    PAL_HANDLE h = test_file("fl", "x");
    CHECK(h);
    EXPECT(PalStreamFlushMode(h, PAL_FLUSH_ALL), 0);
    EXPECT(PalStreamFlushMode(h, PAL_FLUSH_DATA), 0);
    EXPECT(PalStreamFlushMode(h, PAL_FLUSH_FILESYSTEM), 0);
    EXPECT(PalStreamFlushMode(h, 3), PAL_ERROR_INVAL);
    EXPECT(PalStreamFlushMode(NULL, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalStreamAllocate, space) {
    PAL_STREAM_ATTR attr;
    PAL_HANDLE h = test_file("al", "x");
    CHECK(h);
    int ret = PalStreamAllocate(h, 0, 0, 65536);
    if (ret == PAL_ERROR_NOTSUPPORT)
        SKIP("this file system has no fallocate");
    EXPECT(ret, 0);
    EXPECT(PalStreamAttributesQueryByHandle(h, &attr), 0);
    EXPECT(attr.pending_size, 65536);
    EXPECT(PalStreamAllocate(h, 0, 0, 0), PAL_ERROR_INVAL);
    EXPECT(PalStreamAllocate(h, 1 << 20, 0, 1), PAL_ERROR_NOTSUPPORT);
    EXPECT(PalStreamAllocate(NULL, 0, 0, 1), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalStreamAdvise, advice) {
    PAL_HANDLE h = test_file("ad", "x"), ends[2];
    CHECK(h);
    EXPECT(PalStreamAdvise(h, 0, 0, 2), 0); /* POSIX_FADV_SEQUENTIAL */
    EXPECT(PalStreamAdvise(h, 0, 0, 99), PAL_ERROR_INVAL);
    EXPECT(PalStreamAdvise(NULL, 0, 0, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalPipeCreate(0, ends), 0);
    EXPECT(PalStreamAdvise(ends[0], 0, 0, 2), PAL_ERROR_SEEK);
    PalObjectClose(ends[0]);
    PalObjectClose(ends[1]);
    PalObjectClose(h);
}

TEST(PalStreamSyncRange, range) {
    PAL_HANDLE h = test_file("sy", "x");
    CHECK(h);
    EXPECT(PalStreamSyncRange(h, 0, 0, 7), 0);
    EXPECT(PalStreamSyncRange(h, 0, 0, 64), PAL_ERROR_INVAL);
    EXPECT(PalStreamSyncRange(NULL, 0, 0, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(h);
}

TEST(PalStreamFilesystemQuery, fields) {
    PAL_FS_STAT stat;
    PAL_HANDLE dir = test_dir(), path;
    CHECK(dir);
    EXPECT(PalStreamFilesystemQuery(dir, &stat), 0);
    CHECK(stat.block_size >= 512 && stat.name_max >= 14 && stat.type);
    EXPECT(PalStreamOpen("dir:.", PAL_ACCESS_PATH, 0, 0, 0, &path), 0);
    EXPECT(PalStreamFilesystemQuery(path, &stat), 0);
    EXPECT(PalStreamFilesystemQuery(NULL, &stat), PAL_ERROR_BADHANDLE);
    PalObjectClose(path);
    PalObjectClose(dir);
}

/* ---- Copies ------------------------------------------------------------------------------------
 */

TEST(PalStreamCopy, range_and_sendfile) {
    PAL_HANDLE from = test_file("c1", "0123456789"), to = test_file("c2", "");
    PAL_NUM in = 2, out = 0;
    char b[16];
    CHECK(from && to);
    EXPECT(PalStreamCopy(from, &in, to, &out, 4, PAL_COPY_RANGE, 0), 4);
    EXPECT(in, 6);
    EXPECT(out, 4);
    EXPECT(read_at(to, 0, b, 16), 4);
    EXPECT(memcmp(b, "2345", 4), 0);
    in = 0;
    EXPECT(PalStreamCopy(from, &in, to, NULL, 3, PAL_COPY_SENDFILE, 0), 3);
    EXPECT(read_at(to, 0, b, 16), 4);
    EXPECT(memcmp(b, "0125", 4), 0);
    EXPECT(PalStreamCopy(from, &in, to, &out, 3, PAL_COPY_SENDFILE, 0), PAL_ERROR_INVAL);
    EXPECT(PalStreamCopy(from, &in, to, NULL, 3, 9, 0), PAL_ERROR_INVAL);
    EXPECT(PalStreamCopy(from, &in, to, NULL, 3, PAL_COPY_RANGE, 1), PAL_ERROR_INVAL);
    EXPECT(PalStreamCopy(from, &in, to, NULL, 3, PAL_COPY_SPLICE, 16), PAL_ERROR_INVAL);
    EXPECT(PalStreamCopy(NULL, NULL, to, NULL, 3, 0, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamCopy(from, NULL, test_event(), NULL, 3, 0, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(from);
    PalObjectClose(to);
}

TEST(PalStreamCopy, splice_and_tee) {
    PAL_HANDLE from = test_file("c3", "splice"), one[2], two[2];
    PAL_NUM in = 0;
    char b[16];
    CHECK(from);
    EXPECT(PalPipeCreate(0, one), 0);
    EXPECT(PalPipeCreate(0, two), 0);
    EXPECT(PalStreamCopy(from, &in, one[1], NULL, 6, PAL_COPY_SPLICE, 0), 6);
    EXPECT(in, 6);
    EXPECT(PalStreamCopy(one[0], NULL, two[1], NULL, 6, PAL_COPY_TEE, 0), 6);
    EXPECT(read_at(one[0], 0, b, 16), 6);
    EXPECT(read_at(two[0], 0, b, 16), 6);
    EXPECT(memcmp(b, "splice", 6), 0);
    EXPECT(PalStreamCopy(one[0], NULL, two[1], NULL, 6, PAL_COPY_TEE, PAL_SPLICE_NONBLOCK),
           PAL_ERROR_TRYAGAIN);
    EXPECT(PalStreamCopy(one[0], &in, two[1], NULL, 6, PAL_COPY_TEE, 0), PAL_ERROR_SEEK);
    for (int i = 0; i < 2; i++) {
        PalObjectClose(one[i]);
        PalObjectClose(two[i]);
    }
    PalObjectClose(from);
}

TEST(PalStreamVmsplice, into_pipe) {
    PAL_HANDLE p[2];
    struct iovec iov = {"vm", 2};
    char b[4];
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalStreamVmsplice(p[1], &iov, 1, 0), 2);
    EXPECT(read_at(p[0], 0, b, 4), 2);
    EXPECT(memcmp(b, "vm", 2), 0);
    EXPECT(PalStreamVmsplice(p[1], &iov, 1, 16), PAL_ERROR_INVAL);
    EXPECT(PalStreamVmsplice(p[1], BAD_ADDRESS, 1, 0), PAL_ERROR_BADADDR);
    EXPECT(PalStreamVmsplice(NULL, &iov, 1, 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
}

/* ---- Mappings ----------------------------------------------------------------------------------
 */

TEST(PalStreamMap, shared_and_private) {
    PAL_HANDLE h = test_file("m1", "mapped");
    PAL_PTR shared = NULL, private = NULL;
    char b[8];
    CHECK(h);
    EXPECT(PalStreamMap(h, &shared, PAL_PROT_READ | PAL_PROT_WRITE, 0, 4096), 0);
    EXPECT(PalStreamMap(h, &private, PAL_PROT_READ | PAL_PROT_WRITE | PAL_PROT_WRITECOPY, 0, 4096),
           0);
    PAL_PTR_RANGE user = PalGetPalControl()->user_address;
    CHECK(shared >= user.start && (char*)shared + 4096 <= (char*)user.end);
    EXPECT(memcmp(shared, "mapped", 6), 0);
    *(char*)shared = 'M';
    EXPECT(*(char*)private, 'M');
    *(char*)private = 'X';
    EXPECT(read_at(h, 0, b, 6), 6);
    EXPECT(memcmp(b, "Mapped", 6), 0);
    /* the same place again, replacing what was there */
    EXPECT(PalStreamMap(h, &private, PAL_PROT_READ, 0, 4096), 0);
    EXPECT(*(char*)private, 'M');
    EXPECT(PalStreamUnmap(shared, 4096), 0);
    EXPECT(PalStreamUnmap(private, 4096), 0);
    PalObjectClose(h);
}

TEST(PalStreamMap, bad_arguments) {
    PAL_HANDLE h = test_file("m2", "x"), ro;
    PAL_PTR at = NULL, odd = (void*)0x1001;
    CHECK(h);
    EXPECT(PalStreamMap(NULL, &at, PAL_PROT_READ, 0, 4096), PAL_ERROR_BADHANDLE);
    EXPECT(PalStreamMap(h, &at, 0x10, 0, 4096), PAL_ERROR_INVAL);
    EXPECT(PalStreamMap(h, &at, PAL_PROT_READ, 0, 0), PAL_ERROR_INVAL);
    EXPECT(PalStreamMap(h, &at, PAL_PROT_READ, 0, 100), PAL_ERROR_INVAL);
    EXPECT(PalStreamMap(h, &at, PAL_PROT_READ, 7, 4096), PAL_ERROR_INVAL);
    EXPECT(PalStreamMap(h, &odd, PAL_PROT_READ, 0, 4096), PAL_ERROR_INVAL);
    EXPECT(PalStreamOpen("file:m2", PAL_ACCESS_RDONLY, 0, 0, 0, &ro), 0);
    EXPECT(PalStreamMap(ro, &at, PAL_PROT_READ | PAL_PROT_WRITE, 0, 4096), PAL_ERROR_DENIED);
    EXPECT(at, NULL);
    /* the PAL's own memory may not be replaced */
    at = (void*)((uintptr_t)&PalStreamMap & ~4095ul);
    EXPECT(PalStreamMap(ro, &at, PAL_PROT_READ, 0, 4096), PAL_ERROR_DENIED);
    PalObjectClose(ro);
    PalObjectClose(h);
}

TEST(PalStreamUnmap, bad_arguments) {
    void* page = test_page();
    CHECK(page);
    EXPECT(PalStreamUnmap(page, 0), PAL_ERROR_INVAL);
    EXPECT(PalStreamUnmap((char*)page + 1, 4096), PAL_ERROR_INVAL);
    EXPECT(PalStreamUnmap(page, 4096), 0);
    EXPECT(PalStreamUnmap((void*)((uintptr_t)&PalStreamUnmap & ~4095ul), 4096), PAL_ERROR_DENIED);
}

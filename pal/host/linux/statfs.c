/*
 * The file system behind a handle.
 */
#include <asm/statfs.h>

#include "stream.h"

int PalStreamFilesystemQuery(PAL_HANDLE handle, PAL_FS_STAT* stat) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    struct statfs64 st;
    long ret = host_syscall(__NR_fstatfs, h->fd, &st);
    if (ret < 0)
        return host_error(ret);
    *stat = (PAL_FS_STAT){
        .type = st.f_type,
        .block_size = st.f_bsize,
        .blocks = st.f_blocks,
        .blocks_free = st.f_bfree,
        .blocks_available = st.f_bavail,
        .files = st.f_files,
        .files_free = st.f_ffree,
        .fsid = (uint32_t)st.f_fsid.val[0] | (PAL_NUM)(uint32_t)st.f_fsid.val[1] << 32,
        .name_max = st.f_namelen,
        .fragment_size = st.f_frsize,
        .flags = st.f_flags,
    };
    return 0;
}

/*
 * Start of the file systems: mounts of the manifest and those that are always there, root and
 * working directory, and the three standard descriptors.
 */
#include "libos_event.h"
#include "libos_mount.h"
#include "libos_process.h"
#include "manifest.h"

static int64_t g_start_ns;

int64_t libos_fs_start_ns(void) {
    return g_start_ns;
}

/* ---- mounts -----------------------------------------------------------------------------------
 */

/* Directory part of a path into dir; returns the last component. */
static const char* split(const char* path, char* dir, size_t size) {
    const char* slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    len = MIN(len, size - 1);
    memcpy(dir, path, len);
    dir[len] = '\0';
    return slash ? slash + 1 : path;
}

/* Canonical name of what is at `path`, links followed. */
static int canonical(const char* path, char* name, size_t size) {
    struct libos_file* f;
    int ret = libos_open_path(AT_FDCWD, *path ? path : "/", O_PATH, 0, &f);
    if (ret)
        return ret;
    long len = libos_file_get_name(f, name, size);
    libos_file_put(f);
    if (len < 0 || (size_t)len >= size)
        return len < 0 ? len : -ENAMETOOLONG;
    if (len == 1)
        name[0] = '\0';
    return 0;
}

static int make_directory(const char* path) {
    struct libos_lookup l;
    int ret = libos_lookup_start(&l, AT_FDCWD, path, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_mkdir(&l, 0755);
    libos_lookup_end(&l);
    return ret;
}

static int add_tmpfs(const char* path, uint32_t mode, bool virtual_name) {
    struct libos_mount* m = libos_mount_create(path, "tmpfs", false);
    int ret = m ? libos_tmpfs_mount(m, mode) : -ENOMEM;
    if (ret)
        return ret;
    m->virtual_name = virtual_name;
    if (virtual_name)
        libos_host_dir_has_virtual();
    libos_mount_add(m);
    return 0;
}

/* Finds the place of a mount point: its canonical path into `place`. A missing directory on the way
 * is made up as an empty tmpfs, as the host's tree is not ours to change. */
static int find_place(const char* path, char* place, size_t size, bool* is_virtual) {
    char dir[PATH_MAX];
    *is_virtual = false;
    int ret = canonical(path, place, size);
    if (ret != -ENOENT)
        return ret;
    const char* last = split(path, dir, sizeof(dir));
    ret = canonical(dir, place, size);
    if (ret == -ENOENT) {
        bool parent_virtual;
        ret = find_place(dir, place, size, &parent_virtual);
        if (!ret && parent_virtual)
            ret = add_tmpfs(place, 0755, true);
        if (!ret && parent_virtual)
            libos_mount_of(place, strlen(place))->made_up = true;
    }
    if (ret)
        return ret;
    size_t len = strlen(place);
    struct libos_mount* parent = libos_mount_of(place, len);
    len += snprintf(place + len, size - len, "/%s", last);
    if (len >= size)
        return -ENAMETOOLONG;
    if (parent->ops == &libos_tmpfs_ops)
        return make_directory(place);
    *is_virtual = true;
    return 0;
}

static int mount_failed(const char* path, const char* what, int error) {
    log_error("mount of %s at %s: %s; check fs.root and fs.mounts", what, path,
              error == -ENOENT    ? "no such file or directory on the host"
              : error == -EACCES  ? "permission denied by the host"
              : error == -ENOTDIR ? "a part of the path is not a directory"
              : error == -ENOMEM  ? "out of memory"
              : error == -EINVAL  ? "the path must be absolute, without .."
                                  : "failed");
    return error;
}

/* Manifests come from templates: repeated slashes, "." and a slash at the end are taken out. */
static int clean_path(const char* path, char* out, size_t size) {
    size_t used = 0;
    while (*path) {
        while (*path == '/')
            path++;
        const char* slash = strchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : strlen(path);
        if (len == 2 && path[0] == '.' && path[1] == '.')
            return -EINVAL;
        if (used + len + 2 > size)
            return -ENAMETOOLONG;
        if (len && !(len == 1 && *path == '.')) {
            out[used++] = '/';
            memcpy(out + used, path, len);
            used += len;
        }
        path += len;
    }
    if (!used)
        out[used++] = '/';
    out[used] = '\0';
    return 0;
}

static int add_mount(const struct manifest_mount* entry) {
    char path[PATH_MAX], place[PATH_MAX] = "";
    const char* what = entry->uri ? entry->uri : entry->type;
    bool is_virtual = false;
    int ret = 0;
    if (!entry->path || entry->path[0] != '/')
        return mount_failed(entry->path ? entry->path : "?", what, -EINVAL);
    ret = clean_path(entry->path, path, sizeof(path));
    if (!ret && g_root_mount)
        ret = find_place(path, place, sizeof(place), &is_virtual);
    if (ret)
        return mount_failed(entry->path, what, ret);
    struct libos_mount* m = libos_mount_create(place, what, entry->readonly);
    if (!m)
        return mount_failed(entry->path, what, -ENOMEM);
    if (strcmp(entry->type, "tmpfs") == 0)
        ret = libos_tmpfs_mount(m, strcmp(place, "/tmp") == 0 ? 01777 : 0755);
    else if (strcmp(entry->type, "chroot") == 0 && entry->uri)
        ret = libos_chroot_mount(m);
    else
        ret = -EOPNOTSUPP;
    if (ret) {
        libos_mount_free(m);
        return mount_failed(entry->path, what, ret);
    }
    m->virtual_name = is_virtual;
    if (is_virtual)
        libos_host_dir_has_virtual();
    libos_mount_add(m);
    return 0;
}

static int add_pseudo(const char* path, const char* name, uint64_t magic,
                      const struct libos_pseudo_node* root) {
    char place[PATH_MAX];
    bool is_virtual;
    if (!root)
        return 0;
    int ret = find_place(path, place, sizeof(place), &is_virtual);
    if (ret)
        return mount_failed(path, name, ret);
    struct libos_mount* m = libos_mount_create(place, name, false);
    ret = m ? libos_pseudo_mount(m, root) : -ENOMEM;
    if (ret)
        return mount_failed(path, name, ret);
    m->magic = magic;
    m->virtual_name = is_virtual;
    if (is_virtual)
        libos_host_dir_has_virtual();
    libos_mount_add(m);
    return 0;
}

static int add_always_there(void) {
    int ret = add_pseudo("/proc", "proc", 0x9fa0, &g_proc_root);
    if (!ret)
        ret = add_pseudo("/sys", "sysfs", 0x62656572, &g_sys_root);
    if (!ret)
        ret = add_pseudo("/sys/fs/cgroup", "cgroup2", 0x63677270, &g_cgroup_root);
    if (!ret)
        ret = add_pseudo("/dev", "devtmpfs", 0x01021994, &g_dev_root);
    if (!ret && &g_dev_root)
        ret = add_tmpfs("/dev/shm", 01777, false);
    return ret;
}

static int make_root(const struct manifest_mount* entry) {
    int ret = add_mount(entry);
    if (ret)
        return ret;
    struct libos_thread* t = get_cur_thread();
    t->fs = libos_fs_info_create(g_root_mount->root, g_pal_control->host_umask & 0777);
    return t->fs ? 0 : -ENOMEM;
}

static bool is_root_path(const char* path) {
    while (path && *path == '/')
        path++;
    return path && !*path;
}

/* What is written there would be lost without a word. */
static bool seal_made_up(void* arg, struct libos_mount* m) {
    (void)arg;
    m->readonly |= m->made_up;
    return true;
}

int libos_fs_init(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    g_start_ns = now;
    libos_locks_init();
    const toml_table_t* manifest = g_pal_control->manifest_root;
    struct manifest_mount entry;
    size_t root_index = 0;
    for (size_t i = 0; manifest_mount_at(manifest, i, &entry); i++)
        if (is_root_path(entry.path))
            root_index = i; /* hides all before it */
    if (!manifest_mount_at(manifest, root_index, &entry))
        return -EINVAL;
    int ret = make_root(&entry);
    if (!ret)
        ret = add_always_there();
    for (size_t i = root_index + 1; !ret && manifest_mount_at(manifest, i, &entry); i++)
        ret = add_mount(&entry);
    if (ret)
        return ret;
    libos_mount_for_each(seal_made_up, NULL);
    const char* start = manifest_string(manifest, "fs.start_dir", "/");
    struct libos_file* dir;
    ret = libos_open_path(AT_FDCWD, start, O_PATH | O_DIRECTORY, 0, &dir);
    if (ret) {
        log_error("fs.start_dir = \"%s\": no such directory in the guest", start);
        return ret;
    }
    libos_fs_set_cwd(dir);
    libos_file_put(dir);
    return 0;
}

/* ---- standard descriptors ---------------------------------------------------------------------
 */

/* Name for /proc/self/fd: the host's, through the root mount if it lies there. */
static struct libos_path* stream_path(PAL_HANDLE handle, uint32_t type, uint64_t ino) {
    char buf[PATH_MAX + 32];
    if (type == S_IFIFO || type == S_IFSOCK) {
        snprintf(buf, sizeof(buf), "%s:[%lu]", type == S_IFIFO ? "pipe" : "socket",
                 (unsigned long)ino);
        return libos_path_alloc(NULL, buf);
    }
    /* The inherited handle's own name is "stdin"; one of the object behind it tells more. */
    PAL_HANDLE object;
    if (PalStreamReopen(handle, PAL_ACCESS_PATH, 0, &object) < 0)
        return NULL;
    int ret = PalStreamGetName(object, buf, sizeof(buf));
    PalObjectClose(object);
    if (ret < 0)
        return NULL;
    buf[sizeof(buf) - 1] = '\0';
    const char* name = strchr(buf, ':');
    name = name ? name + 1 : buf;
    size_t root_len = g_root_mount->host_path ? strlen(g_root_mount->host_path) : 0;
    if (root_len > 1 && strncmp(name, g_root_mount->host_path, root_len) == 0 &&
        name[root_len] == '/')
        name += root_len;
    return libos_path_alloc(NULL, name);
}

static int install_stream(int fd, const char* uri) {
    PAL_HANDLE handle;
    PAL_FLG access = PAL_ACCESS_RDWR;
    int ret = PalStreamOpen(uri, access, 0, 0, 0, &handle);
    if (ret < 0)
        ret = PalStreamOpen(uri, access = PAL_ACCESS_RDONLY, 0, 0, 0, &handle);
    if (ret < 0)
        ret = PalStreamOpen(uri, access = PAL_ACCESS_WRONLY, 0, 0, 0, &handle);
    if (ret < 0)
        return 0; /* closed: so it is in the guest */
    uint32_t host_flags = 0;
    int flags = access;
    if (PalStreamControl(handle, PAL_OP_FLAGS_GET, &host_flags, sizeof(host_flags)) == 0)
        flags |= host_flags & (O_APPEND | O_NONBLOCK);
    flags |= O_LARGEFILE;
    PAL_STREAM_ATTR attr = {0};
    PalStreamAttributesQueryByHandle(handle, &attr);
    uint32_t type = attr.file_mode & S_IFMT;
    struct libos_path* path = stream_path(handle, type, attr.ino);
    struct libos_file* f;
    if (type == S_IFCHR && libos_handle_is_tty(handle))
        f = libos_tty_file(handle, flags, path);
    else
        f = libos_file_alloc(&libos_host_file_ops, flags, handle, path);
    if (!f)
        return -ENOMEM;
    f->mode_type = type;
    ret = libos_fd_install_at(f, false, fd);
    libos_file_put(f);
    return ret < 0 ? ret : 0;
}

int libos_stdio_init(void) {
    struct libos_thread* t = get_cur_thread();
    if (!t->files)
        t->files = libos_fd_table_create();
    if (!t->files)
        return -ENOMEM;
    static const char* const uris[] = {"dev:stdin", "dev:stdout", "dev:stderr"};
    for (int fd = 0; fd < 3; fd++) {
        int ret = install_stream(fd, uris[fd]);
        if (ret)
            return ret;
    }
    return 0;
}

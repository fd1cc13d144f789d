/* SPDX-License-Identifier: Apache-2.0
 *
 *     faultfs SOURCE MOUNTPOINT       in the foreground, until unmounted
 *
 * A file system that shows the directory SOURCE and fails when it is told:
 * a line written to MOUNTPOINT/.fault names one operation to come.
 *
 *     sync N keep|drop SUFFIX    the Nth sync of a file so named fails with
 *                                EIO; with drop, what was written to it since
 *                                the last sync that went well is lost
 *     write N eio|enospc|short SUFFIX    the Nth write: nothing is written, or
 *                                        half of it, which is no failure
 *     read N eio SUFFIX
 *
 * One at a time; the fault file reads "waiting" until it was met, then
 * "met PATH". Nothing is cached, so every operation of a program is seen.
 * What was written since the last sync is undone from copies of what was
 * there before (struct undo). One thread.
 */
#define FUSE_USE_VERSION 31

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FAULT_FILE "/.fault"

/* What was there before a write, the newest first. */
struct undo {
    struct undo *next;
    off_t offset;
    off_t size; /* of the file */
    size_t length;
    char bytes[];
};

struct file {
    struct file *next;
    ino_t inode;
    struct undo *undo;
};

static int source; /* directory */
static struct file *files;

static struct fault {
    char operation[16];
    char how[16];
    char suffix[64];
    char met[256];
    unsigned left; /* 0: none is to come */
} fault;

/* ---- faults ---- */

static bool strikes(const char *operation, const char *path)
{
    size_t length = strlen(path), suffix = strlen(fault.suffix);

    if (fault.left == 0 || strcmp(operation, fault.operation) != 0)
        return false;
    if (length < suffix || strcmp(path + length - suffix, fault.suffix) != 0)
        return false;
    if (--fault.left > 0)
        return false;
    snprintf(fault.met, sizeof fault.met, "%s", path);
    return true;
}

static int take_order(const char *text, size_t size)
{
    struct fault next = {.left = 0};
    char line[256];

    if (size >= sizeof line)
        return -EINVAL;
    memcpy(line, text, size);
    line[size] = '\0';
    if (sscanf(line, "%15s %u %15s %63s", next.operation, &next.left, next.how,
               next.suffix) != 4 ||
        next.left == 0)
        return -EINVAL;
    fault = next;
    return (int)size;
}

static int tell(char *buffer, size_t size, off_t offset)
{
    char line[300];
    int length = snprintf(line, sizeof line, "%s%s\n",
                          fault.left > 0 ? "waiting" : "met ", fault.met);

    if (offset >= length)
        return 0;
    length -= (int)offset;
    if ((size_t)length < size)
        size = (size_t)length;
    memcpy(buffer, line + offset, size);
    return (int)size;
}

/* ---- what was written since the last sync ---- */

static struct file *file_of(int fd)
{
    struct stat status;
    struct file *file;

    if (fstat(fd, &status) != 0)
        abort();
    for (file = files; file != NULL; file = file->next)
        if (file->inode == status.st_ino)
            return file;
    file = calloc(1, sizeof *file);
    if (file == NULL)
        abort();
    file->inode = status.st_ino;
    file->next = files;
    files = file;
    return file;
}

static void remember(int fd, off_t offset, size_t length)
{
    struct file *file = file_of(fd);
    struct undo *undo = malloc(sizeof *undo + length);
    struct stat status;
    ssize_t got;

    if (undo == NULL || fstat(fd, &status) != 0)
        abort();
    got = pread(fd, undo->bytes, length, offset);
    undo->length = got > 0 ? (size_t)got : 0;
    undo->offset = offset;
    undo->size = status.st_size;
    undo->next = file->undo;
    file->undo = undo;
}

/* With `drop` as it was before, else as it is. */
static void forget(int fd, bool drop)
{
    struct file *file = file_of(fd);
    struct undo *undo;

    while ((undo = file->undo) != NULL) {
        file->undo = undo->next;
        if (drop && (pwrite(fd, undo->bytes, undo->length, undo->offset) !=
                         (ssize_t)undo->length ||
                     ftruncate(fd, undo->size) != 0))
            abort();
        free(undo);
    }
}

/* ---- files ---- */

static const char *relative(const char *path)
{
    return path[1] == '\0' ? "." : path + 1;
}

static int result(int value)
{
    return value < 0 ? -errno : 0;
}

static int on_getattr(const char *path, struct stat *status,
                      struct fuse_file_info *info)
{
    (void)info;
    if (strcmp(path, FAULT_FILE) == 0) {
        memset(status, 0, sizeof *status);
        status->st_mode = S_IFREG | 0644;
        status->st_nlink = 1;
        return 0;
    }
    return result(fstatat(source, relative(path), status, AT_SYMLINK_NOFOLLOW));
}

static int open_at(const char *path, int flags, mode_t mode,
                   struct fuse_file_info *info)
{
    int fd = -1;

    if (strcmp(path, FAULT_FILE) != 0) {
        /* O_RDWR: what is overwritten is read first */
        if ((flags & O_ACCMODE) == O_WRONLY)
            flags = (flags & ~O_ACCMODE) | O_RDWR;
        fd = openat(source, relative(path), flags & ~O_APPEND, mode);
        if (fd < 0)
            return -errno;
    }
    info->fh = (uint64_t)fd;
    info->direct_io = 1;
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    return open_at(path, info->flags, 0, info);
}

static int on_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
    int code = open_at(path, info->flags | O_CREAT, mode, info);

    if (code == 0)
        forget((int)info->fh, false); /* of another that had its inode */
    return code;
}

static int on_release(const char *path, struct fuse_file_info *info)
{
    (void)path;
    return (int)info->fh < 0 ? 0 : result(close((int)info->fh));
}

static int on_read(const char *path, char *buffer, size_t size, off_t offset,
                   struct fuse_file_info *info)
{
    ssize_t got;

    if ((int)info->fh < 0)
        return tell(buffer, size, offset);
    if (strikes("read", path))
        return -EIO;
    got = pread((int)info->fh, buffer, size, offset);
    return got < 0 ? -errno : (int)got;
}

static int on_write(const char *path, const char *bytes, size_t size,
                    off_t offset, struct fuse_file_info *info)
{
    ssize_t written;

    if ((int)info->fh < 0)
        return take_order(bytes, size);
    if (strikes("write", path)) {
        if (strcmp(fault.how, "short") != 0)
            return strcmp(fault.how, "enospc") == 0 ? -ENOSPC : -EIO;
        size = (size + 1) / 2;
    }
    remember((int)info->fh, offset, size);
    written = pwrite((int)info->fh, bytes, size, offset);
    return written < 0 ? -errno : (int)written;
}

static int on_fsync(const char *path, int data_only,
                    struct fuse_file_info *info)
{
    int fd = (int)info->fh;

    (void)data_only;
    if (strikes("sync", path)) {
        forget(fd, strcmp(fault.how, "drop") == 0);
        return -EIO;
    }
    forget(fd, false);
    return result(fdatasync(fd));
}

static int on_truncate(const char *path, off_t size,
                       struct fuse_file_info *info)
{
    int fd =
        info != NULL ? (int)info->fh : openat(source, relative(path), O_RDWR);
    int code;

    if (strcmp(path, FAULT_FILE) == 0)
        return 0;
    if (fd < 0)
        return -errno;
    forget(fd, false); /* a cut is not undone */
    code = result(ftruncate(fd, size));
    if (info == NULL)
        close(fd);
    return code;
}

static int on_fallocate(const char *path, int mode, off_t offset, off_t length,
                        struct fuse_file_info *info)
{
    (void)path;
    return result(fallocate((int)info->fh, mode, offset, length));
}

/* ---- names ---- */

static int on_unlink(const char *path)
{
    return result(unlinkat(source, relative(path), 0));
}

static int on_rmdir(const char *path)
{
    return result(unlinkat(source, relative(path), AT_REMOVEDIR));
}

static int on_mkdir(const char *path, mode_t mode)
{
    return result(mkdirat(source, relative(path), mode));
}

static int on_rename(const char *from, const char *to, unsigned flags)
{
    return flags != 0
               ? -EINVAL
               : result(renameat(source, relative(from), source, relative(to)));
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill,
                      off_t offset, struct fuse_file_info *info,
                      enum fuse_readdir_flags flags)
{
    int fd = openat(source, relative(path), O_RDONLY | O_DIRECTORY);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    (void)offset;
    (void)info;
    (void)flags;
    if (directory == NULL)
        return -errno;
    while ((entry = readdir(directory)) != NULL)
        fill(buffer, entry->d_name, NULL, 0, 0);
    closedir(directory);
    return 0;
}

static int on_fsyncdir(const char *path, int data_only,
                       struct fuse_file_info *info)
{
    int fd = openat(source, relative(path), O_RDONLY | O_DIRECTORY);
    int code;

    (void)data_only;
    (void)info;
    if (fd < 0)
        return -errno;
    code = result(fsync(fd));
    close(fd);
    return code;
}

static int on_statfs(const char *path, struct statvfs *status)
{
    (void)path;
    return result(fstatvfs(source, status));
}

static const struct fuse_operations operations = {
    .getattr = on_getattr,
    .open = on_open,
    .create = on_create,
    .release = on_release,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
    .truncate = on_truncate,
    .fallocate = on_fallocate,
    .unlink = on_unlink,
    .rmdir = on_rmdir,
    .mkdir = on_mkdir,
    .rename = on_rename,
    .readdir = on_readdir,
    .fsyncdir = on_fsyncdir,
    .statfs = on_statfs,
};

int main(int argc, char **argv)
{
    char *arguments[] = {argv[0], "-f", "-s", argc == 3 ? argv[2] : NULL, NULL};

    if (argc != 3) {
        fprintf(stderr, "usage: faultfs SOURCE MOUNTPOINT\n");
        return 2;
    }
    source = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0) {
        perror(argv[1]);
        return 3;
    }
    return fuse_main(4, arguments, &operations, NULL) == 0 ? 0 : 3;
}

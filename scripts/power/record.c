/* LD_PRELOAD recorder: writes down every change to the files under RECORD_DIR, in order, to
 * RECORD_LOG. One record: op, path length, offset, data length (17 bytes, little endian), path,
 * data. Ops: C create, W write, T truncate (offset = new length), S sync, U unlink, R rename
 * (data = new path), A acknowledged (data = what the process wrote to descriptor 1). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int log_fd = -1;
static char dir[PATH_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *where = getenv("RECORD_DIR"), *log = getenv("RECORD_LOG");
  if (where && log && realpath(where, dir))
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void note(char op, const char *path, int64_t offset, const void *data, uint32_t length) {
  struct __attribute__((packed)) { char op; uint32_t path_length; int64_t offset; uint32_t length; }
  head = {op, strlen(path), offset, length};
  struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path_length},
                           {(void *)data, length}};
  syscall(SYS_writev, log_fd, parts, length ? 3 : 2);
}

static int ours(const char *path) {
  if (log_fd < 0 || strncmp(path, dir, strlen(dir))) return 0;
  size_t n = strlen(path);
  return n < 4 || strcmp(path + n - 4, "-shm"); /* made anew after a crash */
}

static int named(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return ours(path);
}

#define RECORDED(call, good, op, offset, data, length)      \
  char path[PATH_MAX];                                      \
  int mine = log_fd >= 0 && named(fd, path);                \
  if (mine) pthread_mutex_lock(&lock);                      \
  ssize_t done = call;                                      \
  if (mine && (good)) note(op, path, offset, data, length); \
  if (mine) pthread_mutex_unlock(&lock);                    \
  return done;

ssize_t pwrite64(int fd, const void *data, size_t n, off_t at) {
  RECORDED(syscall(SYS_pwrite64, fd, data, n, at), done > 0, 'W', at, data, done)
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return pwrite64(fd, data, n, at); }
int ftruncate64(int fd, off_t n) {
  RECORDED(syscall(SYS_ftruncate, fd, n), done == 0, 'T', n, 0, 0)
}
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }
int fsync(int fd) { RECORDED(syscall(SYS_fsync, fd), done == 0, 'S', 0, 0, 0) }
int fdatasync(int fd) { RECORDED(syscall(SYS_fdatasync, fd), done == 0, 'S', 0, 0, 0) }

ssize_t write(int fd, const void *data, size_t n) {
  if (fd == 1 && log_fd >= 0) { /* what the process says it has stored, in the order of the rest */
    pthread_mutex_lock(&lock);
    note('A', "", 0, data, n);
    pthread_mutex_unlock(&lock);
  }
  char path[PATH_MAX];
  if (fd != log_fd && log_fd >= 0 && named(fd, path)) {
    off_t at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    RECORDED(syscall(SYS_write, fd, data, n), done > 0, 'W', at, data, done)
  }
  return syscall(SYS_write, fd, data, n);
}

int unlink(const char *name) {
  char path[PATH_MAX];
  int mine = log_fd >= 0 && realpath(name, path) && ours(path);
  int done = syscall(SYS_unlinkat, AT_FDCWD, name, 0);
  if (mine && !done) note('U', path, 0, 0, 0);
  return done;
}

int rename(const char *from, const char *to) {
  char old[PATH_MAX], new[PATH_MAX];
  int mine = log_fd >= 0 && realpath(from, old) && ours(old);
  int done = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  if (mine && !done && realpath(to, new)) note('R', old, 0, new, strlen(new));
  return done;
}

static int opened(int at, const char *name, int flags, mode_t mode) {
  int missing = log_fd >= 0 && (flags & O_CREAT) && faccessat(at, name, F_OK, 0);
  int fd = syscall(SYS_openat, at, name, flags, mode);
  char path[PATH_MAX];
  if (fd >= 0 && log_fd >= 0 && (flags & (O_CREAT | O_TRUNC)) && named(fd, path)) {
    if (missing) note('C', path, 0, 0, 0);
    else if (flags & O_TRUNC) note('T', path, 0, 0, 0);
  }
  return fd;
}
#define MODE                                               \
  mode_t mode = 0;                                         \
  if (flags & O_CREAT) {                                   \
    va_list more;                                          \
    va_start(more, flags);                                 \
    mode = va_arg(more, int);                              \
    va_end(more);                                          \
  }
int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int openat(int at, const char *name, int flags, ...) { MODE return opened(at, name, flags, mode); }
int openat64(int at, const char *name, int flags, ...) { MODE return opened(at, name, flags, mode); }

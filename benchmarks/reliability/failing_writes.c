/* Lets the n-th call that writes to a file named *shimmed.db* fail: FAIL_AT says which, FAIL_WITH how. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static long calls = 0;
static int fails(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    if (!strstr(path, "shimmed.db")) return 0;
    const char *at = getenv("FAIL_AT"), *how = getenv("FAIL_WITH");
    if (!at || ++calls != atol(at)) return 0;
    errno = how && !strcmp(how, "full") ? ENOSPC : EIO;
    return 1;
}
#define WRAP(type, name, args, call) type name args { \
    static type (*real) args; if (!real) real = dlsym(RTLD_NEXT, #name); \
    if (fails(fd)) return -1; return real call; }
WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n))

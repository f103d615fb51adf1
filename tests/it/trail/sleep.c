/* A machine that slept for as many seconds as stand in the file that SLEPT names: the clock on the wall and the uptime went on, the
 * clock that processes wait by did not. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *slept;

__attribute__((constructor)) static void begin(void) {
    int file = syscall(SYS_openat, AT_FDCWD, getenv("SLEPT"), O_RDONLY | O_CLOEXEC);
    void *place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *slept, PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED)
        slept = place;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, id, at);
    if (!failed && slept && id == CLOCK_REALTIME)
        at->tv_sec += *slept;
    return failed;
}

static int uptime(int flags) {
    char text[64] = "";
    int real = syscall(SYS_openat, AT_FDCWD, "/proc/uptime", O_RDONLY);
    if (real < 0 || read(real, text, sizeof text - 1) <= 0)
        return -1;
    close(real);
    int length = snprintf(text, sizeof text, "%.2f 0.00\n", atof(text) + (slept ? *slept : 0));
    int file = memfd_create("uptime", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (file < 0 || write(file, text, length) != length || lseek(file, 0, SEEK_SET))
        return -1;
    return file;
}

static int opened(const char *path, int flags, mode_t mode) {
    return strcmp(path, "/proc/uptime") ? (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode) : uptime(flags);
}

#define OPENS(name)                                      \
    int name(const char *path, int flags, ...) {         \
        va_list more;                                    \
        va_start(more, flags);                           \
        mode_t mode = va_arg(more, mode_t);              \
        va_end(more);                                    \
        return opened(path, flags, mode);                \
    }
OPENS(open)
OPENS(open64)

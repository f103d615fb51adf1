/* A machine that slept for as many seconds as stand in the file that SLEPT names: the clock on the wall and the machine's age went on,
 * the clock that processes wait by did not. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
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
    if (!failed && slept && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME))
        at->tv_sec += *slept;
    return failed;
}

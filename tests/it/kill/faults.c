/* A disk that fails: what is written below `state/` is refused, or what is synced, for as long as the first number in the file that FAULTS
 * names says so. The second counts how often that was. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WELL, FULL, READ_ONLY, NO_SYNC, HALF };
static struct { volatile int fault, struck; } *disk;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("FAULTS"), O_RDWR | O_CLOEXEC);
    void *place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (place != MAP_FAILED)
        disk = place;
}

static int is_of_state(int file) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "/state/") != NULL;
}

static int strikes(int file, int error) {
    if (!is_of_state(file))
        return 0;
    __atomic_add_fetch(&disk->struck, 1, __ATOMIC_RELAXED);
    errno = error;
    return 1;
}

/* How much of it is written: all, none (-1), or the first half, and then none. */
static ssize_t room(int file, size_t length) {
    static __thread int half;
    switch (disk ? disk->fault : WELL) {
    case FULL:
        return strikes(file, ENOSPC) ? -1 : (ssize_t)length;
    case READ_ONLY:
        return strikes(file, EROFS) ? -1 : (ssize_t)length;
    case HALF:
        if (!strikes(file, ENOSPC))
            return length;
        half = !half;
        return half && length > 1 ? (ssize_t)(length / 2) : -1;
    default:
        return length;
    }
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    ssize_t taken = room(file, length);
    return taken < 0 ? -1 : syscall(SYS_pwrite64, file, bytes, taken, at);
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) { return pwrite64(file, bytes, length, at); }
ssize_t write(int file, const void *bytes, size_t length) {
    ssize_t taken = room(file, length);
    return taken < 0 ? -1 : syscall(SYS_write, file, bytes, taken);
}

int ftruncate64(int file, off64_t length) { return room(file, 1) < 0 ? -1 : syscall(SYS_ftruncate, file, length); }
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

/* After the bytes went: whether they are there nobody knows. */
static int unsynced(int file) { return disk && disk->fault == NO_SYNC && strikes(file, EIO); }
int fsync(int file) { return unsynced(file) ? -1 : syscall(SYS_fsync, file); }
int fdatasync(int file) { return unsynced(file) ? -1 : syscall(SYS_fdatasync, file); }

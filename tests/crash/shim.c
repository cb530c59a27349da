/* A disk that fails, a process that dies in the middle of a write, a clock that jumps: for tests/crash.rs, which
 * compiles this and has it loaded before the C library (LD_PRELOAD). Calls count that change files: write to a
 * regular file, fsync, fdatasync, rename, ftruncate.
 *   SHIM_AT=N      what happens, happens at the N-th call
 *   SHIM_HOW=kill  half of what is written is written, and the process dies (odd calls: before a rename or sync,
 *                  even ones: after it)
 *   SHIM_HOW=fail  half of what is written is written, and the call fails (ENOSPC for a write, EIO otherwise)
 *   SHIM_COUNT=F   the number of calls goes to the file F at the end
 *   SHIM_CLOCK=1   the clock of the day jumps by years in both directions, the steady one forward by minutes */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls, looks;
static long at;
static int kills, clock_jumps;

__attribute__((constructor)) static void begin(void) {
    const char *number = getenv("SHIM_AT"), *how = getenv("SHIM_HOW");
    at = number ? atol(number) : 0;
    kills = how && !strcmp(how, "kill");
    clock_jumps = getenv("SHIM_CLOCK") != NULL;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("SHIM_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld", atomic_load(&calls));
        fclose(file);
    }
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether this is the call; its number goes to `number`. */
static int now(long *number) {
    *number = atomic_fetch_add(&calls, 1) + 1;
    return at && *number == at;
}

static int fail(int error) {
    errno = error;
    return -1;
}

/* A call that changes no bytes. */
#define CALL(...)                                              \
    long number;                                               \
    int result, hit = now(&number);                            \
    if (hit && !kills) return fail(EIO);                       \
    if (hit && number % 2) die();                              \
    result = (int)syscall(__VA_ARGS__);                        \
    if (hit) die();                                            \
    return result

int fsync(int fd) { CALL(SYS_fsync, fd); }
int fdatasync(int fd) { CALL(SYS_fdatasync, fd); }
int ftruncate(int fd, off_t length) { CALL(SYS_ftruncate, fd, length); }
int ftruncate64(int fd, off64_t length) { CALL(SYS_ftruncate, fd, length); }
int rename(const char *from, const char *to) {
    CALL(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    struct stat status;
    long number;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode) || !now(&number))
        return syscall(SYS_write, fd, bytes, count);
    syscall(SYS_write, fd, bytes, count / 2);
    if (kills) die();
    return fail(ENOSPC);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock_jumps && !result) {
        long look = atomic_fetch_add(&looks, 1);
        const long year = 365L * 24 * 3600;
        time->tv_sec += clock == CLOCK_REALTIME ? (look % 3 - 1) * year * (1 + look % 7) : look * 100;
    }
    return result;
}

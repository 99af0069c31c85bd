/* A library to preload: a disk that takes SLOW_DISK ms longer to make something durable, as one that turns does. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowly(const char *name, int fd)
{
    const char *ms = getenv("SLOW_DISK");
    useconds_t half = ms ? atoi(ms) * 500 : 0;
    usleep(half);
    int result = ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
    usleep(half);
    return result;
}

int fdatasync(int fd) { return slowly("fdatasync", fd); }

int fsync(int fd) { return slowly("fsync", fd); }

/* Every clock runs FAST_CLOCK times as fast from FAST_CLOCK_WALL on, and every wait is as much shorter.

   A library to preload. All processes with the same two variables share one time, whenever they were started, and so do
   the wall clock, the monotonic clock and the boot clock. Processor time is left alone. It covers what Python, uvloop,
   SQLite and OpenSSL ask of the C library; libfaketime 0.9.10 would do, but it does not know sem_clockwait, by which
   Python waits for a lock. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef long long ns_t;
#define SECOND 1000000000LL
#define REAL(name) ((__typeof__(&name))real(#name))

static long long speed = 1;
static ns_t wall0; /* real wall clock at which all began */
static ns_t apart; /* of the monotonic clocks from the wall clock, at that instant: the same in every process */

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static ns_t flat(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }

static struct timespec spec(ns_t ns)
{
    if (ns < 0) ns = 0;
    return (struct timespec){ns / SECOND, ns % SECOND};
}

static ns_t slow(clockid_t clock)
{
    struct timespec t;
    REAL(clock_gettime)(clock, &t);
    return flat(&t);
}

__attribute__((constructor)) static void begin(void)
{
    const char *factor = getenv("FAST_CLOCK"), *wall = getenv("FAST_CLOCK_WALL"), *gap = getenv("FAST_CLOCK_APART");
    if (factor && wall && gap) {
        speed = atoll(factor);
        wall0 = atoll(wall);
        apart = atoll(gap);
    }
}

/* The real instant of a clock at which everything began to run fast. CLOCK_BOOTTIME and CLOCK_MONOTONIC are the same
   on a machine that never slept, which is what `apart` was taken from. */
static ns_t origin(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? wall0 : wall0 - apart;
}

static int is_fast(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW: case CLOCK_BOOTTIME: return speed != 1;
    default: return 0;
    }
}

static ns_t fast(clockid_t clock) { return origin(clock) + (slow(clock) - origin(clock)) * speed; }

int clock_gettime(clockid_t clock, struct timespec *t)
{
    if (!is_fast(clock)) return REAL(clock_gettime)(clock, t);
    *t = spec(fast(clock));
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    (void)zone;
    ns_t now = fast(CLOCK_REALTIME);
    *t = (struct timeval){now / SECOND, now % SECOND / 1000};
    return 0;
}

time_t time(time_t *t)
{
    time_t now = fast(CLOCK_REALTIME) / SECOND;
    if (t) *t = now;
    return now;
}

/* A wait of so long, or until then by the fast clock, as the real wait it is. */
static ns_t shorter(ns_t ns) { return ns <= 0 ? ns : (ns + speed - 1) / speed; }

static struct timespec when(clockid_t clock, const struct timespec *until)
{
    return is_fast(clock) ? spec(slow(clock) + shorter(flat(until) - fast(clock))) : *until;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
    struct timespec real_t = flags & TIMER_ABSTIME ? when(clock, t) : is_fast(clock) ? spec(shorter(flat(t))) : *t;
    int result = REAL(clock_nanosleep)(clock, flags, &real_t, left);
    if (result == EINTR && left && !(flags & TIMER_ABSTIME)) *left = spec(flat(left) * speed);
    return result;
}

int nanosleep(const struct timespec *t, struct timespec *left)
{
    errno = clock_nanosleep(CLOCK_REALTIME, 0, t, left);
    return errno ? -1 : 0;
}

int usleep(useconds_t us)
{
    struct timespec t = spec(us * 1000LL);
    return nanosleep(&t, NULL);
}

static int milliseconds(int ms) { return ms <= 0 ? ms : (int)((ms + speed - 1) / speed); }

int epoll_wait(int fd, struct epoll_event *events, int count, int ms)
{
    return REAL(epoll_wait)(fd, events, count, milliseconds(ms));
}

int epoll_pwait(int fd, struct epoll_event *events, int count, int ms, const sigset_t *mask)
{
    return REAL(epoll_pwait)(fd, events, count, milliseconds(ms), mask);
}

int poll(struct pollfd *fds, nfds_t count, int ms) { return REAL(poll)(fds, count, milliseconds(ms)); }

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *t, const sigset_t *mask)
{
    struct timespec real_t;
    if (t) real_t = spec(shorter(flat(t)));
    return REAL(ppoll)(fds, count, t ? &real_t : NULL, mask);
}

int select(int count, fd_set *r, fd_set *w, fd_set *x, struct timeval *t)
{
    struct timeval real_t;
    if (t) {
        ns_t ns = shorter(t->tv_sec * SECOND + t->tv_usec * 1000LL);
        real_t = (struct timeval){ns / SECOND, ns % SECOND / 1000};
    }
    return REAL(select)(count, r, w, x, t ? &real_t : NULL);
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
    struct timespec t = when(clock, until);
    return REAL(sem_clockwait)(sem, clock, &t);
}

int sem_timedwait(sem_t *sem, const struct timespec *until)
{
    struct timespec t = when(CLOCK_REALTIME, until);
    return REAL(sem_timedwait)(sem, &t);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    struct timespec t = when(clock, until);
    return REAL(pthread_cond_clockwait)(cond, mutex, clock, &t);
}

/* A condition waits by the clock it was made with, which it does not tell; the instant does: the two are years apart. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
    static __typeof__(&pthread_cond_timedwait) wait;
    if (!wait) wait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2"); /* x86-64 has an older one too */
    if (!wait) wait = REAL(pthread_cond_timedwait);
    int by_wall = llabs(flat(until) - fast(CLOCK_REALTIME)) < llabs(flat(until) - fast(CLOCK_MONOTONIC));
    struct timespec t = when(by_wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, until);
    return wait(cond, mutex, &t);
}

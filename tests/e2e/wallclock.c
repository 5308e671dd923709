// SPDX-License-Identifier: MIT
// For LD_PRELOAD: clocks that a test sets, as an admin or a suspend would.
//
// CLOCK_FILE names a file of two lines: seconds to be added to the wall clock,
// and seconds that the machine was suspended for. The latter move
// CLOCK_BOOTTIME and the wall clock, but not CLOCK_MONOTONIC.
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void
read_offsets(long long *wall, long long *suspended)
{
	const char *path = getenv("CLOCK_FILE");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;

	*wall = *suspended = 0;
	if (f == NULL)
		return;
	if (fscanf(f, "%lld %lld", wall, suspended) != 2)
		*wall = *suspended = 0;
	fclose(f);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	long long wall, suspended;
	int rc = (int)syscall(SYS_clock_gettime, clock, ts);

	if (rc != 0)
		return rc;
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		read_offsets(&wall, &suspended);
		ts->tv_sec += (time_t)(wall + suspended);
		break;
	case CLOCK_BOOTTIME:
		read_offsets(&wall, &suspended);
		ts->tv_sec += (time_t)suspended;
		break;
	default:
		break;
	}
	return 0;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return ts.tv_sec;
}

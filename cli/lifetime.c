/* A process is held by a descriptor, which any user may open and which no later process with the same number can take over. */
#include "cli/lifetime.h"

#include <poll.h>
#include <sys/pidfd.h>

int lifetime_hold(pid_t said, pid_t peer)
{
	return said > 0 && said == peer ? pidfd_open(said, 0) : -1;
}

bool lifetime_has_ended(int process, int wait_ms)
{
	struct pollfd end = {.fd = process, .events = POLLIN};
	return poll(&end, 1, wait_ms) == 1;
}

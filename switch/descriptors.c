/* How many descriptors the process may have. At the start; what happens when there are none left all the same is the listeners' business. */
#include "switch/descriptors.h"

#include <sys/resource.h>

#include "proxy/proxy.h"

#define KEPT 256ul /* admin API 64, its waits and streams, probes, the state directory */

unsigned long descriptors_raise(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit more = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
	}
	return limit.rlim_cur;
}

unsigned descriptors_fit(unsigned long limit, unsigned workers, unsigned wanted)
{
	unsigned long needed = KEPT + (unsigned long)workers * PROXY_WORKER_DESCRIPTORS;
	unsigned long kept = limit / 2 < needed ? limit / 2 : needed;
	unsigned long fit = (limit - kept) / 2;
	if (fit < 1)
		fit = 1;
	return fit < wanted ? (unsigned)fit : wanted;
}

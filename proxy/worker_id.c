/* The ids that a worker gives to requests. Worker thread, but for the beginning. */
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/clock.h"
#include "proxy/worker.h"

#define OWN_DIGITS 12u

static void write_hex(char *out, uint64_t value, unsigned digits)
{
	static const char hex[] = "0123456789abcdef";
	for (unsigned i = 0; i < digits; i++)
		out[i] = hex[(value >> (4 * (digits - 1 - i))) & 15u];
}

void worker_init_id(struct worker *worker)
{
	uint64_t prefix;
	if (getrandom(&prefix, sizeof(prefix), 0) != (ssize_t)sizeof(prefix))
		prefix = clock_wall_us() * 0x9e3779b97f4a7c15u + worker->index;
	write_hex(worker->id, prefix, OWN_DIGITS);
	write_hex(worker->id + OWN_DIGITS, 0, WORKER_ID_LENGTH - OWN_DIGITS);
}

static void count_up(char *last)
{
	while (*last == 'f')
		*last-- = '0';
	*last = *last == '9' ? 'a' : (char)(*last + 1);
}

void worker_make_id(struct worker *worker, char id[WORKER_ID_LENGTH])
{
	memcpy(id, worker->id, WORKER_ID_LENGTH);
	count_up(worker->id + WORKER_ID_LENGTH - 1);
}

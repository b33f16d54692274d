/* The time as one worker sees it. Worker thread. */
#include <time.h>

#include "base/clock.h"
#include "proxy/worker.h"

uint64_t worker_now_us(struct worker *worker)
{
	if (!worker->now_known) {
		worker->now_us = clock_mono_us();
		worker->now_known = true;
	}
	return worker->now_us;
}

uint64_t worker_wall_us(struct worker *worker)
{
	uint64_t now_us = worker_now_us(worker);
	if (worker->wall_known_us == 0 || now_us - worker->wall_known_us > 1000000u) {
		worker->wall_offset_us = clock_wall_us() - now_us;
		worker->wall_known_us = now_us;
	}
	return now_us + worker->wall_offset_us;
}

/* Written anew once a second. */
static struct tm read_second(uint64_t second)
{
	time_t now = (time_t)second;
	struct tm utc;
	gmtime_r(&now, &utc);
	return utc;
}

struct span worker_date(struct worker *worker)
{
	uint64_t second = worker_wall_us(worker) / 1000000u;
	if (second != worker->date_s) {
		struct tm utc = read_second(second);
		strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
		worker->date_s = second;
	}
	return (struct span){worker->date, WORKER_DATE_LENGTH};
}

struct span worker_stamp(struct worker *worker)
{
	uint64_t now_ms = worker_wall_us(worker) / 1000u, second = now_ms / 1000u;
	unsigned ms = (unsigned)(now_ms % 1000u);
	if (second != worker->stamp_s) {
		struct tm utc = read_second(second);
		strftime(worker->stamp, sizeof(worker->stamp), "%Y-%m-%dT%H:%M:%S.000Z", &utc);
		worker->stamp_s = second;
	}
	worker->stamp[20] = (char)('0' + ms / 100);
	worker->stamp[21] = (char)('0' + ms / 10 % 10);
	worker->stamp[22] = (char)('0' + ms % 10);
	return (struct span){worker->stamp, WORKER_STAMP_LENGTH};
}

struct span worker_combined_stamp(struct worker *worker)
{
	uint64_t second = worker_wall_us(worker) / 1000000u;
	if (second != worker->combined_s) {
		struct tm utc = read_second(second);
		strftime(worker->combined, sizeof(worker->combined), "%d/%b/%Y:%H:%M:%S +0000", &utc);
		worker->combined_s = second;
	}
	return (struct span){worker->combined, WORKER_COMBINED_LENGTH};
}

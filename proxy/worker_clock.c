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

struct span worker_date(struct worker *worker)
{
	uint64_t now_s = worker_wall_us(worker) / 1000000u;
	if (now_s != worker->date_s) {
		time_t now = (time_t)now_s;
		struct tm utc;
		gmtime_r(&now, &utc);
		strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
		worker->date_s = now_s;
	}
	return (struct span){worker->date, WORKER_DATE_LENGTH};
}

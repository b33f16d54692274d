/* A color's counters over time. Control thread; reads no clock. */
#include "switch/measures.h"

#include <stdlib.h>

#include "base/memory.h"

struct second {
	uint64_t at;
	uint64_t ended, errors;
};

struct slice {
	uint64_t at; /* its number: seconds / MEASURES_SLICE_S */
	bool used;
	struct histogram_counts duration;
};

struct history {
	struct second seconds[MEASURES_SECONDS];
	struct slice slices[MEASURES_SLICES];
	struct histogram_counts last; /* the totals' at the last call */
};

struct measures {
	uint64_t ended, errors; /* the totals' at the last call */
	struct history *history;
};

struct measures *measures_new(void)
{
	return memory_new(sizeof(struct measures));
}

void measures_free(struct measures *measures)
{
	if (measures)
		free(measures->history);
	free(measures);
}

static void add_second(struct measures *measures, uint64_t now, const struct totals_sum *sum)
{
	struct second *second = &measures->history->seconds[now % MEASURES_SECONDS];
	if (second->at != now)
		*second = (struct second){.at = now};
	second->ended += sum->ended - measures->ended;
	second->errors += sum->errors - measures->errors;
	measures->ended = sum->ended;
	measures->errors = sum->errors;
}

static void add_slice(struct history *history, uint64_t now, const struct totals_sum *sum)
{
	uint64_t number = now / MEASURES_SLICE_S;
	struct slice *slice = &history->slices[number % MEASURES_SLICES];
	struct histogram_counts newer = sum->duration;
	if (!slice->used || slice->at != number)
		*slice = (struct slice){.at = number, .used = true};
	histogram_counts_subtract(&newer, &history->last);
	histogram_counts_add(&slice->duration, &newer);
	history->last = sum->duration;
}

void measures_add(struct measures *measures, uint64_t second, const struct totals_sum *sum)
{
	if (!measures->history) {
		if (sum->ended == 0)
			return;
		measures->history = memory_new(sizeof(*measures->history));
	}
	if (sum->ended == measures->ended)
		return;
	add_second(measures, second, sum);
	add_slice(measures->history, second, sum);
}

void measures_count(const struct measures *measures, uint64_t now, unsigned seconds, uint64_t *ended, uint64_t *errors)
{
	*ended = *errors = 0;
	if (!measures->history)
		return;
	for (unsigned i = 0; i < seconds && i < MEASURES_SECONDS && i <= now; i++) {
		const struct second *second = &measures->history->seconds[(now - i) % MEASURES_SECONDS];
		if (second->at != now - i)
			continue;
		*ended += second->ended;
		*errors += second->errors;
	}
}

bool measures_latency(const struct measures *measures, uint64_t now, double *p50_ms, double *p99_ms)
{
	struct histogram_counts minute = {0};
	uint64_t newest = now / MEASURES_SLICE_S;
	if (!measures->history)
		return false;
	for (unsigned i = 0; i < MEASURES_SLICES; i++) {
		const struct slice *slice = &measures->history->slices[i];
		if (slice->used && slice->at <= newest && newest - slice->at < 60 / MEASURES_SLICE_S)
			histogram_counts_add(&minute, &slice->duration);
	}
	if (minute.total == 0)
		return false;
	*p50_ms = (double)histogram_quantile_us(&minute, 0.50) / 1000.0;
	*p99_ms = (double)histogram_quantile_us(&minute, 0.99) / 1000.0;
	return true;
}

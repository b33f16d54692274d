/* Measures beside a plain model that keeps everything, through random sequences of traffic and looks. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/measured.h"

#define MODEL_LOOKS 400u
#define MODEL_SLICES 64u

struct model {
	struct {
		uint64_t second, ended, errors;
	} looks[MODEL_LOOKS];
	unsigned count;
	struct {
		uint64_t number;
		struct histogram durations;
	} slices[MODEL_SLICES]; /* the newest ones */
	unsigned slice, phase;
	uint64_t ended, errors; /* since the last look */
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 11;
}

static void model_look(struct model *model, uint64_t second)
{
	unsigned at = model->count++;
	model->looks[at].second = second;
	model->looks[at].ended = model->ended;
	model->looks[at].errors = model->errors;
	model->ended = model->errors = 0;
	if (model->slices[model->slice].number == (second + model->phase) / MEASURES_SLICE_S)
		return;
	model->slice = (model->slice + 1) % MODEL_SLICES;
	memset(&model->slices[model->slice], 0, sizeof(model->slices[0]));
	model->slices[model->slice].number = (second + model->phase) / MEASURES_SLICE_S;
}

static void compare_counts(const struct color_under_test *test, const struct model *model, uint64_t now, unsigned seconds)
{
	uint64_t ended = 0, errors = 0;
	for (unsigned i = 0; i < model->count; i++) {
		if (model->looks[i].second > now || now - model->looks[i].second >= seconds)
			continue;
		ended += model->looks[i].ended;
		errors += model->looks[i].errors;
	}
	assert_count(test, now, seconds, ended, errors);
}

static void compare_latencies(const struct color_under_test *test, const struct model *model, uint64_t now)
{
	struct histogram_counts minute = {0};
	uint64_t newest = (now + model->phase) / MEASURES_SLICE_S;
	for (unsigned i = 0; i < MODEL_SLICES; i++)
		if (model->slices[i].number <= newest && newest - model->slices[i].number < 6)
			histogram_read(&model->slices[i].durations, &minute);
	double p50_ms = 0, p99_ms = 0;
	bool any = measures_latency(test->measures, TOTALS_DURATION, now, &p50_ms, &p99_ms);
	assert_int_equal(any, minute.total > 0);
	assert_true(p50_ms == (double)histogram_quantile_us(&minute, 0.5) / 1000.0);
	assert_true(p99_ms == (double)histogram_quantile_us(&minute, 0.99) / 1000.0);
}

static const struct sequence {
	const char *name;
	uint64_t seed;
	unsigned answers;  /* at most, between two looks */
	uint64_t range_us; /* of durations */
	unsigned phase;
	unsigned gaps[4]; /* seconds between looks, each as likely */
} sequences[] = {
	{"every second", 11, 30, 5000, 0, {1, 1, 1, 1}},
	{"a few answers", 12, 1, 100000, 1, {1, 1, 1, 2}},
	{"many answers", 13, 2000, 20000, 9, {1, 1, 1, 1}},
	{"all durations there are", 14, 40, 1ull << 33, 5, {1, 1, 2, 0}},
	{"late looks", 15, 20, 3000, 0, {1, 9, 10, 11}},
	{"pauses", 16, 20, 3000, 3, {1, 1, 2, 130}},
	{"long pauses", 17, 20, 3000, 0, {1, 899, 900, 901}},
	{"pauses of whole blocks", 18, 20, 3000, 7, {1, 60, 840, 960}},
	{"several looks a second", 19, 20, 3000, 2, {0, 0, 0, 1}},
};

static void model_serve(const struct color_under_test *test, struct model *model, const struct sequence *sequence, uint64_t *seed)
{
	uint64_t answers = next_random(seed) % 3 ? next_random(seed) % (sequence->answers + 1) : 0;
	for (uint64_t i = 0; i < answers; i++) {
		struct totals_cell *cell = cell_of(test, (unsigned)(next_random(seed) % WORKERS));
		uint64_t us = next_random(seed) % sequence->range_us, error = next_random(seed) % 10 == 0;
		totals_add(&cell->ended, 1);
		totals_add(&cell->errors, error);
		histogram_add(&cell->duration, us);
		histogram_add(&model->slices[model->slice].durations, us);
		model->ended++;
		model->errors += error;
	}
}

static void run_sequence(struct color_under_test *test, const struct sequence *sequence, struct model *model)
{
	static const unsigned lengths[] = {1, 10, 60, MEASURES_SECONDS};
	uint64_t seed = sequence->seed, second = 100000;
	test->phase = model->phase = sequence->phase;
	serve(test, 1, 0, 1); /* from here on a slice is open */
	look(test, second);
	model->ended = 1;
	model_look(model, second);
	histogram_add(&model->slices[model->slice].durations, 1);
	while (model->count < MODEL_LOOKS) {
		model_serve(test, model, sequence, &seed);
		compare_latencies(test, model, second);
		second += sequence->gaps[next_random(&seed) % 4];
		look(test, second);
		model_look(model, second);
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			compare_counts(test, model, second + next_random(&seed) % 3, lengths[i]);
		compare_latencies(test, model, second + next_random(&seed) % 80);
	}
}

static void test_sequences(void **state)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		struct model *model = calloc(1, sizeof(*model));
		print_message("%s\n", sequences[i].name);
		run_sequence(*state, &sequences[i], model);
		free(model);
		end(state);
		begin(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sequences, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The log and Prometheus. Control thread. */
#include "switch/senses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "probe/logwatch.h"
#include "probe/prometheus.h"

struct senses {
	struct senses_tools tools;
	char *wanted; /* what is sensed, as text, to see whether a reload changes it; NULL at first */
	struct logwatch *log;
	struct prometheus *prometheus;
	char log_fault[1024];          /* why there is no log, or what hinders it */
	struct logwatch_sample sample; /* the newest line that matched */
	struct prometheus_state answer;
	uint64_t mark_ms, mark_matches; /* when, and all that had matched by then */
};

struct senses *senses_new(const struct senses_tools *tools)
{
	struct senses *senses = memory_new(sizeof(*senses));
	senses->tools = *tools;
	return senses;
}

static void stop(struct senses *senses)
{
	logwatch_free(senses->log);
	prometheus_free(senses->prometheus);
	free(senses->wanted);
	senses->log = NULL;
	senses->prometheus = NULL;
	senses->wanted = NULL;
	senses->log_fault[0] = '\0';
}

void senses_free(struct senses *senses)
{
	if (senses)
		stop(senses);
	free(senses);
}

static char *describe(const struct conf_rollback *wanted)
{
	const struct conf_log *log = &wanted->log;
	const struct conf_prometheus *query = &wanted->prometheus;
	struct text text;
	text_init(&text, SIZE_MAX);
	if (log->file)
		text_addf(&text, "%s\n%s\n%llu\n", log->file, log->pattern, (unsigned long long)log->within_ms);
	if (query->url)
		text_addf(&text, "%s\n%s\n%d %llu %llu", query->url, query->query, query->below, (unsigned long long)query->every_ms,
			(unsigned long long)query->timeout_ms);
	return text.bytes;
}

static void on_log(void *arg)
{
	struct senses *senses = arg;
	senses->tools.on_news(senses->tools.arg);
}

static void on_answer(void *arg, const struct prometheus_state *state)
{
	(void)state;
	on_log(arg);
}

static void follow_log(struct senses *senses, const struct conf_log *log)
{
	struct err err;
	senses->log = logwatch_new(senses->tools.loop, log->file, log->pattern, log->within_ms, on_log, senses, &err);
	if (senses->log)
		return;
	snprintf(senses->log_fault, sizeof(senses->log_fault), "%s", err.text);
	log_error("%s can't be followed: %s", log->file, err.text);
}

static void ask_prometheus(struct senses *senses, const struct conf_prometheus *query)
{
	struct prometheus_query wanted = {query->url, query->query, query->below, query->every_ms, query->timeout_ms};
	senses->prometheus = prometheus_new(senses->tools.loop, senses->tools.fetch, senses->tools.resolver, &wanted, on_answer, senses);
	prometheus_start(senses->prometheus);
}

/* The mark stays where it was; what matched before it is forgotten with the watch. */
void senses_follow(struct senses *senses, const struct conf_rollback *wanted)
{
	char *now = describe(wanted);
	if (senses->wanted && strcmp(now, senses->wanted) == 0) {
		free(now);
		return;
	}
	stop(senses);
	senses->wanted = now;
	senses->mark_matches = 0;
	if (wanted->log.file)
		follow_log(senses, &wanted->log);
	if (wanted->prometheus.url)
		ask_prometheus(senses, &wanted->prometheus);
}

void senses_mark(struct senses *senses)
{
	struct logwatch_state state = {0};
	senses->mark_ms = clock_mono_ms();
	if (senses->log)
		logwatch_read(senses->log, senses->mark_ms, &state);
	senses->mark_matches = state.total_matches;
}

void senses_read_before(struct senses *senses, struct judge_baseline *before)
{
	uint64_t now_ms = clock_mono_ms();
	struct logwatch_state state = {0};
	struct prometheus_state answer = {0};
	if (senses->log)
		logwatch_read(senses->log, now_ms, &state);
	if (senses->prometheus)
		prometheus_read(senses->prometheus, now_ms, &answer);
	before->log_matches = state.matches;
	before->prometheus_known = answer.kind == PROMETHEUS_VALUE;
	before->prometheus = answer.value;
}

static void read_log(struct senses *senses, uint64_t now_ms, struct judge_input *input)
{
	struct logwatch_state state;
	logwatch_read(senses->log, now_ms, &state);
	snprintf(senses->log_fault, sizeof(senses->log_fault), "%s", state.problem);
	uint64_t since_mark = state.total_matches - senses->mark_matches;
	input->log.matches = since_mark < state.matches ? since_mark : state.matches;
	input->log.followed = state.files > 0 && !state.problem[0];
	input->log.fault = state.problem[0] ? senses->log_fault : NULL;
	if (input->log.matches == 0 || state.sample_count == 0)
		return;
	senses->sample = state.samples[0];
	input->log.file = senses->sample.file;
	input->log.sample = senses->sample.text;
}

static enum judge_reading reading_of(enum prometheus_kind kind)
{
	switch (kind) {
	case PROMETHEUS_NO_ANSWER_YET:
		break;
	case PROMETHEUS_VALUE:
		return JUDGE_READING_VALUE;
	case PROMETHEUS_NO_DATA:
		return JUDGE_READING_NO_DATA;
	case PROMETHEUS_ERROR:
		return JUDGE_READING_FAILED;
	}
	return JUDGE_READING_NONE;
}

void senses_read(struct senses *senses, struct judge_input *input)
{
	uint64_t now_ms = clock_mono_ms();
	if (senses->log)
		read_log(senses, now_ms, input);
	else
		input->log.fault = senses->log_fault[0] ? senses->log_fault : NULL;
	if (!senses->prometheus)
		return;
	prometheus_read(senses->prometheus, now_ms, &senses->answer);
	if (senses->answer.age_ms > now_ms - senses->mark_ms) /* of the time before */
		return;
	input->prometheus.reading = reading_of(senses->answer.kind);
	input->prometheus.value = senses->answer.value;
	input->prometheus.fault = senses->answer.kind == PROMETHEUS_ERROR ? senses->answer.detail : NULL;
}

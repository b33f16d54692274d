/* The log and Prometheus, while a release is judged. Control thread. */
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
	bool armed;
	char *wanted; /* what is sensed, as text, to see whether a reload changes it */
	struct logwatch *log;
	struct prometheus *prometheus;
	char log_fault[1024]; /* why there is no log, or what hinders it */
	struct prometheus_state answer;
};

struct senses *senses_new(const struct senses_tools *tools)
{
	struct senses *senses = memory_new(sizeof(*senses));
	senses->tools = *tools;
	return senses;
}

void senses_free(struct senses *senses)
{
	if (senses)
		senses_disarm(senses);
	free(senses);
}

void senses_disarm(struct senses *senses)
{
	logwatch_free(senses->log);
	prometheus_free(senses->prometheus);
	free(senses->wanted);
	senses->log = NULL;
	senses->prometheus = NULL;
	senses->wanted = NULL;
	senses->armed = false;
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

void senses_arm(struct senses *senses, const struct conf_rollback *wanted)
{
	senses_disarm(senses);
	senses->armed = true;
	senses->wanted = describe(wanted);
	if (wanted->log.file)
		follow_log(senses, &wanted->log);
	if (wanted->prometheus.url)
		ask_prometheus(senses, &wanted->prometheus);
}

void senses_follow(struct senses *senses, const struct conf_rollback *wanted)
{
	if (!senses->armed)
		return;
	char *now = describe(wanted);
	bool same = strcmp(now, senses->wanted) == 0;
	free(now);
	if (!same)
		senses_arm(senses, wanted);
}

static void read_log(struct senses *senses, uint64_t now_ms, struct judge_input *input)
{
	struct logwatch_state state;
	logwatch_read(senses->log, now_ms, &state);
	snprintf(senses->log_fault, sizeof(senses->log_fault), "%s", state.problem);
	input->log.matches = state.matches;
	input->log.followed = state.files > 0 && !state.problem[0];
	input->log.fault = state.problem[0] ? senses->log_fault : NULL;
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
		input->log.fault = senses->armed && senses->log_fault[0] ? senses->log_fault : NULL;
	if (!senses->prometheus)
		return;
	prometheus_read(senses->prometheus, now_ms, &senses->answer);
	input->prometheus.reading = reading_of(senses->answer.kind);
	input->prometheus.value = senses->answer.value;
	input->prometheus.fault = senses->answer.kind == PROMETHEUS_ERROR ? senses->answer.detail : NULL;
}

/* What is sensed of a service besides its traffic and its probes: lines of its log, and a query of Prometheus (services.*.rollback). Control thread.
 *
 * Looks all the time, so that it is known what was so before a switch; what came behind it is told from a mark on. Judges nothing. */
#ifndef TEAL_SWITCH_SENSES_H
#define TEAL_SWITCH_SENSES_H

#include "conf/conf.h"
#include "switch/judge.h"

struct event_base;
struct fetch;
struct resolver;
struct senses;

/* What it works with; outlives it. */
struct senses_tools {
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	void (*on_news)(void *arg); /* something speaks against a release, or no longer */
	void *arg;
};

struct senses *senses_new(const struct senses_tools *tools);
/* NULL is allowed. */
void senses_free(struct senses *senses);

/* Looks for what the configuration says, which is copied; goes on where that has not changed. */
void senses_follow(struct senses *senses, const struct conf_rollback *wanted);
/* What comes from here on is what senses_read tells. */
void senses_mark(struct senses *senses);
/* What is known now: fills log_matches and prometheus. */
void senses_read_before(struct senses *senses, struct judge_baseline *before);
/* What came since the mark: fills the input's `log` and `prometheus`. The texts in it are valid until the next call. */
void senses_read(struct senses *senses, struct judge_input *input);

#endif

/* What is sensed of a service only while somebody judges it: lines of its log, and a query of Prometheus (services.*.rollback). Control thread.
 *
 * Counts from the moment it is armed. Judges nothing. */
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

/* Begins to look, anew when it did before. What the configuration says is copied. */
void senses_arm(struct senses *senses, const struct conf_rollback *wanted);
/* After a reload: goes on where nothing that is sensed has changed, else anew. Nothing when it is not armed. */
void senses_follow(struct senses *senses, const struct conf_rollback *wanted);
void senses_disarm(struct senses *senses);
/* Fills the input's `log` and `prometheus`. The texts in it are valid until the next call. */
void senses_read(struct senses *senses, struct judge_input *input);

#endif

/* What is to be said of the new color during a bake. Pure: numbers in, a verdict with its evidence out; reads no clock and acts on nothing. Control thread.
 *
 * A look gives the judge what is known now (judge_take) and asks for the verdict (judge_decide). What must outlive a restart of the daemon is in struct judge. docs/judge.md explains the criteria. */
#ifndef TEAL_SWITCH_JUDGE_H
#define TEAL_SWITCH_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"
#include "switch/sequential.h"

/* Fewer answers say nothing. */
#define JUDGE_ANSWERS_MIN SEQUENTIAL_ANSWERS_MIN
/* A p99 is that of a window this long with this many answers, and must be too high in so many of them. */
#define JUDGE_WINDOW_MS 10000u
#define JUDGE_WINDOW_ANSWERS_MIN 200u
#define JUDGE_WINDOWS 3u
/* After the other color was ill, for so long (or judge_settle_ms) nothing that is counted speaks against the new one: answers that come late are still of that time. */
#define JUDGE_SETTLE_MS 5000u

enum verdict { VERDICT_INCONCLUSIVE, VERDICT_GOOD, VERDICT_BAD };

/* In the order of conf's bits; the first that is bad is the cause. */
enum judge_criterion { JUDGE_ERROR_RATE, JUDGE_PROBES, JUDGE_LATENCY_P99, JUDGE_LOG, JUDGE_PROMETHEUS, JUDGE_CRITERION_COUNT };

enum judge_state { JUDGE_OFF, JUDGE_OK, JUDGE_BAD, JUDGE_INCONCLUSIVE };

/* What a query of Prometheus last said. */
enum judge_reading { JUDGE_READING_NONE, JUDGE_READING_VALUE, JUDGE_READING_NO_DATA, JUDGE_READING_FAILED };

/* From the file. 0 is no limit. */
struct judge_limits {
	double error_rate;
	unsigned unhealthy_probes;
	uint64_t latency_p99_ms;
	unsigned log_matches; /* so many lines are too many */
	uint64_t log_within_ms;
	bool prometheus, prometheus_below; /* there is a query; a value below the bound is bad, not one above it */
	double prometheus_bound;
	uint64_t settle_ms; /* how long answers may still come that were asked for in an illness, where that is longer than JUDGE_SETTLE_MS */
	unsigned dry_run;   /* bits 1 << enum judge_criterion, which are conf's */
};

/* The old color just before the flip. All 0: nothing is known of it. */
struct judge_baseline {
	struct sequential_before counts; /* of the last 10 minutes at most */
	uint64_t p99_us;                 /* 0: not known */
	uint64_t log_matches;            /* within the log's time */
	bool prometheus_known;
	double prometheus;
	uint64_t bake_ms; /* how long the new color will be watched */
};

struct judge_input {
	enum color color;  /* the new one */
	uint64_t baked_ms; /* since the flip, restarts included */
	bool unseen;       /* out of the path: nobody here sees an answer, so none is missed, and what is known is judged */
	/* of the new color, since the flip or since the restart that judge_restore followed: not falling */
	uint64_t answers, errors;
	unsigned failed_rounds; /* consecutive probe rounds in which every backend failed */
	bool probed;            /* every backend was probed since the flip */
	/* of the other color */
	bool concurrent;                      /* it has a share of the traffic, too, and what follows counts */
	uint64_t other_answers, other_errors; /* as `answers` and `errors` */
	unsigned other_failed_rounds;         /* as above */
	enum color_health other_health;
	bool other_gone; /* a rollback to it would not succeed */
	/* the last window that is over and lay behind the flip; number 0: none. Each window that follows has the next number */
	struct judge_window {
		uint64_t number, answers, p99_us;
	} window, other_window; /* of the other color when concurrent */
	struct {
		bool followed;             /* the lines since the flip are being read */
		uint64_t matches;          /* lines after the flip, within log_within_ms */
		const char *fault;         /* why not followed, or NULL */
		const char *file, *sample; /* the newest line that matched, and where; NULL: none */
	} log;
	/* of a query that was asked after the flip */
	struct {
		enum judge_reading reading;
		double value;
		const char *fault; /* of JUDGE_READING_FAILED, or NULL */
	} prometheus;
	struct judge_limits limits;
};

/* What is kept between looks. All 0 is a judge who knows nothing of the time before the flip. */
struct judge {
	struct judge_baseline before;
	uint64_t answers, errors;           /* since the flip, over restarts */
	uint64_t seen_answers, seen_errors; /* as the input said last; not kept over restarts */
	uint64_t seen_other_answers, seen_other_errors;
	uint64_t run_other_answers, run_other_errors; /* of the other color, since the run of `rate` began; not kept over restarts */
	double limit;                                 /* that `rate` was begun with; 0: not begun */
	struct sequential rate;
	struct {
		struct judge_window last; /* that had enough answers */
		unsigned slow, counted;   /* how many in a row were too slow; how many there were */
	} windows;
	/* lines of the log, and when that was (baked_ms): as the last look had it; and what was counted before a restart */
	struct judge_lines {
		uint64_t matches, at_ms;
	} lines, lines_before;
	uint64_t ill_ms; /* when the other color was last seen ill, as baked_ms + 1; 0: never */
	bool held;       /* something counted was bad while the other color was ill */
	bool query_ill;  /* the other color was ill, and the query has not said anything good since */
};

struct judge_result {
	enum judge_state state;
	bool dry_run;    /* reports, does not act */
	bool hold;       /* bad, and the other color is no better: going back would not help */
	const char *why; /* of the hold: a part of a sentence about the other color; static */
	char text[320];
};

struct judgement {
	enum verdict verdict;
	const char *cause; /* the criterion that acts when bad, as judge_cause_name has it, else NULL; static */
	bool hold;         /* as above; no criterion is bad without it */
	char text[512];    /* a sentence with the numbers */
	struct judge_result results[JUDGE_CRITERION_COUNT];
};

const char *judge_verdict_name(enum verdict verdict);
const char *judge_state_name(enum judge_state state);
/* As in the file; and as the cause of a rollback, where probes are "probes". */
const char *judge_criterion_name(enum judge_criterion criterion);
const char *judge_cause_name(enum judge_criterion criterion);

/* At the flip. */
void judge_begin(struct judge *judge, const struct judge_baseline *before);
/* The new color gets all of the traffic from now on: what the old one was like until now is the measure for what comes; of errors, what was found is forgotten. */
void judge_compare(struct judge *judge, const struct judge_baseline *now);
/* What came since the last look. */
void judge_take(struct judge *judge, const struct judge_input *input);
/* To be asked after judge_take with the same input; changes nothing. */
void judge_decide(const struct judge *judge, const struct judge_input *input, struct judgement *judgement);
/* One criterion of it. */
void judge_weigh(const struct judge *judge, const struct judge_input *input, enum judge_criterion criterion, struct judge_result *result);

/* For `plan`: a sentence when a limit can't hold, as the old color `live` was over it before; false and "" when there is none. */
bool judge_foresee(const struct judge_baseline *before, const struct judge_limits *limits, enum color live, char *text, size_t size);
static inline uint64_t judge_settle_ms(const struct judge_limits *limits)
{
	return limits->settle_ms > JUDGE_SETTLE_MS ? limits->settle_ms : JUDGE_SETTLE_MS;
}

/* Lines of the log that count now: those of before a restart do for as long as any. */
uint64_t judge_log_matches(const struct judge *judge, const struct judge_input *input);
/* Whether a value of the query is bad. */
bool judge_is_beyond(const struct judge_limits *limits, double value);
/* The p99 from which on a window is too slow: the limit, or what is clearly worse than the old color was. */
uint64_t judge_slow_us(const struct judge_baseline *before, uint64_t limit_ms, uint64_t answers);

/* The evidence as the API shows it. A new reference. */
json_t *judge_to_json(const struct judge *judge, const struct judge_input *input, const struct judgement *judgement);
/* What a restart needs; and back. False, with a judge of all 0, when that is not whole. */
json_t *judge_save(const struct judge *judge);
bool judge_restore(struct judge *judge, const json_t *state);

#endif

/* One service's deployments: at most one under way, and the newest one that can be undone. Control thread.
 *
 * Knows no transport (it drives a struct actuator), no clock, no journal and no probe (it asks a struct switcher_host), so that a test
 * can be all of these. The steps of a deployment are in switch/course. */
#ifndef TEAL_SWITCH_SWITCHER_H
#define TEAL_SWITCH_SWITCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "conf/conf.h"
#include "switch/actuator.h"
#include "switch/deployment.h"
#include "switch/gates.h"
#include "switch/procedure.h"
#include "switch/readiness.h"
#include "switch/keeper.h"

/* Of one color, rising from the start of the daemon. */
struct switcher_counts {
	uint64_t ended, errors, failed, replayed, shielded;
};

struct switcher_probes {
	unsigned failed_rounds; /* consecutive, of the whole color, since the last forget_probes */
	bool probed;            /* every backend was, since then */
	enum color_health health;
};

/* The command of an exclusive switch. */
enum switcher_command { SWITCHER_COMMAND_RUNS, SWITCHER_COMMAND_DONE, SWITCHER_COMMAND_FAILED };

/* What the switcher asks of its service and of the daemon. */
struct switcher_host {
	uint64_t (*read_mono_us)(void *arg);
	uint64_t (*read_wall_ms)(void *arg);
	/* Fills everything but what comes from the request: `to`, expect_live, force, running. */
	void (*read_gates)(void *arg, enum color to, struct gates_input *input);
	void (*read_probes)(void *arg, enum color color, struct switcher_probes *probes);
	void (*forget_probes)(void *arg);
	void (*read_counts)(void *arg, enum color color, struct switcher_counts *counts);
	/* Requests of the color that teal or their clients have given up lately: how long ago at most is *within_ms. */
	uint64_t (*count_given_up)(void *arg, enum color color, uint64_t *within_ms);
	/* What the color was like until now: all of it but bake_ms. */
	void (*read_before)(void *arg, enum color color, struct judge_baseline *before);
	/* Its newest latencies of 10 s that began at `since_us` (monotonic) or later; number 0: none. */
	void (*read_window)(void *arg, enum color color, uint64_t since_us, struct judge_window *window);
	/* What the log and Prometheus have said since the last mark. */
	void (*mark_senses)(void *arg);
	void (*read_senses)(void *arg, struct judge_input *input);
	/* The color's release, borrowed; and what of its readiness is its own: backends, version, when they were seen well. */
	const struct release *(*read_release)(void *arg, enum color color, bool *deployed);
	void (*read_readiness)(void *arg, enum color color, struct readiness_input *input);
	void (*set_release)(void *arg, enum color color, const struct release *release, bool deployed);
	/* The service's live color is another one from now on; the actuator is told next. */
	void (*set_live)(void *arg, enum color live);
	/* The release of `to` was rolled back; and: users have the release of `color` by a deploy, whatever became of it before. */
	void (*quarantine)(void *arg, const struct deployment *deployment);
	void (*lift_quarantine)(void *arg, enum color color);
	/* Begins to write the truth as it is now (see switcher_truth_live); returns a ticket to ask about. What fails is tried again by itself. */
	uint64_t (*write_truth)(void *arg);
	enum keeper_state (*read_truth)(void *arg, uint64_t ticket, char *sentence, size_t size);
	void (*write_deployment)(void *arg, const struct deployment *deployment);
	/* What comes between the gates and the record, and who is told of what came about: see switch/procedure. `*refusal` is borrowed, `*changed`: the rows are others than before. The rows are a new array. */
	void (*begin_procedure)(void *arg, const struct deployment *deployment);
	bool (*resume_procedure)(void *arg, const struct deployment *deployment);
	enum procedure_state (*run_procedure)(void *arg, const struct procedure_refusal **refusal, bool *changed);
	json_t *(*read_procedure)(void *arg);
	void (*cancel_procedure)(void *arg);
	void (*tell)(void *arg, enum herald_moment moment, const struct deployment *deployment);
	/* NULL, or why none can begin: a process of the last one is still there. */
	const char *(*foresee_command)(void *arg);
	/* deployment->exclusive.run, in a group of its own, from which parts of it may go to others. It is ended when it runs longer. */
	void (*begin_command)(void *arg, const struct deployment *deployment, uint64_t limit_ms);
	/* It runs as long as any process of its groups does. `sentence`: how it ended. */
	enum switcher_command (*run_command)(void *arg, char *sentence, size_t size);
	/* SIGTERM, or SIGKILL, to all of its groups; run_command says when it has ended. */
	void (*tell_command)(void *arg, bool kill);
	/* For the daemon's end: the same one after the other, with so much time between them, and waits until it has ended. */
	void (*end_command)(void *arg, uint64_t grace_ms);
	/* Backends of the color that are up now are those that count. Then: true when each of those has passed a probe that began since it was asked for; else `sentence` is of one that has not. What fails is tried
	 * again, until stop_check. */
	void (*choose_backends)(void *arg, enum color color);
	bool (*run_check)(void *arg, char *sentence, size_t size);
	void (*stop_check)(void *arg);
	/* After a restart: whether anything was left of the command of a deployment of the last run. It was killed before anybody was served. */
	bool (*had_orphans)(void *arg, const struct deployment *deployment);
	/* `more` is the callee's; may be NULL. */
	void (*emit)(void *arg, const struct deployment *deployment, const char *event, json_t *more, const char *text);
	void *arg;
};

/* From the file; the limits of a bake and of a drain. */
struct switcher_policy {
	uint64_t drain_requests_ms, drain_tunnels_ms;
	struct judge_limits limits;
	enum conf_inconclusive inconclusive;
	uint64_t look_ms;   /* how long it takes after a start until every backend was probed, and the query asked */
	uint64_t verify_ms; /* 0: the old color is not watched after a rollback */
};

struct switcher;

/* `service` is copied. */
struct switcher *switcher_new(const char *service, const struct switcher_host *host, const struct actuator *actuator);
void switcher_free(struct switcher *switcher);
void switcher_set_policy(struct switcher *switcher, const struct switcher_policy *policy);

struct switcher_request {
	enum deployment_kind kind;
	enum color to;
	const struct release *release; /* deploy: what `to` gets; switch: NULL, or the same backends with another version */
	const char *reason, *key;      /* may be NULL */
	uint64_t fingerprint;
	struct actor actor;
	bool force, expects;
	enum color expect_live;
	uint64_t wait_ms, bake_ms, confirm_within_ms;
	bool wants_confirm;
	bool automatic; /* nobody asked for it: nothing is waited for but the gates */
	/* In steps: shares of the new color in hundredths of a percent, rising, the last one 10000 (copied); and the pause after each but the last, 0: until promoted. Fewer than two: at once. */
	const unsigned *shares;
	size_t share_count;
	uint64_t pause_ms;
	/* Exclusive: new requests are held while the old color finishes, for less than hold_max_ms; not in steps. `run`: a program and its arguments up to a NULL (copied), or NULL. */
	bool exclusive;
	uint64_t hold_max_ms;
	char *const *run;
};

/* Why a verb does nothing: a stable code of the API (static) and a sentence. */
struct switcher_refusal {
	const char *code;
	char deployment[32]; /* the one in the way, or "" */
	char detail[512];
};

/* Begins a deployment; its id is copied to `id`. False and a refusal when it can't even begin. Shares that do not rise to 10000 are our bug. */
bool switcher_start(struct switcher *switcher, const struct switcher_request *request, char id[32], struct switcher_refusal *refusal);
/* Back to the color that was live before, at once. `id` as above. Before the flip it is an abort. */
bool switcher_rollback(struct switcher *switcher, const struct actor *actor, const char *reason, bool force, char id[32], struct switcher_refusal *refusal);
bool switcher_abort(struct switcher *switcher, const struct actor *actor, const char *reason, char id[32], struct switcher_refusal *refusal);
/* Ends the pause of a step that waits for it (`manual`); with timed pauses goes to the last step at once; in the bake ends that. */
bool switcher_promote(struct switcher *switcher, const struct actor *actor, char id[32], struct switcher_refusal *refusal);
bool switcher_confirm(struct switcher *switcher, const struct actor *actor, char id[32], struct switcher_refusal *refusal);

/* Does what can be done now. To be called often while a deployment is under way, else once a second. */
void switcher_run(struct switcher *switcher);
/* The daemon ends: what has not flipped is aborted, the rest goes on after a restart. */
void switcher_stop(struct switcher *switcher);

/* After a restart: takes over a deployment from the truth (owned from here on), running or undoable. The service's live color is what the truth says. */
void switcher_resume(struct switcher *switcher, struct deployment *deployment);

/* Out of the path: somebody else made another color live, while no deployment had come to its record. What could be undone is of the past then. */
void switcher_note_other(struct switcher *switcher);

/* The running deployment, and the one a rollback would undo now, or NULL. */
const struct deployment *switcher_current(const struct switcher *switcher);
const struct deployment *switcher_undo(const struct switcher *switcher);
/* The live color as the truth must say it: while a flip is being recorded it is the color to come. */
enum color switcher_truth_live(const struct switcher *switcher, enum color live);
/* The gates for a request, as `plan` shows them. */
void switcher_check_gates(const struct switcher *switcher, const struct switcher_request *request, struct gate_result results[GATE_COUNT]);
/* A sentence when the error rate's limit can't hold, as `live` exceeds it already; false without one. */
bool switcher_foresee(const struct switcher *switcher, enum color live, char *text, size_t size);
enum readiness switcher_readiness(const struct switcher *switcher, char *reason, size_t size);
uint64_t switcher_outcomes(const struct switcher *switcher, enum outcome outcome);

#endif

/* One deployment: everything that is known of it, and its document. Control thread; no decisions here. */
#ifndef TEAL_SWITCH_DEPLOYMENT_H
#define TEAL_SWITCH_DEPLOYMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"
#include "switch/judge.h"
#include "switch/release.h"

enum deployment_kind { DEPLOYMENT_SWITCH, DEPLOYMENT_DEPLOY };

enum outcome { OUTCOME_RUNNING, OUTCOME_PROMOTED, OUTCOME_ROLLED_BACK, OUTCOME_REFUSED, OUTCOME_ABORTED, OUTCOME_FAILED, OUTCOME_COUNT };

/* In the order in which a deployment goes through them. Up to STEP_COMMIT nothing is switched; STEP_CHANGE comes again between the steps of a shift, see deployment_is_before_flip. */
enum step {
	STEP_GATE,      /* waits for the gates */
	STEP_PROCEDURE, /* hooks, approval and their like: see switch/procedure */
	STEP_RECORD,    /* the truth is being written; the flip or the first share comes next */
	STEP_HOLD,      /* exclusive: new requests wait, the old color finishes */
	STEP_COMMAND,   /* exclusive: the command runs, neither color has a request */
	STEP_CHECK,     /* exclusive: behind the command, fresh probes of the new color */
	STEP_COMMIT,    /* exclusive: the truth is being written; the flip comes next */
	STEP_CHANGE,    /* out of the path: the change that was recorded is being made; the flip or the next share comes next */
	STEP_SHIFT,     /* in steps: the new color has a share */
	STEP_COMPLETE,  /* in steps: the truth is being written; the flip, which is the last step, comes next */
	STEP_SPREAD,    /* flipped; not every worker has acknowledged it */
	STEP_DRAIN,     /* in force; the old color has requests in flight */
	STEP_BAKE,      /* drained; the rollback criteria are armed (they are from the flip or the first share on) */
	STEP_RETURN,    /* out of the path: the change back is being made */
	STEP_BACK,      /* flipped back; draining the new color */
	STEP_END,
};

/* Who asked for something. */
struct actor {
	char name[64];
	long uid; /* -1: not known */
};

struct deployment_receipt {
	uint64_t inflight_at_switch, drained, cut, replayed, shielded, failed;
};

struct deployment_rollback {
	uint64_t at; /* wall clock, 0: none. While a change forward is under way: it comes behind that */
	const char *cause;
	struct actor actor;
	char *reason, *warning;
	bool in_force, force;
	int durable; /* -1: not known yet */
	uint64_t inflight, cut;
};

#define DEPLOYMENT_SHARE_WHOLE 10000u /* shares are in hundredths of a percent */

/* A switch in steps. */
struct deployment_shift {
	unsigned *shares;       /* of the new color in hundredths of a percent, rising; the last one is the flip */
	size_t count;           /* 0: at once */
	size_t at;              /* which of them is in force, from STEP_SHIFT on */
	uint64_t pause_ms;      /* 0: until promoted */
	uint64_t pause_ends_at; /* 0: not in a pause, or until promoted */
	bool in_force;          /* the first one is, on every worker */
	json_t *taken;          /* an array: what was seen in each step */
};

/* An exclusive switch. */
struct deployment_exclusive {
	bool wanted;
	uint64_t hold_max_ms;
	char **run; /* the program and its arguments up to a NULL; NULL: none, and after a restart, as it is never begun anew. May hold secrets: shown to nobody */
	char *program; /* NULL: none */
	uint64_t held_at, drained_at, run_at, ran_at, probed_at, released_at;
	char result[512]; /* of the command, as a sentence; "" */
};

/* Out of the path: the newest change. */
struct deployment_change {
	json_t *intent; /* with what became of it, as the actuator has it; NULL: none */
	size_t next;    /* forward in steps: which share it is for */
};

/* Whether the rollback helped: see switch/verify. */
enum verification { VERIFICATION_NONE, VERIFICATION_RUNNING, VERIFICATION_PASSED, VERIFICATION_FAILED, VERIFICATION_INCONCLUSIVE };

struct deployment_verification {
	enum verification state;
	uint64_t began_at, ended_at;
	uint64_t answers, errors; /* of the old color since then */
	uint64_t log_matches;
	unsigned backends, up;
	char text[512];
};

/* All times are wall clock in milliseconds, 0 for none. */
struct deployment {
	char id[32];
	char *service;
	enum deployment_kind kind;
	enum color from, to;
	struct release from_release; /* what `from` was at the start */
	struct release to_release;   /* what is switched to */
	bool changes_to;             /* the deployment gave `to` its release; `to_before` is what it was */
	struct release to_before;
	bool to_before_deployed;
	char *reason, *key;
	uint64_t fingerprint; /* of the request that the key came with */
	struct actor actor;
	bool force, expects;
	enum color expect_live; /* when `expects` */
	uint64_t wait_ms, bake_ms, confirm_within_ms;
	bool wants_confirm, promote_asked;
	bool automatic; /* nobody asked for it */
	struct deployment_shift shift;
	struct deployment_exclusive exclusive;
	bool out_of_path; /* nothing counts its requests, and it is switched by changes */
	struct deployment_change change;

	enum step step;
	enum outcome outcome;
	char cause[32];
	char detail[1024];
	int exit_code; /* once ended */
	/* flipped_at: the new color has had users' requests since, in steps from the first share on; switched_at: all of them */
	uint64_t started_at, flipped_at, switched_at, drained_at, bake_ends_at, confirm_by, confirmed_at, ended_at, safe_to_stop_at;
	uint64_t flip_us;
	bool in_force;
	int durable;       /* -1: not known yet */
	uint64_t inflight; /* of the color being drained, as last seen */
	enum verdict verdict;
	struct judge judge;       /* what it has seen since the flip */
	json_t *gates, *evidence; /* NULL before the first look */
	json_t *warnings;         /* an array of sentences */
	struct deployment_receipt receipt;
	struct deployment_rollback rollback;
	struct deployment_verification verification;
};

/* `service` is copied. The id is made from the time and 24 random bits. */
struct deployment *deployment_new(const char *service, uint64_t wall_ms);
/* In steps: at least two, rising, the last one DEPLOYMENT_SHARE_WHOLE; copied. pause_ms 0: until promoted. */
void deployment_set_shares(struct deployment *deployment, const unsigned *shares, size_t count, uint64_t pause_ms);
/* `run` is copied and may be NULL. */
void deployment_set_exclusive(struct deployment *deployment, uint64_t hold_max_ms, char *const *run);
/* NULL is allowed. */
void deployment_free(struct deployment *deployment);

const char *deployment_kind_name(enum deployment_kind kind);
const char *deployment_outcome_name(enum outcome outcome);
const char *deployment_verification_name(enum verification state);
/* `steady` once it ended. */
const char *deployment_phase(const struct deployment *deployment);
/* True from the flip, or the first share, on: even when it was flipped back. */
bool deployment_has_flipped(const struct deployment *deployment);
/* Nothing was switched yet, though a change may be under way. */
bool deployment_is_before_flip(const struct deployment *deployment);
/* Flipped back, or about to: nothing goes forward any more. */
bool deployment_is_going_back(const struct deployment *deployment);
/* Forgets what was written of a way back that did not come about. */
void deployment_forget_rollback(struct deployment *deployment);
void deployment_warn(struct deployment *deployment, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of requests; null where nothing counts them. */
json_t *deployment_count(const struct deployment *deployment, uint64_t count);
/* In percent. */
json_t *deployment_share_to_json(unsigned share);
/* The API's document. */
json_t *deployment_to_json(const struct deployment *deployment);
json_t *deployment_receipt_to_json(const struct deployment *deployment);
/* Whether this document for the truth is of a deployment in the middle of its steps, so that the split which the truth has is in force. */
bool deployment_is_shifting(const json_t *truth);
/* The document and what is needed to go on with it after a restart. */
json_t *deployment_to_truth(const struct deployment *deployment);
/* NULL when the document is not whole. */
struct deployment *deployment_read_truth(const json_t *document);

#endif

/* The course of one deployment, step by step, in the order of enum step. Control thread; used by switch/switcher and by the files of its steps. */
#ifndef TEAL_SWITCH_COURSE_H
#define TEAL_SWITCH_COURSE_H

#include "switch/switcher.h"

struct switcher {
	char *service;
	struct switcher_host host;
	struct actuator actuator;
	struct switcher_policy policy;
	struct deployment *current;  /* under way, or NULL */
	struct deployment *verified; /* rolled back, and the old color is watched; or NULL */
	struct deployment *undo;     /* ended, and what `rollback` would undo, or NULL */
	uint64_t outcomes[OUTCOME_COUNT];
	/* of the current one */
	uint64_t ticket;       /* of the last flip */
	uint64_t truth_ticket; /* of the write that matters now */
	uint64_t flipped_us;
	uint64_t wait_ms, record_ms, spread_ms, bake_ms, confirm_ms; /* deadlines, monotonic */
	struct {
		enum color color;
		uint64_t ticket, first;                    /* what came before the ticket is drained; how much that was */
		uint64_t requests_ms, tunnels_ms, over_ms; /* deadlines: cut requests, cut tunnels, wait no longer */
		bool requests_cut, tunnels_cut;
		uint64_t cut_before, cut; /* ended by order in the middle of what they did: before this drain, in it */
		char told[256];           /* out of the path: what is waited for, as it was told last */
	} drain;
	struct {
		bool sent;                 /* the deployment's intent was */
		bool unknown;              /* nobody knows by its limit whether it was made */
		unsigned tries;            /* back: so far without success */
		uint64_t limit_ms, due_ms; /* deadlines, monotonic: for its outcome; back: when it is sent, or tried again, at the latest */
		uint64_t sent_us;
		char sender[32]; /* the deployment that sent the newest one */
		char told[256];  /* what keeps it from being made, as it was told last */
	} change;
	struct {
		bool asked;                /* connections to the new color are opened in advance, and nothing has come of it yet */
		uint64_t ticket, limit_ms; /* monotonic */
	} warm;
	struct switcher_counts base[COLOR_COUNT]; /* at the flip */
	uint64_t judge_ms, tell_ms, keep_ms;      /* when to look, to tell, and to write down what was seen next */
	uint64_t seen_ms;                         /* behind a restart: until then a verdict may be in doubt as nothing was looked at yet */
	bool judged_last, waiting, unconfirmed_told;
	bool procedure_runs;
	bool procedure_passed; /* or there is none: the record comes when the gates are passed */
	bool procedure_resumed;
	uint64_t pause_ms; /* in steps: the end of the pause, monotonic */
	bool to_last;      /* in steps: the next one is the last one */
	struct {
		/* exclusive, monotonic: when the command is told to end; when it is killed, and everything else must be done; when what can't be killed is not waited for any more; when what is held must
		 * have been let go; when tunnels are cut (once more) */
		uint64_t tell_ms, ends_ms, lost_ms, limit_ms, cut_ms;
		bool told, killed;      /* the command was */
		const char *stop_cause; /* NULL, or somebody stops the deployment, which ends with the command */
		char stop_detail[512];
	} hold;
	unsigned blind_told;      /* bits 1 << enum judge_criterion */
	enum readiness readiness; /* of the way back, as it was told last */
	bool readiness_told;
	struct switcher_counts verify_base; /* of the color that is watched, at the beginning */
	uint64_t verify_ms;                 /* its end */
	bool receipt_closed;                /* an ended deployment is being undone: its receipt stays */
};

/* A disk that takes longer does not take part. */
#define COURSE_RECORD_MS 2000u
/* A worker that takes longer to acknowledge a flip is not waited for. */
#define COURSE_SPREAD_MS 10000u
/* A change whose outcome is not known by then counts as not made; whoever makes it gives up before. */
#define COURSE_CHANGE_MS 90000u
/* The way back waits for the disk for so long at most. */
#define COURSE_RETURN_MS 50u
/* From one attempt to go back to the next; and to find out what that takes. */
#define COURSE_AGAIN_MS 1000u
#define COURSE_INTEND_MS 100u

/* So long a step waits for connections that are opened in advance: some hundred stand by then, over TLS too. Who comes behind that opens his own, as always. Nobody notices a switch that comes so much later. */
#define COURSE_WARM_MS 100u

/* Room for what is said of a change, which may name two versions of a record. */
#define COURSE_SENTENCE 900u

/* Takes every step that can be taken now. */
void course_run(struct switcher *switcher);
/* After a restart: goes on with a deployment that was recorded before; false: it could not be gone on with, and has ended. */
bool course_go_on(struct switcher *switcher);
/* The only writer of ->step. */
void course_enter(struct switcher *switcher, enum step step);
/* Gives the document as it is now to the history. */
void course_save(struct switcher *switcher);
void course_finish(struct switcher *switcher, enum outcome outcome, const char *cause, int exit_code, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* An event of the current deployment. `more` is consumed. */
/* Out of the path: ends it as failed when the record names this color no more, though it was made to. False: it is in order. */
bool course_end_drifted(struct switcher *switcher, enum color live);
void course_emit(struct switcher *switcher, const char *event, json_t *more, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* How ready the color is to be gone back to, and how well the transport is that has to do it. */
void course_read_readiness(const struct switcher *switcher, enum color color, struct readiness_input *input);

static inline uint64_t course_now_ms(const struct switcher *switcher)
{
	return switcher->host.read_mono_us(switcher->host.arg) / 1000;
}

static inline uint64_t course_wall_ms(const struct switcher *switcher)
{
	return switcher->host.read_wall_ms(switcher->host.arg);
}

/* Milliseconds since then; 0 when the wall clock was set back behind it. */
static inline uint64_t course_since_ms(const struct switcher *switcher, uint64_t wall_ms)
{
	uint64_t now = course_wall_ms(switcher);
	return now > wall_ms ? now - wall_ms : 0;
}

/* Out of the path nothing is counted: 0. */
static inline uint64_t course_read_inflight(const struct switcher *switcher, enum color color)
{
	return switcher->actuator.read_inflight ? switcher->actuator.read_inflight(switcher->actuator.arg, color) : 0;
}

#endif

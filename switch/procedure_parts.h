/* The gates of a procedure, one by one. Control thread; used by switch/procedure alone, which decides what follows from them. */
#ifndef TEAL_SWITCH_PROCEDURE_PARTS_H
#define TEAL_SWITCH_PROCEDURE_PARTS_H

#include "switch/approval.h"
#include "switch/freeze.h"
#include "switch/procedure.h"

/* In the order in which they are asked. */
enum procedure_part {
	PROCEDURE_FREEZE,
	PROCEDURE_REHEARSAL,
	PROCEDURE_SMOKE,
	PROCEDURE_APPROVAL,
	PROCEDURE_HOOKS,
	PROCEDURE_STILL_NO_FREEZE, /* one may have begun meanwhile */
	PROCEDURE_ARMED,           /* last, so that what it shows is fresh */
	PROCEDURE_PART_COUNT
};

/* How one of them went. */
struct procedure_row {
	bool begun, ended, passed, forced;
	bool again;    /* ended, but the gate is not passed: another hook follows, or a reload changed it */
	int exit_code; /* not passed: of the refusal */
	uint64_t began_ms, began_at, ms;
	char detail[1024];
};

struct procedure {
	struct procedure_tools tools;
	const struct conf_service *conf;
	struct freeze *freeze;
	const struct deployment *deployment; /* while it is under way */
	enum procedure_state state;
	enum procedure_part part; /* the present one */
	bool changed;             /* what there is to tell of it */
	struct procedure_row rows[PROCEDURE_PART_COUNT];
	struct procedure_refusal refusal;
	struct smoke *smoke; /* under way */
	bool smoke_over;
	json_t *smoke_results;
	struct approval approval;
	struct hook *hook;           /* under way */
	size_t hook_at;              /* which one, from 0 on */
	bool hook_over, hook_passed; /* the last one ended; not looked at yet */
	bool hooks_changed;          /* by a reload since the present one began */
	json_t *hook_begun;          /* which one that was, or NULL */
	json_t *hooks_done;          /* those before it: see switch/hook_tally */
	char *hook_sentence;
	uint64_t hook_ms;
	json_t *hook_rows;
	json_t *armed_rows;
	size_t output_left; /* of the output that is kept */
};

struct procedure_kind {
	const char *name;
	bool takes_time; /* said when it begins and when it passed */
	bool hidden;     /* no row unless it did not pass */
	bool (*is_wanted)(const struct procedure *procedure);
	/* NULL: there is nothing to begin. */
	void (*begin)(struct procedure *procedure, const struct procedure_now *now);
	/* True when it ended: row->passed and row->detail say how. */
	bool (*look)(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row);
	/* What it would do, or is doing, as a sentence. */
	void (*describe)(const struct procedure *procedure, enum color to, char *out, size_t size);
};

extern const struct procedure_kind procedure_kinds[PROCEDURE_PART_COUNT];

/* Says what happened in an event, with the gate's name. `more` may be NULL and is consumed. */
void procedure_emit(struct procedure *procedure, enum procedure_part part, const char *event, json_t *more, const char *text);
/* Ends what runs. */
void procedure_parts_stop(struct procedure *procedure);
/* The hooks are these from now on: those come that were not run yet, behind that which runs. */
void procedure_parts_change_hooks(struct procedure *procedure, const struct conf_hooks *hooks);
/* An approval that is waited for has so long from now on, if that is less, or is not asked for any more (0). */
void procedure_parts_change_approval(struct procedure *procedure, uint64_t approval_ms);
/* Forgets what came of the last run. */
void procedure_parts_reset(struct procedure *procedure);

#endif

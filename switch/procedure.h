/* What is around the switch of one service: the gates that take time, and who is told. Control thread; one object a service.
 *
 * Before the flip, behind the pure gates (switch/gates), in this order:
 *   freeze     no switch begins inside a window of gates.freeze
 *   rehearsal  a rehearsal of this release passed, not longer ago than gates.rehearsal
 *   smoke      gates.smoke: every request to every backend of the idle color
 *   approval   gates.approval: somebody says yes
 *   hook       gates.hooks, one after another
 *   armed      out of the path: the transport could make the change now
 * The hooks come late, as they do things: what they do is not done before everything else was passed and somebody agreed, and a backup that one of them
 * takes is fresh at the flip. A freeze that begins meanwhile is looked for again at the end.
 *
 * Whoever drives it (switch/course) calls procedure_begin once the pure gates are passed, then procedure_run in every round until it is not PENDING any more,
 * looks at the pure gates once more when it PASSED (minutes may have gone by), and goes on to the record. It is not begun for what teal does by itself
 * (rollback, failover). What it waits for has a deadline of its own; when something came, tools.on_news says so, as for a probe.
 * A daemon that ends meanwhile aborts the deployment (switcher_stop, switcher_resume): nothing here outlives it. */
#ifndef TEAL_SWITCH_PROCEDURE_H
#define TEAL_SWITCH_PROCEDURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "conf/conf.h"
#include "switch/deployment.h"
#include "switch/herald.h"
#include "switch/smoke.h"

struct fetch;
struct hook_tools;
struct procedure;
struct switcher_refusal;

/* The sentence says why it is not armed. */
enum procedure_armed { PROCEDURE_ARMED_PENDING, PROCEDURE_ARMED_YES, PROCEDURE_ARMED_NO };

/* What it works with; all of it outlives the procedure. */
struct procedure_tools {
	struct fetch *fetch;
	struct hook_tools *hooks;
	struct courier *courier;
	/* The backends of a color that smoke requests are for, the first `max` of them into `into`; borrowed until the caller returns to the loop. Returns how many there are. */
	size_t (*list_backends)(void *arg, enum color color, struct smoke_backend *into, size_t max);
	/* rehearsal_passed: of a rehearsal of this release that ended at most `within_ms` before `wall_ms`. The sentence is set either way. */
	bool (*check_rehearsal)(void *arg, const struct release *release, uint64_t wall_ms, uint64_t within_ms, char *sentence, size_t size);
	/* The armed check of a transport that may say no; all NULL: there is none. It ends by itself; see dns/steering for its rows (a new array). */
	void (*begin_armed)(void *arg, const struct deployment *deployment);
	enum procedure_armed (*read_armed)(void *arg, char *sentence, size_t size);
	json_t *(*list_armed)(void *arg);
	/* An event of the deployment that was begun with: gate_started, gate_passed, gate_forced, approval_asked, approval_dropped, approved, rejected. `more` is the callee's. */
	void (*emit)(void *arg, const char *event, json_t *more, const char *text);
	/* Something came that procedure_run can go on with. Called from the loop; it must not call back into the procedure, but see to a round behind this turn. */
	void (*on_news)(void *arg);
	void *arg;
};

enum procedure_state { PROCEDURE_PENDING, PROCEDURE_PASSED, PROCEDURE_REFUSED };

/* Why it did not pass. */
struct procedure_refusal {
	const char *gate; /* static: "freeze", "rehearsal", "smoke", "approval", "hook", "armed"; good for a deployment's cause */
	int exit_code;    /* 3; 6 where an approval did not come in time */
	char detail[1024];
};

/* The time of a round. */
struct procedure_now {
	uint64_t mono_ms, wall_ms;
};

/* `tools` are copied. `conf` is borrowed until procedure_set_conf or procedure_free. */
struct procedure *procedure_new(const struct procedure_tools *tools, const struct conf_service *conf);
/* Ends what runs before the flip; what was told goes on with the courier. NULL is allowed. */
void procedure_free(struct procedure *procedure);
/* After a reload. A gate (of hooks: one hook) that is under way goes on as it began; but an approval that is waited for ends where the new file has none, as if it had not been asked for, and has the shorter
 * one of the two times else. Then come, in the order above, all that the new file has and that were not passed: also those in front of it. Rehearsal and smoke that are not the same any more are passed anew; of
 * the hooks those are run that were not, each as often as the new list has it; an approval that was given stands. */
void procedure_set_conf(struct procedure *procedure, const struct conf_service *conf);

/* ---- before the flip ---- */

/* Begins with the first gate; one that is still under way is cancelled. The deployment is borrowed until the procedure passed, refused or was cancelled.
 * With deployment->force no gate refuses: nobody is asked for an approval, the others run all the same, and what did not pass is noted as forced. */
void procedure_begin(struct procedure *procedure, const struct deployment *deployment);
/* Goes on as far as it can, and says where it is. Once it is not PENDING it stays what it is until the next begin or resume. Only after a begin. */
enum procedure_state procedure_run(struct procedure *procedure, const struct procedure_now *now);
/* Only after it PASSED, for the same deployment: false when that is still so. A reload may have brought gates since, or a freeze have begun; then it is PENDING again with these. */
bool procedure_resume(struct procedure *procedure, const struct deployment *deployment, const struct procedure_now *now);
/* Whether procedure_to_json has other rows than when this was asked last. */
bool procedure_take_change(struct procedure *procedure);
/* Only while procedure_run says PROCEDURE_REFUSED. Borrowed. */
const struct procedure_refusal *procedure_refusal(const struct procedure *procedure);
/* The deployment was aborted: ends what runs, and notes that; procedure_to_json goes on to tell of it. Without one under way nothing happens. */
void procedure_cancel(struct procedure *procedure);

/* The gates that are configured and were begun, in the form of gates_to_json, to be appended to it: [{"name", "passed", "waits", "detail", "ms"}], where not passed
 * but overridden "forced": true; smoke, armed: "results"; hook (a row for each): "hook", "output", "output_cut"; approval: "asked_at", "expires_at", "answered_at", "actor", "uid", "reason". */
json_t *procedure_to_json(const struct procedure *procedure);
/* For `plan`, without doing anything: the same rows, freeze and rehearsal as they are now, the others with "planned": true and what would be done. False and the
 * refusal when one of them would refuse now. `gates` (an array) gets the rows. */
bool procedure_foresee(const struct procedure *procedure, enum color to, const struct release *release, bool force, uint64_t wall_ms, json_t *gates,
	struct procedure_refusal *refusal);
/* For `status`: what is waited for now, {"gate", "detail", "since", "expires_at"}, or null. */
json_t *procedure_waiting_to_json(const struct procedure *procedure);

/* ---- approval ---- */

/* Somebody answers. `deployment` may be NULL: the one that waits. `reason` may be NULL. On true its id is copied to `id`; procedure_run then goes on. False and a
 * refusal (API: 409) with the code `nothing_to_approve` (`nothing_to_reject`) when none waits, and `other_deployment` when another one does.
 * Emits `approved` or `rejected`. Whoever asked for the switch may approve it, too: who it was is on record. */
bool procedure_approve(struct procedure *procedure, const char *deployment, const struct actor *actor, const char *reason, uint64_t wall_ms, char id[32],
	struct switcher_refusal *refusal);
bool procedure_reject(struct procedure *procedure, const char *deployment, const struct actor *actor, const char *reason, uint64_t wall_ms, char id[32],
	struct switcher_refusal *refusal);

/* ---- telling ---- */

/* Runs the hooks of the moment, if it has any, and tells everybody in `notify`; returns at once and never fails a deployment. Nothing of the deployment is
 * borrowed. HERALD_APPROVAL is told by the procedure itself. */
void procedure_tell(struct procedure *procedure, enum herald_moment moment, const struct deployment *deployment, uint64_t wall_ms);

#endif

/* switch/procedure on a loop with scripted servers, shell scripts and a clock that the test sets: every gate passed, refused, forced and cancelled, their order, the rows. */
// links: switch
#include "tests/unit/procedure_world.h"

/* ---- nothing ---- */

static void test_nothing(void **state)
{
	struct world *world = *state;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){NULL});
	assert_string_equal(world->events, "");
	procedure_cancel(world->procedure);
}

/* ---- freeze ---- */

static char utc[] = "UTC";
static struct conf_freeze today[] = {{.from = MINUTE_OF(1, 9), .to = MINUTE_OF(1, 17), .zone = utc}};
static struct conf_freeze tonight[] = {{.from = MINUTE_OF(1, 20), .to = MINUTE_OF(2, 6), .zone = utc}};

static void test_freeze(void **state)
{
	struct world *world = *state;
	world->conf.gates.freezes = today;
	world->conf.gates.freeze_count = 1;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "freeze", 3, "no switch begins until Tue 2026-01-06 17:00 UTC");
	expect_rows(world, (const char *[]){"freeze failed: no switch begins until Tue 2026-01-06 17:00 UTC, by the freeze Tue 09:00 to Tue 17:00", NULL});
	world->now.wall_ms += 5 * 3600000ull;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze passed: no freeze holds now", NULL});
}

static void test_freeze_forced(void **state)
{
	struct world *world = *state;
	world->conf.gates.freezes = today;
	world->conf.gates.freeze_count = 1;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze forced: no switch begins until Tue", NULL});
	assert_string_equal(world->events, "gate_forced freeze\n");
	assert_non_null(strstr(world->last_text, "shop: freeze: no switch begins until"));
}

/* It began while an approval was waited for. */
static void test_freeze_meanwhile(void **state)
{
	struct world *world = *state;
	char id[32];
	struct switcher_refusal refusal;
	const struct actor bob = {.name = "bob", .uid = 7};
	world->conf.gates.freezes = tonight;
	world->conf.gates.freeze_count = 1;
	world->conf.gates.approval_ms = 24 * 3600000ull;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	world->now.wall_ms += 9 * 3600000ull;
	assert_true(procedure_approve(world->procedure, NULL, &bob, NULL, world->now.wall_ms, id, &refusal));
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "freeze", 3, "no switch begins until Wed 2026-01-07 06:00 UTC");
	expect_rows(world, (const char *[]){"freeze passed: ", "approval passed: approved by bob", "freeze failed: no switch begins", NULL});
}

/* ---- rehearsal ---- */

static void test_rehearsal(void **state)
{
	struct world *world = *state;
	world->conf.gates.rehearsal_ms = 7200000;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "rehearsal", 3, "v2 was not rehearsed");
	assert_string_equal(world->rehearsed_version, "v2");
	assert_int_equal(world->rehearsed_within_ms, 7200000);
	world->rehearsed = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"rehearsal passed: v2 passed a rehearsal", NULL});
	world->rehearsed = false;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"rehearsal forced: v2 was not rehearsed", NULL});
}

/* ---- approval ---- */

static const struct actor bob = {.name = "bob", .uid = 1001};

static bool answer(struct world *world, bool approve, const char *deployment, const char *reason, struct switcher_refusal *refusal)
{
	char id[32] = "";
	bool done = approve ? procedure_approve(world->procedure, deployment, &bob, reason, world->now.wall_ms, id, refusal)
			    : procedure_reject(world->procedure, deployment, &bob, reason, world->now.wall_ms, id, refusal);
	if (done)
		assert_string_equal(id, world->deployment->id);
	return done;
}

static void ask_for_approval(struct world *world)
{
	world->conf.gates.approval_ms = 600000;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_string_equal(world->events, "approval_asked approval\n");
	assert_string_equal(
		world->last_text, "shop: approval: waits for somebody's approval until 2026-01-06T12:10:00.000Z: teal approve shop, or teal reject shop");
	world->now.mono_ms += 599999;
	world->now.wall_ms += 599999;
	assert_int_equal(run(world), PROCEDURE_PENDING);
}

static void test_approved(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	json_t *waiting = procedure_waiting_to_json(world->procedure);
	assert_string_equal(json_string_value(json_object_get(waiting, "gate")), "approval");
	assert_string_equal(json_string_value(json_object_get(waiting, "since")), "2026-01-06T12:00:00.000Z");
	assert_string_equal(json_string_value(json_object_get(waiting, "expires_at")), "2026-01-06T12:10:00.000Z");
	json_decref(waiting);
	expect_rows(world, (const char *[]){"approval waits: waits for somebody's approval until", NULL});
	assert_true(answer(world, true, NULL, "looks well", &refusal));
	assert_string_equal(world->last_text, "shop: approval: approved by bob: looks well");
	/* it came in time, whenever that is seen */
	world->now.mono_ms += 10000;
	assert_int_equal(run(world), PROCEDURE_PASSED);
	assert_true(json_is_null(procedure_waiting_to_json(world->procedure)));
	expect_rows(world, (const char *[]){"approval passed: approved by bob: looks well", NULL});
	json_t *rows = procedure_to_json(world->procedure), *row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "actor")), "bob");
	assert_int_equal(json_integer_value(json_object_get(row, "uid")), 1001);
	assert_string_equal(json_string_value(json_object_get(row, "reason")), "looks well");
	assert_string_equal(json_string_value(json_object_get(row, "asked_at")), "2026-01-06T12:00:00.000Z");
	assert_string_equal(json_string_value(json_object_get(row, "answered_at")), "2026-01-06T12:09:59.999Z");
	json_decref(rows);
	assert_string_equal(world->events, "approval_asked approval\napproved approval\n");
}

static void test_rejected(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	assert_true(answer(world, false, world->deployment->id, NULL, &refusal));
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "approval", 3, "rejected by bob");
	expect_rows(world, (const char *[]){"approval failed: rejected by bob", NULL});
}

static void test_approval_expires(void **state)
{
	struct world *world = *state;
	ask_for_approval(world);
	world->now.mono_ms++;
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "approval", 6, "nobody approved it within 10m");
}

static void test_answers_refused(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	assert_string_equal(refusal.detail, "no deployment of service shop waits for an approval");
	assert_false(answer(world, false, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_reject");
	ask_for_approval(world);
	assert_false(answer(world, true, "20260101-000000-abcdef", NULL, &refusal));
	assert_string_equal(refusal.code, "other_deployment");
	assert_string_equal(refusal.deployment, world->deployment->id);
	assert_non_null(strstr(refusal.detail, "deployment 20260101-000000-abcdef does not wait for an approval; "));
	assert_true(answer(world, false, NULL, NULL, &refusal));
	/* the first answer counts */
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	assert_false(answer(world, true, NULL, NULL, &refusal));
}

static void test_approval_forced(void **state)
{
	struct world *world = *state;
	world->conf.gates.approval_ms = 600000;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"approval forced: nobody was asked for an approval", NULL});
}

/* ---- hooks ---- */

static char sh[] = "/bin/sh", dash_c[] = "-c", exit_0[] = "echo to $TEAL_TO, $TEAL_TO_VERSION, $TEAL_EVENT", exit_1[] = "echo the dump is empty >&2; exit 1",
	    hang[] = "exec sleep 1000", long_words[] = "head -c 16000 /dev/zero | tr '\\0' x", missing[] = "/nonexistent/backup-verified";
static char *run_0[] = {sh, dash_c, exit_0, NULL}, *run_1[] = {sh, dash_c, exit_1, NULL}, *run_hang[] = {sh, dash_c, hang, NULL},
	    *run_long[] = {sh, dash_c, long_words, NULL}, *run_missing[] = {missing, NULL};

static struct conf_hook hook_0 = {.run = run_0, .timeout_ms = 20000}, hook_1 = {.run = run_1, .timeout_ms = 20000},
			hook_hang = {.run = run_hang, .timeout_ms = 20000}, hook_brief = {.run = run_hang, .timeout_ms = 50},
			hook_missing = {.run = run_missing, .timeout_ms = 20000}, hook_long = {.run = run_long, .timeout_ms = 20000};

static void set_hooks(struct world *world, struct conf_hook *list, size_t count)
{
	world->conf.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = list, .count = count};
}

static void set_other_hooks(struct conf_service *conf, struct conf_hook *list, size_t count)
{
	conf->hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = list, .count = count};
}

static const char *output_of(json_t *rows, size_t at)
{
	return json_string_value(json_object_get(json_array_get(rows, at), "output"));
}

static void test_hooks_pass(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_0};
	set_hooks(world, hooks, 2);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(world->events, "gate_started hook\ngate_passed hook\ngate_started hook\ngate_passed hook\n");
	assert_non_null(strstr(world->last_text, "shop: hook: /bin/sh ended with status 0"));
	expect_rows(world, (const char *[]){"hook passed: ", "hook passed: ", NULL});
	json_t *rows = procedure_to_json(world->procedure);
	assert_string_equal(output_of(rows, 0), "to green, v2, before_switch\n");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "hook")), "/bin/sh");
	assert_true(json_is_integer(json_object_get(json_array_get(rows, 0), "ms")));
	json_decref(rows);
}

static void test_hook_refuses(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_1, hook_0};
	set_hooks(world, hooks, 3);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "hook", 3, "/bin/sh");
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: ", NULL});
	json_t *rows = procedure_to_json(world->procedure);
	assert_string_equal(output_of(rows, 1), "the dump is empty\n");
	json_decref(rows);
}

static void test_hook_forced(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_1, hook_0, hook_missing};
	set_hooks(world, hooks, 3);
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"hook forced: ", "hook passed: ", "hook forced: ", NULL});
	assert_string_equal(world->events, "gate_started hook\ngate_forced hook\ngate_started hook\ngate_passed hook\ngate_started hook\ngate_forced hook\n");
}

static void test_hook_hangs(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_brief, hook_0};
	set_hooks(world, hooks, 2);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "hook", 3, "50ms");
	expect_rows(world, (const char *[]){"hook failed: ", NULL});
	wait_for_no_child(world);
}

static void test_hook_missing(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_missing};
	set_hooks(world, hooks, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "hook", 3, "/nonexistent/backup-verified");
}

/* So much is kept of all of them; of more there is a mark. */
static void test_hook_output(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_long, hook_long, hook_long, hook_long, hook_long, hook_0};
	set_hooks(world, hooks, 6);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	json_t *rows = procedure_to_json(world->procedure);
	assert_int_equal(json_array_size(rows), 6);
	assert_int_equal(strlen(output_of(rows, 3)), 16000);
	assert_null(output_of(rows, 4));
	assert_true(json_is_true(json_object_get(json_array_get(rows, 4), "output_cut")));
	assert_string_equal(output_of(rows, 5), "to green, v2, before_switch\n");
	json_decref(rows);
}

/* ---- all of it ---- */

static void set_everything(struct world *world, struct conf_smoke *smoke, struct conf_hook *hook)
{
	add_backend(world, "backend:1", OK_ANSWER);
	world->conf.gates.freezes = tonight;
	world->conf.gates.freeze_count = 1;
	world->conf.gates.rehearsal_ms = 1000;
	world->conf.gates.approval_ms = 600000;
	world->rehearsed = true;
	set_smokes(world, smoke, 1);
	set_hooks(world, hook, 1);
}

static void wait_for_approval(struct world *world)
{
	while (!strstr(world->events, "approval_asked")) {
		assert_int_equal(run(world), PROCEDURE_PENDING);
		if (!strstr(world->events, "approval_asked"))
			event_base_loop(world->loop, EVLOOP_ONCE);
	}
}

static void test_order(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct switcher_refusal refusal;
	set_everything(world, &smoke, &hook_0);
	begin(world);
	wait_for_approval(world);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(
		world->events, "gate_started smoke\ngate_passed smoke\napproval_asked approval\napproved approval\ngate_started hook\ngate_passed hook\n");
	expect_rows(world, (const char *[]){"freeze passed: ", "rehearsal passed: ", "smoke passed: ", "approval passed: ", "hook passed: ", NULL});
}

static void test_foresee(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct procedure_refusal refusal;
	json_t *gates = json_array();
	set_everything(world, &smoke, &hook_0);
	set_conf(world);
	assert_true(procedure_foresee(world->procedure, COLOR_GREEN, &world->deployment->to_release, false, NOON_MS, gates, &refusal));
	assert_int_equal(json_array_size(gates), 5);
	assert_true(json_is_true(json_object_get(json_array_get(gates, 1), "passed")));
	assert_true(json_is_true(json_object_get(json_array_get(gates, 2), "planned")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(gates, 2), "detail")), "1 request to 1 backend of green");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(gates, 3), "detail")), "waits at most 10m for somebody's approval: teal approve shop");
	assert_string_equal(json_string_value(json_object_get(json_array_get(gates, 4), "detail")), "1 hook: /bin/sh");
	json_array_clear(gates);
	world->rehearsed = false;
	assert_false(procedure_foresee(world->procedure, COLOR_GREEN, &world->deployment->to_release, false, NOON_MS + 9 * 3600000ull, gates, &refusal));
	assert_string_equal(refusal.gate, "freeze");
	assert_int_equal(refusal.exit_code, 3);
	assert_int_equal(json_array_size(gates), 5);
	json_array_clear(gates);
	assert_true(procedure_foresee(world->procedure, COLOR_GREEN, &world->deployment->to_release, true, NOON_MS, gates, &refusal));
	assert_true(json_is_true(json_object_get(json_array_get(gates, 1), "forced")));
	json_decref(gates);
	assert_string_equal(world->events, "");
	assert_int_equal(world->peers[0].accepted, 0);
	world->conf.gates.freeze_count = 0;
}

/* A reload between two gates: what began goes on, what comes is as the new file has it. */
static void test_reload(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct switcher_refusal refusal;
	struct conf_service other;
	set_everything(world, &smoke, &hook_1);
	begin(world);
	wait_for_approval(world);
	other = world->conf;
	other.gates.approval_ms = 1200000;
	other.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = &hook_0, .count = 1};
	procedure_set_conf(world->procedure, &other);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze passed: ", "rehearsal passed: ", "smoke passed: ", "approval passed: ", "hook passed: ", NULL});
}

/* Nobody has to answer for a file that asks for no answer; what it asks for comes. */
static void test_reload_takes_the_approval_away(void **state)
{
	struct world *world = *state;
	struct conf_service other;
	struct switcher_refusal refusal;
	set_hooks(world, &hook_1, 1);
	ask_for_approval(world);
	other = world->conf;
	other.gates.approval_ms = 0;
	set_other_hooks(&other, &hook_0, 1);
	unsigned news = world->news;
	procedure_set_conf(world->procedure, &other);
	assert_int_equal(world->news, news + 1);
	assert_true(json_is_null(procedure_waiting_to_json(world->procedure)));
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(world->events, "approval_asked approval\napproval_dropped approval\ngate_started hook\ngate_passed hook\n");
	expect_rows(world, (const char *[]){"hook passed: ", NULL});
}

static void test_reload_brings_the_approval_back(void **state)
{
	struct world *world = *state;
	struct conf_service without, with;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	without = with = world->conf;
	without.gates.approval_ms = 0;
	procedure_set_conf(world->procedure, &without);
	procedure_set_conf(world->procedure, &with);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_string_equal(world->events, "approval_asked approval\napproval_dropped approval\napproval_asked approval\n");
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run(world), PROCEDURE_PASSED);
}

/* More time was not promised to anybody who waits for the end of the former one. */
static void test_reload_shortens_the_approval(void **state)
{
	struct world *world = *state;
	struct conf_service longer, shorter;
	ask_for_approval(world); /* 10 min, of which 1 ms is left */
	longer = shorter = world->conf;
	longer.gates.approval_ms = 3600000;
	procedure_set_conf(world->procedure, &longer);
	expect_rows(world, (const char *[]){"approval waits: ", NULL});
	shorter.gates.approval_ms = 599999;
	assert_int_equal(run(world), PROCEDURE_PENDING);
	procedure_set_conf(world->procedure, &shorter);
	json_t *waiting = procedure_waiting_to_json(world->procedure);
	assert_string_equal(json_string_value(json_object_get(waiting, "expires_at")), "2026-01-06T12:09:59.999Z");
	json_decref(waiting);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "approval", 6, "nobody approved it within 9m59.999s");
}

static void test_a_longer_approval_is_not_waited_for(void **state)
{
	struct world *world = *state;
	struct conf_service longer;
	ask_for_approval(world);
	longer = world->conf;
	longer.gates.approval_ms = 3600000;
	procedure_set_conf(world->procedure, &longer);
	world->now.mono_ms++;
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "approval", 6, "nobody approved it within 10m");
}

/* What was run is not run again, wherever the new list has it; what the list has once more is. */
static void test_reload_keeps_what_hooks_did(void **state)
{
	struct conf_hook same = hook_0, slower = hook_0;
	slower.timeout_ms++;
	const struct row {
		struct conf_hook list[3];
		size_t count;
		const char *rows[4];
	} rows[] = {
		{{same}, 1, {"hook passed: ", NULL}},
		{{same, same}, 2, {"hook passed: ", "hook passed: ", NULL}},
		{{slower, same}, 2, {"hook passed: ", "hook passed: ", NULL}},
		{{same, slower, same}, 3, {"hook passed: ", "hook passed: ", "hook passed: ", NULL}},
		{{slower}, 1, {"hook passed: ", "hook passed: ", NULL}},
		{{same}, 0, {"hook passed: ", NULL}},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_hook first[] = {hook_0, hook_1};
		struct conf_hook list[3];
		struct conf_service other;
		memcpy(list, rows[i].list, sizeof(list));
		set_hooks(world, first, 2);
		begin(world);
		assert_int_equal(run(world), PROCEDURE_PENDING);
		other = world->conf;
		set_other_hooks(&other, list, rows[i].count);
		procedure_set_conf(world->procedure, &other);
		assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
		expect_rows(world, rows[i].rows);
		set_conf(world);
	}
}

/* The hook that runs goes on; behind it comes what the new list has besides, wherever that is. */
static void test_reload_of_hooks(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_1}, others[] = {hook_1, hook_0};
	struct conf_service other;
	set_hooks(world, hooks, 2);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	other = world->conf;
	other.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = others, .count = 2};
	procedure_set_conf(world->procedure, &other);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: ", NULL});
}

static void expect_refused_by_rehearsal(struct world *world)
{
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "rehearsal", 3, "v2 was not rehearsed");
	assert_null(strstr(world->events, "gate_started hook"));
}

/* Gates in front of the one that is under way: they come behind it, and before everything that comes then. */
static void test_reload_brings_gates_in_front(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct switcher_refusal refusal;
	struct conf_service other;
	add_backend(world, "backend:1", OK_ANSWER);
	set_hooks(world, &hook_0, 1);
	ask_for_approval(world);
	other = world->conf;
	other.gates.freezes = tonight;
	other.gates.freeze_count = 1;
	other.gates.smokes = &smoke;
	other.gates.smoke_count = 1;
	procedure_set_conf(world->procedure, &other);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(
		world->events, "approval_asked approval\napproved approval\ngate_started smoke\ngate_passed smoke\ngate_started hook\ngate_passed hook\n");
	expect_rows(world, (const char *[]){"freeze passed: ", "smoke passed: ", "approval passed: ", "hook passed: ", NULL});
}

static void test_reload_brings_a_rehearsal(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	struct conf_service other;
	set_hooks(world, &hook_0, 1);
	ask_for_approval(world);
	other = world->conf;
	other.gates.rehearsal_ms = 1000;
	procedure_set_conf(world->procedure, &other);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	expect_refused_by_rehearsal(world);
}

/* Between two hooks, and what was passed is not asked for again. */
static void test_reload_brings_an_approval(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_0};
	struct switcher_refusal refusal;
	struct conf_service other;
	set_hooks(world, hooks, 2);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	other = world->conf;
	other.gates.approval_ms = 600000;
	procedure_set_conf(world->procedure, &other);
	wait_for_approval(world);
	expect_rows(world, (const char *[]){"approval waits: ", "hook passed: ", NULL});
	assert_true(answer(world, true, NULL, NULL, &refusal));
	other.gates.approval_ms = 900000;
	procedure_set_conf(world->procedure, &other);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"approval passed: ", "hook passed: ", "hook passed: ", NULL});
}

/* Other requests than those that were passed. */
static void test_reload_of_smoke_requests(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request(), two[] = {one_request(), one_request()};
	struct switcher_refusal refusal;
	struct conf_service other;
	set_everything(world, &smoke, &hook_0);
	begin(world);
	wait_for_approval(world);
	other = world->conf;
	other.gates.smokes = two;
	other.gates.smoke_count = 2;
	procedure_set_conf(world->procedure, &other);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze passed: ", "rehearsal passed: ", "smoke passed: 2 requests", "approval passed: ", "hook passed: ", NULL});
	json_t *rows = procedure_to_json(world->procedure);
	assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 2), "results")), 2);
	json_decref(rows);
}

/* Everything has passed, and the switch still waits for something else. */
static void test_reload_behind_the_end(void **state)
{
	struct world *world = *state;
	struct conf_service same, other;
	set_hooks(world, &hook_0, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	same = other = world->conf;
	procedure_set_conf(world->procedure, &same);
	assert_false(procedure_resume(world->procedure, world->deployment, &world->now));
	assert_int_equal(run(world), PROCEDURE_PASSED);
	other.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = &hook_1, .count = 1};
	procedure_set_conf(world->procedure, &other);
	assert_true(procedure_resume(world->procedure, world->deployment, &world->now));
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: ", NULL});
}

/* Health is waited for meanwhile. */
static void pass_with_a_freeze_of_tonight(struct world *world)
{
	world->conf.gates.freezes = tonight;
	world->conf.gates.freeze_count = 1;
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_false(procedure_resume(world->procedure, world->deployment, &world->now));
}

static void test_a_new_freeze_behind_the_end(void **state)
{
	struct world *world = *state;
	struct conf_service other;
	pass_with_a_freeze_of_tonight(world);
	other = world->conf;
	other.gates.freezes = today;
	procedure_set_conf(world->procedure, &other);
	assert_true(procedure_resume(world->procedure, world->deployment, &world->now));
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "freeze", 3, "no switch begins until Tue 2026-01-06 17:00 UTC");
}

static void test_a_freeze_begins_behind_the_end(void **state)
{
	struct world *world = *state;
	pass_with_a_freeze_of_tonight(world);
	world->now.wall_ms += 9 * 3600000ull;
	assert_true(procedure_resume(world->procedure, world->deployment, &world->now));
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_rows(world, (const char *[]){"freeze passed: ", "freeze failed: no switch begins", NULL});
}

/* Overridden once, it is not in the way again. */
static void test_a_forced_freeze_behind_the_end(void **state)
{
	struct world *world = *state;
	world->deployment->force = true;
	pass_with_a_freeze_of_tonight(world);
	world->now.wall_ms += 9 * 3600000ull;
	assert_true(procedure_resume(world->procedure, world->deployment, &world->now));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_false(procedure_resume(world->procedure, world->deployment, &world->now));
}

/* The hook has ended, nobody has looked yet, and the file has others by now. */
static void test_looked_at_between_a_hook_and_the_next_round(void **state)
{
	struct world *world = *state;
	struct conf_service other;
	set_hooks(world, &hook_0, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	while (world->news == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	other = world->conf;
	other.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = &hook_1, .count = 1};
	procedure_set_conf(world->procedure, &other);
	json_t *waiting = procedure_waiting_to_json(world->procedure);
	assert_string_equal(json_string_value(json_object_get(waiting, "detail")), "1 hook: /bin/sh");
	json_decref(waiting);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: ", NULL});
}

static void test_changes_are_told_once(void **state)
{
	struct world *world = *state;
	ask_for_approval(world);
	assert_true(procedure_take_change(world->procedure));
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_false(procedure_take_change(world->procedure));
	procedure_cancel(world->procedure);
}

/* ---- cancelled ---- */

static void expect_nothing_runs(struct world *world)
{
	unsigned news = world->news;
	procedure_cancel(world->procedure);
	wait_for_no_child(world);
	for (int turn = 0; turn < 50; turn++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->news, news);
	assert_true(json_is_null(procedure_waiting_to_json(world->procedure)));
}

static void test_cancel_smoke(void **state)
{
	struct world *world = *state;
	struct conf_smoke smokes[] = {one_request(), one_request()};
	add_backend(world, "backend:1", NULL);
	set_smokes(world, smokes, 2);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"smoke waits: 2 requests to 1 backend of green", NULL});
	expect_nothing_runs(world);
	expect_rows(world, (const char *[]){"smoke failed: stopped before it had ended", NULL});
}

static void test_cancel_approval(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	expect_nothing_runs(world);
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	expect_rows(world, (const char *[]){"approval failed: stopped before it had ended", NULL});
}

static void test_cancel_hook(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_hang};
	set_hooks(world, hooks, 2);
	begin(world);
	while (world->news == 0) {
		assert_int_equal(run(world), PROCEDURE_PENDING);
		event_base_loop(world->loop, EVLOOP_ONCE);
	}
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"hook passed: ", "hook waits: /bin/sh is under way (2 of 2)", NULL});
	wait_for_a_child(world);
	expect_nothing_runs(world);
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: /bin/sh was stopped before it had ended", NULL});
}

/* Freed in the middle, and begun anew in the middle. */
static void test_end_in_the_middle(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	add_backend(world, "backend:1", NULL);
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	set_smokes(world, NULL, 0);
	set_hooks(world, &hook_hang, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"hook waits: ", NULL});
	wait_for_a_child(world);
}

/* ---- told ---- */

static void wait_until_told(struct world *world, unsigned count)
{
	while (world->told < count)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static void test_tell(void **state)
{
	struct world *world = *state;
	struct peer *receiver = add_backend(world, "receiver", OK_ANSWER);
	char url[ADDR_TEXT_SIZE + 16], address[ADDR_TEXT_SIZE];
	addr_format(&receiver->addr, address, sizeof(address));
	snprintf(url, sizeof(url), "http://%s/told", address);
	struct conf_notify notify[] = {{.url = url, .timeout_ms = 20000}};
	world->conf.notify = notify;
	world->conf.notify_count = 1;
	world->conf.hooks[CONF_SWITCHED] = (struct conf_hooks){.list = &hook_0, .count = 1};
	set_hooks(world, &hook_1, 1);
	set_conf(world);
	/* a message, and the hook that the moment has */
	procedure_tell(world->procedure, HERALD_SWITCHED, world->deployment, NOON_MS);
	assert_int_equal(world->told, 0);
	wait_until_told(world, 2);
	/* a message alone: what may refuse is not run here */
	procedure_tell(world->procedure, HERALD_STARTED, world->deployment, NOON_MS);
	wait_until_told(world, 3);
	assert_string_equal(world->told_event, "started");
	assert_int_equal(courier_count(world->courier), 0);
	assert_non_null(strstr(receiver->request, "POST /told HTTP/1.1\r\n"));
	assert_non_null(strstr(receiver->request, "shop: switch from blue to green (v2) by ann: weekly release"));
	/* nobody, nothing */
	world->conf.notify_count = 0;
	set_conf(world);
	procedure_tell(world->procedure, HERALD_FAILED, world->deployment, NOON_MS);
	assert_int_equal(courier_count(world->courier), 0);
}

static void test_approval_is_told(void **state)
{
	struct world *world = *state;
	struct peer *receiver = add_backend(world, "receiver", OK_ANSWER);
	char url[ADDR_TEXT_SIZE + 16], address[ADDR_TEXT_SIZE];
	addr_format(&receiver->addr, address, sizeof(address));
	snprintf(url, sizeof(url), "http://%s/told", address);
	struct conf_notify notify[] = {{.url = url, .timeout_ms = 20000}};
	world->conf.notify = notify;
	world->conf.notify_count = 1;
	ask_for_approval(world);
	wait_until_told(world, 1);
	assert_string_equal(world->told_event, "approval_asked");
	assert_non_null(strstr(receiver->request, "shop: the switch to green (v2) by ann waits for an approval: teal approve shop, or teal reject shop"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUND(test_nothing),
		ROUND(test_freeze),
		ROUND(test_freeze_forced),
		ROUND(test_freeze_meanwhile),
		ROUND(test_rehearsal),
		ROUND(test_approved),
		ROUND(test_rejected),
		ROUND(test_approval_expires),
		ROUND(test_answers_refused),
		ROUND(test_approval_forced),
		ROUND(test_hooks_pass),
		ROUND(test_hook_refuses),
		ROUND(test_hook_forced),
		ROUND(test_hook_hangs),
		ROUND(test_hook_missing),
		ROUND(test_hook_output),
		ROUND(test_order),
		ROUND(test_foresee),
		ROUND(test_reload),
		ROUND(test_reload_takes_the_approval_away),
		ROUND(test_reload_brings_the_approval_back),
		ROUND(test_reload_shortens_the_approval),
		ROUND(test_a_longer_approval_is_not_waited_for),
		ROUND(test_reload_keeps_what_hooks_did),
		ROUND(test_reload_of_hooks),
		ROUND(test_reload_brings_gates_in_front),
		ROUND(test_reload_brings_a_rehearsal),
		ROUND(test_reload_brings_an_approval),
		ROUND(test_reload_of_smoke_requests),
		ROUND(test_reload_behind_the_end),
		ROUND(test_a_new_freeze_behind_the_end),
		ROUND(test_a_freeze_begins_behind_the_end),
		ROUND(test_a_forced_freeze_behind_the_end),
		ROUND(test_looked_at_between_a_hook_and_the_next_round),
		ROUND(test_changes_are_told_once),
		ROUND(test_cancel_smoke),
		ROUND(test_cancel_approval),
		ROUND(test_cancel_hook),
		ROUND(test_end_in_the_middle),
		ROUND(test_tell),
		ROUND(test_approval_is_told),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

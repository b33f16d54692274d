/* The journal: the truth over restarts, deployments and events in order, keys, retention, and a history that is damaged, newer, full or killed. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "switch/journal.h"

struct place {
	char directory[64], warning[512];
	struct event_base *loop;
	json_t *truth; /* as the last open gave it */
};

static char *path_of(const struct place *place, const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	return path;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	strcpy(place->directory, "/tmp/test_journal.XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	place->loop = event_base_new();
	*state = place;
	return 0;
}

static void remove_all(const struct place *place)
{
	static const char *const names[] = {"teal.state", "teal.state.1", "teal.state.new", "teal.db", "teal.db-journal", "lock"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(place, names[i]));
}

static int tear_down(void **state)
{
	struct place *place = *state;
	remove_all(place);
	assert_int_equal(rmdir(place->directory), 0);
	event_base_free(place->loop);
	json_decref(place->truth);
	free(place);
	return 0;
}

static struct journal *open_journal(struct place *place)
{
	struct journal *journal;
	struct err err;
	json_decref(place->truth);
	if (!journal_open(place->directory, place->loop, &journal, &place->truth, place->warning, &err))
		fail_msg("%s", err.text);
	return journal;
}

static void save(const char *path, const char *bytes)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(bytes, file);
	fclose(file);
}

/* ---- answers ---- */

struct answer {
	unsigned ended;
	bool durable;
	json_t *document;
	char sentence[1024];
};

static void take_sentence(struct answer *answer, const char *sentence)
{
	snprintf(answer->sentence, sizeof(answer->sentence), "%s", sentence ? sentence : "");
	answer->ended++;
}

static void on_done(void *arg, bool durable, const char *sentence)
{
	struct answer *answer = arg;
	answer->durable = durable;
	assert_true(durable == !sentence);
	take_sentence(answer, sentence);
}

static void on_found(void *arg, json_t *document, const char *sentence)
{
	struct answer *answer = arg;
	answer->document = document;
	take_sentence(answer, sentence);
}

static void await(const struct place *place, const struct answer *answer)
{
	while (answer->ended == 0)
		assert_int_equal(event_base_loop(place->loop, EVLOOP_ONCE), 0);
}

static struct answer write_truth(const struct place *place, struct journal *journal, int number)
{
	struct answer answer = {0};
	json_t *truth = json_pack("{s:i}", "number", number);
	journal_write_truth(journal, truth, on_done, &answer);
	json_decref(truth);
	await(place, &answer);
	return answer;
}

static json_t *deployment(const char *id, const char *service, const char *started_at, const char *outcome, const char *key)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?}", "id", id, "service", service, "started_at", started_at, "outcome", outcome, "idempotency_key", key);
}

static struct answer write_deployment(const struct place *place, struct journal *journal, json_t *document)
{
	struct answer answer = {0};
	journal_write_deployment(journal, document, on_done, &answer);
	json_decref(document);
	await(place, &answer);
	return answer;
}

/* The ids of an array, or of one document, with blanks between; or the sentence. */
static void format_ids(struct answer *answer, char *out, size_t size)
{
	size_t i, used = 0;
	json_t *document;
	snprintf(out, size, "%s", answer->sentence);
	if (json_is_object(answer->document))
		snprintf(out, size, "%s", json_string_value(json_object_get(answer->document, "id")));
	json_array_foreach(answer->document, i, document)
	{
		const char *id = json_string_value(json_object_get(document, "id"));
		used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", id);
	}
	json_decref(answer->document);
}

static void expect_list(const struct place *place, struct journal *journal, const char *service, unsigned limit, const char *ids)
{
	struct answer answer = {0};
	char seen[1024];
	journal_list(journal, service, limit, on_found, &answer);
	await(place, &answer);
	format_ids(&answer, seen, sizeof(seen));
	assert_string_equal(seen, ids);
}

static void expect_one(const struct place *place, struct journal *journal, const char *id, const char *key, const char *expected)
{
	struct answer answer = {0};
	char seen[1024];
	if (id)
		journal_get(journal, id, on_found, &answer);
	else
		journal_find_key(journal, key, on_found, &answer);
	await(place, &answer);
	format_ids(&answer, seen, sizeof(seen));
	assert_string_equal(seen, expected);
}

/* ---- the truth ---- */

static void test_truth_over_restarts(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	assert_null(place->truth);
	assert_string_equal(place->warning, "");
	assert_true(write_truth(place, journal, 1).durable);
	assert_true(write_truth(place, journal, 2).durable);
	json_t *last = json_pack("{s:i}", "number", 3);
	journal_write_truth(journal, last, NULL, NULL);
	json_decref(last);
	journal_close(journal);
	journal_close(open_journal(place));
	assert_int_equal(json_integer_value(json_object_get(place->truth, "number")), 3);
	save(path_of(place, "teal.state"), "torn");
	journal_close(open_journal(place));
	assert_int_equal(json_integer_value(json_object_get(place->truth, "number")), 2);
	assert_non_null(strstr(place->warning, "damaged"));
}

static void test_truth_that_cannot_be_had(void **state)
{
	struct place *place = *state;
	struct journal *journal = NULL;
	struct err err;
	json_t *truth;
	save(path_of(place, "teal.state"), "torn");
	assert_false(journal_open(place->directory, place->loop, &journal, &truth, place->warning, &err));
	assert_non_null(strstr(err.text, place->directory));
	journal_close(NULL);
}

/* ---- the history ---- */

static void write_six(const struct place *place, struct journal *journal)
{
	static const struct {
		const char *id, *service, *started_at, *key;
	} rows[] = {
		{"a", "shop", "2026-01-01T00:00:00.000Z", NULL},
		{"b", "shop", "2026-01-03T00:00:00.000Z", NULL},
		{"c", "api", "2026-01-02T00:00:00.000Z", NULL},
		{"d", "api", "2026-01-04T00:00:00.000Z", "old"},
		{"e", "shop", "2026-01-05T00:00:00.000Z", NULL},
		{"f", "shop", "2026-01-05T00:00:00.000Z", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(write_deployment(place, journal, deployment(rows[i].id, rows[i].service, rows[i].started_at, "running", rows[i].key)).durable);
}

static void test_lists(void **state)
{
	static const struct {
		const char *name, *service;
		unsigned limit;
		const char *ids;
	} cases[] = {
		{"all, newest first, the later written of equal ones first", NULL, 100, "f e d b c a"},
		{"the newest two", NULL, 2, "f e"},
		{"of one service", "shop", 100, "f e b a"},
		{"the newest of one service", "api", 1, "d"},
		{"of an unknown service", "none", 100, ""},
		{"no room", NULL, 0, ""},
		{"all the room there is", "api", UINT32_MAX, "d c"},
	};
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	write_six(place, journal);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		expect_list(place, journal, cases[i].service, cases[i].limit, cases[i].ids);
	}
	journal_close(journal);
	journal = open_journal(place);
	expect_list(place, journal, NULL, 3, "f e d");
	journal_close(journal);
}

static void test_replacing_and_getting(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	write_six(place, journal);
	assert_true(write_deployment(place, journal, deployment("a", "shop", "2026-01-01T00:00:00.000Z", "promoted", NULL)).durable);
	expect_list(place, journal, "shop", 100, "f e b a");
	expect_one(place, journal, "a", NULL, "a");
	expect_one(place, journal, "z", NULL, "there is no deployment z in the history");
	struct answer answer = {0};
	journal_get(journal, "a", on_found, &answer);
	await(place, &answer);
	assert_string_equal(json_string_value(json_object_get(answer.document, "outcome")), "promoted");
	json_decref(answer.document);
	journal_close(journal);
}

static void test_keys(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	char now[CLOCK_TEXT_SIZE], yesterday[CLOCK_TEXT_SIZE], today[CLOCK_TEXT_SIZE];
	clock_format(clock_wall_ms(), now);
	clock_format(clock_wall_ms() - 23u * 3600u * 1000u, today);
	clock_format(clock_wall_ms() - 25u * 3600u * 1000u, yesterday);
	write_six(place, journal);
	write_deployment(place, journal, deployment("g", "shop", now, "running", "k1"));
	write_deployment(place, journal, deployment("h", "shop", today, "running", "k1"));
	write_deployment(place, journal, deployment("i", "shop", today, "running", "k2"));
	write_deployment(place, journal, deployment("j", "shop", yesterday, "running", "k3"));
	static const struct {
		const char *name, *key, *id;
	} cases[] = {
		{"the newest with the key", "k1", "g"},
		{"within a day", "k2", "i"},
		{"more than a day ago", "k3", ""},
		{"long ago", "old", ""},
		{"never used", "k4", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		expect_one(place, journal, NULL, cases[i].key, cases[i].id);
	}
	journal_close(journal);
}

static void write_event(struct journal *journal, const char *id, const char *of)
{
	json_t *event = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s}", "id", id, "at", "2026-01-01T00:00:00.000Z", "service", "shop", "deployment", of, "event",
		"switched", "text", "…");
	journal_write_event(journal, event);
	json_decref(event);
}

static void test_events(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	write_event(journal, "1", "a");
	write_event(journal, "2", "b");
	write_event(journal, "3", NULL);
	write_event(journal, "4", "a");
	static const char *const cases[][2] = {{"a", "1 4"}, {"b", "2"}, {"c", ""}};
	for (size_t i = 0; i < 3; i++) {
		struct answer answer = {0};
		char seen[1024];
		journal_list_events(journal, cases[i][0], on_found, &answer);
		await(place, &answer);
		format_ids(&answer, seen, sizeof(seen));
		assert_string_equal(seen, cases[i][1]);
	}
	journal_close(journal);
}

static int query_number(const struct place *place, const char *sql)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path_of(place, "teal.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int number = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return number;
}

/* As long as the loop does not run, no write has ended: that is a disk that hangs. */
static void test_events_that_wait_are_bounded(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	struct answer answer = {0};
	for (unsigned i = 0; i < 1100; i++)
		write_event(journal, "e", "a");
	journal_list_events(journal, "none", on_found, &answer); /* waits for all of them */
	await(place, &answer);
	json_decref(answer.document);
	write_event(journal, "later", "b");
	answer = (struct answer){0};
	journal_list_events(journal, "b", on_found, &answer);
	await(place, &answer);
	assert_int_equal(json_array_size(answer.document), 1);
	json_decref(answer.document);
	journal_close(journal);
	assert_in_range(query_number(place, "SELECT count(*) FROM events"), 990, 1001);
}

/* ---- the history's file ---- */

static void run_sql(const struct place *place, const char *sql)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(path_of(place, "teal.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void test_retention(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	write_deployment(place, journal, deployment("oldest", "shop", "2020-01-01T00:00:00.000Z", "running", NULL));
	write_event(journal, "0", NULL);
	journal_close(journal);
	run_sql(place, "PRAGMA synchronous=OFF; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
		       " INSERT INTO events(deployment, document) SELECT 'x', '{\"id\": \"' || i || '\"}' FROM n;"
		       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
		       " INSERT INTO deployments(id, started_at, document) SELECT 'n' || i, '2025', '{}' FROM n");
	assert_int_equal(query_number(place, "SELECT count(*) FROM events"), 100000);
	assert_int_equal(query_number(place, "SELECT count(*) FROM deployments"), 10000);
	journal = open_journal(place);
	expect_one(place, journal, "oldest", NULL, "oldest");
	write_deployment(place, journal, deployment("oldest", "shop", "2020-01-01T00:00:00.000Z", "promoted", NULL));
	expect_one(place, journal, "oldest", NULL, "oldest");
	write_event(journal, "100000", NULL);
	write_deployment(place, journal, deployment("newest", "shop", "2026-01-01T00:00:00.000Z", "running", NULL));
	expect_one(place, journal, "oldest", NULL, "there is no deployment oldest in the history");
	expect_list(place, journal, NULL, 1, "newest");
	journal_close(journal);
	assert_int_equal(query_number(place, "SELECT count(*) FROM events"), 100000);
	assert_int_equal(query_number(place, "SELECT json_extract(document, '$.id') FROM events ORDER BY number LIMIT 1"), 1);
	assert_int_equal(query_number(place, "SELECT count(*) FROM deployments"), 10000);
}

/* Everything but the history goes on. */
static void expect_no_history(struct place *place, struct journal *journal, const char *part)
{
	char fault[512];
	struct answer answer = write_deployment(place, journal, deployment("a", "shop", "2026", "running", NULL));
	assert_false(answer.durable);
	assert_non_null(strstr(answer.sentence, part));
	journal_fault(journal, fault, sizeof(fault));
	assert_non_null(strstr(fault, part));
	answer = (struct answer){0};
	journal_list(journal, NULL, 10, on_found, &answer);
	await(place, &answer);
	assert_null(answer.document);
	assert_non_null(strstr(answer.sentence, part));
	assert_true(write_truth(place, journal, 7).durable);
}

static void test_history_of_garbage(void **state)
{
	struct place *place = *state;
	save(path_of(place, "teal.db"), "This is not a database, whatever its name may say. This is not a database, whatever its name may say. ......");
	struct journal *journal = open_journal(place);
	assert_non_null(strstr(place->warning, "not a database"));
	expect_no_history(place, journal, "not a database");
	journal_close(journal);
	journal_close(open_journal(place));
	assert_int_equal(json_integer_value(json_object_get(place->truth, "number")), 7);
}

static void test_history_of_a_newer_format(void **state)
{
	struct place *place = *state;
	run_sql(place, "PRAGMA user_version=9");
	struct journal *journal = open_journal(place);
	expect_no_history(place, journal, "format 9");
	journal_close(journal);
}

static void test_history_on_a_full_disk(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	char big[65536], fault[512];
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	assert_true(write_deployment(place, journal, deployment("a", "shop", "2026-01-01", "running", NULL)).durable);
	struct rlimit before, small;
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){65536, before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	struct answer answer = write_deployment(place, journal, deployment("b", big, "2026-01-02", "running", NULL));
	setrlimit(RLIMIT_FSIZE, &before);
	assert_false(answer.durable);
	assert_non_null(strstr(answer.sentence, "history"));
	journal_fault(journal, fault, sizeof(fault));
	assert_string_equal(fault, answer.sentence);
	expect_list(place, journal, NULL, 10, "a");
	assert_true(write_deployment(place, journal, deployment("c", big, "2026-01-03", "running", NULL)).durable);
	journal_fault(journal, fault, sizeof(fault));
	assert_string_equal(fault, "");
	expect_list(place, journal, NULL, 10, "c a");
	journal_close(journal);
}

/* ---- kill -9 ---- */

static void write_until_killed(struct place *place, int pipe_fd)
{
	char id[32];
	struct journal *journal = open_journal(place);
	for (int i = 1; i < 100000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		struct answer answer = write_deployment(place, journal, deployment(id, "shop", "2026", "running", NULL));
		if (answer.durable && write(pipe_fd, &i, sizeof(i)) != (ssize_t)sizeof(i))
			_exit(1);
	}
	_exit(1);
}

static void test_kill_while_writing(void **state)
{
	struct place *place = *state;
	unsigned random = 4711;
	for (unsigned round = 0; round < 30; round++) {
		int ends[2], durable = 0, got;
		random = random * 1103515245u + 12345u;
		remove_all(place);
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		if (child == 0)
			write_until_killed(place, ends[1]);
		close(ends[1]);
		while (durable < 5 && read(ends[0], &got, sizeof(got)) == (ssize_t)sizeof(got))
			durable = got;
		usleep((random >> 16) % 3000);
		kill(child, SIGKILL);
		while (read(ends[0], &got, sizeof(got)) == (ssize_t)sizeof(got))
			durable = got;
		close(ends[0]);
		waitpid(child, NULL, 0);
		struct journal *journal = open_journal(place);
		assert_string_equal(place->warning, "");
		char id[32];
		snprintf(id, sizeof(id), "%d", durable);
		expect_one(place, journal, id, NULL, id);
		journal_close(journal);
		assert_in_range(query_number(place, "SELECT count(*) FROM deployments"), durable, durable + 1);
		assert_int_equal(query_number(place, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_truth_over_restarts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_truth_that_cannot_be_had, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replacing_and_getting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events_that_wait_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retention, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_history_of_garbage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_history_of_a_newer_format, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_history_on_a_full_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kill_while_writing, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Documents to and from the store. Control thread; tasks do their work on the store's thread and come back. Decides nothing of what is written when. */
#include "switch/journal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/store.h"
#include "switch/history.h"

#define OPEN_WAIT_MS 2000u
#define CLOSE_WAIT_MS 2000u
#define WAITING_MAX 1000u /* tasks; beyond them events are lost, so that a disk that hangs costs a bounded amount of memory */
#define KEY_KEPT_MS (24u * 3600u * 1000u)

struct journal {
	struct store *store;
	struct err fault; /* of the last write to the history */
	unsigned waiting; /* tasks that have not ended */
	uint64_t lost;    /* events, since the history last kept up */
};

/* One piece of work on the history. On the store's thread it is touched by nobody else, and touches nothing else: the journal may be gone when a disk that hung for
 * long comes back. */
struct task {
	struct journal *journal;
	bool (*work)(struct task *task, sqlite3 *database);
	void (*end)(struct task *task); /* control thread: tells who asked */
	char *texts[6];
	unsigned limit;
	json_t *documents;
	bool has_database, done;
	struct err err;
	journal_done *on_done;
	journal_found *on_found;
	void *arg;
};

/* ---- tasks ---- */

static void run_task(void *arg, sqlite3 *database)
{
	struct task *task = arg;
	task->has_database = database != NULL;
	task->done = database && history_prepare(database, &task->err) && task->work(task, database);
}

static void free_task(struct task *task)
{
	for (size_t i = 0; i < sizeof(task->texts) / sizeof(task->texts[0]); i++)
		free(task->texts[i]);
	json_decref(task->documents);
	free(task);
}

static void end_task(void *arg)
{
	struct task *task = arg;
	if (!task->has_database)
		store_database_fault(task->journal->store, task->err.text, sizeof(task->err.text));
	if (!task->has_database && task->err.text[0] == '\0')
		err_set(&task->err, "the history is being closed");
	task->journal->waiting--;
	task->end(task);
	free_task(task);
}

static void submit(struct journal *journal, const struct task *task)
{
	struct task *copy = memory_new(sizeof(*copy));
	*copy = *task;
	copy->journal = journal;
	journal->waiting++;
	store_submit(journal->store, run_task, end_task, copy);
}

/* ---- writing ---- */

static const char *sentence_of(const struct task *task)
{
	return task->done ? NULL : task->err.text;
}

static void end_write(struct task *task)
{
	struct err none = {""};
	task->journal->fault = task->done ? none : task->err;
	if (task->on_done)
		task->on_done(task->arg, task->done, sentence_of(task));
}

/* A member's text, copied; NULL when there is none. */
static char *copy_member(const json_t *document, const char *name)
{
	return memory_text(json_string_value(json_object_get(document, name)));
}

static char *dump(const json_t *document, size_t flags)
{
	char *text = json_dumps(document, flags);
	assert(text);
	return text;
}

void journal_write_truth(struct journal *journal, const json_t *truth, journal_done *done, void *arg)
{
	char *text = dump(truth, JSON_INDENT(1));
	store_write_truth(journal->store, text, strlen(text), done, arg);
	free(text);
}

static bool write_deployment(struct task *task, sqlite3 *database)
{
	char *const *texts = task->texts;
	const struct history_deployment deployment = {texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]};
	return history_write_deployment(database, &deployment, &task->err);
}

void journal_write_deployment(struct journal *journal, const json_t *deployment, journal_done *done, void *arg)
{
	struct task task = {.work = write_deployment, .end = end_write, .on_done = done, .arg = arg};
	task.texts[0] = copy_member(deployment, "id");
	task.texts[1] = copy_member(deployment, "service");
	task.texts[2] = copy_member(deployment, "started_at");
	task.texts[3] = copy_member(deployment, "outcome");
	task.texts[4] = copy_member(deployment, "idempotency_key");
	task.texts[5] = dump(deployment, JSON_COMPACT);
	assert(task.texts[0]);
	submit(journal, &task);
}

static bool write_event(struct task *task, sqlite3 *database)
{
	char *const *texts = task->texts;
	const struct history_event event = {texts[0], texts[1], texts[2], texts[3], texts[4]};
	return history_write_event(database, &event, &task->err);
}

static bool keeps_up(struct journal *journal)
{
	if (journal->waiting < WAITING_MAX) {
		if (journal->lost > 0)
			log_warning("the history keeps up again; %" PRIu64 " events are missing from it", journal->lost);
		journal->lost = 0;
		return true;
	}
	if (journal->lost++ == 0)
		log_error("the history does not keep up: %u writes wait for the disk, and events are left out until it does", journal->waiting);
	return false;
}

void journal_write_event(struct journal *journal, const json_t *event)
{
	if (!keeps_up(journal))
		return;
	struct task task = {.work = write_event, .end = end_write};
	task.texts[0] = copy_member(event, "at");
	task.texts[1] = copy_member(event, "service");
	task.texts[2] = copy_member(event, "deployment");
	task.texts[3] = copy_member(event, "event");
	task.texts[4] = dump(event, JSON_COMPACT);
	submit(journal, &task);
}

/* ---- reading ---- */

static void end_list(struct task *task)
{
	task->on_found(task->arg, json_incref(task->documents), sentence_of(task));
}

static bool list_deployments(struct task *task, sqlite3 *database)
{
	return (task->documents = history_list_deployments(database, task->texts[0], task->limit, &task->err));
}

void journal_list(struct journal *journal, const char *service, unsigned limit, journal_found *found, void *arg)
{
	submit(journal,
		&(struct task){.work = list_deployments, .end = end_list, .texts = {memory_text(service)}, .limit = limit, .on_found = found, .arg = arg});
}

static bool list_events(struct task *task, sqlite3 *database)
{
	return (task->documents = history_list_events(database, task->texts[0], &task->err));
}

void journal_list_events(struct journal *journal, const char *deployment, journal_found *found, void *arg)
{
	submit(journal, &(struct task){.work = list_events, .end = end_list, .texts = {memory_text(deployment)}, .on_found = found, .arg = arg});
}

static bool find_deployment(struct task *task, sqlite3 *database)
{
	return (task->documents = history_find_deployment(database, task->texts[0], &task->err));
}

static void end_get(struct task *task)
{
	json_t *document = json_incref(json_array_get(task->documents, 0));
	if (task->done && !document)
		err_set(&task->err, "there is no deployment %s in the history", task->texts[0]);
	task->on_found(task->arg, document, document ? NULL : task->err.text);
}

void journal_get(struct journal *journal, const char *id, journal_found *found, void *arg)
{
	submit(journal, &(struct task){.work = find_deployment, .end = end_get, .texts = {memory_text(id)}, .on_found = found, .arg = arg});
}

static bool find_key(struct task *task, sqlite3 *database)
{
	return (task->documents = history_find_key(database, task->texts[0], task->texts[1], &task->err));
}

static void end_find_key(struct task *task)
{
	task->on_found(task->arg, json_incref(json_array_get(task->documents, 0)), sentence_of(task));
}

void journal_find_key(struct journal *journal, const char *key, journal_found *found, void *arg)
{
	char since[CLOCK_TEXT_SIZE];
	clock_format(clock_wall_ms() - KEY_KEPT_MS, since);
	struct task task = {.work = find_key, .end = end_find_key, .texts = {memory_text(key), memory_text(since)}, .on_found = found, .arg = arg};
	submit(journal, &task);
}

/* ---- opening and closing ---- */

/* Preparing is all there is to do: it tells at once what later writes would meet. */
static bool do_nothing(struct task *task, sqlite3 *database)
{
	(void)task;
	(void)database;
	return true;
}

static bool read_truth(struct journal *journal, const char *directory, json_t **truth, char warning[512], struct err *err)
{
	char *bytes;
	size_t length;
	bool fallback;
	json_error_t error;
	*truth = NULL;
	if (!store_read_truth(journal->store, &bytes, &length, &fallback, err))
		return false;
	if (!bytes)
		return true;
	*truth = json_loadb(bytes, length, 0, &error);
	free(bytes);
	if (!*truth)
		return err_set(err, "%s/teal.state is whole, but not the JSON it should be (%s): restore it from a backup, or remove it and teal.state.1",
			directory, error.text);
	if (fallback)
		snprintf(warning, 512, "%s/teal.state is damaged; the one before it, teal.state.1, is used: check the live colors", directory);
	return true;
}

static void warn_of_history(struct journal *journal, char warning[512])
{
	char fault[400];
	size_t used = strlen(warning);
	store_wait_for_database(journal->store, OPEN_WAIT_MS);
	store_database_fault(journal->store, fault, sizeof(fault));
	if (fault[0])
		snprintf(warning + used, 512 - used, "%s%s", used > 0 ? "; " : "", fault);
}

bool journal_open(const char *directory, struct event_base *loop, struct journal **opened, json_t **truth, char warning[512], struct err *err)
{
	struct journal *journal = memory_new(sizeof(*journal));
	warning[0] = '\0';
	journal->store = store_open(directory, loop, err);
	if (!journal->store || !read_truth(journal, directory, truth, warning, err)) {
		journal_close(journal);
		return false;
	}
	warn_of_history(journal, warning);
	submit(journal, &(struct task){.work = do_nothing, .end = end_write});
	*opened = journal;
	return true;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	store_close(journal->store, CLOSE_WAIT_MS);
	free(journal);
}

void journal_fault(struct journal *journal, char *out, size_t size)
{
	store_database_fault(journal->store, out, size);
	if (size > 0 && out[0] == '\0')
		snprintf(out, size, "%s", journal->fault.text);
}

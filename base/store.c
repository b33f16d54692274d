/* The store's thread, its queue of jobs, and the way back to the control loop. Jobs run on the thread; all exported functions are the control thread's, but for
 * store_database_fault. Does not know what the bytes and the tables mean. */
#include "base/store.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/database.h"
#include "base/memory.h"
#include "base/statedir.h"
#include "base/truthfile.h"

#define DATABASE_RETRY_MS 60000u
#define CLOSE_WAITS_MOST 10u /* of a thread that gets on: what systemd leaves a service at its end is more */
#define NICE 10 /* some milliseconds of work around a switch, which requests on the same core should not wait for; it has its share even of a full one */

/* A write of the truth (truth is not NULL) or a job with the database. */
struct work {
	struct work *next;
	char *truth;
	size_t length;
	store_truth_done *truth_done;
	bool durable;
	struct err err;
	store_job *run;
	store_done *done;
	void *arg;
};

struct works {
	struct work *first, **end;
};

struct store {
	char *directory;
	struct statedir statedir;
	int done_fd;
	struct event *done_event;
	pthread_t thread;
	bool running;
	/* under the mutex */
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* the queues, `opened`, `stopping` or `ended` */
	struct works truths, queued, finished;
	struct work *present; /* what the thread is at */
	uint64_t performed;   /* how many before that */
	bool opened;          /* the database was tried once */
	bool stopping, ended, abandoned;
	struct err fault;
	/* the thread's own; `truthfile` is the control thread's until the first write */
	struct truthfile truthfile;
	sqlite3 *database;
	uint64_t retry_at_ms;
};

/* ---- lists ---- */

static void clear_works(struct works *works)
{
	works->first = NULL;
	works->end = &works->first;
}

static void append_work(struct works *works, struct work *work)
{
	work->next = NULL;
	*works->end = work;
	works->end = &work->next;
}

static struct work *take_work(struct works *works)
{
	struct work *work = works->first;
	if (work && !(works->first = work->next))
		works->end = &works->first;
	return work;
}

/* ---- the thread ---- */

static void open_database(struct store *store)
{
	struct err err = {""};
	uint64_t now_ms = clock_mono_ms();
	if (store->database || now_ms < store->retry_at_ms)
		return;
	store->database = database_open(store->directory, &err);
	store->retry_at_ms = now_ms + DATABASE_RETRY_MS;
	pthread_mutex_lock(&store->mutex);
	store->fault = err;
	pthread_mutex_unlock(&store->mutex);
}

static void perform(struct store *store, struct work *work)
{
	if (work->truth)
		work->durable = truthfile_write(&store->truthfile, work->truth, work->length, &work->err);
	else
		work->run(work->arg, store->database);
}

static void notify(struct store *store)
{
	uint64_t one = 1;
	while (write(store->done_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

static struct timespec timespec_of(uint64_t mono_ms)
{
	return (struct timespec){.tv_sec = (time_t)(mono_ms / 1000u), .tv_nsec = (long)(mono_ms % 1000u) * 1000000};
}

/* With the mutex held; waits for work, or until the database is to be tried again. */
static void wait_for_work(struct store *store)
{
	if (store->database) {
		pthread_cond_wait(&store->changed, &store->mutex);
		return;
	}
	struct timespec until = timespec_of(store->retry_at_ms);
	pthread_cond_timedwait(&store->changed, &store->mutex, &until);
}

/* With the mutex held, let go meanwhile. False when the owner gave up waiting: nothing of the store is the thread's any more. */
static bool do_work(struct store *store, struct work *work)
{
	store->present = work;
	pthread_mutex_unlock(&store->mutex);
	open_database(store);
	perform(store, work);
	pthread_mutex_lock(&store->mutex);
	if (store->abandoned)
		return false;
	store->present = NULL;
	store->performed++;
	append_work(&store->finished, work);
	notify(store);
	return true;
}

/* A truth never waits for history that is queued. */
static struct work *next_work(struct store *store)
{
	struct work *work = take_work(&store->truths);
	return work ? work : take_work(&store->queued);
}

static void *run(void *arg)
{
	struct store *store = arg;
	bool kept = true;
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	open_database(store);
	pthread_mutex_lock(&store->mutex);
	store->opened = true;
	pthread_cond_broadcast(&store->changed);
	while (kept) {
		struct work *work = next_work(store);
		if (!work && store->stopping)
			break;
		if (work) {
			kept = do_work(store, work);
		} else {
			wait_for_work(store);
			pthread_mutex_unlock(&store->mutex);
			open_database(store);
			pthread_mutex_lock(&store->mutex);
		}
	}
	store->ended = true;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->mutex);
	return NULL;
}

/* ---- the control thread ---- */

static void tell_done(struct work *work)
{
	if (work->truth_done)
		work->truth_done(work->arg, work->durable, work->durable ? NULL : work->err.text);
	if (work->done)
		work->done(work->arg);
	free(work->truth);
	free(work);
}

static void tell_all_done(struct store *store)
{
	pthread_mutex_lock(&store->mutex);
	struct work *work = store->finished.first, *next;
	clear_works(&store->finished);
	pthread_mutex_unlock(&store->mutex);
	for (; work; work = next) {
		next = work->next;
		tell_done(work);
	}
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;
	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	tell_all_done(arg);
}

static bool start_thread(struct store *store)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&store->thread, NULL, run, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_setname_np(store->thread, "teal-store");
	errno = error;
	return store->running = error == 0;
}

static void init_sync(struct store *store)
{
	pthread_condattr_t attributes;
	pthread_mutex_init(&store->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&store->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	clear_works(&store->truths);
	clear_works(&store->queued);
	clear_works(&store->finished);
}

static bool start(struct store *store, struct event_base *loop, struct err *err)
{
	if (!statedir_open(&store->statedir, store->directory, err))
		return false;
	store->truthfile = (struct truthfile){.directory = store->directory, .directory_fd = store->statedir.fd};
	store->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (store->done_fd >= 0)
		store->done_event = event_new(loop, store->done_fd, EV_READ | EV_PERSIST, on_done, store);
	if (!store->done_event || event_add(store->done_event, NULL) != 0 || !start_thread(store))
		return err_set(err, "can't start the thread that writes to %s: %s", store->directory, strerrordesc_np(errno));
	return true;
}

struct store *store_open(const char *directory, struct event_base *loop, struct err *err)
{
	struct store *store = memory_new(sizeof(*store));
	store->directory = memory_text(directory);
	store->statedir = (struct statedir){-1, -1};
	store->done_fd = -1;
	init_sync(store);
	if (!start(store, loop, err)) {
		store_close(store, 0);
		return NULL;
	}
	return store;
}

/* With the mutex held; waits at most `wait_ms` for what the thread sets. */
static void wait_for_thread(struct store *store, const bool *wanted, unsigned wait_ms)
{
	struct timespec until = timespec_of(clock_mono_ms() + wait_ms);
	int waited = 0;
	while (!*wanted && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
}

/* With the mutex held. A disk that is slow is waited for as long as it gets on. */
static void wait_for_end(struct store *store, unsigned wait_ms)
{
	uint64_t before;
	unsigned waits = 0;
	do {
		before = store->performed;
		wait_for_thread(store, &store->ended, wait_ms);
	} while (!store->ended && store->performed != before && ++waits < CLOSE_WAITS_MOST);
}

/* True when the thread has done everything and ended. */
static bool end_thread(struct store *store, unsigned wait_ms)
{
	pthread_mutex_lock(&store->mutex);
	store->stopping = true;
	pthread_cond_broadcast(&store->changed);
	wait_for_end(store, wait_ms);
	bool ended = store->ended;
	store->abandoned = !ended;
	pthread_mutex_unlock(&store->mutex);
	if (ended)
		pthread_join(store->thread, NULL);
	else
		pthread_detach(store->thread);
	return ended;
}

/* The thread hangs in a disk. What it is at is left to it; whoever waits for a truth is told, and jobs that were never begun end without a database. */
static void give_up_queue(struct store *store)
{
	struct works works;
	clear_works(&works);
	pthread_mutex_lock(&store->mutex);
	for (struct work *work; (work = next_work(store));)
		append_work(&works, work);
	struct work *present = store->present;
	pthread_mutex_unlock(&store->mutex);
	static const char hangs[] = "the state directory's disk does not answer";
	if (present && present->truth_done)
		present->truth_done(present->arg, false, hangs);
	for (struct work *work; (work = take_work(&works));) {
		if (work->truth)
			err_set(&work->err, hangs);
		else
			work->run(work->arg, NULL);
		tell_done(work);
	}
}

void store_close(struct store *store, unsigned wait_ms)
{
	if (!store)
		return;
	bool ended = !store->running || end_thread(store, wait_ms);
	tell_all_done(store);
	if (store->done_event)
		event_free(store->done_event);
	if (!ended) {
		give_up_queue(store);
		return;
	}
	if (store->done_fd >= 0)
		close(store->done_fd);
	sqlite3_close(store->database);
	statedir_close(&store->statedir);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->mutex);
	free(store->directory);
	free(store);
}

bool store_read_truth(struct store *store, char **bytes, size_t *length, bool *fallback, struct err *err)
{
	return truthfile_read(&store->truthfile, bytes, length, fallback, err);
}

static void submit(struct store *store, const struct work *work)
{
	struct work *copy = memory_new(sizeof(*copy));
	*copy = *work;
	pthread_mutex_lock(&store->mutex);
	assert(!store->stopping);
	append_work(copy->truth ? &store->truths : &store->queued, copy);
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->mutex);
}

void store_write_truth(struct store *store, const char *bytes, size_t length, store_truth_done *done, void *arg)
{
	char *copy = memory_new(length + 1);
	memcpy(copy, bytes, length);
	submit(store, &(struct work){.truth = copy, .length = length, .truth_done = done, .arg = arg});
}

void store_submit(struct store *store, store_job *job, store_done *done, void *arg)
{
	submit(store, &(struct work){.run = job, .done = done, .arg = arg});
}

void store_wait_for_database(struct store *store, unsigned wait_ms)
{
	pthread_mutex_lock(&store->mutex);
	wait_for_thread(store, &store->opened, wait_ms);
	pthread_mutex_unlock(&store->mutex);
}

void store_database_fault(struct store *store, char *out, size_t size)
{
	pthread_mutex_lock(&store->mutex);
	snprintf(out, size, "%s", store->fault.text);
	pthread_mutex_unlock(&store->mutex);
}

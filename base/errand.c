/* A thread for each errand, a list of those whose work is done, and one event descriptor that wakes the loop for them. All exported functions are the control thread's. The
 * errands themselves live until the last thread has come back: one that a disk never answers is left alone. */
#include "base/errand.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

enum errand_state { ERRAND_AWAY, ERRAND_BACK, ERRAND_ABANDONED };

struct errand {
	struct errands *errands;
	struct errand *next, **link; /* of all that are not abandoned */
	const struct errand_kind *kind;
	void *data, *arg;
	enum errand_state state; /* under the mutex */
};

struct errands {
	struct event *event;
	bool delivering; /* a `done` is on the stack */
	int news_fd;
	pthread_mutex_t mutex;
	/* under the mutex */
	pthread_cond_t changed; /* one is back */
	unsigned holders;
	struct errand *first; /* changed by the control thread alone */
};

static void release(struct errands *errands)
{
	pthread_mutex_lock(&errands->mutex);
	bool last = --errands->holders == 0;
	pthread_mutex_unlock(&errands->mutex);
	if (!last)
		return;
	pthread_cond_destroy(&errands->changed);
	pthread_mutex_destroy(&errands->mutex);
	free(errands);
}

static void end_errand(struct errand *errand)
{
	errand->kind->drop(errand->data);
	free(errand);
}

/* ---- the thread ---- */

/* Under the mutex, and for one that is not abandoned: so the loop's side is there. A counter never blocks below 2^64 - 1. */
static void tell_loop(const struct errands *errands)
{
	uint64_t one = 1;
	while (write(errands->news_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

/* Whose end it is: the loop's, or the thread's when it was abandoned. */
static bool come_back(struct errand *errand)
{
	struct errands *errands = errand->errands;
	pthread_mutex_lock(&errands->mutex);
	bool awaited = errand->state != ERRAND_ABANDONED;
	if (awaited) {
		errand->state = ERRAND_BACK;
		tell_loop(errands);
		pthread_cond_signal(&errands->changed);
	}
	pthread_mutex_unlock(&errands->mutex);
	return awaited;
}

static void *run(void *arg)
{
	struct errand *errand = arg;
	struct errands *errands = errand->errands;
	errand->kind->work(errand->data);
	if (!come_back(errand))
		end_errand(errand);
	release(errands);
	return NULL;
}

/* ---- the loop ---- */

static void unlink_errand(struct errand *errand)
{
	*errand->link = errand->next;
	if (errand->next)
		errand->next->link = errand->link;
}

static struct errand *find_one_back(struct errands *errands)
{
	struct errand *errand = errands->first;
	pthread_mutex_lock(&errands->mutex);
	while (errand && errand->state != ERRAND_BACK)
		errand = errand->next;
	pthread_mutex_unlock(&errands->mutex);
	return errand;
}

static void deliver(struct errands *errands)
{
	for (struct errand *errand; (errand = find_one_back(errands));) {
		unlink_errand(errand);
		errands->delivering = true;
		errand->kind->done(errand->arg, errand->data);
		errands->delivering = false;
		end_errand(errand);
	}
}

static void on_news(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;
	(void)what;
	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR) {
	}
	deliver(arg);
}

struct errands *errands_new(struct event_base *loop)
{
	struct errands *errands = memory_new(sizeof(*errands));
	errands->holders = 1;
	pthread_mutex_init(&errands->mutex, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&errands->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	errands->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	errands->event = event_new(loop, errands->news_fd, EV_READ | EV_PERSIST, on_news, errands);
	if (errands->news_fd < 0 || !errands->event || event_add(errands->event, NULL) != 0)
		abort(); /* out of descriptors or memory at the start */
	return errands;
}

void errands_free(struct errands *errands)
{
	if (!errands)
		return;
	assert(!errands->delivering);
	while (errands->first)
		errand_abandon(errands->first);
	event_free(errands->event);
	close(errands->news_fd);
	release(errands);
}

static bool is_any_away(const struct errands *errands)
{
	const struct errand *errand = errands->first;
	while (errand && errand->state != ERRAND_AWAY)
		errand = errand->next;
	return errand != NULL;
}

void errands_settle(struct errands *errands, uint64_t limit_ms)
{
	uint64_t until_ms = clock_mono_ms() + limit_ms;
	struct timespec until = {.tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
	int error = 0;
	assert(!errands->delivering);
	pthread_mutex_lock(&errands->mutex);
	while (error != ETIMEDOUT && is_any_away(errands))
		error = pthread_cond_timedwait(&errands->changed, &errands->mutex, &until);
	pthread_mutex_unlock(&errands->mutex);
	deliver(errands);
}

static void link_errand(struct errand *errand)
{
	struct errands *errands = errand->errands;
	errand->next = errands->first;
	errand->link = &errands->first;
	if (errand->next)
		errand->next->link = &errand->next;
	errands->first = errand;
}

/* Signals are the main thread's. */
static bool start_thread(struct errand *errand)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = pthread_create(&thread, NULL, run, errand) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started) {
		pthread_setname_np(thread, "teal-errand");
		pthread_detach(thread);
	}
	return started;
}

struct errand *errand_start(struct errands *errands, const struct errand_kind *kind, void *data, void *arg)
{
	struct errand *errand = memory_new(sizeof(*errand));
	*errand = (struct errand){.errands = errands, .kind = kind, .data = data, .arg = arg};
	link_errand(errand);
	pthread_mutex_lock(&errands->mutex);
	errands->holders++;
	pthread_mutex_unlock(&errands->mutex);
	if (start_thread(errand))
		return errand;
	come_back(errand);
	release(errands);
	return errand;
}

void errand_abandon(struct errand *errand)
{
	struct errands *errands = errand->errands;
	unlink_errand(errand);
	pthread_mutex_lock(&errands->mutex);
	bool back = errand->state == ERRAND_BACK;
	errand->state = ERRAND_ABANDONED;
	pthread_mutex_unlock(&errands->mutex);
	if (back)
		end_errand(errand);
}

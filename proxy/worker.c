/* The loop of one worker thread. */
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <event2/thread.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/hold.h"
#include "proxy/listener.h"
#include "proxy/orders.h"
#include "proxy/pipe.h"
#include "proxy/pool.h"
#include "proxy/secure_bio.h"
#include "proxy/warm.h"

#define PATIENT_A_TURN 2u /* together less than what one request costs, so that nobody feels them */
#define PATIENT_PART 8u   /* and one more for so many others: where turns are long, because many have one, there are few of them */

void worker_queue(struct worker *worker, struct conn *conn)
{
	if (conn->queued)
		return;
	struct worker_list *list = conn->patient ? &worker->patient : &worker->ready;
	conn->queued = true;
	conn->queue_next = NULL;
	if (list->last)
		list->last->queue_next = conn;
	else
		list->first = conn;
	list->last = conn;
}

void worker_defer_free(struct worker *worker, struct conn *conn)
{
	conn->closed_next = worker->closed;
	worker->closed = conn;
}

/* The timer descriptor always fires at or before the earliest deadline; a deadline that was moved back costs one idle wake-up. */
static void set_timer(struct worker *worker, uint64_t at_ms)
{
	struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at_ms / 1000u), .tv_nsec = (long)(at_ms % 1000u) * 1000000l}};
	timerfd_settime(worker->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	worker->timer_at_ms = at_ms;
}

void worker_arm(struct worker *worker, struct deadline *deadline, enum deadline_kind kind, uint64_t after_ms)
{
	uint64_t at_ms = worker_now_ms(worker) + after_ms;
	deadline_arm(&worker->deadlines, deadline, kind, at_ms);
	if (at_ms < worker->timer_at_ms)
		set_timer(worker, at_ms);
}

static void expire(struct worker *worker)
{
	enum deadline_kind kind;
	struct deadline *deadline;
	while ((deadline = deadline_take_expired(&worker->deadlines, worker_now_ms(worker), &kind))) {
		if (kind == DEADLINE_accept) {
			listener_on_deadline(deadline);
			continue;
		}
		if (kind == DEADLINE_pool) {
			pool_on_deadline(worker, deadline);
			continue;
		}
		if (kind == DEADLINE_hold) {
			hold_on_deadline(worker, deadline);
			continue;
		}
		if (kind == DEADLINE_total) {
			exchange_on_deadline(deadline);
			continue;
		}
		struct conn *conn = (struct conn *)((char *)deadline - offsetof(struct conn, deadline));
		conn->handler->on_deadline(conn, kind);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct worker *worker = arg;
	uint64_t fired;
	if (read((int)fd, &fired, sizeof(fired)) < 0 && errno == EAGAIN)
		return;
	worker->timer_at_ms = UINT64_MAX;
	expire(worker);
	uint64_t next = deadline_next_ms(&worker->deadlines);
	if (next < worker->timer_at_ms)
		set_timer(worker, next);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	uint64_t count;
	while (read((int)fd, &count, sizeof(count)) < 0 && errno == EINTR) {
	}
}

void worker_wake(struct worker *worker)
{
	uint64_t one = 1;
	while (write(worker->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

static void give_turn(struct conn *conn)
{
	conn->queued = false;
	if (conn_is_open(conn))
		conn->handler->on_ready(conn);
}

/* How many there were. */
static unsigned run_ready(struct worker *worker)
{
	unsigned count = 0;
	struct conn *conn = worker->ready.first;
	worker->ready = (struct worker_list){0};
	while (conn) {
		struct conn *next = conn->queue_next;
		give_turn(conn);
		conn = next;
		count++;
	}
	return count;
}

static void run_patient(struct worker *worker, unsigned most)
{
	for (unsigned i = 0; i < most && worker->patient.first; i++) {
		struct conn *conn = worker->patient.first;
		worker->patient.first = conn->queue_next;
		if (!conn->queue_next)
			worker->patient.last = NULL;
		give_turn(conn);
	}
}

static void free_closed(struct worker *worker)
{
	struct conn *conn = worker->closed, *later = NULL;
	worker->closed = NULL;
	while (conn) {
		struct conn *next = conn->closed_next;
		if (conn->queued) {
			conn->closed_next = later;
			later = conn;
		} else {
			conn->handler->on_free(conn);
		}
		conn = next;
	}
	worker->closed = later;
}

/* Buffers that hold a whole head of the largest size and a full read behind it. Without memory for larger ones the old ones stay. */
static bool grow_buffers(struct worker *worker, size_t header_bytes)
{
	size_t buffer_size = header_bytes + WORKER_READ_SIZE, scratch_size = header_bytes + WORKER_HEAD_SLACK + WORKER_READ_SIZE;
	if (buffer_size <= worker->buffer_size)
		return true;
	char *buffer = malloc(buffer_size), *scratch = malloc(scratch_size);
	if (!buffer || !scratch) {
		free(buffer);
		free(scratch);
		return false;
	}
	free(worker->buffer);
	free(worker->scratch);
	worker->buffer = buffer;
	worker->buffer_size = buffer_size;
	worker->scratch = scratch;
	worker->scratch_size = scratch_size;
	return true;
}

static bool fit_buffers(struct worker *worker, const struct table_globals *globals)
{
	bool grown = grow_buffers(worker, globals->header_bytes);
	size_t most = worker->buffer_size > WORKER_READ_SIZE ? worker->buffer_size - WORKER_READ_SIZE : 0;
	worker->head_limits = (struct head_limits){globals->header_bytes < most ? globals->header_bytes : most, globals->headers};
	return grown;
}

static void take_access(struct worker *worker)
{
	if (!atomic_load_explicit(&worker->next_access, memory_order_relaxed))
		return;
	struct worker_access *next = atomic_exchange_explicit(&worker->next_access, NULL, memory_order_acquire);
	if (next) {
		worker->access = *next;
		free(next);
	}
}

static void notify(int fd)
{
	uint64_t one = 1;
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

void worker_report(struct worker *worker)
{
	notify(worker->progress_fd);
}

void worker_report_empty(struct worker *worker)
{
	if (atomic_load_explicit(&worker->draining, memory_order_relaxed))
		notify(worker->progress_fd);
}

/* Between turns: from here on every exchange sees the newest table. */
static void take_table(struct worker *worker)
{
	struct table *newest = atomic_load_explicit(worker->newest, memory_order_acquire);
	struct table *previous = worker->table;
	if (newest == previous)
		return;
	worker->table = newest;
	fit_buffers(worker, &newest->globals);
	pool_sweep(worker);
	orders_obey(worker, previous);
	if (worker->holds)
		hold_obey(worker);
	atomic_store_explicit(&worker->acknowledged, newest->generation, memory_order_release);
	notify(worker->progress_fd);
}

static void obey_drain(struct worker *worker)
{
	if (worker->listener_count > 0 && atomic_load_explicit(&worker->draining, memory_order_acquire)) {
		listener_close_all(worker, true);
		client_hurry_all(worker);
		notify(worker->progress_fd);
	}
}

void worker_turn(struct worker *worker, bool wait)
{
	bool waits = wait && !worker->ready.first && !worker->patient.first;
	event_base_loop(worker->base, EVLOOP_ONCE | (waits ? 0 : EVLOOP_NONBLOCK));
	unsigned others = run_ready(worker);
	run_patient(worker, PATIENT_A_TURN + others / PATIENT_PART);
	take_access(worker);
	take_table(worker);
	obey_drain(worker);
	if (worker->warm.more)
		warm_run(worker);
	free_closed(worker);
	worker->now_known = false;
	worker->handshakes[0] = worker->handshakes[1] = 0;
}

void worker_close_all(struct worker *worker)
{
	listener_close_all(worker, false);
	client_close_all(worker);
	pool_close_all(worker);
	run_ready(worker);
	run_patient(worker, UINT_MAX);
	free_closed(worker);
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	take_access(worker);
	while (!atomic_load_explicit(&worker->stopping, memory_order_acquire))
		worker_turn(worker, true);
	worker_close_all(worker);
	return NULL;
}

bool worker_init(struct worker *worker, unsigned index, _Atomic(struct table *) *newest, int progress_fd, struct err *err)
{
	worker->index = index;
	worker->newest = newest;
	worker->progress_fd = progress_fd;
	worker->table = atomic_load(newest);
	worker->timer_at_ms = UINT64_MAX;
	worker->splice_least = WORKER_SPLICE_LEAST;
	deadline_init(&worker->deadlines);
	struct event_config *config = event_config_new();
	if (!config)
		return err_set(err, "out of memory");
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME);
	worker->base = event_base_new_with_config(config);
	event_config_free(config);
	worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	worker->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!worker->base || worker->wake_fd < 0 || worker->timer_fd < 0)
		return err_set(err, "cannot set up worker %u: %s", index, strerror(errno));
	event_assign(&worker->wake_event, worker->base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake, worker);
	event_assign(&worker->timer_event, worker->base, worker->timer_fd, EV_READ | EV_PERSIST, on_timer, worker);
	event_add(&worker->wake_event, NULL);
	event_add(&worker->timer_event, NULL);
	worker_init_id(worker);
	if (!fit_buffers(worker, &worker->table->globals))
		return err_set(err, "out of memory for the buffers of worker %u", index);
	atomic_store(&worker->acknowledged, worker->table->generation);
	return true;
}

bool worker_start(struct worker *worker, struct err *err)
{
	int fault = pthread_create(&worker->thread, NULL, run, worker);
	if (fault != 0)
		return err_set(err, "cannot start the thread of worker %u: %s", worker->index, strerror(fault));
	worker->running = true;
	pthread_setname_np(worker->thread, "teal-worker");
	return true;
}

void worker_join(struct worker *worker)
{
	if (!worker->running)
		return;
	atomic_store_explicit(&worker->stopping, true, memory_order_release);
	worker_wake(worker);
	pthread_join(worker->thread, NULL);
	worker->running = false;
}

static void free_spares(struct worker *worker)
{
	exchange_free_spares(worker);
	pipe_free_spares(worker);
	secure_bio_free(worker);
	while (worker->spare_blocks) {
		void *next = *(void **)worker->spare_blocks;
		free(worker->spare_blocks);
		worker->spare_blocks = next;
	}
}

void worker_fini(struct worker *worker)
{
	assert(!worker->running && !worker->clients && !worker->holds);
	listener_close_all(worker, false);
	free_spares(worker);
	if (worker->base) {
		event_del(&worker->wake_event);
		event_del(&worker->timer_event);
		event_base_free(worker->base);
	}
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	if (worker->timer_fd >= 0)
		close(worker->timer_fd);
	free(worker->buffer);
	free(worker->scratch);
	free(atomic_exchange(&worker->next_access, NULL));
}

#define SPARE_BLOCKS_MAX 1024u

char *worker_take_block(struct worker *worker)
{
	char *block = worker->spare_blocks;
	if (!block)
		return malloc(WORKER_BLOCK_SIZE);
	memcpy(&worker->spare_blocks, block, sizeof(void *));
	worker->spare_block_count--;
	return block;
}

void worker_give_block(struct worker *worker, char *block)
{
	if (worker->spare_block_count >= SPARE_BLOCKS_MAX) {
		free(block);
		return;
	}
	memcpy(block, &worker->spare_blocks, sizeof(void *));
	worker->spare_blocks = block;
	worker->spare_block_count++;
}

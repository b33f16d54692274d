/* Places for copies of live requests: one ring's worth for each worker, whose only producer is that worker and whose only consumer is the control thread. Sends nothing and compares nothing.
 *
 * Exchanges end in another order than they began, so each place has a state of its own: free, filling (the worker's), full (the control thread's). */
#include "proxy/mirror.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "proxy/body.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

enum { PLACE_FREE, PLACE_FILLING, PLACE_FULL };

struct mirror_place {
	_Atomic uint8_t *state;
	char *bytes; /* the request's head, the answer's fields, the body */
	size_t request_length, fields_length, body_length;
	unsigned status;
	bool coded, cut; /* the body is in chunks; some of it had no room */
	uint64_t first_byte_us, duration_us;
};

struct lane {
	/* written by the worker, but for states, which both write */
	_Alignas(64) _Atomic uint8_t states[MIRROR_PLACES_MAX];
	uint32_t turn;
	_Atomic uint64_t sampled, busy, large, failed;
	/* the control thread's */
	_Alignas(64) unsigned next; /* where it looks first */
	/* nobody's */
	char *memory;
	struct mirror_place places[MIRROR_PLACES_MAX];
};

struct mirror {
	unsigned references; /* control thread */
	unsigned workers, share, places;
	enum color live;
	unsigned next_lane; /* control thread */
	struct lane lanes[];
};

/* ---- control thread ---- */

static unsigned count_places(const struct mirror_options *options)
{
	size_t fit = options->bytes / MIRROR_PLACE_SIZE / options->workers;
	return fit < 1 ? 1 : fit > MIRROR_PLACES_MAX ? MIRROR_PLACES_MAX : (unsigned)fit;
}

static void init_lane(struct lane *lane, unsigned places)
{
	lane->memory = memory_array(places, MIRROR_PLACE_SIZE);
	for (unsigned i = 0; i < places; i++) {
		lane->places[i].state = &lane->states[i];
		lane->places[i].bytes = lane->memory + (size_t)i * MIRROR_PLACE_SIZE;
	}
}

struct mirror *mirror_new(const struct mirror_options *options)
{
	assert(options->workers > 0 && options->share > 0 && options->share <= MIRROR_WHOLE);
	struct mirror *mirror = memory_aligned(_Alignof(struct mirror), sizeof(*mirror) + options->workers * sizeof(mirror->lanes[0]));
	mirror->references = 1;
	mirror->workers = options->workers;
	mirror->share = options->share;
	mirror->live = options->live;
	mirror->places = count_places(options);
	for (unsigned i = 0; i < mirror->workers; i++)
		init_lane(&mirror->lanes[i], mirror->places);
	return mirror;
}

void mirror_hold(struct mirror *mirror)
{
	assert(mirror->references > 0);
	mirror->references++;
}

void mirror_release(struct mirror *mirror)
{
	assert(mirror->references > 0);
	if (--mirror->references > 0)
		return;
	for (unsigned i = 0; i < mirror->workers; i++)
		free(mirror->lanes[i].memory);
	free(mirror);
}

/* The data in the chunks moves to the front. Chunks that end too early are a body that was cut. */
static void decode(struct mirror_place *place)
{
	struct body body;
	struct framing framing = {FRAMING_chunked, 0};
	size_t used, data;
	body_begin(&body, &framing);
	body.chunk.answer = true;
	bool fine = body_take_data(&body, place->bytes + place->request_length + place->fields_length, place->body_length, &used, &data);
	place->cut = !fine || !body.done;
	place->body_length = fine ? data : 0;
}

static void describe(struct mirror_place *place, struct mirror_copy *copy)
{
	if (place->coded)
		decode(place);
	*copy = (struct mirror_copy){
		.request = place->bytes,
		.request_length = place->request_length,
		.status = place->status,
		.fields = place->bytes + place->request_length,
		.fields_length = place->fields_length,
		.body = place->bytes + place->request_length + place->fields_length,
		.body_length = place->body_length,
		.body_cut = place->cut,
		.first_byte_us = place->first_byte_us,
		.duration_us = place->duration_us,
	};
}

static bool take(struct mirror *mirror, unsigned worker, struct mirror_copy *copy)
{
	struct lane *lane = &mirror->lanes[worker];
	for (unsigned looked = 0; looked < mirror->places; looked++) {
		unsigned at = lane->next;
		lane->next = at + 1 < mirror->places ? at + 1 : 0;
		if (atomic_load_explicit(&lane->states[at], memory_order_acquire) != PLACE_FULL)
			continue;
		describe(&lane->places[at], copy);
		copy->worker = worker;
		copy->place = at;
		return true;
	}
	return false;
}

bool mirror_take(struct mirror *mirror, struct mirror_copy *copy)
{
	for (unsigned looked = 0; looked < mirror->workers; looked++) {
		unsigned worker = mirror->next_lane;
		mirror->next_lane = worker + 1 < mirror->workers ? worker + 1 : 0;
		if (take(mirror, worker, copy))
			return true;
	}
	return false;
}

void mirror_give(struct mirror *mirror, const struct mirror_copy *copy)
{
	atomic_store_explicit(&mirror->lanes[copy->worker].states[copy->place], PLACE_FREE, memory_order_release);
}

void mirror_read(const struct mirror *mirror, struct mirror_counts *counts)
{
	*counts = (struct mirror_counts){0};
	for (unsigned i = 0; i < mirror->workers; i++) {
		const struct lane *lane = &mirror->lanes[i];
		counts->sampled += atomic_load_explicit(&lane->sampled, memory_order_relaxed);
		counts->busy += atomic_load_explicit(&lane->busy, memory_order_relaxed);
		counts->large += atomic_load_explicit(&lane->large, memory_order_relaxed);
		counts->failed += atomic_load_explicit(&lane->failed, memory_order_relaxed);
	}
}

/* ---- worker threads ---- */

/* Safe, without a body, and on its way to the live color. */
static bool is_fit(const struct exchange *exchange, const struct mirror *mirror)
{
	bool safe = exchange->method == METHOD_get || exchange->method == METHOD_head;
	bool usual = !exchange->upgrade && !exchange->preview && exchange->color == mirror->live;
	return safe && usual && exchange->request.kind == FRAMING_none;
}

static bool is_sampled(struct lane *lane, unsigned share)
{
	lane->turn += share;
	if (lane->turn < MIRROR_WHOLE)
		return false;
	lane->turn -= MIRROR_WHOLE;
	worker_count(&lane->sampled, 1);
	return true;
}

/* A place that is taken again was looked at by the control thread before: hence acquire. */
static struct mirror_place *find_free(struct mirror *mirror, struct lane *lane)
{
	for (unsigned i = 0; i < mirror->places; i++) {
		if (atomic_load_explicit(&lane->states[i], memory_order_acquire) == PLACE_FREE)
			return &lane->places[i];
	}
	return NULL;
}

void mirror_begin(struct exchange *exchange)
{
	struct mirror *mirror = exchange->service->mirror;
	struct lane *lane = &mirror->lanes[exchange->worker->index];
	if (!is_fit(exchange, mirror) || !is_sampled(lane, mirror->share))
		return;
	struct mirror_place *place = find_free(mirror, lane);
	if (!place || exchange->held_head > MIRROR_PLACE_SIZE) {
		worker_count(place ? &lane->large : &lane->busy, 1);
		return;
	}
	*place = (struct mirror_place){.state = place->state, .bytes = place->bytes, .request_length = exchange->held_head};
	memcpy(place->bytes, exchange->held, exchange->held_head);
	atomic_store_explicit(place->state, PLACE_FILLING, memory_order_relaxed);
	exchange->copy = place;
}

static struct lane *lane_of(const struct exchange *exchange)
{
	return &exchange->service->mirror->lanes[exchange->worker->index];
}

static void forget(struct exchange *exchange, _Atomic uint64_t *counter)
{
	worker_count(counter, 1);
	atomic_store_explicit(exchange->copy->state, PLACE_FREE, memory_order_relaxed);
	exchange->copy = NULL;
}

/* False when there is no room for it: the exchange has no place any more. */
static bool add_head(struct exchange *exchange)
{
	struct mirror_place *place = exchange->copy;
	const struct head *head = &exchange->worker->head;
	if (head->fields_length > MIRROR_PLACE_SIZE - place->request_length) {
		forget(exchange, &lane_of(exchange)->large);
		return false;
	}
	memcpy(place->bytes + place->request_length, head->fields_at, head->fields_length);
	place->fields_length = head->fields_length;
	place->status = head->status;
	place->coded = exchange->answer.kind == FRAMING_chunked && exchange->form != EXCHANGE_STRIP_CHUNKS;
	place->first_byte_us = exchange->first_byte_us - exchange->start_us;
	return true;
}

/* Some of the body had no room, or went past our memory, as most of a long one does. What is left of it would leave a hole. */
static bool saw_less(const struct exchange *exchange)
{
	return exchange->bytes_out > exchange->copy->body_length;
}

void mirror_add(struct exchange *exchange, const char *bytes, size_t length)
{
	struct mirror_place *place = exchange->copy;
	if (place->status == 0 && !add_head(exchange))
		return;
	size_t at = place->request_length + place->fields_length + place->body_length, room = MIRROR_PLACE_SIZE - at;
	size_t kept = saw_less(exchange) ? 0 : length < room ? length : room;
	memcpy(place->bytes + at, bytes, kept);
	place->body_length += kept;
}

void mirror_end(struct exchange *exchange)
{
	struct mirror_place *place = exchange->copy;
	bool whole = place->status > 0 && exchange->answer.done && exchange->fail == FAIL_none && !exchange_is_assist(exchange);
	if (!whole || exchange->color != exchange->service->mirror->live) {
		forget(exchange, &lane_of(exchange)->failed);
		return;
	}
	place->cut = saw_less(exchange);
	place->duration_us = worker_now_us(exchange->worker) - exchange->start_us;
	atomic_store_explicit(place->state, PLACE_FULL, memory_order_release);
	exchange->copy = NULL;
}

/* Route tables and the services in them: made and freed by the control thread, read by workers. Publishes nothing and knows no connection. */
#include "proxy/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "proxy/manners.h"
#include "proxy/mirror.h"
#include "proxy/tlsback.h"

#define SPLIT_STEP 6181u        /* TABLE_SPLIT_WHOLE by the golden ratio, with no common factor: each run of TABLE_SPLIT_WHOLE turns visits each value once */
#define SPLIT_TURNS 4294960000u /* the greatest multiple of TABLE_SPLIT_WHOLE that a counter holds */
#define BALANCE_EXACT_MAX 16u   /* as many candidates are all looked at */
#define BALANCE_WINDOW 8u       /* of more than that, so many */

/* ---- services ---- */

static void init_color(struct table_color *color, const char *version, const struct table_member *members, unsigned count)
{
	color->version = memory_text(version ? version : "");
	color->members = memory_array(count, sizeof(*members));
	color->ready = memory_array(count, sizeof(*color->ready));
	color->seeds = memory_array(count, sizeof(*color->seeds));
	color->count = count;
	for (unsigned i = 0; i < count; i++) {
		color->members[i] = members[i];
		backend_hold(members[i].backend);
		if (members[i].health != HEALTH_UP)
			continue;
		color->seeds[color->up] = text_hash(members[i].backend->name, strlen(members[i].backend->name), TEXT_HASH_SEED);
		color->ready[color->up++] = members[i].backend;
	}
}

static void fini_color(struct table_color *color)
{
	for (unsigned i = 0; i < color->count; i++)
		backend_release(color->members[i].backend);
	if (color->tls)
		tlsback_release(color->tls);
	free(color->members);
	free(color->ready);
	free(color->seeds);
	free(color->version);
}

static struct table_name copy_name(const char *text)
{
	return text ? (struct table_name){memory_text(text), strlen(text)} : (struct table_name){NULL, 0};
}

static void copy_names(struct table_service *service, const struct table_service_spec *spec)
{
	service->sticky = spec->sticky;
	service->sticky_name = copy_name(spec->sticky_name);
	service->preview_header = copy_name(spec->preview_header);
	service->preview_cookie = copy_name(spec->preview_cookie);
	service->refuses_previews = spec->refuses_previews;
	service->asks = table_is_split(service) || spec->preview_header || spec->preview_cookie;
}

struct table_service *table_service_new(const struct table_service_spec *spec)
{
	assert(spec->blue_split <= TABLE_SPLIT_WHOLE);
	struct table_service *service = memory_new(sizeof(*service));
	service->references = 1;
	service->name = memory_text(spec->name);
	service->live = spec->live;
	service->blue_split = spec->blue_split;
	service->seed = spec->seed;
	copy_names(service, spec);
	service->balance = spec->balance;
	service->replay_methods = spec->replay_methods;
	service->hold = spec->hold;
	service->warm = spec->warm;
	service->totals = spec->totals;
	totals_hold(service->totals);
	service->fallback = spec->fallback;
	if (service->fallback)
		table_index_hold(service->fallback);
	service->mirror = spec->mirror;
	if (service->mirror)
		mirror_hold(service->mirror);
	for (unsigned i = 0; i < COLOR_COUNT; i++) {
		init_color(&service->colors[i], spec->colors[i].version, spec->colors[i].members, spec->colors[i].count);
		service->colors[i].announce = spec->colors[i].announce;
		service->colors[i].tls = spec->colors[i].tls;
		if (service->colors[i].tls)
			tlsback_hold(service->colors[i].tls);
		service->colors[i].fallback = spec->colors[i].fallback;
		service->colors[i].shield = spec->colors[i].shield;
		service->colors[i].cut_requests_before = spec->colors[i].cut_requests_before;
		service->colors[i].cut_tunnels_before = spec->colors[i].cut_tunnels_before;
		service->colors[i].closing = spec->colors[i].closing;
	}
	return service;
}

void table_service_hold(struct table_service *service)
{
	assert(service->references > 0);
	service->references++;
}

void table_service_release(struct table_service *service)
{
	assert(service->references > 0);
	if (--service->references > 0)
		return;
	for (unsigned i = 0; i < COLOR_COUNT; i++)
		fini_color(&service->colors[i]);
	totals_release(service->totals);
	if (service->fallback)
		table_index_release(service->fallback);
	if (service->mirror)
		mirror_release(service->mirror);
	free(service->sticky_name.text);
	free(service->preview_header.text);
	free(service->preview_cookie.text);
	free(service->name);
	free(service);
}

static bool has_orders(const struct table_service *service)
{
	for (unsigned i = 0; i < COLOR_COUNT; i++) {
		const struct table_color *color = &service->colors[i];
		if (color->cut_requests_before || color->cut_tunnels_before || color->closing.before)
			return true;
	}
	return service->warm != 0;
}

/* ---- tables ---- */

static void copy_globals(struct table_globals *to, const struct table_globals *from)
{
	*to = *from;
	to->trusted = memory_array(from->trusted_count, sizeof(*from->trusted));
	if (from->trusted_count > 0)
		memcpy(to->trusted, from->trusted, from->trusted_count * sizeof(*from->trusted));
	if (to->manners)
		manners_hold(to->manners);
}

struct table *table_new(const struct table_globals *globals, struct table_index *index, struct table_service *const *services, size_t count, unsigned workers)
{
	assert(workers > 0);
	struct table *table = memory_new(sizeof(*table));
	copy_globals(&table->globals, globals);
	table->index = index;
	table_index_hold(index);
	table->service_count = count;
	table->services = memory_array(count, sizeof(struct table_service *));
	for (size_t i = 0; i < count; i++) {
		table->services[i] = services[i];
		table_service_hold(services[i]);
		table->has_orders = table->has_orders || has_orders(services[i]);
	}
	table->workers = workers;
	table->slots = memory_aligned(_Alignof(struct table_slot), workers * sizeof(*table->slots));
	return table;
}

void table_free(struct table *table)
{
	assert(table_is_quiet(table));
	for (size_t i = 0; i < table->service_count; i++)
		table_service_release(table->services[i]);
	table_index_release(table->index);
	free(table->services);
	free(table->slots);
	manners_release(table->globals.manners);
	free(table->globals.trusted);
	free(table);
}

bool table_is_quiet(const struct table *table)
{
	for (unsigned i = 0; i < table->workers; i++) {
		if (atomic_load_explicit(&table->slots[i].held, memory_order_acquire) != 0)
			return false;
	}
	return true;
}

struct table_service *table_find_service(const struct table *table, const char *host, size_t host_length, const char *path, size_t path_length)
{
	int position = table_index_find(table->index, host, host_length, path, path_length);
	assert(position < (int)table->service_count);
	return position < 0 ? NULL : table->services[position];
}

struct table_service *table_find_named(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->service_count; i++) {
		if (strcmp(table->services[i]->name, name) == 0)
			return table->services[i];
	}
	return NULL;
}

/* ---- the color ---- */

uint32_t table_take_point(uint32_t *turn)
{
	uint32_t now = *turn < SPLIT_TURNS ? *turn : 0;
	*turn = now + 1;
	return now % TABLE_SPLIT_WHOLE * SPLIT_STEP % TABLE_SPLIT_WHOLE;
}

uint32_t table_point_of_key(const struct table_service *service, const char *key, size_t length)
{
	uint64_t hash = text_hash(key, length, text_hash(&service->seed, sizeof(service->seed), TEXT_HASH_SEED));
	return (uint32_t)((hash ^ hash >> 32) % TABLE_SPLIT_WHOLE);
}

/* ---- the backend ---- */

/* One choice: who asks, and what is out of the question. */
struct choice {
	unsigned worker;
	uint64_t now_ms;
	struct backend *const *tried;
	unsigned tried_count;
};

static bool was_tried(const struct choice *choice, const struct backend *backend)
{
	for (unsigned i = 0; i < choice->tried_count; i++) {
		if (choice->tried[i] == backend)
			return true;
	}
	return false;
}

static const struct backend_lane *lane_of(const struct choice *choice, const struct backend *backend)
{
	return &backend->lanes[choice->worker];
}

static bool is_fit(const struct choice *choice, const struct backend *backend)
{
	return lane_of(choice, backend)->skip_until_ms <= choice->now_ms && !was_tried(choice, backend);
}

/* How many fit ones to look at before the best of them is taken. */
static unsigned candidates(const struct table_service *service, unsigned up)
{
	if (service->balance == TABLE_ROUND_ROBIN)
		return 1;
	return up <= BALANCE_EXACT_MAX ? up : BALANCE_WINDOW;
}

/* The least loaded of the next candidates from *turn on; the next choice starts behind it, which makes ties, and round robin, go round. */
static struct backend *choose_ready(const struct table_color *color, unsigned wanted, const struct choice *choice, uint32_t *turn)
{
	struct backend *best = NULL;
	uint32_t best_load = 0;
	unsigned at = color->up > 0 ? *turn % color->up : 0;
	for (unsigned looked = 0; looked < color->up && wanted > 0; looked++) {
		struct backend *backend = color->ready[at];
		at = at + 1 < color->up ? at + 1 : 0;
		if (!is_fit(choice, backend))
			continue;
		uint32_t load = atomic_load_explicit(&lane_of(choice, backend)->inflight, memory_order_relaxed);
		if (!best || load < best_load) {
			best = backend;
			best_load = load;
			*turn = at;
		}
		wanted = load > 0 ? wanted - 1 : 0; /* none is less loaded than an idle one */
	}
	return best;
}

/* Every bit of the result depends on every bit of the argument. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 32) * 0xd6e8feb86659fd93u;
	value = (value ^ value >> 32) * 0xd6e8feb86659fd93u;
	return value ^ value >> 32;
}

static struct backend *choose_keyed(const struct table_color *color, uint64_t key, const struct choice *choice)
{
	struct backend *best = NULL;
	uint64_t best_weight = 0;
	for (unsigned i = 0; i < color->up; i++) {
		uint64_t weight = mix(key ^ color->seeds[i]);
		if ((best && weight <= best_weight) || !is_fit(choice, color->ready[i]))
			continue;
		best = color->ready[i];
		best_weight = weight;
	}
	return best;
}

static struct backend *choose_skipped(const struct table_color *color, const struct choice *choice)
{
	struct backend *best = NULL;
	for (unsigned i = 0; i < color->up; i++) {
		struct backend *backend = color->ready[i];
		if (!was_tried(choice, backend) && (!best || lane_of(choice, backend)->skip_until_ms < lane_of(choice, best)->skip_until_ms))
			best = backend;
	}
	return best;
}

/* Of those with this health the one that was tried longest ago; ties go round. */
static struct backend *choose_untried(const struct table_color *color, enum health health, const struct choice *choice, uint32_t *turn)
{
	struct backend *best = NULL;
	unsigned start = color->count > 0 ? *turn % color->count : 0;
	for (unsigned i = 0; i < color->count; i++) {
		unsigned at = (start + i) % color->count;
		struct backend *backend = color->members[at].backend;
		if (color->members[at].health != health || was_tried(choice, backend))
			continue;
		if (!best || lane_of(choice, backend)->tried_ms < lane_of(choice, best)->tried_ms) {
			best = backend;
			*turn = at + 1;
		}
	}
	return best;
}

struct backend *table_choose_backend(const struct table_service *service, enum color of, unsigned worker, uint32_t *turn, uint64_t key, uint64_t now_ms,
	struct backend *const *tried, unsigned tried_count)
{
	const struct table_color *color = &service->colors[of];
	struct choice choice = {worker, now_ms, tried, tried_count};
	bool keyed = service->balance == TABLE_CLIENT_ADDRESS && key != 0;
	struct backend *backend = keyed ? choose_keyed(color, key, &choice) : choose_ready(color, candidates(service, color->up), &choice, turn);
	if (!backend)
		backend = choose_skipped(color, &choice);
	if (!backend)
		backend = choose_untried(color, HEALTH_UNKNOWN, &choice, turn);
	if (!backend)
		backend = choose_untried(color, HEALTH_DOWN, &choice, turn);
	return backend;
}

bool table_has_fit_backend(const struct table_service *service, enum color of, unsigned worker, uint64_t now_ms)
{
	const struct table_color *color = &service->colors[of];
	struct choice choice = {worker, now_ms, NULL, 0};
	for (unsigned i = 0; i < color->up; i++) {
		if (is_fit(&choice, color->ready[i]))
			return true;
	}
	return false;
}

/* A worker and those around it. Test's thread. */
#include "tests/fuzz/exchange/scene.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "proxy/listener.h"
#include "proxy/proxy.h"
#include "proxy/quota.h"
#include "proxy/totals.h"
#include "tests/fuzz/exchange/oracle.h"
#include "tests/fuzz/exchange/stream.h"
#include "tests/fuzz/exchange/veil.h"
#include "tests/fuzz/exchange/world.h"

#define IDLE_TURNS_MAX 1000u
#define QUIET_TURNS 3u     /* in a row: a connection that stands at once, and is to be secure, is noticed a turn later */
#define PATIENCE_MS 10000u /* passes at a time while the end is waited for */
#define PATIENCE_TIMES 100u
#define TICK_MS 10u
#define DESCRIPTORS_MAX 512u

static bool was_open[DESCRIPTORS_MAX];

/* ---- descriptors ---- */

static void look_at_descriptors(bool open[DESCRIPTORS_MAX])
{
	static struct pollfd fds[DESCRIPTORS_MAX];
	for (int i = 0; i < (int)DESCRIPTORS_MAX; i++)
		fds[i] = (struct pollfd){.fd = i};
	poll(fds, DESCRIPTORS_MAX, 0);
	for (unsigned i = 0; i < DESCRIPTORS_MAX; i++)
		open[i] = !(fds[i].revents & POLLNVAL);
}

static void check_descriptors(void)
{
	static bool open[DESCRIPTORS_MAX];
	look_at_descriptors(open);
	oracle_demand(memcmp(open, was_open, sizeof(open)) == 0, "a descriptor leaked");
}

/* ---- tables ---- */

void scene_publish(struct scene *scene)
{
	struct table_member members[COLOR_COUNT][2];
	const struct scene_options *options = &scene->options;
	scene->cold = false;
	unsigned blue = scene->live == COLOR_BLUE ? TABLE_SPLIT_WHOLE : 0;
	struct table_service_spec spec = {
		.name = "shop",
		.live = scene->live,
		.blue_split = options->halves ? TABLE_SPLIT_WHOLE / 2 : blue,
		.balance = options->balance,
		.replay_methods = options->replay_methods,
		.hold = scene->hold,
		.totals = scene->totals,
		.fallback = options->fallback ? scene->fallback : NULL,
	};
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		spec.colors[color].version = color == COLOR_BLUE ? "v1" : "v2";
		spec.colors[color].tls = options->veiled_backends ? veil_back() : NULL;
		spec.colors[color].members = members[color];
		spec.colors[color].count = options->backends;
		spec.colors[color].cut_requests_before = scene->cut_requests_before;
		spec.colors[color].cut_tunnels_before = scene->cut_tunnels_before;
		spec.colors[color].closing = scene->closing;
		spec.colors[color].fallback = color != scene->live || !scene->alone;
		spec.colors[color].shield = color == scene->live && !scene->alone ? options->shield : 0;
		spec.colors[color].announce = !options->announces ? PROXYPROTO_NONE : color == COLOR_BLUE ? PROXYPROTO_V1 : PROXYPROTO_V2;
		for (unsigned i = 0; i < options->backends; i++)
			members[color][i] = (struct table_member){scene->backends[color * 2 + i], scene->down[color] ? HEALTH_DOWN : HEALTH_UP};
	}
	struct table_service *service = table_service_new(&spec);
	struct table *table = table_new(&options->globals, scene->index, &service, 1, 1);
	table_service_release(service);
	table->generation = ++scene->generation;
	table->next = scene->tables;
	scene->tables = table;
	atomic_store(&scene->newest, table);
}

/* As the control thread does it: a table goes as soon as it may. */
static void collect(struct scene *scene, bool all)
{
	struct table **link = &scene->tables;
	if (!all && (!scene->tables || atomic_load(&scene->worker.acknowledged) < scene->generation))
		return;
	while (*link) {
		struct table *table = *link;
		if ((table == atomic_load(&scene->newest) && !all) || !table_is_quiet(table)) {
			oracle_demand(!all, "a table is still held");
			link = &table->next;
			continue;
		}
		*link = table->next;
		table_free(table);
	}
}

/* ---- clients and backends ---- */

static struct party *new_party(int fd, int near, unsigned number, bool narrow)
{
	struct party *party = memory_new(sizeof(*party));
	int little = 1; /* the least there is */
	party_open(party, fd, near, number);
	if (narrow &&
		(setsockopt(near, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)) != 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)) != 0))
		abort();
	return party;
}

static void on_call(void *arg, unsigned backend, int near, int far, bool slow)
{
	struct scene *scene = arg;
	if (scene->call_count == SCENE_CALLS_MAX) {
		close(far);
		return;
	}
	struct party *party = new_party(far, near, backend, scene->options.narrow_backend || (slow && !scene->options.veiled_backends));
	party->slow = slow;
	if (scene->options.veiled_backends)
		party_veil(party, true);
	scene->calls[scene->call_count++] = party;
}

struct party *scene_add_client(struct scene *scene)
{
	int pair[2];
	if (scene->client_count == SCENE_CLIENTS_MAX)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	unsigned number = scene->client_count++;
	struct party *party = new_party(pair[0], pair[1], number, scene->options.narrow_client);
	scene->clients[number] = party;
	if (scene->options.veiled)
		party_veil(party, false);
	world_offer(pair[1], oracle_client_address(number));
	return party;
}

void scene_mark(struct scene *scene, char mark[2])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	mark[0] = digits[scene->marks / 36 % 36];
	mark[1] = digits[scene->marks % 36];
	scene->marks++;
}

/* A backend of itself: what it heard in full it answers. */
static void serve(struct scene *scene, struct party *call)
{
	struct stream_message request;
	char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n~~";
	size_t length = sizeof(answer) - 1;
	while (call->heard.length > call->served) {
		bool fine = stream_read_request(call->heard.at + call->served, call->heard.length - call->served, &request);
		free(request.data);
		if (!fine || !request.whole)
			return;
		call->served += request.length;
		scene_mark(scene, answer + length - 2);
		party_say(call, answer, text_is(request.method, "HEAD") ? length - 2 : length);
	}
}

/* ---- turns ---- */

static bool pump_all(struct scene *scene)
{
	bool moved = false;
	for (unsigned i = 0; i < scene->client_count; i++)
		moved |= party_pump(scene->clients[i]);
	for (unsigned i = 0; i < scene->call_count; i++) {
		struct party *call = scene->calls[i];
		moved |= party_pump(call);
		if (scene->options.serves && call->heard.length > call->served)
			serve(scene, call);
	}
	return moved;
}

static uint64_t count_attempts(const struct scene *scene, enum color color)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < 2; i++)
		sum += atomic_load(&scene->backends[color * 2 + i]->lanes[0].requests);
	return sum;
}

/* A color that nobody needs may be stopped at any time. */
static void check_cold(struct scene *scene)
{
	enum color idle = color_other(scene->live);
	bool wanted = scene->options.halves || ((scene->options.shield || scene->options.fallback) && !scene->alone);
	uint64_t attempts = count_attempts(scene, idle);
	if (scene->cold)
		oracle_demand(attempts == scene->cold_attempts, "a color that may be stopped was asked");
	scene->cold_attempts = attempts;
	scene->cold |= !wanted && atomic_load(&scene->worker.acknowledged) == scene->generation && totals_inflight(scene->totals, idle) == 0 &&
		       totals_assist(scene->totals, idle) == 0;
}

static bool turn(struct scene *scene)
{
	worker_turn(&scene->worker, false);
	check_cold(scene);
	bool moved = pump_all(scene);
	collect(scene, false);
	return moved || scene->worker.ready.first || scene->worker.patient.first;
}

void scene_turn(struct scene *scene)
{
	turn(scene);
}

/* Bytes that were moved so far, both ways. */
static size_t count_bytes(const struct scene *scene)
{
	size_t sum = 0;
	for (unsigned i = 0; i < scene->client_count; i++)
		sum += scene->clients[i]->said.length + scene->clients[i]->heard.length;
	for (unsigned i = 0; i < scene->call_count; i++)
		sum += scene->calls[i]->said.length + scene->calls[i]->heard.length;
	return sum;
}

void scene_settle(struct scene *scene)
{
	size_t bytes = count_bytes(scene);
	unsigned idle = 0, quiet = 0;
	while (quiet < QUIET_TURNS) {
		quiet = turn(scene) ? 0 : quiet + 1;
		size_t now = count_bytes(scene);
		idle = now == bytes ? idle + 1 : 0;
		bytes = now;
		oracle_demand(idle < IDLE_TURNS_MAX, "the worker goes round and round and moves nothing");
	}
	for (unsigned i = 0; i < scene->call_count; i++)
		party_note_rest(scene->calls[i]);
}

/* ---- the beginning ---- */

static void make_backends(struct scene *scene)
{
	for (unsigned i = 0; i < SCENE_BACKENDS; i++) {
		struct addr addr;
		world_address(i, &addr);
		scene->backends[i] = backend_new(i < 2 ? "blue" : "green", &addr, 1);
	}
}

static void make_worker(struct scene *scene)
{
	struct worker *worker = &scene->worker;
	struct proxy_listen listen = {.proxy_protocol = scene->options.announced};
	struct err err;
	memset(worker, 0, sizeof(*worker));
	worker->wake_fd = worker->timer_fd = -1;
	oracle_demand(worker_init(worker, 0, &scene->newest, scene->progress_fd, &err), "a worker can't be made");
	/* Neither requests nor blocks are kept for later use, so that a sanitizer sees a use after their end. */
	worker->spare_exchange_count = worker->spare_block_count = UINT32_MAX;
	memset(worker->id, '0', WORKER_ID_LENGTH);
	worker->quota = scene->quota;
	if (scene->options.splices)
		worker->splice_least = 1;
	if (scene->options.one_pipe)
		world_limit_pipes(1);
	oracle_demand(listener_add(worker, world_listen(), &listen, &err) && listener_start_all(worker, &err), "a listener can't be made");
}

void scene_open(struct scene *scene, const struct scene_options *options)
{
	memset(scene, 0, sizeof(*scene));
	scene_show_findings(scene);
	scene->options = *options;
	scene->options.globals.manners = options->veiled ? veil_manners() : NULL;
	look_at_descriptors(was_open);
	world_begin(on_call, scene);
	scene->totals = totals_new(1);
	scene->quota = quota_new(SCENE_CLIENTS_MAX);
	struct table_index_entry any = {0};
	scene->index = table_index_new(&any, 1);
	static const char *const paths[] = {ORACLE_FALLBACK_PATH};
	scene->fallback = table_index_new(&(struct table_index_entry){.paths = paths, .path_count = 1}, 1);
	scene->progress_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	make_backends(scene);
	scene_publish(scene);
	make_worker(scene);
}

/* ---- the end ---- */

static void leave_all(struct scene *scene)
{
	world_set_reach(UINT_MAX, WORLD_REFUSED);
	scene->options.serves = false;
	for (unsigned i = 0; i < scene->client_count; i++)
		party_leave(scene->clients[i], false);
	for (unsigned i = 0; i < scene->call_count; i++)
		party_leave(scene->calls[i], false);
}

/* Nobody is there any more: what is open? */
static uint64_t count_open(const struct scene *scene)
{
	const struct worker_counters *counters = &scene->worker.counters;
	uint64_t sum = counters->open + counters->idle + counters->tunnels;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		sum += totals_inflight(scene->totals, (enum color)color) + totals_assist(scene->totals, (enum color)color);
	for (const struct table *table = scene->tables; table; table = table->next)
		sum += table->slots[0].held;
	return sum;
}

static uint64_t count_calls(const struct scene *scene)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < SCENE_BACKENDS; i++)
		sum += !backend_is_quiet(scene->backends[i]);
	return sum;
}

/* Each client may have its one connection again. */
static void check_quota(const struct scene *scene)
{
	for (unsigned i = 0; i < scene->client_count; i++) {
		uint32_t address = oracle_client_address(i), slot;
		uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address};
		struct endpoint client;
		endpoint_init(&client, ENDPOINT_IPV4, bytes, 0);
		oracle_demand(quota_take(scene->quota, &client, 1, &slot) == QUOTA_TAKEN, "a client that is gone counts against its limit");
		quota_give(scene->quota, slot);
	}
}

/* A client that waits and has only ended its side is still waited for. */
static void let_go(struct scene *scene)
{
	scene->hold = (struct table_hold){0};
	scene_publish(scene);
	scene_settle(scene);
	world_pass_ms(TICK_MS); /* until the next batch, where it is on already */
	scene_settle(scene);
	oracle_demand(totals_waiting(scene->totals) == 0, "a request waits though nothing is held");
}

/* No deadline may be needed to see that everybody is gone, but for idle connections to backends that were not even closed. */
static void end_quietly(struct scene *scene)
{
	scene_settle(scene);
	scene_judge_delivery(scene);
	leave_all(scene);
	scene_settle(scene);
	oracle_demand(count_open(scene) == 0, "a client or a request is left though everybody is gone");
	for (unsigned i = 0; i < PATIENCE_TIMES && count_calls(scene) > 0; i++) {
		world_pass_ms(PATIENCE_MS);
		scene_settle(scene);
	}
	oracle_demand(count_calls(scene) == 0, "a backend connection is left though everybody is gone");
}

static void hear_all(struct scene *scene)
{
	for (unsigned i = 0; i < scene->client_count; i++)
		scene->clients[i]->deaf = false;
	for (unsigned i = 0; i < scene->call_count; i++)
		scene->calls[i]->deaf = false;
	pump_all(scene);
}

static void free_all(struct scene *scene)
{
	collect(scene, true);
	for (unsigned i = 0; i < SCENE_BACKENDS; i++)
		backend_release(scene->backends[i]);
	backend_collect();
	table_index_release(scene->index);
	table_index_release(scene->fallback);
	totals_release(scene->totals);
	quota_free(scene->quota);
	for (unsigned i = 0; i < scene->client_count; i++) {
		party_fini(scene->clients[i]);
		free(scene->clients[i]);
	}
	for (unsigned i = 0; i < scene->call_count; i++) {
		party_fini(scene->calls[i]);
		free(scene->calls[i]);
	}
	close(scene->progress_fd);
}

void scene_close(struct scene *scene, bool abrupt)
{
	struct worker *worker = &scene->worker;
	if (!abrupt) {
		let_go(scene);
		end_quietly(scene);
	}
	worker_close_all(worker);
	oracle_demand(totals_waiting(scene->totals) == 0 && !worker->holds, "a request waits after the worker's end");
	oracle_demand(count_open(scene) == 0 && count_calls(scene) == 0, "something is left after the worker's end");
	hear_all(scene);
	scene_judge(scene);
	check_quota(scene);
	worker->spare_exchange_count = worker->spare_block_count = 0;
	worker_fini(worker);
	world_end();
	free_all(scene);
	check_descriptors();
}

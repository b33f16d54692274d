// Flow test of all that may decide on a request's color, at once: holds, steps with pins, previews, the shield, the fallback, copies, orders, and a service that comes and goes. Whatever becomes of
// the requests, nothing stays counted.
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proxy/mirror.h"
#include "proxy/preview.h"
#include "tests/flow/actor.h"
#include "tests/flow/lacking.h"

enum { CLIENTS = 6, ROUNDS = 120 };

static const char key[TOKEN_KEY_SIZE + 1] = "0123456789abcdef0123456789abcdef";
static char cookie[128];
static unsigned dice; /* of the table that comes next */
static struct mirror *mirror;

/* ---- tables ---- */

static void dress(struct table_service_spec *spec)
{
	static const enum table_sticky stickies[] = {TABLE_STICKY_NONE, TABLE_STICKY_COOKIE, TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS};
	spec->preview_header = dice & 1 ? "X-Preview" : NULL;
	spec->preview_cookie = dice & 2 ? "look" : NULL;
	spec->refuses_previews = (dice >> 2) % 4 == 0;
	spec->sticky = stickies[dice >> 4 & 3];
	spec->sticky_name = spec->sticky == TABLE_STICKY_HEADER ? "X-Preview" : "pin";
	spec->fallback = dice >> 6 & 1 ? lacking_paths : NULL;
	spec->mirror = dice >> 7 & 1 ? mirror : NULL;
	spec->balance = dice >> 8 & 1 ? TABLE_CLIENT_ADDRESS : TABLE_LEAST_CONNECTIONS;
	if (dice >> 9 & 1)
		spec->blue_split = (dice >> 10) % TABLE_SPLIT_WHOLE;
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		spec->colors[color].fallback = dice >> (12 + color) & 1;
		spec->colors[color].shield = dice >> (14 + color) & 1 ? SHIELDED_ALL : 0;
	}
	spec->hold = (struct table_hold){.requests = 3, .bytes = 100000, .release_per_s = (dice >> 16) % 3 * 400};
	if (dice >> 18 & 1)
		spec->hold.until_ms = actor_now_ms() + (dice >> 19) % 16;
}

static void take_away(void)
{
	struct table_index *index = table_index_new(NULL, 0);
	uint64_t generation = proxy_publish(shielded_stage.proxy, table_new(&shielded_stage.globals, index, NULL, 0, shielded_stage.workers));
	table_index_release(index);
	while (proxy_acknowledged(shielded_stage.proxy) < generation)
		actor_wait_ms(1);
	proxy_collect(shielded_stage.proxy);
}

static void publish(unsigned *seed)
{
	static char copy[MIRROR_HEAD_SIZE];
	dice = (unsigned)rand_r(seed) << 16 ^ (unsigned)rand_r(seed);
	unsigned other = (unsigned)rand_r(seed);
	if (other % 16 == 0)
		take_away();
	shielded_stage.down[other >> 4 & 1] = (other >> 5) % 8 == 0;
	shielded_stage.cut_before = (other >> 8) % 16 == 0 ? proxy_table(shielded_stage.proxy)->generation : 0;
	shielded_stage.globals.total_ms = (other >> 20) % 8 == 0 ? 20 : 0;
	lacking_publish(other >> 12 & 1 ? COLOR_BLUE : COLOR_GREEN);
	while (mirror_take(mirror, copy) > 0)
		assert_non_null(memmem(copy, sizeof(copy), "\r\n\r\n", 4));
	actor_wait_ms((other >> 13) % 6);
}

/* ---- clients ---- */

struct mixed_client {
	pthread_t thread;
	unsigned seed, answers;
	atomic_bool over;
};

/* One at a time: a descriptor that one client gives back is the next one's. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int open_client(void)
{
	pthread_mutex_lock(&opening);
	int fd = stage_connect(&shielded_stage);
	pthread_mutex_unlock(&opening);
	return fd;
}

static void close_client(int fd, bool reset)
{
	pthread_mutex_lock(&opening);
	if (reset)
		actor_reset_at_close(fd);
	stage_close_client(fd);
	pthread_mutex_unlock(&opening);
}

static bool send_one(int fd, unsigned roll)
{
	static const char *const lines[] = {"GET /assets/a.js", "HEAD /assets/a.js", "GET /n", "POST /n", "GET /assets/a.js?teal_preview=x", "OPTIONS /n"};
	static const char *const deeds[] = {
		"200", "404", "503", "500", "reset", "close", "part", "chunks", "large", "hints", "until-close", "garbage", "404", "503"};
	static const char *const fields[] = {
		"", "X-Preview: 1\r\n", "Cookie: pin=0042\r\n", "Connection: upgrade\r\nUpgrade: echo\r\n", "Expect: 100-continue\r\n", cookie};
	const char *line = lines[roll % 6];
	char more[256];
	bool posts = strncmp(line, "POST", 4) == 0;
	snprintf(more, sizeof(more), "%s%s", fields[(roll >> 3) % 6], posts ? "Content-Length: 4\r\n" : "");
	lacking_send(fd, line, deeds[(roll >> 6) % 14], deeds[(roll >> 10) % 14], more);
	if (posts)
		stage_send(fd, "body");
	return strncmp(line, "HEAD", 4) == 0;
}

/* One after the other on a connection, while that lasts. */
static unsigned converse(int fd, unsigned *seed)
{
	static _Thread_local char answer[512 * 1024];
	unsigned answers = 0;
	for (unsigned i = 0; i < 3; i++) {
		bool head_only = send_one(fd, (unsigned)rand_r(seed));
		int status = stage_read_answer(fd, answer, sizeof(answer), head_only);
		while (status >= 100 && status < 200)
			status = stage_read_answer(fd, answer, sizeof(answer), head_only);
		if (status == 0)
			break;
		answers++;
	}
	return answers;
}

static void *client_thread(void *arg)
{
	struct mixed_client *client = arg;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned roll = (unsigned)rand_r(&client->seed);
		int fd = open_client();
		bool leaves = roll % 4 == 0;
		if (leaves) {
			send_one(fd, (unsigned)rand_r(&client->seed));
			send_one(fd, (unsigned)rand_r(&client->seed));
			actor_wait_ms(roll / 4 % 8);
		} else {
			client->answers += converse(fd, &client->seed);
		}
		close_client(fd, leaves);
	}
	atomic_store(&client->over, true);
	return NULL;
}

static bool is_over(const struct mixed_client *clients)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (!atomic_load(&clients[i].over))
			return false;
	return true;
}

/* ---- the end of it ---- */

static uint64_t count_all(void)
{
	struct totals *totals = shielded_stage.totals;
	uint64_t sum = totals_waiting(totals);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		sum += totals_inflight(totals, (enum color)color) + totals_assist(totals, (enum color)color);
	return sum;
}

static void assert_nothing_left(void)
{
	struct totals_held held;
	for (unsigned i = 0; i < 2000 && count_all() > 0; i++)
		actor_wait_ms(10);
	assert_int_equal(count_all(), 0);
	totals_read_held(shielded_stage.totals, &held);
	assert_int_equal(held.bytes, 0);
	assert_true(held.held > 0);
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		static struct totals_sum sum;
		totals_read(shielded_stage.totals, (enum color)color, &sum);
		assert_true(sum.ended > 0 && sum.shielded > 0 && sum.fallbacks > 0 && sum.previewed > 0);
	}
	for (unsigned i = 0; i < shielded_stage.backend_count; i++)
		assert_int_equal(atomic_load(&shielded_stage.backends[i].backend->lanes[0].inflight), 0);
}

static void open_mixture(void)
{
	char subject[PREVIEW_SUBJECT_SIZE], token[TOKEN_SIZE];
	memcpy(shielded_stage.globals.preview_key, key, TOKEN_KEY_SIZE);
	preview_write_subject("shop", COLOR_GREEN, subject);
	token_make(shielded_stage.globals.preview_key, subject, (uint64_t)time(NULL) + 3600, token);
	snprintf(cookie, sizeof(cookie), "Cookie: a=b; look=%s\r\n", token);
	mirror = mirror_new(shielded_stage.workers, MIRROR_WHOLE / 2, COLOR_BLUE);
	shielded_stage.dress = dress;
}

static void test_mixture(void **state)
{
	(void)state;
	static struct mixed_client clients[CLIENTS];
	unsigned seed = 11, answers = 0;
	open_mixture();
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].seed = i + 1;
		pthread_create(&clients[i].thread, NULL, client_thread, &clients[i]);
	}
	while (!is_over(clients))
		publish(&seed);
	for (unsigned i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		answers += clients[i].answers;
	}
	dice = 0;
	shielded_stage.cut_before = shielded_stage.globals.total_ms = 0;
	lacking_publish(COLOR_BLUE);
	assert_true(answers > 0);
	assert_nothing_left();
	mirror_release(mirror);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mixture, lacking_open, lacking_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

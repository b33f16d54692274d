/* Blue fails by order. Test's main thread, but for blue's script, which has a thread for each connection. */
#include "tests/flow/shielded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/flow/actor.h"

struct stage shielded_stage;
atomic_bool shielded_told;
char shielded_answer[256 * 1024];
struct totals_sum shielded_before[COLOR_COUNT], shielded_after[COLOR_COUNT];

/* ---- blue ---- */

/* What a request's X-Do has blue do. */
struct deed {
	const char *name;
	const char *first, *then; /* said at once; said a little later */
	bool closes, resets, hangs;
};

static const struct deed deeds[] = {
	{"fine", "HTTP/1.1 200 OK\r\nX-Color: blue\r\nContent-Length: 2\r\n\r\nok", NULL, false, false, false},
	{"close", NULL, NULL, true, false, false},
	{"reset", NULL, NULL, true, true, false},
	{"hang", NULL, NULL, false, false, true},
	{"garbage", "HTPP/1.1 no\r\n\r\n", NULL, true, false, false},
	{"framing", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", NULL, true, false, false},
	{"half", "HTTP/1.1 200 OK\r\nX-Co", NULL, true, false, false},
	{"half-reset", "HTTP/1.1 200 OK\r\nX-Co", NULL, true, true, false},
	{"half-hang", "HTTP/1.1 200 OK\r\nX-Co", NULL, false, false, true},
	{"101", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", NULL, true, false, false},
	{"404", "HTTP/1.1 404 Not Found\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", NULL, false, false, false},
	{"500", "HTTP/1.1 500 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", NULL, false, false, false},
	{"501", "HTTP/1.1 501 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", NULL, false, false, false},
	{"502", "HTTP/1.1 502 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", NULL, false, false, false},
	{"503", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", NULL, false, false, false},
	{"504", "HTTP/1.1 504 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", NULL, false, false, false},
	{"503-body", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 4\r\n\r\nbody", NULL, false, false, false},
	{"503-chunks", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", NULL, false, false, false},
	{"503-late", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 4\r\n\r\nbo", "dy", false, false, false},
	{"503-until-close", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\n\r\nbody", NULL, true, false, false},
	{"503-last", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", NULL, true, false, false},
	{"503-more", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, false, false,
		false},
	{"503-part", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 4\r\n\r\nbo", NULL, false, false, true},
	{"503-soon", NULL, "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 4\r\n\r\nbody", false, false, false},
	{"503-told", NULL, "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", false, false, false},
	{"103-503", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", "HTTP/1.1 503 Oh\r\nX-Color: blue\r\nContent-Length: 0\r\n\r\n", false, false, false},
	{"103-close", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", NULL, true, false, false},
	{"stall", "HTTP/1.1 200 OK\r\nX-Color: blue\r\nContent-Length: 10\r\n\r\nhalf", NULL, false, false, true},
	{"truncate", "HTTP/1.1 200 OK\r\nX-Color: blue\r\nContent-Length: 10\r\n\r\nhalf", NULL, true, false, false},
};

static const struct deed *find_deed(const char *head)
{
	const char *wanted = strstr(head, "\r\nX-Do: ");
	for (size_t i = 0; wanted && i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		size_t length = strlen(deeds[i].name);
		if (strncmp(wanted + 8, deeds[i].name, length) == 0 && wanted[8 + length] == '\r')
			return &deeds[i];
	}
	return &deeds[0];
}

/* To the last chunk, which comes by itself here. */
static void hear_chunks(int fd)
{
	char last[5] = "";
	while (memcmp(last, "0\r\n\r\n", 5) != 0) {
		memmove(last, last + 1, 4);
		if (recv(fd, last + 4, 1, 0) <= 0)
			return;
	}
}

static void hear_body(int fd, const char *head)
{
	const char *length = strstr(head, "\r\nContent-Length: ");
	char bytes[4096];
	if (strstr(head, "\r\nTransfer-Encoding: chunked"))
		hear_chunks(fd);
	size_t left = length && !strstr(head, "\r\nX-Early: ") ? strtoul(length + 18, NULL, 10) : 0;
	while (left > 0) {
		ssize_t got = recv(fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes), 0);
		if (got <= 0)
			return;
		left -= (size_t)got;
	}
}

/* A little time, or until the test says so. */
static void wait_for_then(const struct deed *deed)
{
	if (strcmp(deed->name, "503-told") != 0)
		actor_wait_ms(60);
	else
		while (!atomic_load(&shielded_told))
			actor_wait_ms(1);
}

/* HEAD gets the head alone. */
static void say(int fd, const char *text, bool head_only)
{
	const char *end = strstr(text, "\r\n\r\n");
	actor_say_bytes(fd, text, head_only && end ? (size_t)(end - text) + 4 : strlen(text));
}

void shielded_play_blue(int fd)
{
	while (actor_hear_head(fd)) {
		const struct deed *deed = find_deed(actor_head);
		bool head_only = strncmp(actor_head, "HEAD", 4) == 0;
		hear_body(fd, actor_head);
		if (deed->first)
			say(fd, deed->first, head_only);
		if (deed->then && (!head_only || strncmp(deed->then, "HTTP", 4) == 0)) {
			wait_for_then(deed);
			say(fd, deed->then, head_only);
		}
		if (deed->resets)
			actor_reset_at_close(fd);
		if (deed->hangs)
			actor_hear_all(fd);
		bool goes_on = head_only && deed->first && strstr(deed->first, "\r\n\r\n"); /* no body has to end */
		if (deed->hangs || (deed->closes && !goes_on))
			return;
	}
}

/* ---- the stage, and what was counted on it ---- */

void shielded_set(unsigned shield)
{
	shielded_stage.shield = shield;
	stage_flip(&shielded_stage, COLOR_BLUE);
}

int shielded_open(void **state)
{
	(void)state;
	stage_open(&shielded_stage, 1, 0, 1);
	shielded_stage.shield = SHIELDED_ALL;
	shielded_stage.globals.response_ms = 5000;
	actor_play(&shielded_stage, shielded_play_blue);
	return 0;
}

void shielded_open_played(void (*script)(int fd))
{
	stage_open(&shielded_stage, 1, 0, 0);
	shielded_stage.shield = SHIELDED_ALL;
	shielded_stage.globals.response_ms = 5000;
	actor_play(&shielded_stage, script);
	strcpy(shielded_stage.backends[SHIELDED_GREEN].color, "green");
	actor_play(&shielded_stage, script);
}

bool shielded_is_green(int fd)
{
	struct sockaddr_storage at;
	struct addr here;
	socklen_t length = sizeof(at);
	getsockname(fd, (struct sockaddr *)&at, &length);
	addr_from_socket((struct sockaddr *)&at, length, &here);
	return memcmp(&here.to.any, &shielded_stage.backends[SHIELDED_GREEN].addr.to.any, here.length) == 0;
}

int shielded_close(void **state)
{
	(void)state;
	stage_close(&shielded_stage);
	return 0;
}

static void read_totals(struct totals_sum sums[COLOR_COUNT])
{
	totals_read(shielded_stage.totals, COLOR_BLUE, &sums[COLOR_BLUE]);
	totals_read(shielded_stage.totals, COLOR_GREEN, &sums[COLOR_GREEN]);
}

static uint64_t count_all(void)
{
	uint64_t inflight = totals_inflight(shielded_stage.totals, COLOR_BLUE) + totals_inflight(shielded_stage.totals, COLOR_GREEN);
	return inflight + totals_assist(shielded_stage.totals, COLOR_BLUE) + totals_assist(shielded_stage.totals, COLOR_GREEN);
}

void shielded_begin(void)
{
	read_totals(shielded_before);
}

void shielded_settle(void)
{
	for (unsigned i = 0; count_all() > 0 && i < 1000; i++)
		actor_wait_ms(5);
	assert_int_equal(count_all(), 0);
	read_totals(shielded_after);
}

void shielded_assert_green_counts_nothing(void)
{
	assert_int_equal(shielded_gained(COLOR_GREEN, ended), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, errors), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, failed), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, aborted), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, replayed), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, shielded), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, duration.total), 0);
	assert_int_equal(shielded_gained(COLOR_GREEN, first_byte.total), 0);
	for (unsigned i = 0; i < TOTALS_STATUS_COUNT; i++)
		assert_int_equal(shielded_gained(COLOR_GREEN, codes[i]), 0);
}

int shielded_ask(int fd, const char *method, const char *path, const char *deed)
{
	char request[512];
	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: shop.example\r\nX-Do: %s\r\n\r\n", method, path, deed);
	stage_send(fd, request);
	return stage_read_answer(fd, shielded_answer, sizeof(shielded_answer), strcmp(method, "HEAD") == 0);
}

unsigned shielded_heard_by_green(void)
{
	return atomic_load(&shielded_stage.backends[SHIELDED_GREEN].requests);
}

int shielded_read(int fd)
{
	return stage_read_answer(fd, shielded_answer, sizeof(shielded_answer), false);
}

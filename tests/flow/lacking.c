/* Colors that lack what the other has. Test's main thread, but for the backends' script, which has a thread for each connection. */
#include "tests/flow/lacking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/flow/actor.h"

#define LARGE_PIECE 3000u

struct table_index *lacking_paths;
bool lacking_wanted[COLOR_COUNT], lacking_halves;
atomic_uint lacking_heard[COLOR_COUNT];

/* ---- the backends: each does what the request says it should (X-Blue, X-Green) ---- */

static void say_head(int fd, unsigned status, const char *color, const char *more)
{
	char text[512];
	snprintf(text, sizeof(text), "HTTP/1.1 %u Whatever\r\nX-Color: %s\r\n%s\r\n", status, color, more);
	actor_say(fd, text);
}

static void say_large(int fd, const char *color)
{
	char piece[LARGE_PIECE];
	memset(piece, 'x', sizeof(piece));
	say_head(fd, 404, color, "Content-Length: 300000\r\n");
	for (unsigned i = 0; i < 100; i++)
		actor_say_bytes(fd, piece, sizeof(piece));
}

/* With the request's validator or range, so that it shows that they came along. */
static void say_status(int fd, unsigned status, const char *color, bool head_only)
{
	char more[256], asked[64] = "";
	const char *field = strstr(actor_head, "\r\nRange: ");
	field = field ? field : strstr(actor_head, "\r\nIf-None-Match: ");
	if (field)
		snprintf(asked, sizeof(asked), "%.*s", (int)strcspn(field + 2, "\r"), field + 2);
	snprintf(more, sizeof(more), "X-Asked: %s\r\n%s", asked, status == 304 ? "" : "Content-Length: 4\r\n");
	say_head(fd, status, color, more);
	if (status != 304 && !head_only)
		actor_say(fd, "body");
}

/* What else a deed may be; false: the connection ends. */
static bool do_other(int fd, const char *deed, const char *color)
{
	if (strcmp(deed, "large") == 0) {
		say_large(fd, color);
	} else if (strcmp(deed, "chunks") == 0) {
		say_head(fd, 404, color, "Transfer-Encoding: chunked\r\n");
		actor_say(fd, "4\r\nbody\r\n0\r\n\r\n");
	} else if (strcmp(deed, "hints") == 0) {
		actor_say(fd, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
		say_status(fd, 404, color, false);
	} else if (strcmp(deed, "told") == 0) {
		while (!atomic_load(&shielded_told))
			actor_wait_ms(1);
		say_status(fd, 404, color, false);
	} else if (strcmp(deed, "until-close") == 0) {
		say_head(fd, 404, color, "");
		actor_say(fd, "body");
		return false;
	} else if (strcmp(deed, "garbage") == 0) {
		actor_say(fd, "HTPP/1.1 no\r\n\r\n");
		return false;
	} else if (strcmp(deed, "part") == 0) {
		say_head(fd, 200, color, "Content-Length: 10\r\n");
		actor_say(fd, "half");
		return false;
	} else if (strcmp(deed, "hang") == 0) {
		actor_hear_all(fd);
		return false;
	} else {
		if (strcmp(deed, "reset") == 0)
			actor_reset_at_close(fd);
		return false;
	}
	return true;
}

static bool answer(int fd, enum color color)
{
	const char *field = strstr(actor_head, color == COLOR_BLUE ? "\r\nX-Blue: " : "\r\nX-Green: ");
	char deed[16] = "200";
	if (field)
		sscanf(strchr(field, ':'), ": %15s", deed);
	unsigned status = (unsigned)atoi(deed);
	if (status == 0)
		return do_other(fd, deed, color_name(color));
	say_status(fd, status, color_name(color), strncmp(actor_head, "HEAD", 4) == 0);
	return true;
}

static void play(int fd)
{
	enum color color = shielded_is_green(fd) ? COLOR_GREEN : COLOR_BLUE;
	char body[8];
	bool goes_on = true;
	while (goes_on && actor_hear_head(fd)) {
		if (strstr(actor_head, "\r\nContent-Length: 4\r\n") && recv(fd, body, 4, MSG_WAITALL) != 4)
			return;
		atomic_fetch_add(&lacking_heard[color], 1);
		goes_on = answer(fd, color);
	}
}

/* ---- the stage ---- */

static void dress(struct table_service_spec *spec)
{
	spec->fallback = lacking_paths;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		spec->colors[color].fallback = lacking_wanted[color];
	if (lacking_halves)
		spec->blue_split = TABLE_SPLIT_WHOLE / 2;
}

void lacking_publish(enum color live)
{
	stage_flip(&shielded_stage, live);
}

int lacking_open(void **state)
{
	static const char *const listed[] = {"/assets", "/static/js"};
	struct table_index_entry entry = {.paths = listed, .path_count = 2};
	(void)state;
	shielded_open_played(play);
	lacking_paths = table_index_new(&entry, 1);
	lacking_wanted[COLOR_BLUE] = lacking_wanted[COLOR_GREEN] = true;
	lacking_halves = false;
	shielded_stage.shield = 0;
	shielded_stage.dress = dress;
	lacking_publish(COLOR_BLUE);
	return 0;
}

int lacking_close(void **state)
{
	shielded_close(state);
	table_index_release(lacking_paths);
	return 0;
}

void lacking_send(int fd, const char *line, const char *blue, const char *green, const char *more)
{
	char request[512];
	snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: shop.example\r\nX-Blue: %s\r\nX-Green: %s\r\n%s\r\n", line, blue, green, more);
	stage_send(fd, request);
}

int lacking_ask(int fd, const char *line, const char *blue, const char *green, const char *more)
{
	lacking_send(fd, line, blue, green, more);
	return stage_read_answer(fd, shielded_answer, sizeof(shielded_answer), strncmp(line, "HEAD", 4) == 0);
}

bool lacking_is_from(enum color color)
{
	return strstr(shielded_answer, color == COLOR_BLUE ? "X-Color: blue" : "X-Color: green") != NULL;
}

void lacking_assert_counted(enum color first, unsigned answers, unsigned fallbacks)
{
	enum color other = color_other(first);
	shielded_settle();
	assert_int_equal(shielded_gained(first, ended), answers);
	assert_int_equal(shielded_gained(first, codes[404 - TOTALS_STATUS_LOW]), answers);
	assert_int_equal(shielded_gained(first, fallbacks), fallbacks);
	assert_int_equal(shielded_gained(first, errors), 0);
	assert_int_equal(shielded_gained(first, failed), 0);
	assert_int_equal(shielded_gained(first, shielded), 0);
	assert_int_equal(shielded_gained(first, first_byte.total), answers);
	assert_int_equal(shielded_gained(other, ended), 0);
	assert_int_equal(shielded_gained(other, errors), 0);
	assert_int_equal(shielded_gained(other, failed), 0);
	assert_int_equal(shielded_gained(other, aborted), 0);
	assert_int_equal(shielded_gained(other, fallbacks), 0);
	assert_int_equal(shielded_gained(other, duration.total), 0);
}

/* Help for the flow tests of held services. Test's main thread, but for the line's own thread. */
#include "tests/flow/holding.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000u

struct table_hold holding;
char holding_answer[200000];

static void dress(struct table_service_spec *spec)
{
	spec->hold = holding;
}

void holding_open(struct stage *stage, unsigned workers, unsigned blue, unsigned green)
{
	holding = (struct table_hold){.requests = 100, .bytes = 1024u * 1024u};
	stage_open(stage, workers, blue, green);
	stage->dress = dress;
	stage->globals.connect_ms = stage->globals.response_ms = PATIENCE_MS; /* it is not the backends who are looked at */
	stage_flip(stage, COLOR_BLUE);
}

void holding_begin(struct stage *stage, uint64_t ms)
{
	holding.until_ms = actor_now_ms() + ms;
	stage_flip(stage, COLOR_BLUE);
}

void holding_end(struct stage *stage, enum color live)
{
	holding.until_ms = 0;
	stage_flip(stage, live);
}

void holding_take_away(struct stage *stage)
{
	struct table_index *index = table_index_new(NULL, 0);
	uint64_t generation = proxy_publish(stage->proxy, table_new(&stage->globals, index, NULL, 0, stage->workers));
	table_index_release(index);
	while (proxy_acknowledged(stage->proxy) < generation)
		actor_wait_ms(1);
	proxy_collect(stage->proxy);
}

int holding_ask(const struct stage *stage, const char *text)
{
	int fd = stage_connect(stage);
	stage_send(fd, text);
	return fd;
}

struct totals_held holding_read(const struct stage *stage)
{
	struct totals_held held;
	totals_read_held(stage->totals, &held);
	return held;
}

void holding_wait_for(const struct stage *stage, uint64_t waiting)
{
	uint64_t begin = actor_now_ms();
	while (totals_waiting(stage->totals) != waiting) {
		if (actor_now_ms() - begin > PATIENCE_MS)
			fail_msg("%u wait, not %u", (unsigned)totals_waiting(stage->totals), (unsigned)waiting);
		actor_wait_ms(1);
	}
}

int holding_read_answer(int fd)
{
	return stage_read_answer(fd, holding_answer, sizeof(holding_answer), false);
}

void holding_assert_answer(int fd, enum color color)
{
	char line[32];
	snprintf(line, sizeof(line), "X-Color: %s\r\n", color_name(color));
	assert_int_equal(holding_read_answer(fd), 200);
	assert_non_null(strstr(holding_answer, line));
}

void holding_assert_silence(int fd)
{
	struct pollfd state = {fd, POLLIN, 0};
	assert_int_equal(poll(&state, 1, 50), 0);
}

void holding_reset(int fd)
{
	actor_reset_at_close(fd);
	stage_close_client(fd);
}

/* ---- the line ---- */

static void *line_thread(void *arg)
{
	struct stage_backend *backend = arg;
	char said[128];
	int fd, place = 0;
	while ((fd = accept(backend->fd, NULL, NULL)) >= 0) {
		atomic_fetch_add(&backend->connections, 1);
		if (actor_hear_head(fd)) {
			snprintf(said, sizeof(said), "HTTP/1.1 200 OK\r\nX-Color: blue\r\nX-Place: %d\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
				++place);
			actor_say(fd, said);
			shutdown(fd, SHUT_WR);
		}
		close(fd);
	}
	return NULL;
}

void holding_add_line(struct stage *stage)
{
	struct stage_backend *backend = &stage->backends[stage->backend_count++];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	memset(backend, 0, sizeof(*backend));
	strcpy(backend->color, "blue");
	backend->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(backend->fd, (struct sockaddr *)&at, length) != 0 || listen(backend->fd, 128) != 0)
		abort();
	getsockname(backend->fd, (struct sockaddr *)&at, &length);
	addr_from_socket((struct sockaddr *)&at, length, &backend->addr);
	backend->backend = backend_new("line", &backend->addr, stage->workers);
	pthread_create(&backend->thread, NULL, line_thread, backend);
	stage_flip(stage, COLOR_BLUE);
}

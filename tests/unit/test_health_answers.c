/* What Route 53's health checks are told: the color, nothing to anybody else, and that a door which can't be had changes nothing. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event.h>

#include "switch/health_answers.h"

static struct event_base *loop;
static struct health_answers *answers;
static enum color live;
static struct addr asked_at;

static enum health_answer read_color(void *arg, const char *service, const struct addr *listen)
{
	(void)arg;
	asked_at = *listen;
	if (strcmp(service, "api") != 0)
		return HEALTH_ANSWER_NONE;
	return live == COLOR_GREEN ? HEALTH_ANSWER_GREEN : HEALTH_ANSWER_BLUE;
}

/* A configuration of services that want these addresses; NULL: a service that wants none. */
static void make_conf(struct conf *conf, struct conf_service *services, const char *const *listens, size_t count)
{
	struct err err;
	memset(services, 0, count * sizeof(*services));
	for (size_t i = 0; i < count; i++) {
		services[i].name = (char *)"api";
		services[i].via = listens[i] ? CONF_VIA_ROUTE53 : CONF_VIA_PROXY;
		services[i].route53.policy = CONF_ROUTE53_HEALTH_CHECK;
		if (listens[i])
			assert_true(addr_parse_listen(listens[i], &services[i].route53.health_listen_address, &err));
	}
	*conf = (struct conf){.services = services, .service_count = count};
}

static int set_up(void **state)
{
	(void)state;
	loop = event_base_new();
	answers = health_answers_new(loop, read_color, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	health_answers_free(answers);
	event_base_free(loop);
	return 0;
}

static int dial(void)
{
	const struct addr *bound = health_answers_bound(answers, 0);
	int fd = socket(bound->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &bound->to.any, bound->length), 0);
	return fd;
}

/* Everything until the other side closes. */
static void hear(int fd, char *out, size_t size)
{
	size_t used = 0;
	for (;;) {
		event_base_loop(loop, EVLOOP_NONBLOCK);
		ssize_t got = recv(fd, out + used, size - 1 - used, MSG_DONTWAIT);
		if (got == 0)
			break;
		if (got > 0)
			used += (size_t)got;
	}
	out[used] = '\0';
	close(fd);
}

static void open_one(void)
{
	struct err err;
	struct conf conf;
	struct conf_service services[1];
	make_conf(&conf, services, (const char *const[]){"127.0.0.1:0"}, 1);
	assert_true(health_answers_open(answers, &conf, &err));
}

static void test_answers(void **state)
{
	(void)state;
	static const struct {
		const char *request;
		enum color live;
		const char *begins, *ends;
	} cases[] = {
		{"GET /r53/api HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 200 ", "\r\n\r\ngreen\n"},
		{"GET /r53/api HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_BLUE, "HTTP/1.1 503 ", "\r\n\r\nblue\n"},
		{"GET /r53/api?from=checker HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 200 ", "\r\n\r\ngreen\n"},
		{"GET /r53/api HTTP/1.0\r\n\r\n", COLOR_GREEN, "HTTP/1.0 200 ", "\r\n\r\ngreen\n"},
		{"HEAD /r53/api HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 200 ", "\r\n\r\n"},
		{"GET /r53/other HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 404 ", "nothing here\n"},
		{"GET /r53/api/ HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 404 ", "nothing here\n"},
		{"GET /r53 HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 404 ", "nothing here\n"},
		{"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", COLOR_GREEN, "HTTP/1.1 404 ", "nothing here\n"},
		{"POST /r53/api HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", COLOR_GREEN, "HTTP/1.1 405 ", "this takes GET and HEAD\n"},
	};
	char text[4096];
	open_one();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = dial();
		live = cases[i].live;
		assert_int_equal(write(fd, cases[i].request, strlen(cases[i].request)), (ssize_t)strlen(cases[i].request));
		hear(fd, text, sizeof(text));
		size_t length = strlen(text), end = strlen(cases[i].ends);
		if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0 || length < end || strcmp(text + length - end, cases[i].ends) != 0)
			fail_msg("%s was answered: %s", cases[i].request, text);
		if (cases[i].request[0] == 'H' && !strstr(text, "Content-Length: 6\r\n"))
			fail_msg("%s was answered: %s", cases[i].request, text);
		if (!strstr(text, "Cache-Control: no-store\r\n"))
			fail_msg("%s: may be cached: %s", cases[i].request, text);
	}
	assert_int_equal(asked_at.port, 0); /* as the file has it */
}

/* Whoever only holds connections open keeps no health check out. */
static void test_crowd(void **state)
{
	(void)state;
	static const char request[] = "GET /r53/api HTTP/1.1\r\nHost: x\r\n\r\n";
	int idle[HEALTH_ANSWERS_CONNECTIONS + 8];
	char text[4096];
	open_one();
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		idle[i] = dial();
		assert_int_equal(write(idle[i], "G", 1), 1);
		event_base_loop(loop, EVLOOP_NONBLOCK);
	}
	int fd = dial();
	live = COLOR_GREEN;
	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	hear(fd, text, sizeof(text));
	assert_memory_equal(text, "HTTP/1.1 200 ", 13);
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		ssize_t got = recv(idle[i], text, sizeof(text), MSG_DONTWAIT);
		if (i < 8)
			assert_int_equal(got, 0); /* the oldest were closed */
		close(idle[i]);
	}
	event_base_loop(loop, EVLOOP_NONBLOCK);
	health_answers_tick(answers);
}

static void test_doors(void **state)
{
	(void)state;
	struct err err;
	struct conf conf;
	struct conf_service services[3];
	char taken[ADDR_TEXT_SIZE];
	make_conf(&conf, services, (const char *const[]){"127.0.0.1:0", NULL, "127.0.0.1:0"}, 3);
	assert_true(health_answers_open(answers, &conf, &err)); /* two services share one */
	assert_int_equal(health_answers_count(answers), 1);
	addr_format(health_answers_bound(answers, 0), taken, sizeof(taken));

	make_conf(&conf, services, (const char *const[]){"127.0.0.1:0", "127.0.0.2:0", taken}, 3);
	assert_false(health_answers_open(answers, &conf, &err));
	assert_non_null(strstr(err.text, "services.api.route53.health_listen: can't listen on 127.0.0.1:"));
	assert_int_equal(health_answers_count(answers), 1); /* that of before alone */

	make_conf(&conf, services, (const char *const[]){"127.0.0.2:0"}, 1);
	assert_true(health_answers_open(answers, &conf, &err));
	assert_int_equal(health_answers_count(answers), 2);
	health_answers_keep(answers, &conf);
	assert_int_equal(health_answers_count(answers), 1);
	addr_format_host(health_answers_bound(answers, 0), taken, sizeof(taken));
	assert_string_equal(taken, "127.0.0.2");
	health_answers_keep(answers, &(struct conf){0});
	assert_int_equal(health_answers_count(answers), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_crowd, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_doors, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

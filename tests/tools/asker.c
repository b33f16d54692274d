/* Asks a Prometheus server with probe/prometheus, and prints a line of JSON for each result, until its standard input ends.
 *
 * usage: asker URL QUERY above|below EVERY_MS TIMEOUT_MS */
#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fetch.h"
#include "base/resolve.h"
#include "base/text.h"
#include "base/url.h"
#include "probe/prometheus.h"

static void on_result(void *arg, const struct prometheus_state *state)
{
	(void)arg;
	static const char *const names[] = {
		[PROMETHEUS_NO_ANSWER_YET] = "no_answer_yet", [PROMETHEUS_VALUE] = "value", [PROMETHEUS_NO_DATA] = "no_data", [PROMETHEUS_ERROR] = "error"};
	char value[32]; /* a text, since JSON has no infinity */
	snprintf(value, sizeof(value), "%.17g", state->value);
	json_t *line = json_pack("{s:s, s:s, s:s}", "kind", names[state->kind], "value", value, "detail", state->detail);
	json_dumpf(line, stdout, 0);
	json_decref(line);
	putchar('\n');
	fflush(stdout);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	char byte;
	if (read((int)fd, &byte, 1) <= 0)
		event_base_loopbreak(arg);
}

static void run(const struct prometheus_query *query)
{
	struct event_base *loop = event_base_new();
	struct fetch *fetch = fetch_new(loop);
	struct resolver *resolver = resolver_new(loop, NULL);
	struct event *input = event_new(loop, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, loop);
	struct prometheus *prometheus = prometheus_new(loop, fetch, resolver, query, on_result, NULL);
	event_add(input, NULL);
	prometheus_start(prometheus);
	event_base_dispatch(loop);
	prometheus_free(prometheus);
	event_free(input);
	resolver_free(resolver);
	fetch_free(fetch);
	event_base_free(loop);
}

int main(int count, char **words)
{
	struct prometheus_query query = {0};
	struct err err;
	if (count != 6 || !text_parse_unsigned(words[4], &query.every_ms) || !text_parse_unsigned(words[5], &query.timeout_ms)) {
		fprintf(stderr, "usage: asker URL QUERY above|below EVERY_MS TIMEOUT_MS\n");
		return 2;
	}
	query.url = words[1];
	query.query = words[2];
	query.below = strcmp(words[3], "below") == 0;
	if (!url_check(query.url, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	run(&query);
	return 0;
}

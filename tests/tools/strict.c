/* The strict load client: loop, and the summary in JSON. See strict.h, and `strict --help`. */
#include "tests/tools/strict.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

static volatile sig_atomic_t interrupted;
static int control = STDIN_FILENO;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

void strict_note(struct strict_run *run, const char *format, ...)
{
	if (run->example_count == sizeof(run->examples) / sizeof(run->examples[0]))
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(run->examples[run->example_count++], sizeof(run->examples[0]), format, arguments);
	va_end(arguments);
}

bool strict_may_send(const struct strict_run *run)
{
	const struct strict_options *options = &run->options;
	if (run->ending || (options->requests > 0 && run->next >= options->requests))
		return false;
	return options->rate <= 0 || (double)run->next < (double)(clock_mono_us() - run->started_us) * options->rate / 1e6;
}

/* ---- control lines ---- */

static void obey(struct strict_run *run, char *line)
{
	char color[8];
	unsigned long long since = clock_mono_us();
	if (strcmp(line, "any") == 0) {
		strict_mark_any(&run->mark);
	} else if (strcmp(line, "end") == 0) {
		run->ending = true;
	} else if (sscanf(line, "color %7s %llu", color, &since) >= 1) {
		strict_mark_color(&run->mark, color, since);
	} else {
		printf("what? %s\n", line);
		fflush(stdout);
		return;
	}
	printf("ok\n");
	fflush(stdout);
}

static void read_control(struct strict_run *run)
{
	static char line[256];
	static size_t length;
	ssize_t got = read(control, line + length, sizeof(line) - 1 - length);
	if (got <= 0) {
		if (got == 0)
			epoll_ctl(run->epoll, EPOLL_CTL_DEL, control, NULL);
		return;
	}
	length += (size_t)got;
	for (char *end; (end = memchr(line, '\n', length));) {
		*end = '\0';
		obey(run, line);
		length -= (size_t)(end + 1 - line);
		memmove(line, end + 1, length);
	}
	if (length == sizeof(line) - 1)
		length = 0;
}

/* ---- the run ---- */

static void begin(struct strict_run *run)
{
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	const char *path = run->options.mark_path;
	if (path && (control = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0) {
		perror(path);
		exit(2);
	}
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	epoll_ctl(run->epoll, EPOLL_CTL_ADD, control, &event); /* a file or /dev/null can't be waited for, and says nothing */
	uint32_t random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		abort();
	run->nonce = random & 0xffffff;
	run->block = malloc(1048576 + 4096);
	if (!run->block)
		abort();
	for (size_t i = 0; i < 1048576 + 4096; i++)
		run->block[i] = (char)(i * 2654435761u >> 13);
	strict_mark_init(&run->mark);
	run->idle_end = &run->idle;
	run->started_us = run->now_us = clock_mono_us();
	run->ends_us = run->options.seconds > 0 ? run->started_us + (uint64_t)(run->options.seconds * 1e6) : UINT64_MAX;
}

/* Gives the turn to connections that waited for the rate. */
static void serve_idle(struct strict_run *run)
{
	while (run->idle && strict_may_send(run)) {
		struct strict_conn *conn = run->idle;
		run->idle = conn->next_idle;
		if (!run->idle)
			run->idle_end = &run->idle;
		conn->waiting = false;
		strict_conn_go(conn);
	}
}

/* Gives the turn to connections that rested. When the next one has. */
static uint64_t serve_rested(struct strict_run *run, struct strict_conn *conns)
{
	uint64_t next_us = UINT64_MAX, now_us = clock_mono_us();
	for (unsigned i = 0; i < run->options.connections && !run->ending; i++) {
		if (conns[i].rests_until_us == UINT64_MAX && run->outstanding == 0)
			strict_conn_rest(&conns[i]);
		if (conns[i].rests_until_us > now_us) {
			next_us = conns[i].rests_until_us < next_us ? conns[i].rests_until_us : next_us;
		} else if (conns[i].rests_until_us > 0) {
			conns[i].rests_until_us = 0;
			strict_conn_go(&conns[i]);
		}
	}
	return next_us;
}

static void turn(struct strict_run *run, uint64_t next_us)
{
	struct epoll_event events[256];
	uint64_t now_us = clock_mono_us(), longest_us = run->options.rate > 0 ? 1000 : 50000;
	uint64_t wait_us = next_us <= now_us ? 0 : next_us - now_us < longest_us ? next_us - now_us : longest_us;
	struct timespec wait = {.tv_nsec = (long)wait_us * 1000};
	int count = epoll_pwait2(run->epoll, events, 256, &wait, NULL);
	run->now_us = clock_mono_us();
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			strict_conn_ready(events[i].data.ptr, events[i].events);
		else
			read_control(run);
	}
}

static void run_all(struct strict_run *run, struct strict_conn *conns)
{
	uint64_t checked_us = 0;
	for (unsigned i = 0; i < run->options.connections; i++)
		strict_conn_go(&conns[i]);
	while (!run->ending || run->outstanding > 0) {
		turn(run, run->options.pause_most_us > 0 ? serve_rested(run, conns) : UINT64_MAX);
		if (interrupted || run->now_us >= run->ends_us || (run->options.requests > 0 && run->next >= run->options.requests))
			run->ending = true;
		run->ending = run->ending || run->retired == run->options.connections;
		serve_idle(run);
		if (run->now_us - checked_us < 50000)
			continue;
		checked_us = run->now_us;
		for (unsigned i = 0; i < run->options.connections; i++)
			strict_conn_check(&conns[i]);
	}
}

/* ---- the summary ---- */

static uint64_t print_tallies(const struct strict_run *run)
{
	static const char *const names[STRICT_METHODS] = {"get", "head", "post"};
	struct strict_tally all = {0};
	printf("\"by_method\": {");
	for (unsigned i = 0; i < STRICT_METHODS; i++) {
		const struct strict_tally *one = &run->tallies[i];
		printf("%s\"%s\": {\"sent\": %" PRIu64 ", \"ok\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"non_2xx\": %" PRIu64 "}", i ? ", " : "", names[i],
			one->sent, one->ok, one->failed, one->non_2xx);
		all.sent += one->sent;
		all.ok += one->ok;
		all.failed += one->failed;
		all.non_2xx += one->non_2xx;
	}
	printf("}, \"sent\": %" PRIu64 ", \"ok\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"non_2xx\": %" PRIu64 ", ", all.sent, all.ok, all.failed, all.non_2xx);
	return all.failed + all.non_2xx;
}

static uint64_t print_faults(const struct strict_run *run)
{
	const struct {
		const char *name;
		uint64_t count;
	} faults[] = {{"refused", run->refused}, {"closed", run->closed}, {"reset", run->reset}, {"timed_out", run->timed_out}, {"truncated", run->truncated},
		{"malformed", run->malformed}, {"mixed_up", run->mixed_up}, {"repeated", run->repeated}, {"wrong_body", run->wrong_body},
		{"unsolicited", run->unsolicited}, {"anonymous", run->anonymous}, {"wrong_color", run->mark.wrong}, {"unshaken", run->unshaken}};
	uint64_t sum = 0;
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		printf("\"%s\": %" PRIu64 ", ", faults[i].name, faults[i].count);
		sum += faults[i].count;
	}
	return sum;
}

static void print_latency(const struct strict_run *run)
{
	static struct histogram_counts counts;
	histogram_read(&run->latency, &counts);
	printf("\"latency_us\": {\"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"max\": %" PRIu64 "}, \"longest_gap_ms\": %.1f, ",
		histogram_quantile_us(&counts, 0.5), histogram_quantile_us(&counts, 0.99), run->longest_us, (double)run->longest_gap_us / 1000);
}

static void print_lists(const struct strict_run *run)
{
	const char *comma = "";
	printf("\"statuses\": {");
	for (unsigned i = 0; i < 600; i++) {
		if (run->statuses[i] == 0)
			continue;
		printf("%s\"%u\": %" PRIu64, comma, i, run->statuses[i]);
		comma = ", ";
	}
	printf("}, \"examples\": [");
	for (unsigned i = 0; i < run->example_count; i++) {
		char text[1000];
		size_t length = text_escape_json(run->examples[i], strlen(run->examples[i]), text, sizeof(text));
		printf("%s\"%.*s\"", i ? ", " : "", (int)length, text);
	}
	printf("]}\n");
}

static void print_spans(const struct strict_run *run)
{
	printf("\"colors\": {");
	for (unsigned i = 0; i < STRICT_COLORS && run->mark.spans[i].color[0]; i++) {
		const struct strict_span *span = &run->mark.spans[i];
		printf("%s\"%s\": {\"answers\": %" PRIu64 ", \"first_us\": %" PRIu64 ", \"last_us\": %" PRIu64 "}", i ? ", " : "", span->color, span->answers,
			span->first_us, span->last_us);
	}
	printf("}, ");
}

static int sum_up(const struct strict_run *run)
{
	printf("{");
	uint64_t faults = print_tallies(run) + print_faults(run);
	printf("\"handshakes\": %" PRIu64 ", \"resumed\": %" PRIu64 ", ", run->shaken, run->resumed);
	printf("\"color_checked\": %" PRIu64 ", \"closed_idle\": %" PRIu64 ", \"reconnects\": %" PRIu64 ", \"abandoned\": %" PRIu64
	       ", \"seconds\": %.3f, \"bytes\": %" PRIu64 ", ",
		run->mark.checked, run->closed_idle, run->reconnects, run->abandoned, (double)(run->now_us - run->started_us) / 1e6, run->bytes_read);
	print_latency(run);
	print_spans(run);
	print_lists(run);
	return faults ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct strict_run run;
	strict_options_read(&run.options, argc, argv);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	begin(&run);
	strict_tls_init(&run);
	struct strict_conn *conns = calloc(run.options.connections, sizeof(*conns));
	if (!conns)
		abort();
	for (unsigned i = 0; i < run.options.connections; i++)
		strict_conn_init(&conns[i], &run, i);
	run_all(&run, conns);
	int status = sum_up(&run);
	for (unsigned i = 0; i < run.options.connections; i++)
		strict_conn_fini(&conns[i]);
	free(conns);
	free(run.answered);
	free(run.block);
	strict_mark_fini(&run.mark);
	strict_tls_fini(&run);
	return status;
}

/* The strict load client: options, loop, and the summary in JSON. See strict.h, and `strict --help`. */
#include "tests/tools/strict.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"

static const char usage[] = "usage: strict --target ADDRESS [OPTION]...\n"
			    "Sends requests over keep-alive connections and checks that each answer is the answer to its request.\n"
			    "  --target ADDRESS     HOST:PORT with an IP address, or unix:/path\n"
			    "  --connections N      default 8\n"
			    "  --seconds S          how long (default 10 when --requests is not given)\n"
			    "  --requests N         how many\n"
			    "  --rate R             requests per second over all connections; default: as fast as answers come\n"
			    "  --pause-ms A-B       rest of a connection after each answer, A to B milliseconds; default none\n"
			    "  --wave               that rest begins for all when the last of them has its answer\n"
			    "  --methods LIST       of get, head, post; default get\n"
			    "  --body-max N         longest body of a POST, at most 1048576; default 4096\n"
			    "  --timeout S          for one answer; default 10\n"
			    "  --pipeline           several requests at a time on a connection\n"
			    "  --fresh              a new connection for each request\n"
			    "  --path PATH          default /\n"
			    "  --host NAME          Host to send; default the target\n"
			    "  --mark FIFO          read the lines below from a FIFO instead of standard input\n"
			    "Lines, each answered by `ok`:\n"
			    "  any                  answers may come from any color from now on\n"
			    "  color NAME [US]      requests sent after now, or after this CLOCK_MONOTONIC time, must be answered by this color\n"
			    "  end                  send no more, wait for the answers under way, sum up\n"
			    "The last line of output is a JSON object. Exit 0: no fault; 1: faults; 2: wrong usage.\n";

static volatile sig_atomic_t interrupted;
static int control = STDIN_FILENO;
static const char *mark_path;

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

/* ---- options ---- */

static void refuse_usage(const char *what, const char *value)
{
	fprintf(stderr, "strict: %s: %s\n%s", what, value, usage);
	exit(2);
}

static double number_of(const char *text, double low, double high)
{
	char *end;
	double value = strtod(text, &end);
	if (*end || end == text || value < low || value > high)
		refuse_usage("no number that makes sense here", text);
	return value;
}

static void read_pause(struct strict_options *options, const char *text)
{
	char *end;
	double least = strtod(text, &end), most = *end == '-' ? number_of(end + 1, 0, 1e6) : least;
	if (end == text || (*end && *end != '-') || least < 0 || least > most)
		refuse_usage("no span of milliseconds", text);
	options->pause_least_us = (uint64_t)(least * 1000);
	options->pause_most_us = (uint64_t)(most * 1000);
}

static void read_methods(struct strict_options *options, const char *list)
{
	char copy[200];
	snprintf(copy, sizeof(copy), "%s", list);
	options->method_count = 0;
	for (char *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
		enum strict_method method = strcasecmp(word, "get") == 0    ? STRICT_GET
					    : strcasecmp(word, "head") == 0 ? STRICT_HEAD
					    : strcasecmp(word, "post") == 0 ? STRICT_POST
									    : STRICT_METHODS;
		if (method == STRICT_METHODS || options->method_count == sizeof(options->methods) / sizeof(options->methods[0]))
			refuse_usage("not a list of methods", list);
		options->methods[options->method_count++] = method;
	}
}

static void read_target(struct strict_options *options, const char *text)
{
	struct addr addr;
	struct err err;
	if (!addr_parse(text, &addr, &err) || addr.kind == ADDR_NAME)
		refuse_usage("no address", text);
	memcpy(&options->target, &addr.to.any, addr.length);
	options->target_length = addr.length;
	if (!options->host)
		options->host = addr.kind == ADDR_UNIX ? "localhost" : text;
}

static void read_option(struct strict_options *options, int letter)
{
	switch (letter) {
	case 't':
		read_target(options, optarg);
		break;
	case 'c':
		options->connections = (unsigned)number_of(optarg, 1, 100000);
		break;
	case 's':
		options->seconds = number_of(optarg, 0.01, 1e6);
		break;
	case 'n':
		options->requests = (uint64_t)number_of(optarg, 1, 1e11);
		break;
	case 'r':
		options->rate = number_of(optarg, 0.01, 1e7);
		break;
	case 'u':
		read_pause(options, optarg);
		break;
	case 'W':
		options->wave = true;
		break;
	case 'm':
		read_methods(options, optarg);
		break;
	case 'b':
		options->body_max = (size_t)number_of(optarg, 0, 1048576);
		break;
	case 'w':
		options->timeout_us = (uint64_t)(number_of(optarg, 0.01, 1e5) * 1e6);
		break;
	case 'p':
		options->pipeline = true;
		break;
	case 'f':
		options->fresh = true;
		break;
	case 'R':
		options->no_reopen = true;
		break;
	case 'P':
		options->path = optarg;
		break;
	case 'H':
		options->host = optarg;
		break;
	case 'M':
		mark_path = optarg;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void read_options(struct strict_options *options, int argc, char **argv)
{
	static const struct option names[] = {{"target", 1, NULL, 't'}, {"connections", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'}, {"requests", 1, NULL, 'n'},
		{"rate", 1, NULL, 'r'}, {"pause-ms", 1, NULL, 'u'}, {"wave", 0, NULL, 'W'}, {"methods", 1, NULL, 'm'}, {"body-max", 1, NULL, 'b'},
		{"timeout", 1, NULL, 'w'}, {"pipeline", 0, NULL, 'p'}, {"fresh", 0, NULL, 'f'}, {"no-reopen", 0, NULL, 'R'}, {"path", 1, NULL, 'P'},
		{"host", 1, NULL, 'H'}, {"mark", 1, NULL, 'M'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	*options = (struct strict_options){.connections = 8, .path = "/", .body_max = 4096, .timeout_us = 10000000, .methods = {STRICT_GET}, .method_count = 1};
	for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;)
		read_option(options, letter);
	if (optind < argc)
		refuse_usage("what is this", argv[optind]);
	if (options->target_length == 0)
		refuse_usage("missing", "--target");
	if (options->seconds <= 0 && options->requests == 0)
		options->seconds = 10;
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
	if (mark_path && (control = open(mark_path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0) {
		perror(mark_path);
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
		{"unsolicited", run->unsolicited}, {"anonymous", run->anonymous}, {"wrong_color", run->mark.wrong}};
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

static int sum_up(const struct strict_run *run)
{
	printf("{");
	uint64_t faults = print_tallies(run) + print_faults(run);
	printf("\"color_checked\": %" PRIu64 ", \"closed_idle\": %" PRIu64 ", \"reconnects\": %" PRIu64 ", \"abandoned\": %" PRIu64
	       ", \"seconds\": %.3f, \"bytes\": %" PRIu64 ", ",
		run->mark.checked, run->closed_idle, run->reconnects, run->abandoned, (double)(run->now_us - run->started_us) / 1e6, run->bytes_read);
	print_latency(run);
	print_lists(run);
	return faults ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct strict_run run;
	read_options(&run.options, argc, argv);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	begin(&run);
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
	return status;
}

/* The client of many WebSockets: options, loop, and the summary in JSON. See sockets.h, and `sockets --help`. */
#include "tests/tools/sockets.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define OPENING_MAX 64u /* handshakes under way at a time */
#define END_US 15000000u

static const char usage[] = "usage: sockets --port N [OPTION]...\n"
			    "Opens WebSockets to 127.0.0.1, sends numbered messages on all of them and checks every echo. Prints `open N` when all are open.\n"
			    "  --connections N   default 100\n"
			    "  --rate R          messages a second over all; default as many as there are connections\n"
			    "  --seconds S       ends by itself after so long; default 600\n"
			    "  --return          one that the other side closed is opened again\n"
			    "Lines on standard input:\n"
			    "  count             prints `open N closed M returned K`\n"
			    "  end               closes all, sums up\n"
			    "The last line of output is a JSON object. Exit 0: no fault; 1: faults; 2: wrong usage.\n";

void sockets_note(struct sockets_run *run, const char *format, ...)
{
	if (run->example_count == sizeof(run->examples) / sizeof(run->examples[0]))
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(run->examples[run->example_count++], sizeof(run->examples[0]), format, arguments);
	va_end(arguments);
}

static void refuse_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static double number_of(const char *text)
{
	char *end;
	double value = strtod(text, &end);
	if (*end || end == text || value <= 0 || value > 1e7)
		refuse_usage();
	return value;
}

static void read_options(struct sockets_run *run, int argc, char **argv)
{
	static const struct option names[] = {{"port", 1, NULL, 'p'}, {"connections", 1, NULL, 'c'}, {"rate", 1, NULL, 'r'}, {"seconds", 1, NULL, 's'},
		{"return", 0, NULL, 'R'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	run->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	run->count = 100;
	run->most_us = 600000000;
	for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (letter == 'p')
			run->target.sin_port = htons((uint16_t)number_of(optarg));
		else if (letter == 'c')
			run->count = (unsigned)number_of(optarg);
		else if (letter == 'r')
			run->rate = number_of(optarg);
		else if (letter == 's')
			run->most_us = (uint64_t)(number_of(optarg) * 1e6);
		else if (letter == 'R')
			run->returns = true;
		else
			refuse_usage();
	}
	if (run->target.sin_port == 0 || run->count == 0 || optind < argc)
		refuse_usage();
	if (run->rate <= 0)
		run->rate = run->count;
}

static unsigned closed_so_far(const struct sockets_run *run)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < SOCKETS_CODES; i++)
		sum += run->codes[i];
	return sum;
}

static void read_control(struct sockets_run *run)
{
	char line[64];
	ssize_t got = read(STDIN_FILENO, line, sizeof(line) - 1);
	if (got <= 0) {
		epoll_ctl(run->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		return;
	}
	line[got] = '\0';
	if (strcmp(line, "count\n") == 0)
		printf("open %u closed %u returned %u\n", run->open, closed_so_far(run), run->returned);
	run->ending = run->ending || strcmp(line, "end\n") == 0;
	fflush(stdout);
}

static void begin(struct sockets_run *run)
{
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(run->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event); /* a file or /dev/null can't be waited for, and says nothing */
	for (size_t i = 0; i < sizeof(run->pattern); i++)
		run->pattern[i] = (char)(i * 2654435761u >> 11);
	run->torn_end = &run->torn;
	run->started_us = run->now_us = clock_mono_us();
}

static void turn(struct sockets_run *run)
{
	struct epoll_event events[256];
	int count = epoll_wait(run->epoll, events, 256, 1);
	run->now_us = clock_mono_us();
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			sockets_conn_ready(events[i].data.ptr, events[i].events);
		else
			read_control(run);
	}
	while (run->torn && run->now_us - run->torn->torn_us > SOCKETS_TORN_US)
		sockets_conn_mend(run->torn);
}

static void check_all(struct sockets_run *run, struct sockets_conn *conns)
{
	static uint64_t checked_us;
	if (run->now_us - checked_us < 500000)
		return;
	checked_us = run->now_us;
	for (unsigned i = 0; i < run->count; i++)
		sockets_conn_check(&conns[i]);
}

/* Opens all of them, and then keeps sending in turn until it is told to end. */
static void run_all(struct sockets_run *run, struct sockets_conn *conns)
{
	uint64_t given = 0, since_us = 0;
	unsigned next = 0, turn_of = 0;
	while (!run->ending && run->now_us - run->started_us < run->most_us) {
		turn(run);
		while (next < run->count && run->opening < OPENING_MAX)
			sockets_conn_open(&conns[next++]);
		if (since_us == 0 && next == run->count && run->opening == 0) {
			since_us = run->now_us;
			printf("open %u\n", run->open);
			fflush(stdout);
		}
		uint64_t due = since_us ? (uint64_t)((double)(run->now_us - since_us) * run->rate / 1e6) : 0;
		for (; given < due; given++) {
			sockets_conn_send(&conns[turn_of]);
			turn_of = turn_of + 1 < run->count ? turn_of + 1 : 0;
		}
		check_all(run, conns);
	}
}

static bool all_gone(const struct sockets_run *run, const struct sockets_conn *conns)
{
	for (unsigned i = 0; i < run->count; i++) {
		if (conns[i].step != SOCKETS_NONE)
			return false;
	}
	return true;
}

static void close_all(struct sockets_run *run, struct sockets_conn *conns)
{
	uint64_t until_us = run->now_us + END_US;
	run->ending = true;
	for (unsigned i = 0; i < run->count; i++)
		sockets_conn_close(&conns[i]);
	while (run->now_us < until_us && !all_gone(run, conns)) {
		turn(run);
		check_all(run, conns);
	}
}

/* ---- the summary ---- */

static uint64_t print_faults(const struct sockets_run *run)
{
	const struct {
		const char *name;
		uint64_t count;
	} faults[] = {{"refused", run->refused}, {"cut", run->cut}, {"lost", run->lost}, {"garbled", run->garbled}, {"disordered", run->disordered},
		{"late", run->late}, {"after_close", run->after_close}, {"not_ended", run->not_ended}};
	uint64_t sum = 0;
	printf("\"faults\": {");
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", faults[i].name, faults[i].count);
		sum += faults[i].count;
	}
	printf("}, ");
	return sum;
}

static void print_closes(const struct sockets_run *run)
{
	const char *comma = "";
	unsigned last = 0;
	printf("\"codes\": {");
	for (unsigned i = 0; i < SOCKETS_CODES; i++) {
		if (run->codes[i] == 0)
			continue;
		printf("%s\"%u\": %u", comma, i, run->codes[i]);
		comma = ", ";
	}
	for (unsigned i = 0; i < SOCKETS_SECONDS; i++)
		last = run->closes[i] ? i + 1 : last;
	printf("}, \"closes_by_second\": [");
	for (unsigned i = 0; i < last; i++)
		printf("%s%u", i ? ", " : "", run->closes[i]);
	printf("], ");
}

static int sum_up(const struct sockets_run *run)
{
	printf("{\"connections\": %u, \"sent\": %" PRIu64 ", \"echoes\": %" PRIu64 ", \"under_way_at_close\": %" PRIu64
	       ", \"longest_echo_ms\": %.1f, \"blue\": %u, \"green\": %u, \"returned\": %u, ",
		run->count, run->sent, run->echoes, run->under_way_at_close, (double)run->longest_echo_us / 1000, run->blue, run->green, run->returned);
	uint64_t faults = print_faults(run);
	print_closes(run);
	printf("\"examples\": [");
	for (unsigned i = 0; i < run->example_count; i++)
		printf("%s\"%s\"", i ? ", " : "", run->examples[i]);
	printf("]}\n");
	return faults ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct sockets_run run;
	read_options(&run, argc, argv);
	begin(&run);
	struct sockets_conn *conns = calloc(run.count, sizeof(*conns));
	if (!conns)
		abort();
	for (unsigned i = 0; i < run.count; i++)
		sockets_conn_init(&conns[i], &run, i);
	run_all(&run, conns);
	close_all(&run, conns);
	int status = sum_up(&run);
	for (unsigned i = 0; i < run.count; i++)
		sockets_conn_fini(&conns[i]);
	free(conns);
	return status;
}

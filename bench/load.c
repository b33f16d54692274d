/* Giving up, time, answers, the report. Opens no connection. */
#include "bench/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void load_give_up(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

void *load_allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);
	if (!memory)
		load_give_up("no memory");
	return memory;
}

uint64_t load_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct sockaddr_in load_address(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

size_t load_answer_length(const char *answer, size_t length)
{
	const char *end = strstr(answer, "\r\n\r\n"), *field = strcasestr(answer, "\r\nContent-Length:");
	if (!end && length < LOAD_ANSWER_SIZE - 1)
		return 0;
	if (!end || strncmp(answer, "HTTP/1.1 200", 12) != 0 || !field || field > end)
		load_give_up("an answer is %.100s", answer);
	size_t whole = (size_t)(end + 4 - answer) + strtoul(field + 17, NULL, 10);
	if (whole >= LOAD_ANSWER_SIZE)
		load_give_up("an answer is too long");
	return whole;
}

void load_say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

bool load_is_told(void)
{
	return getchar() != EOF;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

void load_report(uint64_t *latencies_ns, size_t count, double took_s)
{
	if (count == 0)
		load_give_up("no request was answered");
	size_t middle = count / 2, late = count * 99 / 100;
	qsort(latencies_ns, count, sizeof(*latencies_ns), compare);
	printf("{\"requests\": %zu, \"seconds\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"most_us\": %.1f}\n", count, took_s,
		(double)latencies_ns[middle] / 1e3, (double)latencies_ns[late] / 1e3, (double)latencies_ns[count - 1] / 1e3);
	fflush(stdout);
}

/* What the small backend does to a request besides answering it well: failures, delays, sickness, lines in files. Decides by its options; writes no answers. See echo.h. */
#include "tests/tools/echo.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void log_id(const struct echo_options *options, const struct echo_request *request)
{
	char line[160];
	int length = snprintf(line, sizeof(line), "%s\n", request->id);
	if (options->log_ids >= 0 && strcmp(request->method, "POST") == 0 && write(options->log_ids, line, (size_t)length) != length)
		perror("backend: can't write the list of ids");
}

static void complain(const struct echo_options *options)
{
	static const char line[] = "ERROR could not connect to the database\n";
	if (!options->complain || drand48() >= options->complain_rate)
		return;
	int file = open(options->complain, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (file < 0 || write(file, line, sizeof(line) - 1) != sizeof(line) - 1)
		perror("backend: can't complain");
	if (file >= 0)
		close(file);
}

void echo_fault_note(struct echo *echo, const struct echo_request *request)
{
	if (strcmp(request->path, "/health") == 0)
		return;
	log_id(&echo->options, request);
	complain(&echo->options);
	if (++echo->asked == echo->options.sick_after)
		echo->sick = true;
}

uint64_t echo_fault_delay_ms(const struct echo *echo, const struct echo_request *request)
{
	const struct echo_options *options = &echo->options;
	if (strncmp(request->path, "/wait", 5) == 0)
		return echo_request_number(request, "ms", 0);
	return options->delay_ms > 0 && (options->delay_rate >= 1 || drand48() < options->delay_rate) ? options->delay_ms : 0;
}

unsigned echo_fault_status(const struct echo *echo, const struct echo_request *request)
{
	const struct echo_options *options = &echo->options;
	if (strncmp(request->path, "/fail", 5) == 0)
		return (unsigned)echo_request_number(request, "status", 500);
	return options->fail_rate > 0 && drand48() < options->fail_rate ? options->fail_status : 200;
}

/* The options of the strict client. See strict.h, and `strict --help`. */
#include "tests/tools/strict.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"

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
			    "  --tls FILE           TLS, with a server whose certificate one of this file's signed, and that is called as --host says\n"
			    "  --tls-1.2            no newer version\n"
			    "  --resume             each connection resumes the session of the one before in its place\n"
			    "  --mark FIFO          read the lines below from a FIFO instead of standard input\n"
			    "Lines, each answered by `ok`:\n"
			    "  any                  answers may come from any color from now on\n"
			    "  color NAME [US]      requests sent after now, or after this CLOCK_MONOTONIC time, must be answered by this color\n"
			    "  end                  send no more, wait for the answers under way, sum up\n"
			    "The last line of output is a JSON object. Exit 0: no fault; 1: faults; 2: wrong usage.\n";

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

static void read_tls_option(struct strict_options *options, int letter)
{
	switch (letter) {
	case 'T':
		options->ca = optarg;
		break;
	case '2':
		options->old_tls = true;
		break;
	case 'e':
		options->resume = true;
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
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
		options->mark_path = optarg;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		read_tls_option(options, letter);
	}
}

void strict_options_read(struct strict_options *options, int argc, char **argv)
{
	static const struct option names[] = {{"target", 1, NULL, 't'}, {"connections", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'}, {"requests", 1, NULL, 'n'},
		{"rate", 1, NULL, 'r'}, {"pause-ms", 1, NULL, 'u'}, {"wave", 0, NULL, 'W'}, {"methods", 1, NULL, 'm'}, {"body-max", 1, NULL, 'b'},
		{"timeout", 1, NULL, 'w'}, {"pipeline", 0, NULL, 'p'}, {"fresh", 0, NULL, 'f'}, {"no-reopen", 0, NULL, 'R'}, {"path", 1, NULL, 'P'},
		{"host", 1, NULL, 'H'}, {"mark", 1, NULL, 'M'}, {"tls", 1, NULL, 'T'}, {"tls-1.2", 0, NULL, '2'}, {"resume", 0, NULL, 'e'},
		{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	*options = (struct strict_options){.connections = 8, .path = "/", .body_max = 4096, .timeout_us = 10000000, .methods = {STRICT_GET}, .method_count = 1};
	for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;)
		read_option(options, letter);
	if (optind < argc)
		refuse_usage("what is this", argv[optind]);
	if (options->target_length == 0)
		refuse_usage("missing", "--target");
	if (options->ca && strchr(options->host, ':'))
		refuse_usage("--tls needs --host, the name of the server", options->host);
	if (options->seconds <= 0 && options->requests == 0)
		options->seconds = 10;
}

/* The small backend of the tests: options, listener, signals. See echo.h, echo_conn.c for what it answers, and `backend --help`. */
#include "tests/tools/echo.h"

#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] = "usage: backend [OPTION]...\n"
			    "A small HTTP/1.1 backend. Prints its port (or path) once it listens. SIGUSR1: /health answers 503; SIGUSR2: 200 again.\n"
			    "  --port N          on 127.0.0.1; 0, the default, takes a free one\n"
			    "  --listen ADDRESS  instead of --port: IP:PORT or unix:/path\n"
			    "  --color NAME      X-Color of each answer; default blue\n"
			    "  --version TEXT    X-Version of each answer; default 1\n"
			    "  --fail-rate P     share of requests answered by 500, from 0 to 1\n"
			    "  --fail-status N   500, 502, 503 or 504 instead; 0: the connection is reset\n"
			    "  --delay-ms N      before each answer but /health\n"
			    "  --delay-rate P    share of the answers that are delayed; default 1\n"
			    "  --sick-after N    /health answers 503 once N other requests came\n"
			    "  --complain FILE   appends `ERROR could not connect to the database` to it for a share of the requests\n"
			    "  --complain-rate P that share, from 0 to 1; default 1\n"
			    "  --body N          bytes of an answer to GET, at most 65536; default 64\n"
			    "  --vary            0 to N bytes instead, every fourth answer in chunks\n"
			    "  --idle-ms N       closes connections that are idle for so long\n"
			    "  --close-within-ms N  closes connections at random 0 to N milliseconds after an answer\n"
			    "  --announce P      share of the answers that say so by Connection: close, from 0 to 1\n"
			    "  --seed N          of the dice that shares are drawn with; the same one by default\n"
			    "  --log-ids FILE    appends the X-Id of each POST that was read\n"
			    "  --certificate FILE, --key FILE  TLS, with this certificate and its chain (PEM)\n"
			    "  --silent          its connections end without a word of TLS\n";

static void refuse_usage(const char *what)
{
	fprintf(stderr, "backend: %s\n%s", what, usage);
	exit(2);
}

static bool read_tls_option(struct echo_options *options, int letter)
{
	switch (letter) {
	case 'T':
		options->certificate = optarg;
		break;
	case 'K':
		options->key = optarg;
		break;
	case 'q':
		options->silent = true;
		break;
	default:
		return false;
	}
	return true;
}

/* An option that makes it worse than it could be. */
static bool read_fault(struct echo_options *options, int letter)
{
	switch (letter) {
	case 'f':
		options->fail_rate = strtod(optarg, NULL);
		break;
	case 's':
		options->fail_status = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case 'd':
		options->delay_ms = strtoull(optarg, NULL, 10);
		break;
	case 'D':
		options->delay_rate = strtod(optarg, NULL);
		break;
	case 'e':
		srand48(strtol(optarg, NULL, 10));
		break;
	case 'S':
		options->sick_after = strtoull(optarg, NULL, 10);
		break;
	case 'C':
		options->complain = optarg;
		break;
	case 'R':
		options->complain_rate = strtod(optarg, NULL);
		break;
	default:
		return false;
	}
	return true;
}

static void read_option(struct echo_options *options, int letter)
{
	struct err err;
	char text[64];
	switch (letter) {
	case 'p':
		snprintf(text, sizeof(text), "127.0.0.1:%s", optarg);
		optarg = text;
		__attribute__((fallthrough));
	case 'L':
		if (!addr_parse_listen(optarg, &options->listen, &err))
			refuse_usage(err.text);
		break;
	case 'c':
		options->color = optarg;
		break;
	case 'v':
		options->version = optarg;
		break;
	case 'b':
		options->body = strtoull(optarg, NULL, 10);
		if (options->body > ECHO_BLOCK)
			refuse_usage("--body is too large");
		break;
	case 'V':
		options->vary = true;
		break;
	case 'i':
		options->idle_ms = strtoull(optarg, NULL, 10);
		break;
	case 'w':
		options->close_within_ms = strtoull(optarg, NULL, 10);
		break;
	case 'a':
		options->announce = strtod(optarg, NULL);
		break;
	case 'l':
		options->log_ids = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (options->log_ids < 0)
			refuse_usage(strerror(errno));
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		if (!read_fault(options, letter) && !read_tls_option(options, letter)) {
			fputs(usage, stderr);
			exit(2);
		}
	}
}

static void read_options(struct echo_options *options, int argc, char **argv)
{
	static const struct option names[] = {{"port", 1, NULL, 'p'}, {"listen", 1, NULL, 'L'}, {"color", 1, NULL, 'c'}, {"version", 1, NULL, 'v'},
		{"fail-rate", 1, NULL, 'f'}, {"delay-ms", 1, NULL, 'd'}, {"body", 1, NULL, 'b'}, {"vary", 0, NULL, 'V'}, {"idle-ms", 1, NULL, 'i'},
		{"close-within-ms", 1, NULL, 'w'}, {"announce", 1, NULL, 'a'}, {"log-ids", 1, NULL, 'l'}, {"fail-status", 1, NULL, 's'},
		{"delay-rate", 1, NULL, 'D'}, {"sick-after", 1, NULL, 'S'}, {"seed", 1, NULL, 'e'}, {"complain", 1, NULL, 'C'}, {"complain-rate", 1, NULL, 'R'},
		{"certificate", 1, NULL, 'T'}, {"key", 1, NULL, 'K'}, {"silent", 0, NULL, 'q'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct err err;
	*options = (struct echo_options){.color = "blue", .version = "1", .body = 64, .log_ids = -1, .fail_status = 500, .delay_rate = 1, .complain_rate = 1};
	addr_parse_listen("127.0.0.1:0", &options->listen, &err);
	for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;)
		read_option(options, letter);
	if (optind < argc)
		refuse_usage(argv[optind]);
	if (!options->certificate != !options->key)
		refuse_usage("a certificate needs its key");
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length, void *arg)
{
	(void)listener;
	(void)from;
	(void)length;
	echo_conn_start(arg, fd);
}

static void on_health(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	struct echo *echo = arg;
	echo->sick = number == SIGUSR1;
}

static void on_end(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	event_base_loopbreak(((struct echo *)arg)->loop);
}

static struct evconnlistener *listen_there(struct echo *echo)
{
	struct addr *addr = &echo->options.listen;
	if (addr->kind == ADDR_UNIX)
		unlink(addr->to.un.sun_path);
	struct evconnlistener *listener = evconnlistener_new_bind(
		echo->loop, on_accept, echo, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 4096, &addr->to.any, (int)addr->length);
	if (!listener) {
		perror("backend: can't listen");
		exit(1);
	}
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	struct addr real;
	char text[ADDR_TEXT_SIZE];
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&bound, &length);
	addr_from_socket((const struct sockaddr *)&bound, length, &real);
	addr_format(&real, text, sizeof(text));
	if (real.kind == ADDR_UNIX)
		printf("%s\n", text);
	else
		printf("%u\n", real.port);
	fflush(stdout);
	return listener;
}

/* Its timers are exact: some tests need an end of a connection between two milliseconds. */
static struct event_base *make_loop(void)
{
	struct event_config *config = event_config_new();
	if (!config)
		abort();
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	struct event_base *loop = event_base_new_with_config(config);
	event_config_free(config);
	if (!loop)
		abort();
	return loop;
}

int main(int argc, char **argv)
{
	static struct echo echo;
	read_options(&echo.options, argc, argv);
	for (size_t i = 0; i < ECHO_BLOCK; i++)
		echo.block[i] = (char)(i * 31 + (i >> 8) * 7);
	signal(SIGPIPE, SIG_IGN);
	echo.loop = make_loop();
	if (echo.options.certificate)
		echo_conn_secure(&echo);
	const int numbers[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
	struct event *signals[4];
	for (int i = 0; i < 4; i++) {
		signals[i] = evsignal_new(echo.loop, numbers[i], i < 2 ? on_health : on_end, &echo);
		evsignal_add(signals[i], NULL);
	}
	struct evconnlistener *listener = listen_there(&echo); /* says its port: whoever knows that may send signals */
	event_base_dispatch(echo.loop);
	for (int i = 0; i < 4; i++)
		event_free(signals[i]);
	evconnlistener_free(listener);
	SSL_CTX_free(echo.tls);
	return 0;
}

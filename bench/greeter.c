/* A load of new connections over TLS 1.3: each shakes hands, sends one request, reads the answer and what ends the connection. So many are under way at a time. One thread.
 *
 * `full`: each handshake is a whole one. `resumed`: each is by the newest ticket that came over the connection before it in the same place; one that is not resumed ends the program.
 * It prints `ready` when each place has had two connections, so that a proxy has its connections to the backends and each place a ticket, and begins with the first byte of its standard input. When the time is over
 * none is begun any more, and those under way go on to their end and count, too; then it prints a JSON object. A latency is from the opening of a connection to its end.
 *
 * It offers one cipher suite and one group, so that no proxy's preference makes its work another one. It does not ask who signed the certificate. It reads answers with Content-Length alone, and takes any end of the connection for
 * one behind a whole answer.
 *
 * usage: greeter PORT PATH CONNECTIONS SECONDS full|resumed     (127.0.0.1, where the name localhost is asked for) */
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load.h"

#define GRACE_NS 20000000000ull /* for the last ones */
#define MOST_A_SECOND 50000u    /* connections */
#define WARM_ROUNDS 2

/* A place for one connection after the other. */
struct place {
	int fd;
	SSL *ssl;
	SSL_SESSION *session; /* of the newest ticket; NULL: none */
	bool offered, asked;  /* a session; the request is sent */
	uint64_t begun_ns;
	size_t length;
	char answer[LOAD_ANSWER_SIZE];
};

static struct place *places;
static size_t place_count, under_way;
static SSL_CTX *context;
static struct sockaddr_in address;
static char request[256];
static bool resumes;
static uint64_t *latencies_ns;
static size_t ended, most;

static _Noreturn void give_up_tls(const char *what, int error)
{
	unsigned long reason = ERR_peek_last_error();
	load_give_up("%s: %s (%d)", what, reason ? ERR_reason_error_string(reason) : strerror(errno), error);
}

/* ---- the client's side of TLS ---- */

/* Takes the reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct place *place = SSL_get_app_data(ssl);
	SSL_SESSION_free(place->session);
	place->session = session;
	return 1;
}

static void context_make(void)
{
	context = SSL_CTX_new(TLS_client_method());
	if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) || !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") ||
		!SSL_CTX_set1_groups_list(context, "X25519"))
		give_up_tls("OpenSSL does not take the settings", 0);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(context, resumes ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
	SSL_CTX_sess_set_new_cb(context, on_session);
}

/* A ticket is for one connection. */
static void place_offer(struct place *place)
{
	place->offered = place->session != NULL;
	if (place->offered && !SSL_set_session(place->ssl, place->session))
		give_up_tls("a session is not taken", 0);
	SSL_SESSION_free(place->session);
	place->session = NULL;
}

static void place_secure(struct place *place)
{
	place->ssl = SSL_new(context);
	if (!place->ssl || !SSL_set_fd(place->ssl, place->fd) || !SSL_set_tlsext_host_name(place->ssl, "localhost"))
		give_up_tls("no connection of OpenSSL's", 0);
	SSL_set_app_data(place->ssl, place);
	SSL_set_connect_state(place->ssl);
	if (resumes)
		place_offer(place);
}

/* ---- one connection ---- */

static void place_begin(struct place *place, int poll)
{
	int on = 1;
	place->begun_ns = load_now_ns();
	place->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (place->fd < 0 || (connect(place->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS))
		load_give_up("can't connect: %s", strerror(errno));
	setsockopt(place->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	place_secure(place);
	place->asked = false;
	place->length = 0;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = place};
	if (epoll_ctl(poll, EPOLL_CTL_ADD, place->fd, &event) != 0)
		load_give_up("epoll_ctl: %s", strerror(errno));
	under_way++;
}

static void place_end(struct place *place)
{
	if (ended < most)
		latencies_ns[ended++] = load_now_ns() - place->begun_ns;
	SSL_set_shutdown(place->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its tickets would be no good */
	SSL_free(place->ssl);
	close(place->fd);
	under_way--;
}

/* Shakes hands, too. False: not yet. */
static bool place_ask(struct place *place)
{
	int sent = SSL_write(place->ssl, request, (int)strlen(request));
	if (sent > 0) {
		place->asked = true;
		if ((SSL_session_reused(place->ssl) == 1) != place->offered)
			load_give_up("a session was %s", place->offered ? "not resumed" : "resumed that was not offered");
		return true;
	}
	int error = SSL_get_error(place->ssl, sent);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		give_up_tls("a handshake failed", error);
	return false;
}

static bool place_has_answer(const struct place *place)
{
	return place->length > 0 && load_answer_length(place->answer, place->length) == place->length;
}

/* Goes on as far as it can. True when it is at its end. */
static bool place_go_on(struct place *place)
{
	ERR_clear_error();
	if (!place->asked && !place_ask(place))
		return false;
	for (;;) {
		int got = SSL_read(place->ssl, place->answer + place->length, (int)(LOAD_ANSWER_SIZE - 1 - place->length));
		if (got <= 0) {
			int error = SSL_get_error(place->ssl, got);
			if (error == SSL_ERROR_WANT_READ)
				return false;
			if (!place_has_answer(place))
				give_up_tls("a connection ended without an answer", error);
			return true;
		}
		place->length += (size_t)got;
		place->answer[place->length] = '\0';
	}
}

/* ---- all of them ---- */

/* Each place has at least one connection, and begins another one as long as there is time. */
static void run(int poll, uint64_t until_ns)
{
	struct epoll_event events[256];
	for (size_t i = 0; i < place_count; i++)
		place_begin(&places[i], poll);
	while (under_way > 0) {
		int count = epoll_wait(poll, events, 256, 100);
		uint64_t now = load_now_ns();
		if (now > until_ns + GRACE_NS)
			load_give_up("%zu connections came to no end", under_way);
		for (int i = 0; i < count; i++) {
			struct place *place = events[i].data.ptr;
			if (!place_go_on(place))
				continue;
			place_end(place);
			if (now < until_ns)
				place_begin(place, poll);
		}
	}
}

static void places_make(const char *port, const char *path, double seconds)
{
	address = load_address(port);
	context_make();
	places = load_allocate(place_count, sizeof(*places));
	most = (size_t)(MOST_A_SECOND * (seconds + 1));
	latencies_ns = load_allocate(most, sizeof(*latencies_ns));
	int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\n\r\n", path, port);
	if (length < 0 || (size_t)length >= sizeof(request))
		load_give_up("the path is too long");
}

int main(int argc, char **argv)
{
	bool complete = argc == 6 && (strcmp(argv[5], "full") == 0 || strcmp(argv[5], "resumed") == 0);
	double seconds = complete ? strtod(argv[4], NULL) : 0;
	place_count = complete ? strtoul(argv[3], NULL, 10) : 0;
	if (place_count == 0 || seconds <= 0 || seconds > 1000) {
		fprintf(stderr, "usage: greeter PORT PATH CONNECTIONS SECONDS full|resumed\n");
		return 2;
	}
	resumes = argv[5][0] == 'r';
	places_make(argv[1], argv[2], seconds);
	int poll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < WARM_ROUNDS; i++)
		run(poll, load_now_ns());
	ended = 0;
	load_say_ready();
	if (!load_is_told())
		return 1;
	uint64_t begun_ns = load_now_ns();
	run(poll, begun_ns + (uint64_t)(seconds * 1e9));
	load_report(latencies_ns, ended, (double)(load_now_ns() - begun_ns) / 1e9);
	load_is_told(); /* the connections are kept meanwhile */
	return 0;
}

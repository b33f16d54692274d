/* One connection of the small backend: requests one after another, and their answers. See echo.h.
 *
 *   /health                 200, or 503 after SIGUSR1
 *   /bytes?n=N&rate=R       N bytes of the pattern, R bytes a second (0: at once); with &as=1 in chunks, with &as=2 until the end of the connection;
 *                           with &own=1 the pattern begins at a place that depends on the color
 *   /wait?ms=N              an answer after N milliseconds
 *   /fail?status=N          500, or that status; with 0 a reset instead of an answer
 *   /sha256                 the SHA-256 of the request's body, in hexadecimal
 *   with an Upgrade field   101, then every byte comes back; of a websocket, every frame
 *   /sockets                how many WebSockets there are, and how others ended, in JSON
 *   anything else           --body bytes; for POST the FNV-1a of the request's body */
#include "tests/tools/echo.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#define TICK_MS 10 /* a slow body is sent in pieces this far apart */

enum { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE }; /* as=N */

struct echo_conn {
	struct echo *echo;
	struct bufferevent *bytes;
	struct event *timer;   /* a delayed answer, or the next piece of a slow body */
	struct event *parting; /* the end that --close-within-ms gave this connection */
	struct echo_request request;
	struct echo_socket socket;
	uint64_t slow_left, slow_done, slow_rate; /* bytes of the pattern: to come, passed; a second */
	bool slow_chunked;
	bool answering, continued, closing, tunnel, websocket;
	bool announced; /* the answer says that the connection ends */
	bool cut;       /* its end is a reset */
};

static void serve(struct echo_conn *conn);

static void say_end(struct echo_conn *conn)
{
	SSL *ssl = bufferevent_openssl_get_ssl(conn->bytes);
	if (ssl && !conn->cut && !conn->echo->options.silent)
		SSL_shutdown(ssl);
	ERR_clear_error();
}

static void conn_free(struct echo_conn *conn)
{
	if (conn->echo->tls)
		say_end(conn);
	echo_request_fini(&conn->request);
	event_free(conn->timer);
	event_free(conn->parting);
	bufferevent_free(conn->bytes);
	free(conn);
}

static struct evbuffer *output_of(struct echo_conn *conn)
{
	return bufferevent_get_output(conn->bytes);
}

static void after(struct echo_conn *conn, uint64_t ms)
{
	struct timeval delay = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	event_add(conn->timer, &delay);
}

static void part_later(struct echo_conn *conn)
{
	uint64_t delay_us = (uint64_t)(drand48() * (double)conn->echo->options.close_within_ms * 1000);
	struct timeval delay = {.tv_sec = (time_t)(delay_us / 1000000), .tv_usec = (suseconds_t)(delay_us % 1000000)};
	event_add(conn->parting, &delay);
}

/* The answer is written: on to the next request, or to the end once everything is sent. */
static void finish(struct echo_conn *conn)
{
	conn->echo->served++;
	conn->answering = false;
	conn->continued = false;
	conn->closing = conn->request.closes;
	echo_request_fini(&conn->request);
	echo_request_init(&conn->request);
	if (conn->closing)
		bufferevent_disable(conn->bytes, EV_READ);
	else
		bufferevent_enable(conn->bytes, EV_READ);
	if (conn->echo->options.close_within_ms > 0)
		part_later(conn);
}

static void add_head(struct echo_conn *conn, unsigned status)
{
	const struct echo_options *options = &conn->echo->options;
	struct evbuffer *out = output_of(conn);
	const char *reason = status == 200   ? "OK"
			     : status == 502 ? "Bad Gateway"
			     : status == 503 ? "Service Unavailable"
			     : status == 504 ? "Gateway Timeout"
					     : "Internal Server Error";
	evbuffer_add_printf(
		out, "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nX-Color: %s\r\nX-Version: %s\r\n", status, reason, options->color, options->version);
	if (conn->request.id[0])
		evbuffer_add_printf(out, "X-Id: %s\r\n", conn->request.id);
	if (strcmp(conn->request.method, "POST") == 0 || conn->request.length > 0)
		evbuffer_add_printf(out, "X-Request-Hash: %016llx\r\n", (unsigned long long)conn->request.hash);
	if (conn->request.closes || conn->announced)
		evbuffer_add_printf(out, "Connection: close\r\n");
}

static void add_chunks(struct evbuffer *out, const char *body, size_t length)
{
	evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n\r\n");
	for (size_t at = 0; at < length;) {
		size_t piece = length - at < 700 ? length - at : 700;
		evbuffer_add_printf(out, "%zx\r\n", piece);
		evbuffer_add(out, body + at, piece);
		evbuffer_add(out, "\r\n", 2);
		at += piece;
	}
	evbuffer_add_printf(out, "0\r\n\r\n");
}

static void answer(struct echo_conn *conn, unsigned status, const char *body, size_t length, bool chunked)
{
	struct evbuffer *out = output_of(conn);
	add_head(conn, status);
	evbuffer_add_printf(out, "X-Answer-Hash: %016llx\r\n", (unsigned long long)text_hash(body, length, TEXT_HASH_SEED));
	bool bodiless = strcmp(conn->request.method, "HEAD") == 0;
	if (chunked && !bodiless) {
		add_chunks(out, body, length);
	} else {
		evbuffer_add_printf(out, "Content-Length: %zu\r\n\r\n", length);
		if (!bodiless)
			evbuffer_add(out, body, length);
	}
	finish(conn);
}

static void answer_sha256(struct echo_conn *conn)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char text[2 * EVP_MAX_MD_SIZE + 1];
	EVP_DigestFinal_ex(conn->request.sha, digest, &size);
	for (unsigned i = 0; i < size; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
	answer(conn, 200, text, 2 * (size_t)size, false);
}

static void answer_sockets(struct echo_conn *conn)
{
	char text[512];
	answer(conn, 200, text, echo_socket_report(&conn->echo->closes, text, sizeof(text)), false);
}

/* The connection ends without an answer, by a reset, as soon as this turn is over. */
static void reset(struct echo_conn *conn)
{
	struct linger at_once = {.l_onoff = 1};
	setsockopt(bufferevent_getfd(conn->bytes), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	conn->closing = conn->cut = true;
	event_active(conn->parting, EV_TIMEOUT, 0);
}

static void answer_plainly(struct echo_conn *conn)
{
	const struct echo_options *options = &conn->echo->options;
	const struct echo_request *request = &conn->request;
	uint64_t dice = text_hash(request->id, strlen(request->id), TEXT_HASH_SEED);
	unsigned status = echo_fault_status(conn->echo, request);
	if (status == 0) {
		reset(conn);
	} else if (status != 200) {
		answer(conn, status, "failed\n", 7, false);
	} else if (request->sha) {
		answer_sha256(conn);
	} else if (strcmp(request->method, "POST") == 0) {
		char hash[20];
		int length = snprintf(hash, sizeof(hash), "%016llx\n", (unsigned long long)request->hash);
		answer(conn, 200, hash, (size_t)length, false);
	} else {
		size_t length = options->vary ? (size_t)(dice % (options->body + 1)) : options->body;
		size_t at = length < ECHO_BLOCK ? (size_t)(dice >> 20) % (ECHO_BLOCK - length) : 0;
		answer(conn, 200, conn->echo->block + at, length, options->vary && (dice >> 60) % 4 == 0);
	}
}

/* ---- slow bodies and tunnels ---- */

static void send_piece(struct echo_conn *conn)
{
	uint64_t piece = conn->slow_rate > 0 ? conn->slow_rate * TICK_MS / 1000 : conn->slow_left;
	if (evbuffer_get_length(output_of(conn)) > 4 * 1024 * 1024)
		piece = 0; /* the peer does not keep up */
	if (piece > conn->slow_left)
		piece = conn->slow_left;
	if (conn->slow_rate == 0 && piece > 1024 * 1024)
		piece = 1024 * 1024;
	while (piece > 0) {
		size_t at = (size_t)(conn->slow_done % ECHO_BLOCK);
		size_t length = ECHO_BLOCK - at < piece ? ECHO_BLOCK - at : (size_t)piece;
		if (conn->slow_chunked)
			evbuffer_add_printf(output_of(conn), "%zx\r\n", length);
		evbuffer_add_reference(output_of(conn), conn->echo->block + at, length, NULL, NULL);
		if (conn->slow_chunked)
			evbuffer_add(output_of(conn), "\r\n", 2);
		conn->slow_done += length;
		conn->slow_left -= length;
		piece -= length;
	}
	if (conn->slow_left > 0) {
		after(conn, conn->slow_rate > 0 ? TICK_MS : 1);
		return;
	}
	if (conn->slow_chunked)
		evbuffer_add(output_of(conn), "0\r\n\r\n", 5);
	finish(conn);
}

static void begin_slow(struct echo_conn *conn)
{
	const char *color = conn->echo->options.color;
	bool bodiless = strcmp(conn->request.method, "HEAD") == 0;
	uint64_t length = echo_request_number(&conn->request, "n", 0), framing = echo_request_number(&conn->request, "as", FRAMING_LENGTH);
	conn->slow_left = bodiless ? 0 : length;
	conn->slow_rate = echo_request_number(&conn->request, "rate", 0);
	conn->slow_done = echo_request_number(&conn->request, "own", 0) ? text_hash(color, strlen(color), TEXT_HASH_SEED) % ECHO_BLOCK : 0;
	conn->slow_chunked = framing == FRAMING_CHUNKED && !bodiless;
	conn->request.closes = conn->request.closes || framing == FRAMING_CLOSE;
	add_head(conn, 200);
	if (framing == FRAMING_LENGTH)
		evbuffer_add_printf(output_of(conn), "Content-Length: %llu\r\n", (unsigned long long)length);
	else if (framing == FRAMING_CHUNKED)
		evbuffer_add_printf(output_of(conn), "Transfer-Encoding: chunked\r\n");
	evbuffer_add(output_of(conn), "\r\n", 2);
	send_piece(conn);
}

static void end_socket(struct echo_conn *conn)
{
	conn->websocket = false;
	conn->closing = true;
	conn->echo->closes.open--;
	bufferevent_disable(conn->bytes, EV_READ);
}

static void pass_tunnel(struct echo_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bytes), *out = output_of(conn);
	if (!conn->websocket)
		evbuffer_add_buffer(out, in);
	else if (!echo_socket_read(&conn->socket, in, out, &conn->echo->closes))
		end_socket(conn);
}

static void begin_tunnel(struct echo_conn *conn)
{
	struct evbuffer *out = output_of(conn);
	char accept[ECHO_ACCEPT_SIZE];
	conn->tunnel = true;
	conn->websocket = conn->request.websocket;
	evbuffer_add_printf(out, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: %s\r\nX-Color: %s\r\nX-Version: %s\r\n",
		conn->websocket ? "websocket" : "echo", conn->echo->options.color, conn->echo->options.version);
	if (conn->websocket) {
		conn->echo->closes.open++;
		echo_socket_accept(conn->request.key, accept);
		evbuffer_add_printf(out, "Sec-WebSocket-Accept: %s\r\n", accept);
	}
	evbuffer_add(out, "\r\n", 2);
	bufferevent_enable(conn->bytes, EV_READ);
	pass_tunnel(conn);
}

/* ---- requests ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct echo_conn *conn = arg;
	if (conn->slow_left > 0)
		send_piece(conn);
	else
		answer_plainly(conn);
	if (!conn->answering)
		serve(conn);
}

/* A whole request is there. */
static void begin_answer(struct echo_conn *conn)
{
	const struct echo_options *options = &conn->echo->options;
	const char *path = conn->request.path;
	conn->answering = true;
	event_del(conn->parting);
	conn->announced = options->close_within_ms > 0 && drand48() < options->announce;
	bufferevent_disable(conn->bytes, EV_READ);
	echo_fault_note(conn->echo, &conn->request);
	uint64_t delay_ms = echo_fault_delay_ms(conn->echo, &conn->request);
	if (strcmp(path, "/health") == 0)
		answer(conn, conn->echo->sick ? 503 : 200, conn->echo->sick ? "sick\n" : "ok\n", conn->echo->sick ? 5 : 3, false);
	else if (conn->request.upgrade)
		begin_tunnel(conn);
	else if (strcmp(path, "/sockets") == 0)
		answer_sockets(conn);
	else if (strncmp(path, "/bytes", 6) == 0)
		begin_slow(conn);
	else if (delay_ms > 0)
		after(conn, delay_ms);
	else
		answer_plainly(conn);
}

static void serve(struct echo_conn *conn)
{
	while (!conn->answering && !conn->closing && !conn->announced) {
		if (!echo_request_read(&conn->request, bufferevent_get_input(conn->bytes))) {
			conn->request.closes = true;
			answer(conn, 500, "no HTTP\n", 8, false);
		} else if (conn->request.step == ECHO_WHOLE) {
			begin_answer(conn);
		} else {
			break;
		}
	}
	if (conn->request.expect && !conn->continued && conn->request.step != ECHO_HEAD && !conn->answering) {
		conn->continued = true;
		evbuffer_add_printf(output_of(conn), "HTTP/1.1 100 Continue\r\n\r\n");
	}
}

static void on_parting(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct echo_conn *conn = arg;
	conn->closing = true;
	if (evbuffer_get_length(output_of(conn)) == 0)
		conn_free(conn);
}

static void on_conn_read(struct bufferevent *bytes, void *arg)
{
	struct echo_conn *conn = arg;
	(void)bytes;
	if (conn->tunnel)
		pass_tunnel(conn);
	else
		serve(conn);
	if (conn->tunnel && conn->closing && evbuffer_get_length(output_of(conn)) == 0)
		conn_free(conn);
}

static void on_conn_written(struct bufferevent *bytes, void *arg)
{
	struct echo_conn *conn = arg;
	(void)bytes;
	if (conn->closing && evbuffer_get_length(output_of(conn)) == 0) /* over TLS this call comes later, when there may be more to send */
		conn_free(conn);
}

static void limit_idle(struct echo_conn *conn)
{
	uint64_t idle_ms = conn->echo->options.idle_ms;
	struct timeval idle = {.tv_sec = (time_t)(idle_ms / 1000), .tv_usec = (suseconds_t)(idle_ms % 1000 * 1000)};
	if (idle_ms > 0)
		bufferevent_set_timeouts(conn->bytes, &idle, NULL);
}

static void on_conn_event(struct bufferevent *bytes, short what, void *arg)
{
	struct echo_conn *conn = arg;
	(void)bytes;
	if (what & BEV_EVENT_CONNECTED) { /* hands were shaken, however long that took */
		limit_idle(conn);
		return;
	}
	if (conn->websocket) {
		conn->echo->closes.cut++;
		end_socket(conn);
	}
	conn_free(conn);
}

void echo_conn_secure(struct echo *echo)
{
	const struct echo_options *options = &echo->options;
	echo->tls = SSL_CTX_new(TLS_server_method());
	if (echo->tls && SSL_CTX_use_certificate_chain_file(echo->tls, options->certificate) == 1 &&
		SSL_CTX_use_PrivateKey_file(echo->tls, options->key, SSL_FILETYPE_PEM) == 1)
		return;
	fprintf(stderr, "backend: can't use %s and %s\n", options->certificate, options->key);
	exit(1);
}

static struct bufferevent *open_bytes(struct echo *echo, evutil_socket_t fd)
{
	if (!echo->tls)
		return bufferevent_socket_new(echo->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	SSL *ssl = SSL_new(echo->tls);
	return ssl ? bufferevent_openssl_socket_new(echo->loop, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE) : NULL;
}

void echo_conn_start(struct echo *echo, evutil_socket_t fd)
{
	struct echo_conn *conn = calloc(1, sizeof(*conn));
	if (!conn)
		abort();
	int on = 1;
	if (echo->options.listen.kind != ADDR_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->echo = echo;
	conn->timer = event_new(echo->loop, -1, 0, on_timer, conn);
	conn->parting = event_new(echo->loop, -1, 0, on_parting, conn);
	conn->bytes = open_bytes(echo, fd);
	if (!conn->timer || !conn->parting || !conn->bytes)
		abort();
	echo_request_init(&conn->request);
	if (!echo->tls)
		limit_idle(conn);
	bufferevent_setcb(conn->bytes, on_conn_read, on_conn_written, on_conn_event, conn);
	bufferevent_enable(conn->bytes, EV_READ | EV_WRITE);
}

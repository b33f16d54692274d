/* Connections to backends. Worker thread. */
#include "proxy/upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/exchange.h"
#include "proxy/pool.h"
#include "proxy/secure.h"
#include "proxy/tlsback.h"
#include "proxy/wait.h"
#include "proxy/warm.h"
#include "proxy/worker.h"

#define SKIP_FIRST_MS 1000u
#define SKIP_LONGEST_MS 10000u

static void count_connection(struct upstream *upstream, uint32_t change)
{
	_Atomic uint32_t *count = &upstream->lane->connections;
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + change, memory_order_release);
}

void upstream_close(struct upstream *upstream)
{
	if (upstream->list == UPSTREAM_IDLE)
		pool_forget(upstream);
	else if (upstream->list == UPSTREAM_EARLY)
		warm_forget(upstream);
	upstream->exchange = NULL;
	conn_close(&upstream->conn, false);
}

void upstream_skip_backend(struct worker *worker, struct backend_lane *lane)
{
	uint32_t next = lane->skip_ms * 2;
	lane->skip_ms = next < SKIP_FIRST_MS ? SKIP_FIRST_MS : next > SKIP_LONGEST_MS ? SKIP_LONGEST_MS : next;
	lane->skip_until_ms = worker_now_ms(worker) + lane->skip_ms;
}

static enum fail fail_of_connect(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT:
		return FAIL_connect_refused;
	case ETIMEDOUT:
		return FAIL_connect_timeout;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return FAIL_connect_unreachable;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return FAIL_internal;
	default:
		return FAIL_connect_failed;
	}
}

static enum fail fail_of_handshake(enum secure_fault fault)
{
	switch (fault) {
	case SECURE_certificate_expired:
	case SECURE_certificate_name:
	case SECURE_certificate_untrusted:
	case SECURE_no_certificate:
		return FAIL_connect_certificate;
	case SECURE_alert:
		return FAIL_connect_alert;
	case SECURE_cut:
	case SECURE_reset:
		return FAIL_connect_failed;
	default:
		return FAIL_connect_tls;
	}
}

/* It will never stand. */
static void give_up(struct upstream *upstream, enum fail why)
{
	if (upstream->exchange)
		exchange_fail(upstream->exchange, why);
	else
		warm_on_failed(upstream);
}

static void fail_connecting(struct upstream *upstream, enum fail why)
{
	if (upstream->exchange) /* of the others' failures nobody has to be spared */
		upstream_skip_backend(upstream->conn.worker, upstream->lane);
	tlsback_forget(&upstream->lane->session); /* it may be what the backend can't bear */
	give_up(upstream, why);
}

static void stand(struct upstream *upstream)
{
	upstream->connecting = false;
	conn_disarm(&upstream->conn);
	upstream->lane->skip_ms = 0;
	upstream->lane->skip_until_ms = 0;
	if (upstream->exchange)
		exchange_on_connected(upstream->exchange);
	else
		warm_on_standing(upstream);
}

/* The time to connect goes on. */
static void begin_handshake(struct upstream *upstream)
{
	if (upstream->exchange && !exchange_announce(upstream->exchange)) {
		fail_connecting(upstream, FAIL_connect_failed);
		return;
	}
	SSL *ssl = tlsback_open(upstream->tls, upstream->backend->host, &upstream->lane->session);
	if (!ssl || !secure_begin(&upstream->conn, ssl, NULL, 0))
		give_up(upstream, FAIL_internal);
}

static void end_handshake(struct upstream *upstream)
{
	enum secure_fault fault = secure_fault(&upstream->conn);
	if (secure_is_set_up(&upstream->conn)) {
		stand(upstream);
		return;
	}
	if (fault == SECURE_internal)
		give_up(upstream, FAIL_internal);
	else
		fail_connecting(upstream, fail_of_handshake(fault));
}

/* The socket became writable (or failed): the connection stands or never will. */
static void end_connecting(struct upstream *upstream)
{
	int error = 0;
	socklen_t length = sizeof(error);
	getsockopt(upstream->conn.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error == 0 && !upstream->conn.writable)
		return;
	if (error != 0)
		fail_connecting(upstream, fail_of_connect(error));
	else if (upstream->tls)
		begin_handshake(upstream);
	else
		stand(upstream);
}

static void on_ready(struct conn *conn)
{
	struct upstream *upstream = upstream_of(conn);
	if (upstream->connecting && conn->secure)
		end_handshake(upstream);
	else if (upstream->connecting)
		end_connecting(upstream);
	else if (upstream->exchange)
		exchange_on_backend_ready(upstream->exchange);
	else
		pool_on_idle_event(upstream);
}

/* Nothing moves in the middle of an answer. A backend that took all of the request that there is may need the rest of it first. */
static enum fail fail_of_stall(const struct upstream *upstream)
{
	bool waits_for_client = !upstream->exchange->request.done && !conn_has_backlog(&upstream->conn);
	return waits_for_client ? FAIL_request_body_timeout : FAIL_backend_stalled;
}

static void on_deadline(struct conn *conn, enum deadline_kind kind)
{
	struct upstream *upstream = upstream_of(conn);
	if (kind == DEADLINE_connect) {
		fail_connecting(upstream, FAIL_connect_timeout);
	} else if (kind == DEADLINE_response) {
		exchange_fail(upstream->exchange, FAIL_backend_timeout);
	} else if (kind == DEADLINE_room) {
		wait_on_backend_deadline(upstream->exchange);
	} else {
		exchange_fail(upstream->exchange, fail_of_stall(upstream));
	}
}

static void on_free(struct conn *conn)
{
	struct upstream *upstream = upstream_of(conn);
	pool_unlist(conn->worker, upstream->lane);
	count_connection(upstream, (uint32_t)-1);
	if (upstream->tls)
		tlsback_release(upstream->tls);
	free(upstream);
}

static const struct conn_handler handler = {false, on_ready, on_deadline, on_free};

/* A socket that is connected or on its way; -1 with *fail. */
static int start_connecting(const struct addr *addr, bool *connecting, enum fail *fail)
{
	int fd = socket(addr->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0) {
		*fail = fail_of_connect(errno);
		return -1;
	}
	if (addr->kind != ADDR_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*connecting = false;
	if (connect(fd, &addr->to.any, addr->length) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		*connecting = true;
		return fd;
	}
	*fail = errno == EAGAIN ? FAIL_connect_refused : fail_of_connect(errno); /* EAGAIN: a unix socket's queue is full */
	close(fd);
	return -1;
}

struct upstream *upstream_open(struct worker *worker, struct backend *backend, struct tlsback *tls, struct exchange *exchange, enum fail *fail)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));
	*fail = FAIL_internal;
	if (!upstream)
		return NULL;
	struct backend_lane *lane = &backend->lanes[worker->index];
	int fd = start_connecting(&backend->addr, &upstream->connecting, fail);
	if (fd < 0 || !conn_open(&upstream->conn, worker, fd, &handler)) {
		if (fd >= 0)
			close(fd);
		else if (exchange && *fail != FAIL_internal)
			upstream_skip_backend(worker, lane);
		free(upstream);
		return NULL;
	}
	upstream->backend = backend;
	upstream->lane = lane;
	upstream->exchange = exchange;
	upstream->tls = tls;
	if (tls) {
		tlsback_hold(tls);
		upstream->connecting = true; /* hands are shaken from the first event on, which comes in any case */
	}
	count_connection(upstream, 1);
	pool_list(worker, lane);
	return upstream;
}

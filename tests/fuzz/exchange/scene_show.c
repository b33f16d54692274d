/* Shows all of a scene where there is a finding. Test's thread. */
#include <poll.h>
#include <stdio.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "tests/fuzz/exchange/oracle.h"
#include "tests/fuzz/exchange/scene.h"

static const struct scene *shown;

static void show_bytes(const char *what, const struct bytes *bytes)
{
	fprintf(stderr, "  %s:", what);
	for (size_t i = 0; i < bytes->length; i++) {
		unsigned char c = (unsigned char)bytes->at[i];
		if (c == '\n')
			fputs("\n    ", stderr);
		else if (c != '\r')
			fprintf(stderr, c >= ' ' && c < 127 ? "%c" : "\\x%02x", c);
	}
	fputs("\n", stderr);
}

static void show(const char *who, unsigned number, const struct party *party)
{
	fprintf(stderr, "%s %u:%s%s%s%s\n", who, number, party->said_fin ? " said FIN" : "", party->said_reset ? " reset" : "",
		party->heard_fin ? " heard FIN" : "", party->heard_reset ? " heard reset" : "");
	show_bytes("said", &party->said);
	show_bytes("heard", &party->heard);
}

/* The worker's side of it. */
static void show_worker(const struct worker *worker)
{
	for (const struct client *client = worker->clients; client; client = client->next) {
		const struct conn *conn = &client->conn;
		struct pollfd fd = {.fd = conn->fd, .events = POLLIN | POLLOUT | POLLRDHUP};
		poll(&fd, 1, 0);
		fprintf(stderr, "the worker's client %s: descriptor %d (poll says %x) step %d%s%s%s%s%s, exchange step %d, deadline %d\n", client->address,
			conn->fd, (unsigned)fd.revents, (int)client->step, client->half_closed ? " half-closed" : "", client->unread ? " unread" : "",
			conn->readable ? " readable" : "", conn->writable ? " writable" : "", conn->hangup ? " hangup" : "",
			client->exchange ? (int)client->exchange->step : -1, (int)conn->deadline.kind);
	}
}

static void show_all(void)
{
	for (unsigned i = 0; i < shown->client_count; i++)
		show("client", i, shown->clients[i]);
	for (unsigned i = 0; i < shown->call_count; i++)
		show("connection to a backend", i, shown->calls[i]);
	show_worker(&shown->worker);
}

void scene_show_findings(const struct scene *scene)
{
	shown = scene;
	oracle_on_finding = show_all;
}

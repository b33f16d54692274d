/* The connections of the admin API. Control thread; reads no clock and decides nothing about requests.
 *
 * evhttp has no limit on connections, does not tell when one ends, reads a request for as long as a byte comes now and then, and looks for no hang-up while
 * a request waits for its answer. So each connection gets a buffer that we hold a reference to. evhttp takes its callbacks off a buffer when it lets go
 * of it, and stops reading from it when a request is whole: both can be seen from here. */
#include "switch/admin_crowd.h"

#include <poll.h>
#include <event2/event.h>

#define SPARE_BYTES (64u * 1024) /* a read or two, so that evhttp sees what is too much */

struct bufferevent *admin_crowd_make_connection(struct event_base *loop, size_t most)
{
	struct bufferevent *connection = bufferevent_socket_new(loop, -1, BEV_OPT_CLOSE_ON_FREE);
	if (connection)
		bufferevent_setwatermark(connection, EV_READ, 0, most + SPARE_BYTES); /* what comes once evhttp has let go of it is read by nobody */
	return connection;
}

static bool is_gone(struct bufferevent *connection)
{
	bufferevent_data_cb read = NULL, write = NULL;
	bufferevent_event_cb event = NULL;
	bufferevent_getcb(connection, &read, &write, &event, NULL);
	return !read && !write && !event;
}

void admin_crowd_forget(struct admin_crowd *crowd)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < crowd->count; i++) {
		if (is_gone(crowd->entries[i].connection))
			bufferevent_decref(crowd->entries[i].connection);
		else
			crowd->entries[kept++] = crowd->entries[i];
	}
	crowd->count = kept;
}

bool admin_crowd_add(struct admin_crowd *crowd, struct bufferevent *connection, bool tcp, uint64_t now_ms)
{
	if (crowd->count == sizeof(crowd->entries) / sizeof(crowd->entries[0]))
		return false;
	bufferevent_incref(connection);
	crowd->entries[crowd->count++] = (struct crowd_entry){.connection = connection, .tcp = tcp, .reads_since_ms = now_ms};
	return true;
}

void admin_crowd_served(struct admin_crowd *crowd, const struct bufferevent *connection)
{
	for (unsigned i = 0; i < crowd->count; i++)
		if (crowd->entries[i].connection == connection)
			crowd->entries[i].reads_since_ms = 0;
}

/* Over TCP a peer that went looks like one that has only ended its sending; who does that must not wait for long. */
static bool has_hung_up(const struct crowd_entry *entry)
{
	struct pollfd peer = {.fd = bufferevent_getfd(entry->connection), .events = entry->tcp ? POLLRDHUP : 0};
	return poll(&peer, 1, 0) == 1 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static bool reads(const struct crowd_entry *entry)
{
	return (bufferevent_get_enabled(entry->connection) & EV_READ) != 0;
}

static bool is_too_slow(struct crowd_entry *entry, uint64_t now_ms)
{
	if (entry->reads_since_ms == 0)
		entry->reads_since_ms = now_ms;
	return now_ms - entry->reads_since_ms >= ADMIN_READ_MS;
}

/* evhttp then closes the connection, as it does when it sees this for itself. */
static void close_now(const struct crowd_entry *entry, short why)
{
	bufferevent_trigger_event(entry->connection, (short)(BEV_EVENT_READING | why), 0);
}

static void look_at(struct crowd_entry *entry, uint64_t now_ms)
{
	if (is_gone(entry->connection))
		return;
	if (!reads(entry)) {
		entry->reads_since_ms = 0;
		if (has_hung_up(entry))
			close_now(entry, BEV_EVENT_EOF);
	} else if (is_too_slow(entry, now_ms)) {
		close_now(entry, BEV_EVENT_TIMEOUT);
	}
}

void admin_crowd_tick(struct admin_crowd *crowd, uint64_t now_ms)
{
	for (unsigned i = 0; i < crowd->count; i++)
		look_at(&crowd->entries[i], now_ms);
	admin_crowd_forget(crowd);
}

bool admin_crowd_has_room(const struct admin_crowd *crowd, bool tcp)
{
	unsigned remote = 0;
	for (unsigned i = 0; i < crowd->count; i++)
		remote += crowd->entries[i].tcp;
	return crowd->count < ADMIN_CONNECTIONS && (!tcp || remote < ADMIN_REMOTE_CONNECTIONS);
}

/* The connections of the admin API: how many there are, and which have been open for too long. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_CROWD_H
#define TEAL_SWITCH_ADMIN_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <event2/bufferevent.h>

struct event_base;

#define ADMIN_CONNECTIONS 64u
#define ADMIN_REMOTE_CONNECTIONS 32u /* of them over TCP, so that the Unix socket is never shut by those who may only read */
#define ADMIN_READ_MS 30000u

struct crowd_entry {
	struct bufferevent *connection; /* with a reference of ours */
	bool tcp;
	uint64_t reads_since_ms; /* 0 while its request is being answered */
};

struct admin_crowd {
	struct crowd_entry entries[ADMIN_CONNECTIONS + 8];
	unsigned count;
};

/* The buffer of a connection that evhttp is about to accept; `most` is what a whole request may have. NULL when memory runs out. Whoever holds a reference to it keeps its descriptor open, too, and its events with it: evhttp would close
 * the descriptor first, so that its number could be somebody else's while events still wait for it. */
struct bufferevent *admin_crowd_make_connection(struct event_base *loop, size_t most);
/* False when there is no room to remember it: then it has no deadline. */
bool admin_crowd_add(struct admin_crowd *crowd, struct bufferevent *connection, bool tcp, uint64_t now_ms);
/* A whole request came in: the time to read the next one begins anew. */
void admin_crowd_served(struct admin_crowd *crowd, const struct bufferevent *connection);
/* Lets go of those that evhttp has closed. */
void admin_crowd_forget(struct admin_crowd *crowd);
/* Once a second: closes those whose request takes too long to come, and those whose peer hung up while it waited for an answer. */
void admin_crowd_tick(struct admin_crowd *crowd, uint64_t now_ms);
/* Whether one more may come in. */
bool admin_crowd_has_room(const struct admin_crowd *crowd, bool tcp);

#endif

/* What the files of the admin API share: the doors, and who waits. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_PARTS_H
#define TEAL_SWITCH_ADMIN_PARTS_H

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "switch/admin.h"
#include "switch/admin_crowd.h"
#include "switch/admin_guard.h"
#include "switch/admin_socket.h"
#include "switch/ask.h"
#include "switch/once.h"

#define ADMIN_BODY_BYTES (1024u * 1024u)
#define ADMIN_STREAMS 16u
#define ADMIN_REMOTE_STREAMS 8u /* of them over TCP */
#define ADMIN_STREAM_BYTES (256u * 1024u)
#define ADMIN_WAITS 256u
#define ADMIN_RESERVE 8u

struct admin_door {
	struct admin *admin;
	struct evhttp *http;
	struct evconnlistener *listener; /* owned by http */
	bool tcp;
};

struct stream;
LIST_HEAD(stream_list, stream);

struct admin {
	struct control *control;
	struct admin_door local, remote;
	struct admin_socket socket;
	struct addr listen; /* of the remote door, as bound */
	char token[ADMIN_TOKEN_SIZE];
	struct admin_crowd crowd;
	int reserve[ADMIN_RESERVE]; /* descriptors, given up when there are no others */
	struct ask_list asks, waits;
	unsigned wait_count;
	struct stream_list streams;
	unsigned stream_count, remote_stream_count;
	struct once *once;
};

#endif

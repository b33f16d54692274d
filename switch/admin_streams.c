/* Server-sent events. Control thread. Whoever does not keep up is cut off: an event waits for nobody. */
#include "switch/admin_streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>

#include "base/memory.h"
#include "switch/wire.h"

#define COMMENT_TICKS 15u

struct stream {
	LIST_ENTRY(stream) link;
	struct admin *admin;
	struct evhttp_request *http;
	struct events_listener *listener;
	char *service, *deployment; /* NULL: all */
	unsigned ticks;
	bool tcp;
};

static void on_stream_closed(struct evhttp_connection *connection, void *arg)
{
	struct stream *stream = arg;
	(void)connection;
	events_stop_listening(stream->admin->control->events, stream->listener);
	LIST_REMOVE(stream, link);
	stream->admin->stream_count--;
	stream->admin->remote_stream_count -= stream->tcp;
	if (!evhttp_request_get_connection(stream->http))
		evhttp_request_free(stream->http); /* libevent lets go of a request whose answer is not over when the peer hangs up */
	free(stream->service);
	free(stream->deployment);
	free(stream);
}

static bool wants(const struct stream *stream, const json_t *event)
{
	const char *service = wire_read_text(event, "service"), *deployment = wire_read_text(event, "deployment");
	if (stream->service && (!service || strcmp(service, stream->service) != 0))
		return false;
	return !stream->deployment || (deployment && strcmp(deployment, stream->deployment) == 0);
}

static void send_bytes(struct stream *stream, struct evbuffer *bytes)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
	struct evbuffer *queue = bufferevent_get_output(evhttp_connection_get_bufferevent(connection));
	if (evbuffer_get_length(queue) > ADMIN_STREAM_BYTES)
		evhttp_connection_free(connection);
	else
		evhttp_send_reply_chunk(stream->http, bytes);
}

static void on_stream_event(void *arg, const json_t *event)
{
	struct stream *stream = arg;
	if (!wants(stream, event))
		return;
	struct evbuffer *bytes = evbuffer_new();
	char *data = json_dumps(event, JSON_COMPACT);
	evbuffer_add_printf(
		bytes, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)json_integer_value(json_object_get(event, "id")), wire_read_text(event, "event"), data);
	free(data);
	send_bytes(stream, bytes);
	evbuffer_free(bytes);
}

static void say_hello(struct stream *stream)
{
	struct evbuffer *bytes = evbuffer_new();
	evbuffer_add_printf(bytes, ": teal\n\n");
	evhttp_send_reply_chunk(stream->http, bytes);
	evbuffer_free(bytes);
}

static void start(struct stream *stream)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(stream->http);
	struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
	evhttp_add_header(headers, "Content-Type", "text/event-stream");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evhttp_connection_set_closecb(connection, on_stream_closed, stream);
	evhttp_send_reply_start(stream->http, 200, "OK");
	stream->listener = events_listen(stream->admin->control->events, on_stream_event, stream);
	say_hello(stream);
}

/* The other half of the streams is for the Unix socket, whatever comes over TCP. */
static bool has_room(const struct admin *admin, bool tcp)
{
	return admin->stream_count < ADMIN_STREAMS && (!tcp || admin->remote_stream_count < ADMIN_REMOTE_STREAMS);
}

void admin_streams_open(struct admin *admin, struct ask *ask)
{
	static const char *const names[] = {"service", "deployment"};
	if (!ask_check_query(ask, names, 2))
		return;
	if (!has_room(admin, ask->tcp)) {
		ask_refuse(ask, "too_many_streams", NULL, "%u event streams are open already", ask->tcp ? ADMIN_REMOTE_STREAMS : ADMIN_STREAMS);
		return;
	}
	struct stream *stream = memory_new(sizeof(*stream));
	stream->admin = admin;
	stream->tcp = ask->tcp;
	stream->service = memory_text(ask_read_query(ask, "service"));
	stream->deployment = memory_text(ask_read_query(ask, "deployment"));
	stream->http = ask_take_http(ask);
	ask_drop(ask);
	LIST_INSERT_HEAD(&admin->streams, stream, link);
	admin->stream_count++;
	admin->remote_stream_count += stream->tcp;
	start(stream);
}

void admin_streams_tick(struct admin *admin)
{
	struct stream *stream, *next;
	for (stream = LIST_FIRST(&admin->streams); stream; stream = next) {
		next = LIST_NEXT(stream, link);
		if (++stream->ticks % COMMENT_TICKS != 0)
			continue;
		struct evbuffer *bytes = evbuffer_new();
		evbuffer_add_printf(bytes, ":\n\n");
		send_bytes(stream, bytes);
		evbuffer_free(bytes);
	}
}

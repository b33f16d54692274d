/* A small authoritative name server for tests, on the loop of the test: UDP and TCP on one port of the loopback, says what its table tells. */
#ifndef TEAL_TESTS_UNIT_NAME_SERVER_H
#define TEAL_TESTS_UNIT_NAME_SERVER_H

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/addr.h"

#define NAME_SERVER_RECORDS 8
#define NAME_SERVER_ROWS 8

enum name_server_manner {
	SAYS_IT,       /* with AA */
	SAYS_LAMELY,   /* without AA */
	SAYS_NOTHING,  /* silent */
	SAYS_RUBBISH,  /* the header of a reply, and rubbish behind it */
	SAYS_TO_OTHERS /* answers with another id and to another question, with what `forged` tells, then nothing */
};

/* What is said of a name and type. Records are `OWNER TYPE TTL DATA`, OWNER `=` is the asked name; an SOA's DATA is its MINIMUM. */
struct name_server_row {
	const char *name; /* NULL: every name */
	unsigned type;    /* 0: every type */
	enum name_server_manner manner;
	unsigned rcode;
	bool cut;       /* over UDP: TC and nothing else */
	unsigned many;  /* so many A records besides, from 10.0.0.0 on, of TTL 60 */
	bool alternate; /* every second time the records of `authority` are the answer instead */
	const char *answer[NAME_SERVER_RECORDS], *authority[NAME_SERVER_RECORDS];
};

struct name_server {
	struct event_base *loop;
	struct evconnlistener *listener;
	struct event *udp;
	struct bufferevent *open[16];
	struct addr addr;
	struct name_server_row rows[NAME_SERVER_ROWS]; /* the first that fits counts; none: REFUSED */
	unsigned queries, tcp_queries, recursive_queries, edns_size;
};

static inline size_t name_server_put_name(unsigned char *out, const char *name)
{
	unsigned char wire[NS_MAXCDNAME];
	int length = ns_name_pton(name, wire, sizeof(wire));
	assert(length >= 0);
	length = (int)strlen((const char *)wire) + 1; /* no label has a NUL in it */
	memcpy(out, wire, (size_t)length);
	return (size_t)length;
}

static inline size_t name_server_put_data(unsigned char *out, unsigned type, const char *data)
{
	static const unsigned char SOA[18] = {0}; /* two roots as names and four numbers, MINIMUM behind */
	switch (type) {
	case ns_t_a:
		return inet_pton(AF_INET, data, out) == 1 ? 4 : 0;
	case ns_t_aaaa:
		return inet_pton(AF_INET6, data, out) == 1 ? 16 : 0;
	case ns_t_soa:
		memcpy(out, SOA, sizeof(SOA));
		ns_put32((unsigned)atoi(data), out + sizeof(SOA));
		return sizeof(SOA) + 4;
	default:
		return name_server_put_name(out, data);
	}
}

static inline unsigned name_server_type(const char *text)
{
	static const struct {
		const char *text;
		unsigned type;
	} TYPES[] = {{"A", ns_t_a}, {"AAAA", ns_t_aaaa}, {"CNAME", ns_t_cname}, {"NS", ns_t_ns}, {"SOA", ns_t_soa}};
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
		if (strcmp(TYPES[i].text, text) == 0)
			return TYPES[i].type;
	assert(false); /* it is a type that is known */
	return 0;
}

static inline size_t name_server_put_record(unsigned char *out, const char *record)
{
	char owner[256], type_text[16], data[256];
	unsigned ttl;
	int read = sscanf(record, "%255s %15s %u %255s", owner, type_text, &ttl, data);
	assert(read == 4);
	(void)read;
	size_t length = 2;
	if (strcmp(owner, "=") == 0)
		ns_put16(0xc000 | 12, out); /* a pointer to the question's name */
	else
		length = name_server_put_name(out, owner);
	unsigned type = name_server_type(type_text);
	ns_put16(type, out + length);
	ns_put16(ns_c_in, out + length + 2);
	ns_put32(ttl, out + length + 4);
	size_t size = name_server_put_data(out + length + 10, type, data);
	ns_put16((unsigned)size, out + length + 8);
	return length + 10 + size;
}

static inline size_t name_server_put_section(unsigned char *message, size_t length, unsigned counter, const char *const *records)
{
	unsigned count = 0;
	for (; count < NAME_SERVER_RECORDS && records[count]; count++)
		length += name_server_put_record(message + length, records[count]);
	ns_put16(ns_get16(message + counter) + count, message + counter);
	return length;
}

static inline size_t name_server_put_many(unsigned char *message, size_t length, unsigned many)
{
	for (unsigned i = 0; i < many; i++) {
		char record[64];
		snprintf(record, sizeof(record), "= A 60 10.0.%u.%u", i / 256, i % 256);
		length += name_server_put_record(message + length, record);
	}
	ns_put16(ns_get16(message + 6) + many, message + 6);
	return length;
}

/* Makes the reply over the query, of which the question ends at `end`. */
static inline size_t name_server_reply(const struct name_server *server, const struct name_server_row *row, unsigned char *message, size_t end, bool tcp)
{
	bool cut = row->cut && !tcp;
	message[2] = (unsigned char)(0x80 | (row->manner == SAYS_LAMELY ? 0 : 4) | (cut ? 2 : 0));
	message[3] = (unsigned char)row->rcode;
	memset(message + 6, 0, 6);
	if (row->manner == SAYS_RUBBISH) {
		message[7] = 3;
		memset(message + end, 0xff, 5);
		return end + 5;
	}
	if (cut)
		return end;
	if (row->alternate)
		return name_server_put_section(message, end, 6, server->queries % 2 ? row->answer : row->authority);
	size_t length = name_server_put_many(message, name_server_put_section(message, end, 6, row->answer), row->many);
	return name_server_put_section(message, length, 8, row->authority);
}

static inline const struct name_server_row *name_server_find(const struct name_server *server, const unsigned char *message)
{
	static const struct name_server_row NOT_OURS = {.rcode = ns_r_refused};
	char name[NS_MAXDNAME];
	int used = ns_name_uncompress(message, message + 512, message + 12, name, sizeof(name));
	assert(used > 0);
	unsigned type = ns_get16(message + 12 + used);
	for (size_t i = 0; i < NAME_SERVER_ROWS; i++) {
		const struct name_server_row *row = &server->rows[i];
		bool any = !row->name && !row->type && !row->manner && !row->rcode && !row->many && !row->answer[0] && !row->authority[0];
		if (!any && (!row->name || strcasecmp(row->name, name) == 0) && (!row->type || row->type == type))
			return row;
	}
	return &NOT_OURS;
}

static inline size_t name_server_question_end(const unsigned char *message)
{
	size_t end = 12;
	while (message[end])
		end += message[end] + 1u;
	return end + 5;
}

/* Notes what the query was. The OPT record of EDNS is all that can be behind the question. */
static inline void name_server_note(struct name_server *server, const unsigned char *message, size_t length)
{
	size_t end = name_server_question_end(message);
	server->queries++;
	server->recursive_queries += message[2] & 1;
	server->edns_size = length >= end + 11 && ns_get16(message + end + 1) == ns_t_opt ? ns_get16(message + end + 3) : 0;
}

static inline void name_server_send_forged(evutil_socket_t fd, unsigned char *message, size_t length, const struct sockaddr *to, socklen_t to_length)
{
	message[0] ^= 0x55; /* the id */
	sendto(fd, message, length, 0, to, to_length);
	message[0] ^= 0x55;
	message[13] ^= 1; /* the first letter of the name */
	sendto(fd, message, length, 0, to, to_length);
}

static inline void name_server_on_udp(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct name_server *server = arg;
	unsigned char message[65536];
	struct sockaddr_storage from;
	socklen_t from_length = sizeof(from);
	ssize_t length = recvfrom(fd, message, 512, 0, (struct sockaddr *)&from, &from_length);
	if (length < 17)
		return;
	name_server_note(server, message, (size_t)length);
	const struct name_server_row *row = name_server_find(server, message);
	if (row->manner == SAYS_NOTHING)
		return;
	size_t reply = name_server_reply(server, row, message, name_server_question_end(message), false);
	if (row->manner == SAYS_TO_OTHERS)
		name_server_send_forged(fd, message, reply, (const struct sockaddr *)&from, from_length);
	else
		sendto(fd, message, reply, 0, (const struct sockaddr *)&from, from_length);
}

static inline void name_server_drop(struct name_server *server, struct bufferevent *connection)
{
	for (size_t i = 0; i < sizeof(server->open) / sizeof(server->open[0]); i++)
		if (server->open[i] == connection)
			server->open[i] = NULL;
	bufferevent_free(connection);
}

static inline void name_server_on_tcp(struct bufferevent *connection, void *arg)
{
	struct name_server *server = arg;
	struct evbuffer *in = bufferevent_get_input(connection);
	unsigned char message[65538], size[2];
	while (evbuffer_copyout(in, size, 2) == 2 && evbuffer_get_length(in) >= ns_get16(size) + 2u && ns_get16(size) <= 512) {
		size_t length = ns_get16(size);
		evbuffer_drain(in, 2);
		evbuffer_remove(in, message + 2, length);
		name_server_note(server, message + 2, length);
		server->tcp_queries++;
		size_t reply = name_server_reply(server, name_server_find(server, message + 2), message + 2, name_server_question_end(message + 2), true);
		ns_put16((unsigned)reply, message);
		bufferevent_write(connection, message, reply + 2);
	}
}

static inline void name_server_on_end(struct bufferevent *connection, short what, void *arg)
{
	(void)what;
	name_server_drop(arg, connection);
}

static inline void name_server_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length, void *arg)
{
	(void)listener, (void)from, (void)length;
	struct name_server *server = arg;
	struct bufferevent *connection = bufferevent_socket_new(server->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	size_t i = 0;
	while (server->open[i])
		i++;
	assert(i < sizeof(server->open) / sizeof(server->open[0]));
	server->open[i] = connection;
	bufferevent_setcb(connection, name_server_on_tcp, NULL, name_server_on_end, server);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
}

/* The UDP socket at the port that TCP was given; false when another has that. */
static inline bool name_server_bind_udp(struct name_server *server)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(fd, &server->addr.to.any, server->addr.length) != 0) {
		close(fd);
		return false;
	}
	server->udp = event_new(server->loop, fd, EV_READ | EV_PERSIST, name_server_on_udp, server);
	event_add(server->udp, NULL);
	return true;
}

/* Listens at the address, on a port of the system's choice if `port` is 0. */
static inline void name_server_open_at(struct name_server *server, struct event_base *loop, const char *address, uint16_t port)
{
	*server = (struct name_server){.loop = loop};
	for (unsigned tries = 0; !server->udp; tries++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
		socklen_t length = sizeof(at);
		assert(tries < 20);
		inet_pton(AF_INET, address, &at.sin_addr);
		server->listener = evconnlistener_new_bind(
			loop, name_server_on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8, (struct sockaddr *)&at, (int)length);
		assert(server->listener);
		getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&at, &length);
		addr_from_socket((struct sockaddr *)&at, length, &server->addr);
		if (!name_server_bind_udp(server))
			evconnlistener_free(server->listener);
	}
}

static inline void name_server_open(struct name_server *server, struct event_base *loop)
{
	name_server_open_at(server, loop, "127.0.0.1", 0);
}

/* Afterwards its port is closed. Allowed twice. */
static inline void name_server_close(struct name_server *server)
{
	if (!server->udp)
		return;
	for (size_t i = 0; i < sizeof(server->open) / sizeof(server->open[0]); i++)
		if (server->open[i])
			name_server_drop(server, server->open[i]);
	close(event_get_fd(server->udp));
	event_free(server->udp);
	evconnlistener_free(server->listener);
	server->udp = NULL;
}

#endif

/* One end of a connection. Test's thread. */
#include "tests/fuzz/exchange/party.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/exchange/veil.h"
#include "tests/fuzz/exchange/world.h"

void bytes_add(struct bytes *bytes, const char *more, size_t length)
{
	if (bytes->length + length > bytes->size) {
		bytes->size = (bytes->length + length) * 2;
		bytes->at = realloc(bytes->at, bytes->size);
		if (!bytes->at)
			abort();
	}
	if (length > 0)
		memcpy(bytes->at + bytes->length, more, length);
	bytes->length += length;
}

static ino_t inode_of(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

void party_open(struct party *party, int fd, int near, unsigned number)
{
	memset(party, 0, sizeof(*party));
	party->fd = fd;
	party->near = near;
	party->inode = inode_of(near);
	party->number = number;
	world_watch(near, &party->heard_reset);
}

void party_veil(struct party *party, bool server)
{
	party->veil = veil_open(server);
}

/* These of `waiting` are out. */
static void note_said(struct party *party, size_t gone)
{
	bytes_add(&party->said, party->waiting.at, gone);
	party->waiting.length -= gone;
	if (gone > 0)
		memmove(party->waiting.at, party->waiting.at + gone, party->waiting.length);
}

/* As much as the socket takes; -1: nothing ever again. */
static ssize_t send_some(struct party *party, const char *bytes, size_t length)
{
	size_t gone = 0;
	while (gone < length) {
		ssize_t taken = send(party->fd, bytes + gone, length - gone, MSG_NOSIGNAL);
		if (taken < 0 && errno == EAGAIN)
			break;
		if (taken < 0)
			return -1;
		gone += (size_t)taken;
	}
	return (ssize_t)gone;
}

/* Both of these: -1 when nothing goes ever again; else whether all there is went out. *moved: or some of it. */
static int flush_plain(struct party *party, bool *moved)
{
	ssize_t gone = send_some(party, party->waiting.at, party->waiting.length);
	if (gone < 0)
		return -1;
	*moved |= gone > 0;
	note_said(party, (size_t)gone);
	return party->waiting.length == 0;
}

static int flush_records(struct party *party, bool *moved)
{
	char *bytes;
	size_t length = veil_find(party->veil, &bytes);
	ssize_t gone = send_some(party, bytes, length);
	if (gone < 0)
		return -1;
	*moved |= gone > 0;
	veil_forget(party->veil, (size_t)gone);
	return (size_t)gone == length;
}

/* A record at a time, so that it is known what was said whole. Who ended before its handshake was over hears nothing. */
static int flush_veiled(struct party *party, bool *moved)
{
	veil_shake(party->veil);
	for (;;) {
		int gone = flush_records(party, moved);
		if (gone != 1)
			return gone;
		note_said(party, party->sealed);
		party->sealed = party->waiting.length > 0 ? veil_seal(party->veil, party->waiting.at, party->waiting.length) : 0;
		if (party->sealed == 0 && party->waiting.length > 0)
			return party->heard_fin ? -1 : 0;
		if (party->sealed == 0)
			return 1;
	}
}

static void end(struct party *party, bool *moved)
{
	if (party->veil)
		veil_end(party->veil);
	if (party->veil && flush_records(party, moved) != 1)
		return;
	shutdown(party->fd, SHUT_WR);
	party->said_end = true;
}

/* True when something went. */
static bool flush(struct party *party)
{
	bool moved = false;
	int gone = party->veil ? flush_veiled(party, &moved) : flush_plain(party, &moved);
	if (gone < 0)
		party->waiting.length = party->sealed = 0;
	else if (gone == 1 && party->said_fin && !party->said_end)
		end(party, &moved);
	return moved;
}

void party_say(struct party *party, const char *bytes, size_t length)
{
	if (party->fd < 0 || party->said_fin || length == 0)
		return;
	bytes_add(&party->waiting, bytes, length);
	flush(party);
}

static void hear(struct party *party, const char *bytes, size_t length)
{
	static char clear[65536];
	if (!party->veil) {
		bytes_add(&party->heard, bytes, length);
		return;
	}
	veil_put(party->veil, bytes, length);
	for (size_t got; (got = veil_read(party->veil, clear, sizeof(clear))) > 0;)
		bytes_add(&party->heard, clear, got);
}

static bool listen_on(struct party *party)
{
	static char bytes[65536];
	bool moved = false;
	while (!party->heard_fin) {
		ssize_t got = recv(party->fd, bytes, sizeof(bytes), 0);
		if (got < 0 && errno == EAGAIN)
			break;
		moved = true;
		if (got > 0)
			hear(party, bytes, (size_t)got);
		else
			party->heard_fin = true;
		if (got < 0 || (got == 0 && party->veil && !veil_heard_end(party->veil)))
			party->heard_reset = true;
	}
	return moved;
}

bool party_pump(struct party *party)
{
	if (party->fd < 0 || party->slow)
		return false;
	bool moved = (party->waiting.length > 0 || party->veil) && flush(party);
	return (!party->deaf && listen_on(party)) || moved;
}

void party_note_rest(struct party *party)
{
	struct party_rest rest = {party->heard.length, party->said.length, party->said_end};
	const struct party_rest *last = party->rest_count > 0 ? &party->rests[party->rest_count - 1] : NULL;
	bool same = last && last->heard == rest.heard && last->said == rest.said && last->said_end == rest.said_end;
	if (party->fd >= 0 && !party->deaf && !party->slow && !same && party->rest_count < PARTY_RESTS_MAX)
		party->rests[party->rest_count++] = rest;
}

void party_finish(struct party *party)
{
	if (party->fd < 0 || party->said_fin)
		return;
	party->said_fin = true;
	flush(party);
}

/* A socket of a pair is reset when bytes are left in it that its owner did not read. Whether this one will be. */
static bool leave_unread(struct party *party)
{
	return inode_of(party->near) == party->inode && send(party->near, "", 1, MSG_NOSIGNAL) == 1;
}

/* Whether the worker will hear that this is the end, if it listens. */
static bool end_veiled(struct party *party)
{
	bool moved = false;
	if (!party->said_fin)
		veil_end(party->veil);
	return flush_records(party, &moved) == 1;
}

void party_leave(struct party *party, bool reset)
{
	bool torn = party->slow;
	if (party->fd < 0)
		return;
	if (!party->slow) /* what it never read was heard all the same: it must make sense, too */
		listen_on(party);
	if (reset)
		torn |= leave_unread(party);
	else if (party->veil && !party->slow)
		torn |= !end_veiled(party);
	party->said_reset |= torn;
	party->said_end |= !torn; /* what still waits is never said */
	close(party->fd);
	party->fd = -1;
}

void party_fini(struct party *party)
{
	party_leave(party, false);
	veil_close(party->veil);
	free(party->said.at);
	free(party->heard.at);
	free(party->waiting.at);
}

/* A connection over TLS between an owner and a peer that speaks OpenSSL: whatever happens to the bytes in between, what is read is the beginning of what was said, an end is one that was meant, and
 * where nothing was changed all of it arrives.
 *
 * Input: a byte of options (bits 0 and 1: which side and version, see secure_pair.h; bit 2: the handshake is part of the script; bit 3: a socket that takes little), then pairs of bytes, WHAT and HOW MUCH:
 *   w the peer says so much         k it changes keys (odd: and wants ours changed)   t it makes a ticket   n close_notify   h a step of its handshake
 *   p its bytes go out, so many     P all of them   g one bit of the byte there is another   d so many are dropped   x so many of the input go out as they are   f FIN
 *   r the owner reads so much   l it looks   a it answers so much   F it flushes   s it ends its side   c it closes (odd: by a reset)
 *   T a turn   R the peer reads all
 * The numbers stand for lengths as in `length_of`. */
// links: proxy
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/secure_pair.h"

#define STREAM_SIZE (256u * 1024)
#define TURNS_MAX 5000u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

struct script {
	struct pair pair;
	const uint8_t *input;
	size_t left;
	size_t said, read;      /* bytes of the one stream: written by the peer, read by the owner */
	size_t answered, heard; /* of the other */
	bool changed;           /* bytes on their way were */
	bool notified;          /* the peer's close_notify is formed */
	bool finished;          /* its FIN is sent */
	bool ended;             /* the owner ended its side, or closed */
	bool lost;              /* or lost what it sent */
	bool deaf;              /* the peer met a fault, in its handshake or behind it */
	ssize_t end;            /* what the owner was told last, of an end */
};

static struct script script;
static char stream[STREAM_SIZE], buffer[STREAM_SIZE];

/* ---- lengths and streams ---- */

static size_t length_of(uint8_t much)
{
	static const size_t far[] = {16383, 16384, 16385, 20000, 32768, 40000, 65535, 65536};
	return much < 200 ? much : far[much % 8];
}

static void look_at_end(ssize_t said)
{
	struct script *s = &script;
	bool fault = secure_fault(&s->pair.conn) != SECURE_FINE;
	pair_demand(s->end == CONN_AGAIN || said == s->end, "an end that was told is another one now");
	if (said == 0) {
		pair_demand(!fault, "an end behind a fault");
		pair_demand(s->notified && s->read == s->said, "an end that was not said");
	}
	if (said == CONN_ERROR) {
		pair_demand(fault, "an error without a fault");
		pair_demand(s->changed || s->finished || s->lost || secure_fault(&s->pair.conn) == SECURE_flood, "a fault though nothing is wrong");
	}
	if (said == 0 || said == CONN_ERROR)
		s->end = said;
}

static void read_some(size_t size)
{
	struct script *s = &script;
	bool shaking = s->pair.conn.handler != &pair_handler;
	if (size == 0)
		return;
	ssize_t got = conn_read(&s->pair.conn, buffer, size);
	pair_demand(!shaking || got == CONN_AGAIN, "bytes before the handshake is over");
	if (shaking)
		return;
	pair_demand(ERR_peek_error() == 0, "an error is left with the library");
	pair_demand(got <= (ssize_t)size, "more was read than there is room for");
	if (got > 0) {
		pair_demand(s->end == CONN_AGAIN, "bytes behind the end");
		pair_demand(s->read + (size_t)got <= s->said && memcmp(buffer, stream + s->read, (size_t)got) == 0, "bytes that were not said");
		s->read += (size_t)got;
	} else if (got == CONN_AGAIN) {
		pair_demand(!s->pair.conn.readable || s->pair.conn.queued, "nothing was there, and nobody will look again");
	}
	if (got <= 0)
		look_at_end(got);
}

static void look(void)
{
	struct script *s = &script;
	int seen = conn_peek(&s->pair.conn);
	pair_demand(seen != 1 || s->read < s->said, "a byte is seen that was not said");
	pair_demand(seen == CONN_AGAIN || s->pair.conn.readable, "something is seen, and the connection is not readable");
	if (seen <= 0)
		look_at_end(seen);
}

static void answer(size_t length)
{
	struct script *s = &script;
	bool shaking = s->pair.conn.handler != &pair_handler;
	if (shaking || s->answered + length > STREAM_SIZE)
		return;
	size_t first = length / 3, written = 0;
	struct iovec parts[2] = {{stream + s->answered, first}, {stream + s->answered + first, length - first}};
	enum conn_send sent = conn_send(&s->pair.conn, parts, 2, &written);
	pair_demand(written == 0 || written == length, "some of what was sent is said to be taken");
	if (sent == CONN_BROKEN)
		s->lost = true;
	else
		s->answered += length;
}

static void hear(void)
{
	struct script *s = &script;
	int end;
	if (s->deaf)
		return;
	size_t got = pair_read_peer(&s->pair, buffer, sizeof(buffer), &end);
	pair_demand(s->heard + got <= s->answered && memcmp(buffer, stream + s->heard, got) == 0, "the peer hears what was not sent");
	s->heard += got;
	if (end == SSL_ERROR_ZERO_RETURN)
		pair_demand(s->ended && s->heard == s->answered, "the peer hears an end that was not meant");
	s->deaf = end == SSL_ERROR_SSL; /* the library calls everything behind a fault an end */
}

/* ---- what happens ---- */

/* The peer's bytes that wait, where they are. */
static size_t formed(char **bytes)
{
	return (size_t)BIO_get_mem_data(script.pair.out, bytes);
}

static size_t send_some(const char *bytes, size_t length)
{
	struct script *s = &script;
	ssize_t sent = s->finished || length == 0 ? 0 : send(s->pair.fd, bytes, length, MSG_NOSIGNAL);
	return sent > 0 ? (size_t)sent : 0;
}

/* As far as there is room. */
static void pass(size_t most)
{
	char *bytes;
	size_t length = formed(&bytes);
	pair_form(&script.pair, buffer, send_some(bytes, length < most ? length : most));
}

static void garble(size_t at)
{
	char *bytes;
	if (at >= formed(&bytes))
		return;
	bytes[at] = (char)(bytes[at] ^ 1);
	script.changed = true;
}

static void write_raw(size_t length)
{
	struct script *s = &script;
	length = length < s->left ? length : s->left;
	s->changed |= send_some((const char *)s->input, length) > 0;
	s->input += length;
	s->left -= length;
}

static void say(size_t length)
{
	struct script *s = &script;
	if (length > 0 && s->said + length <= STREAM_SIZE && !s->notified && SSL_write(s->pair.peer, stream + s->said, (int)length) > 0)
		s->said += length;
}

static void happen_to_peer(uint8_t what, uint8_t much)
{
	struct script *s = &script;
	SSL *peer = s->pair.peer;
	if (what == 'w')
		say(length_of(much));
	else if (what == 'k')
		SSL_key_update(peer, much % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
	else if (what == 't' && !s->pair.kind.we_serve)
		SSL_new_session_ticket(peer);
	else if (what == 'n' && !s->notified && SSL_is_init_finished(peer)) /* a second time would read, and throw away */
		s->notified |= SSL_shutdown(peer) >= 0;
	else if (what == 'h')
		s->deaf |= !pair_shake(&s->pair);
	else if (what == 'R')
		hear();
	else if (what == 'f')
		s->finished |= shutdown(s->pair.fd, SHUT_WR) == 0;
	ERR_clear_error();
}

static void happen_on_the_way(uint8_t what, uint8_t much)
{
	if (what == 'p' || what == 'P')
		pass(what == 'P' ? sizeof(buffer) : length_of(much));
	else if (what == 'g')
		garble(length_of(much));
	else if (what == 'd')
		script.changed |= pair_form(&script.pair, buffer, length_of(much)) > 0;
	else if (what == 'x')
		write_raw(much);
}

static void happen_to_owner(uint8_t what, uint8_t much)
{
	struct script *s = &script;
	struct conn *conn = &s->pair.conn;
	if (what == 'T')
		pair_turn(&s->pair);
	if (!conn_is_open(conn))
		return;
	if (what == 'r')
		read_some(length_of(much));
	else if (what == 'l')
		look();
	else if (what == 'a')
		answer(length_of(much));
	else if (what == 'F' && conn_has_backlog(conn))
		s->lost |= conn_flush(conn) == CONN_BROKEN;
	if (what != 's' && what != 'c')
		return;
	s->lost |= conn->handler != &pair_handler || conn_has_backlog(conn) || (what == 'c' && much % 2 == 1);
	s->ended |= !s->lost;
	if (what == 's')
		conn_shutdown(conn);
	else
		conn_close(conn, much % 2 == 1);
	ERR_clear_error();
}

/* ---- the end ---- */

/* Everybody does what is left to do: what was not changed arrives. */
static void settle(void)
{
	struct script *s = &script;
	size_t before = SIZE_MAX;
	for (unsigned i = 0; conn_is_open(&s->pair.conn) && i < TURNS_MAX; i++) {
		size_t now = s->read + s->heard;
		char *bytes;
		bool waits = s->pair.conn.readable || s->pair.conn.queued || conn_has_backlog(&s->pair.conn) || formed(&bytes) > 0;
		if (now == before && !waits && i > 20)
			break;
		before = now;
		s->deaf |= !pair_shake(&s->pair);
		pass(4096);
		pair_turn(&s->pair);
		if (s->pair.conn.handler == &pair_handler && s->pair.conn.readable && s->end == CONN_AGAIN)
			read_some(30000);
		if (conn_has_backlog(&s->pair.conn) && s->pair.conn.writable && s->pair.conn.handler == &pair_handler)
			s->lost |= conn_flush(&s->pair.conn) == CONN_BROKEN;
		hear();
		if (s->lost || s->end == CONN_ERROR)
			break;
	}
	bool fine = conn_is_open(&s->pair.conn) && !s->changed && !s->finished && !s->lost && s->end != CONN_ERROR;
	if (!fine)
		return;
	pair_demand(secure_is_set_up(&s->pair.conn), "no handshake, though nothing was changed");
	pair_demand(s->read == s->said, "not all that was said was read");
	pair_demand(s->heard == s->answered, "not all that was sent was heard");
	pair_demand(!s->notified || s->end == 0, "the end was not told");
}

static void begin(uint8_t options)
{
	int little = 4096;
	memset(&script, 0, sizeof(script));
	script.end = CONN_AGAIN;
	if (!pair_key) {
		pair_fill(stream, sizeof(stream));
		pair_make_all(NULL);
		pair_keeps = true;
	}
	pair_init(&script.pair, pair_kinds[options % 4]);
	if (options & 8)
		setsockopt(script.pair.conn.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
	pair_begin(&script.pair, NULL, 0);
	if (!(options & 4))
		pair_run(&script.pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	begin(length > 0 ? input[0] : 0);
	script.input = input + (length > 0 ? 1 : 0);
	script.left = length > 0 ? length - 1 : 0;
	while (script.left >= 2) {
		uint8_t what = script.input[0], much = script.input[1];
		script.input += 2;
		script.left -= 2;
		happen_to_peer(what, much);
		happen_on_the_way(what, much);
		happen_to_owner(what, much);
	}
	settle();
	pair_close(&script.pair);
	ERR_clear_error();
	return 0;
}

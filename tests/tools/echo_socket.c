/* WebSockets of the small backend: the handshake, and frames that come back as they arrive. See echo.h.
 *
 * An echo begins before the whole frame is there, so that half a frame of a client is half a frame to the client. Pings are not answered. */
#include "tests/tools/echo.h"

#include <event2/buffer.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPCODE_CLOSE 8u
#define CONTROL_MAX 125u

/* RFC 6455 section 4.2.2. */
void echo_socket_accept(const char *key, char text[ECHO_ACCEPT_SIZE])
{
	char joined[ECHO_KEY_SIZE + 40];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int length = snprintf(joined, sizeof(joined), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	if (!EVP_Digest(joined, (size_t)length, digest, &size, EVP_sha1(), NULL) || size != 20)
		abort();
	EVP_EncodeBlock((unsigned char *)text, digest, (int)size);
}

/* The head of a frame. False when it is not all there yet. */
static bool read_head(struct echo_socket *socket, struct evbuffer *input, bool *good)
{
	uint8_t head[14];
	size_t got = (size_t)evbuffer_copyout(input, head, sizeof(head));
	size_t long_form = got < 2 ? 0 : (head[1] & 127u) == 126 ? 2 : (head[1] & 127u) == 127 ? 8 : 0;
	if (got < 6 + long_form)
		return false;
	socket->left = long_form ? 0 : head[1] & 127u;
	for (size_t i = 0; i < long_form; i++)
		socket->left = socket->left << 8 | head[2 + i];
	memcpy(socket->mask, head + 2 + long_form, 4);
	socket->opcode = head[0] & 15u;
	socket->first = head[0];
	socket->at = 0;
	*good = (head[1] & 128u) && (socket->opcode < OPCODE_CLOSE || socket->left <= CONTROL_MAX);
	evbuffer_drain(input, 6 + long_form);
	return true;
}

static void write_head(const struct echo_socket *socket, struct evbuffer *output)
{
	uint8_t head[10] = {socket->first};
	unsigned long_form = socket->left < 126 ? 0 : socket->left < 65536 ? 2 : 8;
	head[1] = (uint8_t)(long_form == 0 ? socket->left : long_form == 2 ? 126 : 127);
	for (unsigned i = 0; i < long_form; i++)
		head[2 + i] = (uint8_t)(socket->left >> 8 * (long_form - 1 - i));
	evbuffer_add(output, head, 2 + long_form);
}

static void pass_payload(struct echo_socket *socket, struct evbuffer *input, struct evbuffer *output)
{
	uint8_t bytes[4096];
	while (socket->left > 0 && evbuffer_get_length(input) > 0) {
		size_t length = socket->left < sizeof(bytes) ? (size_t)socket->left : sizeof(bytes);
		length = (size_t)evbuffer_remove(input, bytes, length);
		for (size_t i = 0; i < length; i++)
			bytes[i] ^= socket->mask[(socket->at + i) % 4];
		socket->at += length;
		socket->left -= length;
		evbuffer_add(output, bytes, length);
	}
}

/* The peer's Close: the same code goes back. */
static void answer_close(struct echo_socket *socket, struct evbuffer *input, struct evbuffer *output, struct echo_closes *closes)
{
	uint8_t code[2] = {0};
	write_head(socket, output);
	bool named = socket->left >= 2;
	if (named) {
		evbuffer_copyout(input, code, 2);
		code[0] ^= socket->mask[0];
		code[1] ^= socket->mask[1];
	}
	pass_payload(socket, input, output);
	unsigned number = named ? (unsigned)(code[0] << 8 | code[1]) : 1005u;
	if (number >= ECHO_CLOSE_FIRST && number < ECHO_CLOSE_FIRST + ECHO_CLOSE_CODES)
		closes->by_code[number - ECHO_CLOSE_FIRST]++;
	else
		closes->faulty++;
}

bool echo_socket_read(struct echo_socket *socket, struct evbuffer *input, struct evbuffer *output, struct echo_closes *closes)
{
	for (;;) {
		bool good = true;
		if (!socket->in_frame && !read_head(socket, input, &good))
			return true;
		if (!good) {
			closes->faulty++;
			return false;
		}
		bool fresh = !socket->in_frame;
		socket->in_frame = true;
		if (socket->opcode == OPCODE_CLOSE && evbuffer_get_length(input) < socket->left)
			return true;
		if (socket->opcode == OPCODE_CLOSE) {
			answer_close(socket, input, output, closes);
			return false;
		}
		if (fresh)
			write_head(socket, output);
		pass_payload(socket, input, output);
		if (socket->left > 0)
			return true;
		socket->in_frame = false;
	}
}

size_t echo_socket_report(const struct echo_closes *closes, char *text, size_t size)
{
	int length = snprintf(text, size, "{\"open\": %u, \"cut\": %u, \"faulty\": %u, \"closes\": {", closes->open, closes->cut, closes->faulty);
	const char *comma = "";
	for (unsigned i = 0; i < ECHO_CLOSE_CODES; i++) {
		if (closes->by_code[i] == 0)
			continue;
		length += snprintf(text + length, size - (size_t)length, "%s\"%u\": %u", comma, ECHO_CLOSE_FIRST + i, closes->by_code[i]);
		comma = ", ";
	}
	length += snprintf(text + length, size - (size_t)length, "}}\n");
	return (size_t)length;
}

/* X-Forwarded-For and Forwarded: whatever a client claims, those who stand behind a trusted proxy are who that proxy says they are.
 *
 * Input: field lines, without the empty line. */
// links: proxy
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proxy/origin.h"

#define SIZE 8192u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const struct head_limits limits = {SIZE, HEAD_FIELDS_MAX};
/* 10.0.0.0/8 and 2001:db8::/32 */
static const struct addr_block trusted[] = {{ADDR_IPV4, {10}, 8}, {ADDR_IPV6, {0x20, 0x01, 0x0d, 0xb8}, 32}};
static const uint8_t peer_bytes[] = {10, 0, 0, 1}, last_bytes[] = {192, 0, 2, 9}, near_bytes[] = {10, 0, 0, 9};

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* The client of a request with these field lines and more behind them; false when that is no head. */
static bool find(const uint8_t *lines, size_t length, const char *more, size_t trusts, struct endpoint *client)
{
	static char bytes[SIZE];
	static struct head head;
	struct endpoint peer;
	enum fail fail;
	size_t at = (size_t)snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: a\r\n");
	memcpy(bytes + at, lines, length);
	at += length;
	at += (size_t)snprintf(bytes + at, sizeof(bytes) - at, "%s\r\n\r\n", more);
	char *exact = malloc(at);
	demand(exact != NULL);
	memcpy(exact, bytes, at);
	bool fine = head_parse_request(exact, at, 0, &limits, &head, &fail) == HEAD_DONE && head.length == at;
	endpoint_init(&peer, ENDPOINT_IPV4, peer_bytes, 1);
	memset(client, 0xff, sizeof(*client));
	if (fine)
		origin_find(&peer, trusted, trusts, &head, client);
	free(exact);
	return fine;
}

static bool mentions(const uint8_t *lines, size_t length, const char *name)
{
	for (size_t at = 0; at + strlen(name) <= length; at++)
		if (strncasecmp((const char *)lines + at, name, strlen(name)) == 0)
			return true;
	return false;
}

/* What the last proxy adds holds. */
static void check_last(const uint8_t *lines, size_t length, const char *more, const char *nearer)
{
	struct endpoint client, last, near;
	endpoint_init(&last, ENDPOINT_IPV4, last_bytes, 0);
	endpoint_init(&near, ENDPOINT_IPV4, near_bytes, 0);
	if (find(lines, length, more, 2, &client))
		demand(is_same(&client, &last));
	if (find(lines, length, nearer, 0, &client))
		demand(is_same(&client, &near));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct endpoint client, again;
	if (length > SIZE - 200 || !find(input, length, "", 2, &client))
		return 0;
	demand(client.family == ENDPOINT_IPV4 || client.family == ENDPOINT_IPV6);
	if (find(input, length, "\r\nX-Else: 192.0.2.1", 2, &again)) /* it may be one field too many */
		demand(is_same(&client, &again));
	check_last(input, length, "\r\nX-Forwarded-For: 192.0.2.9", "\r\nX-Forwarded-For: 10.0.0.9");
	check_last(input, length, "\r\nX-Forwarded-For: 192.0.2.9, 10.0.0.9,, 2001:db8::5, [2001:db8::6]:7", "\r\nX-Forwarded-For: 192.0.2.9, 10.0.0.9");
	if (mentions(input, length, "x-forwarded-for"))
		return 0;
	check_last(input, length, "\r\nForwarded: for=192.0.2.9", "\r\nForwarded: for=192.0.2.9, for=10.0.0.9;by=_a");
	check_last(input, length, "\r\nForwarded: for=192.0.2.9;by=\",\", FOR=10.0.0.9, For=\"[2001:db8::5]\"", "\r\nForwarded: by=_a;for=10.0.0.9");
	return 0;
}

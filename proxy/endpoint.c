/* Addresses of clients, from bytes, text and sockets, and back to text. Any thread. Opens nothing and looks nothing up. */
#include "proxy/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

_Static_assert(sizeof(struct endpoint) == 20, "kept on every connection");
_Static_assert(ENDPOINT_TEXT_SIZE >= INET6_ADDRSTRLEN, "the longest text");

void endpoint_init(struct endpoint *endpoint, enum endpoint_family family, const uint8_t *bytes, uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool is_mapped = family == ENDPOINT_IPV6 && memcmp(bytes, mapped, sizeof(mapped)) == 0;
	if (is_mapped) {
		family = ENDPOINT_IPV4;
		bytes += sizeof(mapped);
	}
	*endpoint = (struct endpoint){.family = (uint8_t)family, .port = port};
	memcpy(endpoint->bytes, bytes, family == ENDPOINT_IPV4 ? 4 : 16);
}

void endpoint_from_addr(struct endpoint *endpoint, const struct addr *addr)
{
	if (addr->kind == ADDR_IPV4)
		endpoint_init(endpoint, ENDPOINT_IPV4, (const uint8_t *)&addr->to.v4.sin_addr, addr->port);
	else if (addr->kind == ADDR_IPV6)
		endpoint_init(endpoint, ENDPOINT_IPV6, addr->to.v6.sin6_addr.s6_addr, addr->port);
	else
		*endpoint = (struct endpoint){.family = ENDPOINT_NONE};
}

bool endpoint_parse_host(struct endpoint *endpoint, struct span text)
{
	char host[ENDPOINT_TEXT_SIZE];
	uint8_t bytes[16];
	if (text.length == 0 || text.length >= sizeof(host) || memchr(text.at, '\0', text.length) != NULL)
		return false;
	memcpy(host, text.at, text.length);
	host[text.length] = '\0';
	bool is_ipv6 = strchr(host, ':') != NULL;
	if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, host, bytes) != 1)
		return false;
	endpoint_init(endpoint, is_ipv6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4, bytes, 0);
	return true;
}

static char *put_byte(char *at, unsigned byte)
{
	if (byte >= 100)
		*at++ = (char)('0' + byte / 100);
	if (byte >= 10)
		*at++ = (char)('0' + byte / 10 % 10);
	*at++ = (char)('0' + byte % 10);
	return at;
}

/* Needed for each new connection, where libc's printf would be a tenth of what one costs. */
static size_t format_ipv4(const uint8_t bytes[4], char *out)
{
	char *at = out;
	for (unsigned i = 0; i < 4; i++) {
		at = put_byte(at, bytes[i]);
		*at++ = i < 3 ? '.' : '\0';
	}
	return (size_t)(at - out) - 1;
}

size_t endpoint_format_host(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE])
{
	if (endpoint->family == ENDPOINT_IPV4)
		return format_ipv4(endpoint->bytes, out);
	if (endpoint->family == ENDPOINT_NONE)
		memcpy(out, "unix:", sizeof("unix:"));
	else
		inet_ntop(AF_INET6, endpoint->bytes, out, ENDPOINT_TEXT_SIZE);
	return strlen(out);
}

/* IPv4 addresses are where no unicast IPv6 address can be. */
uint64_t endpoint_number(const struct endpoint *endpoint)
{
	uint64_t number = endpoint->family == ENDPOINT_IPV4 ? UINT32_MAX : 0;
	for (unsigned i = 0; i < (endpoint->family == ENDPOINT_IPV4 ? 4 : 8); i++)
		number = number << 8 | endpoint->bytes[i];
	return endpoint->family != ENDPOINT_NONE && number == 0 ? 1 : number;
}

bool endpoint_is_in(const struct endpoint *endpoint, const struct addr_block *blocks, size_t count)
{
	if (endpoint->family == ENDPOINT_NONE)
		return false;
	enum addr_kind kind = endpoint->family == ENDPOINT_IPV4 ? ADDR_IPV4 : ADDR_IPV6;
	for (size_t i = 0; i < count; i++) {
		if (addr_block_contains_bytes(&blocks[i], kind, endpoint->bytes))
			return true;
	}
	return false;
}

/* PROXY protocol headers to endpoints and back. Any thread. Does not decide who may send one. */
#include "proxy/proxyproto.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proxy/octet.h"

#define V1_MAX 107u
#define V2_FIXED 16u /* signature, version and command, family and protocol, length */

static const char v1_begin[6] = "PROXY ";
static const char v2_begin[12] = "\r\n\r\n\0\r\nQUIT\n";

static bool may_begin(const char *bytes, size_t length, const char *begin, size_t size)
{
	return memcmp(bytes, begin, length < size ? length : size) == 0;
}

/* ---- version 1 ---- */

/* The line without its CRLF. */
static enum proxyproto_result find_line(const char *bytes, size_t length, struct span *line)
{
	size_t at = 0, most = length < V1_MAX - 1 ? length : V1_MAX - 1;
	while (at < most && bytes[at] != '\r' && bytes[at] != '\n')
		at++;
	if (at == most)
		return length < V1_MAX - 1 ? PROXYPROTO_MORE : PROXYPROTO_BAD;
	if (bytes[at] == '\n')
		return PROXYPROTO_BAD;
	if (at + 1 == length)
		return PROXYPROTO_MORE;
	*line = (struct span){bytes, at};
	return bytes[at + 1] == '\n' ? PROXYPROTO_DONE : PROXYPROTO_BAD;
}

/* Cuts the word up to the next space, or the last one, off the line. */
static struct span take_word(struct span *line)
{
	const char *space = memchr(line->at, ' ', line->length);
	size_t length = space ? (size_t)(space - line->at) : line->length;
	struct span word = {line->at, length};
	line->at += space ? length + 1 : length;
	line->length -= space ? length + 1 : length;
	return word;
}

static bool is_word(struct span word, const char *text)
{
	return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

static bool read_port(struct span word, uint16_t *port)
{
	uint32_t value = 0;
	if (word.length == 0 || word.length > 5 || (word.at[0] == '0' && word.length > 1))
		return false;
	for (size_t i = 0; i < word.length; i++) {
		if (!octet_is(word.at[i], OCTET_DIGIT))
			return false;
		value = value * 10 + (uint32_t)(word.at[i] - '0');
	}
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

static bool read_host(struct span word, bool is_ipv6, struct endpoint *endpoint)
{
	return word.length > 0 && (memchr(word.at, ':', word.length) != NULL) == is_ipv6 && endpoint_parse_host(endpoint, word);
}

/* Two addresses and two ports, with a space between each; the last word ends the line. */
static bool read_pair(struct span line, bool is_ipv6, struct proxyproto *header)
{
	bool good = read_host(take_word(&line), is_ipv6, &header->source);
	good = good && read_host(take_word(&line), is_ipv6, &header->destination);
	good = good && read_port(take_word(&line), &header->source.port);
	return good && memchr(line.at, ' ', line.length) == NULL && read_port(line, &header->destination.port);
}

static enum proxyproto_result read_v1(const char *bytes, size_t length, struct proxyproto *header)
{
	struct span line = {bytes, 0};
	enum proxyproto_result found = find_line(bytes, length, &line);
	if (found != PROXYPROTO_DONE)
		return found;
	struct proxyproto read = {.length = line.length + 2};
	struct span rest = {line.at + sizeof(v1_begin), line.length - sizeof(v1_begin)};
	struct span protocol = take_word(&rest);
	bool good = is_word(protocol, "UNKNOWN");
	if (is_word(protocol, "TCP4") || is_word(protocol, "TCP6"))
		good = read_pair(rest, protocol.at[3] == '6', &read);
	if (!good)
		return PROXYPROTO_BAD;
	*header = read;
	return PROXYPROTO_DONE;
}

/* ---- version 2 ---- */

enum { COMMAND_local = 0x20, COMMAND_proxy = 0x21 }; /* with the version in front */
enum { FAMILY_unspecified, FAMILY_ipv4, FAMILY_ipv6, FAMILY_unix, FAMILY_COUNT };
enum { PROTOCOL_unspecified, PROTOCOL_stream, PROTOCOL_datagram, PROTOCOL_COUNT };
enum { TLV_crc32c = 3, TLV_FIXED = 3 };

static uint16_t read_number(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* RFC 4960 appendix B, four bytes of zero in the place of the checksum itself. */
static uint32_t crc32c(const uint8_t *bytes, size_t length, size_t checksum_at)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < length; i++) {
		crc ^= i >= checksum_at && i < checksum_at + 4 ? 0 : bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static bool is_checksum_good(const uint8_t *bytes, size_t length, size_t at)
{
	uint32_t given = (uint32_t)read_number(bytes + at) << 16 | read_number(bytes + at + 2);
	return given == crc32c(bytes, length, at);
}

/* The additions from `at` to the end of the header. */
static bool check_additions(const uint8_t *bytes, size_t length, size_t at)
{
	size_t checksum_at = 0;
	while (at < length) {
		if (length - at < TLV_FIXED)
			return false;
		size_t size = read_number(bytes + at + 1);
		if (length - at - TLV_FIXED < size)
			return false;
		if (bytes[at] == TLV_crc32c) {
			if (size != 4 || checksum_at > 0)
				return false;
			checksum_at = at + TLV_FIXED;
		}
		at += TLV_FIXED + size;
	}
	return checksum_at == 0 || is_checksum_good(bytes, length, checksum_at);
}

static void read_addresses(const uint8_t *at, enum endpoint_family family, struct proxyproto *header)
{
	size_t size = family == ENDPOINT_IPV4 ? 4 : 16;
	endpoint_init(&header->source, family, at, read_number(at + 2 * size));
	endpoint_init(&header->destination, family, at + size, read_number(at + 2 * size + 2));
}

/* The rest of a PROXY command's header, all of which is there. */
static bool read_block(const uint8_t *bytes, struct proxyproto *header)
{
	static const size_t sizes[FAMILY_COUNT] = {[FAMILY_ipv4] = 2 * 4 + 2 * 2, [FAMILY_ipv6] = 2 * 16 + 2 * 2, [FAMILY_unix] = 2 * 108};
	unsigned family = bytes[13] >> 4, protocol = bytes[13] & 15;
	if (family == FAMILY_unspecified || protocol == PROTOCOL_unspecified)
		return true;
	size_t size = V2_FIXED + sizes[family];
	if (header->length < size || !check_additions(bytes, header->length, size))
		return false;
	if (protocol == PROTOCOL_stream && family != FAMILY_unix)
		read_addresses(bytes + V2_FIXED, family == FAMILY_ipv4 ? ENDPOINT_IPV4 : ENDPOINT_IPV6, header);
	return true;
}

static enum proxyproto_result read_v2(const uint8_t *bytes, size_t length, struct proxyproto *header)
{
	if (length > 12 && bytes[12] != COMMAND_local && bytes[12] != COMMAND_proxy)
		return PROXYPROTO_BAD;
	if (length > 13 && bytes[12] == COMMAND_proxy && (bytes[13] >> 4 >= FAMILY_COUNT || (bytes[13] & 15) >= PROTOCOL_COUNT))
		return PROXYPROTO_BAD;
	if (length < V2_FIXED)
		return PROXYPROTO_MORE;
	struct proxyproto read = {.length = V2_FIXED + read_number(bytes + 14)};
	if (read.length > PROXYPROTO_READ_MAX)
		return PROXYPROTO_BAD;
	if (length < read.length)
		return PROXYPROTO_MORE;
	if (bytes[12] == COMMAND_proxy && !read_block(bytes, &read))
		return PROXYPROTO_BAD;
	*header = read;
	return PROXYPROTO_DONE;
}

enum proxyproto_result proxyproto_read(const char *bytes, size_t length, struct proxyproto *header)
{
	if (length == 0)
		return PROXYPROTO_MORE;
	if (may_begin(bytes, length, v2_begin, sizeof(v2_begin)))
		return read_v2((const uint8_t *)bytes, length, header);
	if (!may_begin(bytes, length, v1_begin, sizeof(v1_begin)))
		return PROXYPROTO_BAD;
	return length > sizeof(v1_begin) ? read_v1(bytes, length, header) : PROXYPROTO_MORE;
}

/* ---- writing ---- */

/* As IPv6, whatever it is. */
static struct in6_addr widen(const struct endpoint *endpoint)
{
	struct in6_addr wide = IN6ADDR_ANY_INIT;
	if (endpoint->family == ENDPOINT_IPV6) {
		memcpy(wide.s6_addr, endpoint->bytes, 16);
	} else if (endpoint->family == ENDPOINT_IPV4) {
		memset(wide.s6_addr + 10, 0xff, 2);
		memcpy(wide.s6_addr + 12, endpoint->bytes, 4);
	}
	return wide;
}

static bool is_all_ipv4(const struct endpoint *source, const struct endpoint *destination)
{
	return source->family == ENDPOINT_IPV4 && destination->family != ENDPOINT_IPV6;
}

static size_t write_v1(const struct endpoint *source, const struct endpoint *destination, char *out)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	bool ipv4 = is_all_ipv4(source, destination);
	if (ipv4) {
		inet_ntop(AF_INET, source->bytes, from, sizeof(from));
		inet_ntop(AF_INET, destination->bytes, to, sizeof(to));
	} else {
		struct in6_addr wide_from = widen(source), wide_to = widen(destination);
		inet_ntop(AF_INET6, &wide_from, from, sizeof(from));
		inet_ntop(AF_INET6, &wide_to, to, sizeof(to));
	}
	return (size_t)snprintf(out, PROXYPROTO_WRITE_SIZE, "PROXY %s %s %s %u %u\r\n", ipv4 ? "TCP4" : "TCP6", from, to, source->port, destination->port);
}

static void write_number(uint8_t *at, size_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

static size_t write_v2(const struct endpoint *source, const struct endpoint *destination, uint8_t *out)
{
	bool ipv4 = is_all_ipv4(source, destination);
	size_t size = ipv4 ? 4 : 16;
	memcpy(out, v2_begin, sizeof(v2_begin));
	out[12] = COMMAND_proxy;
	out[13] = (uint8_t)((ipv4 ? FAMILY_ipv4 : FAMILY_ipv6) << 4 | PROTOCOL_stream);
	write_number(out + 14, 2 * size + 4);
	struct in6_addr wide_from = widen(source), wide_to = widen(destination);
	uint8_t *at = out + V2_FIXED;
	memcpy(at, ipv4 ? source->bytes : wide_from.s6_addr, size);
	memcpy(at + size, ipv4 ? destination->bytes : wide_to.s6_addr, size);
	write_number(at + 2 * size, source->port);
	write_number(at + 2 * size + 2, destination->port);
	return V2_FIXED + 2 * size + 4;
}

static size_t write_local(uint8_t *out)
{
	memcpy(out, v2_begin, sizeof(v2_begin));
	out[12] = COMMAND_local;
	memset(out + 13, 0, V2_FIXED - 13);
	return V2_FIXED;
}

size_t proxyproto_write(enum proxyproto_version version, const struct endpoint *source, const struct endpoint *destination, char out[PROXYPROTO_WRITE_SIZE])
{
	assert(version != PROXYPROTO_NONE);
	bool unknown = source->family == ENDPOINT_NONE;
	if (version == PROXYPROTO_V1)
		return unknown ? (size_t)snprintf(out, PROXYPROTO_WRITE_SIZE, "PROXY UNKNOWN\r\n") : write_v1(source, destination, out);
	return unknown ? write_local((uint8_t *)out) : write_v2(source, destination, (uint8_t *)out);
}

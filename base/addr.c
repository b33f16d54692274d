/* Addresses from text and back. Any thread; no look-up of names and no socket call. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define EXPECTED "expected HOST:PORT, [IPv6]:PORT or unix:/PATH"

static bool parse_unix(const char *text, struct addr *addr, struct err *err)
{
	const char *path = text + strlen("unix:");
	if (path[0] != '/')
		return err_set(err, "'%s' needs an absolute path after unix:, as in unix:/run/app.sock", text);
	size_t length = strlen(path);
	if (length >= sizeof(addr->to.un.sun_path))
		return err_set(err, "the path of '%s' is longer than the %zu bytes that a unix socket may have", text, sizeof(addr->to.un.sun_path) - 1);
	addr->kind = ADDR_UNIX;
	addr->to.un.sun_family = AF_UNIX;
	memcpy(addr->to.un.sun_path, path, length + 1);
	addr->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	return true;
}

static void set_ipv4(struct addr *addr)
{
	addr->kind = ADDR_IPV4;
	addr->to.v4.sin_family = AF_INET;
	addr->to.v4.sin_port = htons(addr->port);
	addr->length = sizeof(addr->to.v4);
}

static void set_ipv6(struct addr *addr)
{
	addr->kind = ADDR_IPV6;
	addr->to.v6.sin6_family = AF_INET6;
	addr->to.v6.sin6_port = htons(addr->port);
	addr->length = sizeof(addr->to.v6);
}

/* A label of letters, digits, '-' and '_' that neither begins nor ends with '-'. */
static bool is_label(const char *label, size_t length)
{
	if (length == 0 || length > 63 || label[0] == '-' || label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

static bool is_name(const char *host)
{
	for (;;) {
		size_t length = strcspn(host, ".");
		if (!is_label(host, length))
			return false;
		host += length;
		if (*host == '\0' || strcmp(host, ".") == 0)
			return true;
		host++;
	}
}

/* Digits and dots alone are meant as an IPv4 address, and no name ends in a label of digits (RFC 1123 2.1). */
static bool is_numeric(const char *host)
{
	const char *label = strrchr(host, '.');
	label = label ? label + 1 : host;
	return label[0] != '\0' && strspn(label, "0123456789") == strlen(label);
}

static bool parse_name(const char *text, const char *host, struct addr *addr, struct err *err)
{
	if (is_numeric(host))
		return err_set(err, "'%s' is not an IPv4 address: %s", host, EXPECTED);
	if (strlen(host) > 253 || !is_name(host))
		return err_set(err, "'%s' holds no host name that can be looked up: %s", text, EXPECTED);
	addr->kind = ADDR_NAME;
	for (size_t i = 0; host[i] != '\0'; i++)
		addr->to.name[i] = (char)tolower((unsigned char)host[i]);
	return true;
}

static bool parse_port(const char *text, const char *digits, uint16_t *port, struct err *err)
{
	uint64_t value;
	if (!text_parse_unsigned(digits, &value) || value > 65535)
		return err_set(err, "'%s' has no valid port: expected a number from 1 to 65535 after the last colon", text);
	*port = (uint16_t)value;
	return true;
}

static bool parse_host(const char *text, const char *host, bool bracketed, struct addr *addr, struct err *err)
{
	if (bracketed) {
		if (inet_pton(AF_INET6, host, &addr->to.v6.sin6_addr) != 1)
			return err_set(err, "'%s' is not an IPv6 address: expected one as in [2001:db8::1]:80", host);
		set_ipv6(addr);
		return true;
	}
	if (strchr(host, ':'))
		return err_set(err, "'%s' has more than one colon: write an IPv6 address in brackets, as in [2001:db8::1]:80", text);
	if (inet_pton(AF_INET, host, &addr->to.v4.sin_addr) == 1) {
		set_ipv4(addr);
		return true;
	}
	return parse_name(text, host, addr, err);
}

static bool parse_network(const char *text, struct addr *addr, struct err *err)
{
	if (strstr(text, "://"))
		return err_set(
			err, "'%s' is a URL: write HOST:PORT%s", text, strncmp(text, "https:", 6) == 0 ? " alone; TLS is the key tls beside it" : " alone");
	const char *colon = strrchr(text, ':');
	const char *bracket = strrchr(text, ']');
	if (!colon || (bracket && colon < bracket))
		return err_set(err, "'%s' has no port: %s", text, EXPECTED);
	bool bracketed = text[0] == '[' && bracket;
	if (bracketed != (bracket != NULL) || (bracketed && bracket + 1 != colon))
		return err_set(err, "'%s' is not an address: %s", text, EXPECTED);
	const char *start = bracketed ? text + 1 : text;
	size_t length = (size_t)((bracketed ? bracket : colon) - start);
	char host[256];
	if (length == 0 || length >= sizeof(host))
		return err_set(err, "'%s' has %s: %s", text, length ? "too long a host name" : "no host", EXPECTED);
	memcpy(host, start, length);
	host[length] = '\0';
	return parse_port(text, colon + 1, &addr->port, err) && parse_host(text, host, bracketed, addr, err);
}

bool addr_parse(const char *text, struct addr *addr, struct err *err)
{
	memset(addr, 0, sizeof(*addr));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text, addr, err);
	if (!parse_network(text, addr, err))
		return false;
	if (addr->port == 0)
		return err_set(err, "'%s' has port 0: expected a number from 1 to 65535", text);
	return true;
}

bool addr_parse_listen(const char *text, struct addr *addr, struct err *err)
{
	memset(addr, 0, sizeof(*addr));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text, addr, err);
	if (text[0] == ':' || strncmp(text, "*:", 2) == 0) {
		set_ipv6(addr);
		if (!parse_port(text, strchr(text, ':') + 1, &addr->port, err))
			return false;
		addr->to.v6.sin6_port = htons(addr->port);
		return true;
	}
	if (!parse_network(text, addr, err))
		return false;
	if (addr->kind == ADDR_NAME)
		return err_set(
			err, "'%s' is a name, and listening needs an address: as in 127.0.0.1:%u, [::1]:%u or *:%u", text, addr->port, addr->port, addr->port);
	return true;
}

void addr_from_socket(const struct sockaddr *from, socklen_t length, struct addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->length = length < sizeof(addr->to) ? length : (socklen_t)sizeof(addr->to);
	memcpy(&addr->to, from, addr->length);
	if (addr->to.any.sa_family == AF_INET) {
		addr->kind = ADDR_IPV4;
		addr->port = ntohs(addr->to.v4.sin_port);
	} else if (addr->to.any.sa_family == AF_INET6) {
		addr->kind = ADDR_IPV6;
		addr->port = ntohs(addr->to.v6.sin6_port);
	} else {
		addr->kind = ADDR_UNIX;
	}
}

/* At most sizeof(sun_path) bytes: the kernel may leave out the NUL. */
static int unix_path_length(const struct addr *addr)
{
	return (int)strnlen(addr->to.un.sun_path, sizeof(addr->to.un.sun_path));
}

void addr_format(const struct addr *addr, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	switch (addr->kind) {
	case ADDR_IPV4:
		snprintf(out, size, "%s:%u", inet_ntop(AF_INET, &addr->to.v4.sin_addr, host, sizeof(host)), addr->port);
		break;
	case ADDR_IPV6:
		snprintf(out, size, "[%s]:%u", inet_ntop(AF_INET6, &addr->to.v6.sin6_addr, host, sizeof(host)), addr->port);
		break;
	case ADDR_UNIX:
		snprintf(out, size, "unix:%.*s", unix_path_length(addr), addr->to.un.sun_path);
		break;
	case ADDR_NAME:
		snprintf(out, size, "%s:%u", addr->to.name, addr->port);
		break;
	}
}

void addr_format_host(const struct addr *addr, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	const struct in6_addr *v6 = &addr->to.v6.sin6_addr;
	switch (addr->kind) {
	case ADDR_IPV4:
		snprintf(out, size, "%s", inet_ntop(AF_INET, &addr->to.v4.sin_addr, host, sizeof(host)));
		break;
	case ADDR_IPV6:
		/* A peer of a dual-stack listener is an IPv4 address to everybody who reads it. */
		if (IN6_IS_ADDR_V4MAPPED(v6))
			snprintf(out, size, "%s", inet_ntop(AF_INET, &v6->s6_addr[12], host, sizeof(host)));
		else
			snprintf(out, size, "%s", inet_ntop(AF_INET6, v6, host, sizeof(host)));
		break;
	case ADDR_UNIX:
		snprintf(out, size, "unix:");
		break;
	case ADDR_NAME:
		snprintf(out, size, "%s", addr->to.name);
		break;
	}
}

bool addr_is_this_machine(const struct addr *addr)
{
	const struct in6_addr *v6 = &addr->to.v6.sin6_addr;
	switch (addr->kind) {
	case ADDR_IPV4:
		return ntohl(addr->to.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case ADDR_IPV6:
		return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
	case ADDR_NAME:
		return strcmp(addr->to.name, "localhost") == 0;
	case ADDR_UNIX:
		break;
	}
	return true;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->kind != b->kind || a->port != b->port)
		return false;
	switch (a->kind) {
	case ADDR_IPV4:
		return a->to.v4.sin_addr.s_addr == b->to.v4.sin_addr.s_addr;
	case ADDR_IPV6:
		return IN6_ARE_ADDR_EQUAL(&a->to.v6.sin6_addr, &b->to.v6.sin6_addr) && a->to.v6.sin6_scope_id == b->to.v6.sin6_scope_id;
	case ADDR_UNIX:
		return strncmp(a->to.un.sun_path, b->to.un.sun_path, sizeof(a->to.un.sun_path)) == 0;
	case ADDR_NAME:
		break;
	}
	return strcmp(a->to.name, b->to.name) == 0;
}

/* False when a bit is set behind the first `bits`. */
static bool has_clean_tail(const uint8_t *bytes, size_t size, unsigned bits)
{
	for (size_t i = 0; i < size; i++) {
		unsigned kept = bits > i * 8 ? bits - (unsigned)i * 8 : 0;
		if (kept < 8 && (bytes[i] & (0xffu >> kept)) != 0)
			return false;
	}
	return true;
}

bool addr_block_parse(const char *text, struct addr_block *block, struct err *err)
{
	memset(block, 0, sizeof(*block));
	char host[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "/");
	if (length >= sizeof(host))
		return err_set(err, "'%s' is not an address block: expected one as in 10.0.0.0/8 or 2001:db8::/32", text);
	memcpy(host, text, length);
	host[length] = '\0';
	block->kind = strchr(host, ':') ? ADDR_IPV6 : ADDR_IPV4;
	if (inet_pton(block->kind == ADDR_IPV6 ? AF_INET6 : AF_INET, host, block->bytes) != 1)
		return err_set(err, "'%s' is not an address block: expected one as in 10.0.0.0/8 or 2001:db8::/32", text);
	uint64_t most = block->kind == ADDR_IPV6 ? 128 : 32, bits = most;
	if (text[length] == '/' && (!text_parse_unsigned(text + length + 1, &bits) || bits > most))
		return err_set(err, "'%s' needs a number from 0 to %u after the slash", text, (unsigned)most);
	block->bits = (unsigned)bits;
	if (!has_clean_tail(block->bytes, most / 8, block->bits))
		return err_set(err, "'%s' has address bits set behind its first %u: write the block's first address", text, block->bits);
	return true;
}

static bool matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

bool addr_block_contains_bytes(const struct addr_block *block, enum addr_kind kind, const uint8_t *bytes)
{
	return block->kind == kind && matches(block->bytes, bytes, block->bits);
}

bool addr_block_contains(const struct addr_block *block, const struct addr *addr)
{
	const struct in6_addr *v6 = &addr->to.v6.sin6_addr;
	if (addr->kind == ADDR_IPV4)
		return addr_block_contains_bytes(block, ADDR_IPV4, (const uint8_t *)&addr->to.v4.sin_addr);
	if (addr->kind != ADDR_IPV6)
		return false;
	if (block->kind == ADDR_IPV4 && IN6_IS_ADDR_V4MAPPED(v6))
		return addr_block_contains_bytes(block, ADDR_IPV4, &v6->s6_addr[12]);
	return addr_block_contains_bytes(block, ADDR_IPV6, v6->s6_addr);
}

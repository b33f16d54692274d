/* Where to connect or listen: an IPv4, IPv6 or unix-socket address, or a name that still has to be looked up.
 *
 * Pure: no look-up here (that is base/resolve). Any thread. */
#ifndef TEAL_BASE_ADDR_H
#define TEAL_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"

enum addr_kind { ADDR_IPV4, ADDR_IPV6, ADDR_UNIX, ADDR_NAME };

struct addr {
	enum addr_kind kind;
	uint16_t port;    /* host order; 0 for ADDR_UNIX */
	socklen_t length; /* of the socket address; 0 for ADDR_NAME */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
		char name[256]; /* ADDR_NAME: the host name, lower case, without the port */
	} to;
};

/* Reads `192.0.2.1:80`, `[2001:db8::1]:80`, `name.example:80` or `unix:/path`. The port is required; a listener may also
 * say `:80` or `*:80` (every IPv4 and IPv6 address: `[::]:80` with dual stack). The sentence says what is wrong and what
 * is expected. */
bool addr_parse(const char *text, struct addr *addr, struct err *err);
bool addr_parse_listen(const char *text, struct addr *addr, struct err *err);

/* From what accept or getsockname gave. */
void addr_from_socket(const struct sockaddr *from, socklen_t length, struct addr *addr);

/* The text form that addr_parse reads, with its NUL. ADDR_TEXT_SIZE is enough for every kind. */
#define ADDR_TEXT_SIZE 288
void addr_format(const struct addr *addr, char *out, size_t size);
/* The same without the port (and without brackets): what X-Forwarded-For and a log want; "unix:" for unix sockets. */
void addr_format_host(const struct addr *addr, char *out, size_t size);

/* Whatever is sent there does not leave this machine: 127.0.0.0/8, ::1, what maps to them, a Unix socket, and the name `localhost`, whatever that would be looked up as. */
bool addr_is_this_machine(const struct addr *addr);

/* Same kind, address and port. */
bool addr_equal(const struct addr *a, const struct addr *b);

/* An address block: `10.0.0.0/8`, `2001:db8::/32`, or one address. */
struct addr_block {
	enum addr_kind kind; /* ADDR_IPV4 or ADDR_IPV6 */
	uint8_t bytes[16];
	unsigned bits;
};
bool addr_block_parse(const char *text, struct addr_block *block, struct err *err);
/* IPv4-mapped IPv6 addresses match IPv4 blocks. */
bool addr_block_contains(const struct addr_block *block, const struct addr *addr);
/* The same for the 4 or 16 bytes of an ADDR_IPV4 or ADDR_IPV6 address in network order; nothing is taken for an IPv4-mapped one. */
bool addr_block_contains_bytes(const struct addr_block *block, enum addr_kind kind, const uint8_t *bytes);

#endif

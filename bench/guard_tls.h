/* TLS of the guard: what the worker is set to on both sides, and the other ends of its connections. Test's thread. All of it is from one certificate for localhost, made anew by each program: its key counts nothing, as no
 * handshake is counted. */
#ifndef TEAL_BENCH_GUARD_TLS_H
#define TEAL_BENCH_GUARD_TLS_H

#include <openssl/types.h>
#include <stddef.h>
#include <sys/types.h>

struct tlsback;
struct tlsfront;

/* Once, before all else; and at the end, when no connection is left. NULL, or what went wrong. */
const char *guard_tls_open(void);
void guard_tls_close(void);

/* The worker's, kept until guard_tls_close. */
struct tlsfront *guard_tls_front(void);
struct tlsback *guard_tls_back(void);

/* The other end of a client's connection, or of one to a backend, over this non-blocking descriptor, which stays the caller's. They speak TLS 1.3 with one cipher suite. NULL: memory ran out. */
SSL *guard_tls_client(int fd);
SSL *guard_tls_server(int fd);
/* As recv and send are; hands are shaken on the way, and EAGAIN says that they are not yet. */
ssize_t guard_tls_hear(SSL *ssl, char *bytes, size_t size);
ssize_t guard_tls_say(SSL *ssl, const char *bytes, size_t length);

#endif

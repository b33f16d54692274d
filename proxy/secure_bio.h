/* The two sides of all of a worker's SSLs: memory, never a socket. One BIO for a worker, as only one SSL is at work at any time. Worker thread.
 *
 * Before a call into an SSL, `in` is what was read of its connection's socket; the SSL takes from its front, and asks for more when it is empty. What the SSL wants to send is behind each
 * other in `out`. Who calls sees to both, before and after. */
#ifndef TEAL_PROXY_SECURE_BIO_H
#define TEAL_PROXY_SECURE_BIO_H

#include <openssl/bio.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

struct worker;

#define SECURE_RAW_SIZE (64u * 1024 + 256) /* what a connection reads at a time, and what TLS adds to that */
#define SECURE_PIECE_SIZE (16u * 1024)     /* the most that a record carries */

struct secure_bio {
	BIO *bio;
	BIO_METHOD *method;
	const char *in;
	size_t in_length;
	char *out;
	size_t out_length, out_size;
	size_t piece_length;
	char raw[SECURE_RAW_SIZE];     /* for what is read */
	char piece[SECURE_PIECE_SIZE]; /* for short parts on their way into one record */
};

/* The worker's, made at the first call; NULL when memory ran out. */
struct secure_bio *secure_bio_of(struct worker *worker);
/* At the end of the worker. */
void secure_bio_free(struct worker *worker);

/* Puts bytes behind `out`; false when memory ran out. */
bool secure_bio_add(struct secure_bio *bio, const char *bytes, size_t length);
/* Makes an SSL's two sides be this. */
void secure_bio_attach(struct secure_bio *bio, SSL *ssl);

#endif

/* Both sides of TLS in one process, over memory. */
#ifndef TEAL_TESTS_UNIT_HANDSHAKE_H
#define TEAL_TESTS_UNIT_HANDSHAKE_H

#include "tests/unit/scratch.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define NO_ALERT (-1)

struct handshake {
	SSL *client, *server;
	bool good;                    /* both are through, and a byte went either way */
	int client_said, server_said; /* the first fatal alert of each, or NO_ALERT */
};

static inline void handshake_note(const SSL *ssl, int where, int value)
{
	int *said = SSL_get_app_data(ssl);
	if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT && value >> 8 == SSL3_AL_FATAL && *said == NO_ALERT)
		*said = value & 0xff;
}

static inline bool handshake_is_over(SSL *ssl, int result)
{
	int error = SSL_get_error(ssl, result);
	return result != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
}

/* Until both are through, or one has given up and the other had its alert. */
static inline void handshake_pump(struct handshake *shake)
{
	bool client_through = false, server_through = false, failed = false;
	for (unsigned turn = 0; turn < 10 && !(client_through && server_through); turn++) {
		ERR_clear_error();
		int client = SSL_do_handshake(shake->client);
		client_through = client == 1;
		failed = failed || handshake_is_over(shake->client, client);
		ERR_clear_error();
		int server = SSL_do_handshake(shake->server);
		server_through = server == 1;
		failed = failed || handshake_is_over(shake->server, server);
	}
	shake->good = client_through && server_through && !failed;
	ERR_clear_error();
}

static inline bool handshake_passes_byte(SSL *from, SSL *to)
{
	char byte = 'x', got = 0;
	bool passed = SSL_write(from, &byte, 1) == 1 && SSL_read(to, &got, 1) == 1 && got == byte;
	ERR_clear_error();
	return passed;
}

/* Takes both over: handshake_end frees them. Tickets are with the client behind it. */
static inline struct handshake handshake_begin(SSL *client, SSL *server)
{
	struct handshake shake = {.client = client, .server = server, .client_said = NO_ALERT, .server_said = NO_ALERT};
	BIO *near, *far;
	assert_non_null(client);
	assert_non_null(server);
	assert_true(BIO_new_bio_pair(&near, 65536, &far, 65536));
	SSL_set_bio(client, near, near);
	SSL_set_bio(server, far, far);
	return shake;
}

static inline void handshake_run(struct handshake *shake)
{
	SSL_set_app_data(shake->client, &shake->client_said);
	SSL_set_app_data(shake->server, &shake->server_said);
	SSL_set_info_callback(shake->client, handshake_note);
	SSL_set_info_callback(shake->server, handshake_note);
	handshake_pump(shake);
	shake->good = shake->good && handshake_passes_byte(shake->server, shake->client) && handshake_passes_byte(shake->client, shake->server);
	SSL_set_info_callback(shake->client, NULL); /* the place for alerts may go elsewhere now */
	SSL_set_info_callback(shake->server, NULL);
}

static inline void handshake_end(struct handshake *shake)
{
	/* A session whose connection was not shut down by either is as good: that is how most end. */
	SSL_set_shutdown(shake->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(shake->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(shake->client);
	SSL_free(shake->server);
}

#endif

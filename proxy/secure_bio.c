/* Memory beneath OpenSSL. Worker thread. */
#include "proxy/secure_bio.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/worker.h"

static int on_read(BIO *side, char *bytes, int size)
{
	struct secure_bio *bio = BIO_get_data(side);
	size_t taken = (size_t)size < bio->in_length ? (size_t)size : bio->in_length;
	BIO_clear_retry_flags(side);
	if (taken == 0) {
		BIO_set_retry_read(side);
		return -1;
	}
	memcpy(bytes, bio->in, taken);
	bio->in += taken;
	bio->in_length -= taken;
	return (int)taken;
}

static int on_write(BIO *side, const char *bytes, int length)
{
	BIO_clear_retry_flags(side);
	return secure_bio_add(BIO_get_data(side), bytes, (size_t)length) ? length : -1;
}

static long on_control(BIO *side, int command, long number, void *argument)
{
	(void)side;
	(void)number;
	(void)argument;
	return command == BIO_CTRL_FLUSH;
}

bool secure_bio_add(struct secure_bio *bio, const char *bytes, size_t length)
{
	size_t needed = bio->out_length + length;
	if (needed > bio->out_size) {
		size_t size = needed < 2 * bio->out_size ? 2 * bio->out_size : needed;
		char *larger = realloc(bio->out, size);
		if (!larger)
			return false;
		bio->out = larger;
		bio->out_size = size;
	}
	if (length > 0)
		memcpy(bio->out + bio->out_length, bytes, length);
	bio->out_length = needed;
	return true;
}

void secure_bio_attach(struct secure_bio *bio, SSL *ssl)
{
	BIO_up_ref(bio->bio);
	SSL_set_bio(ssl, bio->bio, bio->bio);
}

static void destroy(struct secure_bio *bio)
{
	BIO_free(bio->bio);
	BIO_meth_free(bio->method);
	free(bio->out);
	free(bio);
}

static bool set_up(struct secure_bio *bio)
{
	bio->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "a connection's bytes");
	if (!bio->method || !BIO_meth_set_read(bio->method, on_read) || !BIO_meth_set_write(bio->method, on_write) ||
		!BIO_meth_set_ctrl(bio->method, on_control))
		return false;
	bio->bio = BIO_new(bio->method);
	if (!bio->bio)
		return false;
	BIO_set_data(bio->bio, bio);
	BIO_set_init(bio->bio, 1);
	return true;
}

struct secure_bio *secure_bio_of(struct worker *worker)
{
	if (worker->secure)
		return worker->secure;
	struct secure_bio *bio = calloc(1, sizeof(*bio));
	if (!bio)
		return NULL;
	if (!set_up(bio)) {
		destroy(bio);
		return NULL;
	}
	worker->secure = bio;
	return bio;
}

void secure_bio_free(struct worker *worker)
{
	if (worker->secure)
		destroy(worker->secure);
	worker->secure = NULL;
}

/* Reading PEM. Any thread that may block. Judges nothing of what is in it. */
#include "proxy/pemfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/keyfile.h"
#include "base/secret.h"

static bool look_at(struct pemfile *file, int fd, const char *what, const char *path, size_t limit, struct err *err)
{
	struct stat found;
	if (fstat(fd, &found) != 0)
		return err_set(err, "%s %s can't be read: %s", what, path, strerrordesc_np(errno));
	if (!S_ISREG(found.st_mode))
		return err_set(err, "%s %s is no regular file", what, path);
	if (found.st_size > (off_t)limit)
		return err_set(err, "%s %s is larger than %zu KiB, which no such file is", what, path, limit / 1024);
	file->length = (size_t)found.st_size;
	file->changed_s = found.st_mtime;
	return true;
}

/* Into room for one byte more, so that a file that grows meanwhile is seen. */
static bool read_whole(struct pemfile *file, int fd, const char *what, const char *path, struct err *err)
{
	size_t had = 0;
	ssize_t got = 1;
	while (had <= file->length && got > 0) {
		got = read(fd, file->bytes + had, file->length + 1 - had);
		if (got < 0 && errno != EINTR)
			return err_set(err, "%s %s can't be read: %s", what, path, strerrordesc_np(errno));
		had += got > 0 ? (size_t)got : 0;
		got = got < 0 ? 1 : got;
	}
	if (had != file->length)
		return err_set(err, "%s %s was being written while it was read", what, path);
	file->bytes[had] = '\0';
	return true;
}

bool pemfile_read(struct pemfile *file, const char *what, const char *path, size_t limit, bool secret, struct err *err)
{
	*file = (struct pemfile){.bytes = NULL};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, "%s %s can't be opened: %s", what, path, strerrordesc_np(errno));
	bool good = (!secret || keyfile_check(fd, what, path, err)) && look_at(file, fd, what, path, limit, err);
	if (good) {
		file->bytes = secret_new(file->length + 1);
		good = read_whole(file, fd, what, path, err);
	}
	close(fd);
	if (!good)
		pemfile_wipe(file);
	return good;
}

void pemfile_wipe(struct pemfile *file)
{
	secret_free(file->bytes);
	*file = (struct pemfile){.bytes = NULL};
}

static BIO *open_bytes(const struct pemfile *file)
{
	return BIO_new_mem_buf(file->bytes, (int)file->length);
}

static int refuse_passphrase(char *passphrase, int size, int sealing, void *asked)
{
	(void)passphrase, (void)size, (void)sealing;
	*(bool *)asked = true;
	return -1;
}

static bool was_end(void)
{
	unsigned long error = ERR_peek_last_error();
	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* The next one, or NULL at the end or where it is garbled. Nobody is asked for a passphrase. */
static X509 *next_certificate(BIO *bio, bool *ended)
{
	bool asked = false;
	ERR_clear_error();
	X509 *certificate = PEM_read_bio_X509(bio, NULL, refuse_passphrase, &asked);
	*ended = !certificate && was_end();
	ERR_clear_error();
	return certificate;
}

struct stack_st_X509 *pemfile_certificates(const struct pemfile *file, size_t most, size_t *garbled)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	BIO *bio = open_bytes(file);
	bool ended = false;
	X509 *certificate = NULL;
	size_t count = 0;
	while (bio && certificates && (certificate = next_certificate(bio, &ended)) != NULL) {
		if (count == most || !sk_X509_push(certificates, certificate)) {
			X509_free(certificate);
			break;
		}
		count++;
	}
	BIO_free(bio);
	*garbled = ended ? 0 : count + 1;
	if (ended && count > 0)
		return certificates;
	sk_X509_pop_free(certificates, X509_free);
	return NULL;
}

bool pemfile_has(const struct pemfile *file, const char *name)
{
	static const char start[] = "-----BEGIN ";
	size_t length = strlen(name);
	for (const char *at = file->bytes; (at = strstr(at, start)) != NULL; at += sizeof(start) - 1) {
		const char *end = strstr(at + sizeof(start) - 1, "-----");
		if (end && end >= at + sizeof(start) - 1 + length && strncmp(end - length, name, length) == 0)
			return true;
	}
	return false;
}

EVP_PKEY *pemfile_key(const struct pemfile *file, bool *encrypted)
{
	BIO *bio = open_bytes(file);
	*encrypted = false;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, encrypted) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

/* Reading a secret and signing with it. Any thread. Keeps nothing. */
#include "switch/hook_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/keyfile.h"

/* One byte more than may be there, and a line's end of two; a regular file gives them all at once. */
static bool read_whole(int fd, const char *file, struct hook_secret *secret, struct err *err)
{
	unsigned char bytes[HOOK_SECRET_MAX + 3];
	ssize_t got;
	while ((got = read(fd, bytes, sizeof(bytes))) < 0 && errno == EINTR) {
	}
	if (got < 0)
		return err_set(err, "the secret file %s can't be read: %s", file, strerrordesc_np(errno));
	size_t length = (size_t)got;
	if (length > 0 && bytes[length - 1] == '\n')
		length--;
	if (length > 0 && bytes[length - 1] == '\r')
		length--;
	secret->length = length <= HOOK_SECRET_MAX ? length : 0;
	memcpy(secret->bytes, bytes, secret->length);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (length > HOOK_SECRET_MAX)
		return err_set(err, "the secret file %s is larger than %u bytes", file, HOOK_SECRET_MAX);
	return length > 0 || err_set(err, "the secret file %s is empty", file);
}

bool hook_secret_read(const char *file, struct hook_secret *secret, struct err *err)
{
	secret->length = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, "the secret file %s can't be opened: %s", file, strerrordesc_np(errno));
	bool read = keyfile_check(fd, "the secret file", file, err) && read_whole(fd, file, secret, err);
	close(fd);
	return read;
}

void hook_secret_wipe(struct hook_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof(*secret));
}

void hook_secret_sign(const struct hook_secret *secret, uint64_t timestamp, const char *body, size_t length, char signature[HOOK_SIGNATURE_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char mac[32];
	size_t mac_length = 0;
	char start[32];
	size_t start_length = (size_t)snprintf(start, sizeof(start), "%" PRIu64 ".", timestamp);
	unsigned char *whole = malloc(start_length + length);
	if (!whole)
		abort(); /* out of memory */
	memcpy(whole, start, start_length);
	memcpy(whole + start_length, body, length);
	if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret->bytes, secret->length, whole, start_length + length, mac, sizeof(mac), &mac_length) ||
		mac_length != sizeof(mac))
		abort(); /* a library without SHA-256, or out of memory */
	free(whole);
	char *out = stpcpy(signature, "sha256=");
	for (size_t i = 0; i < sizeof(mac); i++) {
		*out++ = digits[mac[i] >> 4];
		*out++ = digits[mac[i] & 15];
	}
	*out = '\0';
}

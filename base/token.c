/* Signed tokens. Any thread. Reads no clock and keeps no key. */
#include "base/token.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "v1."
#define VERSION_LENGTH 3u
#define DIGITS_MAX 11u
#define MAC_SIZE 32u
#define MAC_TEXT 43u /* as base64url without padding */

/* What stands in a token in front of the dot before its MAC. */
struct claim {
	const char *text;
	size_t length;
};

/* 32 bytes are ten groups of three, and two. */
static void write_base64url(const uint8_t mac[MAC_SIZE], char out[MAC_TEXT])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, held = 0;
	size_t at = 0;
	for (size_t i = 0; i < MAC_SIZE; i++) {
		held = held << 8 | mac[i];
		for (bits += 8; bits >= 6; bits -= 6)
			out[at++] = digits[held >> (bits - 6) & 63u];
	}
	out[at] = digits[held << (6 - bits) & 63u];
}

/* False when the library gives none: it is out of memory. */
static bool sign(const uint8_t key[TOKEN_KEY_SIZE], struct claim claim, const char *subject, char out[MAC_TEXT])
{
	unsigned char message[TOKEN_SUBJECT_MAX + VERSION_LENGTH + DIGITS_MAX + 1], mac[MAC_SIZE];
	size_t length = strlen(subject);
	assert(length <= TOKEN_SUBJECT_MAX && claim.length <= VERSION_LENGTH + DIGITS_MAX);
	memcpy(message, claim.text, claim.length);
	message[claim.length] = '\n';
	memcpy(message + claim.length + 1, subject, length);
	if (!HMAC(EVP_sha256(), key, (int)TOKEN_KEY_SIZE, message, claim.length + 1 + length, mac, NULL))
		return false;
	write_base64url(mac, out);
	return true;
}

size_t token_make(const uint8_t key[TOKEN_KEY_SIZE], const char *subject, uint64_t expires_s, char out[TOKEN_SIZE])
{
	assert(expires_s <= TOKEN_EXPIRY_MAX);
	size_t length = (size_t)snprintf(out, TOKEN_SIZE, VERSION "%" PRIu64, expires_s);
	if (!sign(key, (struct claim){out, length}, subject, out + length + 1)) {
		fputs("teal: HMAC-SHA-256 is not available: is the OpenSSL library complete?\n", stderr);
		abort();
	}
	out[length] = '.';
	out[length + 1 + MAC_TEXT] = '\0';
	return length + 1 + MAC_TEXT;
}

/* What the token claims, if it has the form of one. */
static bool read_claim(const char *token, size_t length, struct claim *claim, uint64_t *expires_s)
{
	size_t at = VERSION_LENGTH;
	if (length < VERSION_LENGTH || memcmp(token, VERSION, VERSION_LENGTH) != 0)
		return false;
	for (*expires_s = 0; at < length && at < VERSION_LENGTH + DIGITS_MAX && token[at] >= '0' && token[at] <= '9'; at++)
		*expires_s = *expires_s * 10 + (uint64_t)(token[at] - '0');
	*claim = (struct claim){token, at};
	return at > VERSION_LENGTH && length == at + 1 + MAC_TEXT && token[at] == '.';
}

bool token_check(const uint8_t key[TOKEN_KEY_SIZE], const char *subject, const char *token, size_t length, uint64_t now_s, uint64_t *expires_s)
{
	struct claim claim;
	char mac[MAC_TEXT];
	if (!read_claim(token, length, &claim, expires_s) || *expires_s <= now_s)
		return false;
	return sign(key, claim, subject, mac) && CRYPTO_memcmp(mac, token + claim.length + 1, MAC_TEXT) == 0;
}

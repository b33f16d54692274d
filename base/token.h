/* Signed tokens that expire: `v1.EXPIRY.MAC`. Pure; any thread.
 *
 * EXPIRY is in seconds since 1970, decimal. MAC is HMAC-SHA-256 over version, expiry and a subject that is not in the token: what the token is good for, which whoever checks it knows.
 * Letters, digits, '.', '-' and '_' alone, so that it can stand in a URL and in a cookie (RFC 6265 section 4.1.1). Whoever has the token may use it: it belongs in no log. */
#ifndef TEAL_BASE_TOKEN_H
#define TEAL_BASE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_KEY_SIZE 32u
#define TOKEN_SIZE 80u /* with its NUL */
#define TOKEN_SUBJECT_MAX 400u
#define TOKEN_EXPIRY_MAX 99999999999u

/* Returns its length. `expires_s` is at most TOKEN_EXPIRY_MAX, the subject at most TOKEN_SUBJECT_MAX bytes long. */
size_t token_make(const uint8_t key[TOKEN_KEY_SIZE], const char *subject, uint64_t expires_s, char out[TOKEN_SIZE]);

/* Whether these bytes are a token for the subject that was made with the key and is good at `now_s`; *expires_s is when it ends. What can't be one costs no HMAC;
 * the MAC is compared in a time that does not depend on it. */
bool token_check(const uint8_t key[TOKEN_KEY_SIZE], const char *subject, const char *token, size_t length, uint64_t now_s, uint64_t *expires_s);

#endif

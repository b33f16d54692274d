/* Signatures of requests to AWS. Any thread. What a key went through is wiped; what may go into a field is looked at before it does. */
#include "dns/sigv4.h"

#include <assert.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/memory.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define DAY_LENGTH 8 /* of a date */
#define MAC_SIZE 32u

void sigv4_wipe(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

static void write_digits(const unsigned char bytes[MAC_SIZE], char out[SIGV4_HASH_SIZE])
{
	for (size_t i = 0; i < MAC_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* The library gives none only when it is out of memory, or not whole. */
static void require(bool made)
{
	if (made)
		return;
	fputs("teal: SHA-256 is not available: is the OpenSSL library complete?\n", stderr);
	abort();
}

void sigv4_hash(const void *bytes, size_t length, char out[SIGV4_HASH_SIZE])
{
	unsigned char hash[MAC_SIZE];
	require(EVP_Digest(bytes ? bytes : "", length, hash, NULL, EVP_sha256(), NULL));
	write_digits(hash, out);
}

/* ---- time ---- */

bool sigv4_write_date(int64_t time_s, char out[SIGV4_DATE_SIZE])
{
	time_t time = time_s;
	struct tm utc;
	if (time_s < 0 || !gmtime_r(&time, &utc))
		return false;
	/* A year of five digits does not fit. */
	return strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc) == SIGV4_DATE_SIZE - 1;
}

bool sigv4_read_skew(const char *date, int64_t now_s, int64_t *skew_s)
{
	time_t time = date ? curl_getdate(date, NULL) : -1;
	if (time < 0)
		return false;
	*skew_s = (int64_t)time - now_s;
	return true;
}

/* ---- what may be signed with ---- */

static bool is_visible(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

bool sigv4_check_credentials(const struct sigv4_credentials *credentials, struct err *err)
{
	if (!credentials->id || !*credentials->id)
		return err_set(err, "there is no access key id");
	if (!credentials->secret || !*credentials->secret)
		return err_set(err, "there is no secret access key");
	if (!is_visible(credentials->id) || strpbrk(credentials->id, "/,"))
		return err_set(err, "the access key id has a character that none has, perhaps a blank or a line's end; write it as AWS gave it");
	if (!is_visible(credentials->secret))
		return err_set(err, "the secret access key has a character that none has, perhaps a blank or a line's end; write it as AWS gave it");
	if (credentials->token && !is_visible(credentials->token))
		return err_set(err, "the session token has a character that none has, perhaps a blank or a line's end; write it as AWS gave it");
	return true;
}

static bool check(const struct sigv4_request *request, const struct sigv4_credentials *credentials, struct err *err)
{
	if (!sigv4_check_credentials(credentials, err))
		return false;
	if (!*request->region || !is_visible(request->region) || strpbrk(request->region, "/,"))
		return err_set(err, "the region to sign for is not the name of one; it looks like us-east-1");
	return true;
}

/* ---- the signature ---- */

/* `20150830/us-east-1/route53/aws4_request` */
static char *make_scope(const struct sigv4_request *request, const char *date)
{
	size_t size = DAY_LENGTH + strlen(request->region) + strlen(request->service) + sizeof("///" TERMINATOR);
	char *scope = memory_new(size);
	snprintf(scope, size, "%.*s/%s/%s/" TERMINATOR, DAY_LENGTH, date, request->region, request->service);
	return scope;
}

char *sigv4_make_string_to_sign(const struct sigv4_request *request, const char *date, const char *canonical)
{
	char hash[SIGV4_HASH_SIZE], *scope = make_scope(request, date);
	size_t size = sizeof(ALGORITHM) + SIGV4_DATE_SIZE + strlen(scope) + 1 + SIGV4_HASH_SIZE;
	char *text = memory_new(size);
	sigv4_hash(canonical, strlen(canonical), hash);
	snprintf(text, size, ALGORITHM "\n%s\n%s\n%s", date, scope, hash);
	free(scope);
	return text;
}

static void put_mac(const unsigned char *key, size_t key_length, const char *text, size_t length, unsigned char out[MAC_SIZE])
{
	require(HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, length, out, NULL));
}

/* The key goes from step to step; none of them outlives the call. */
static void make_signature(const struct sigv4_request *request, const char *secret, const char *date, const char *to_sign, char out[SIGV4_HASH_SIZE])
{
	unsigned char key[MAC_SIZE], next[MAC_SIZE];
	size_t size = strlen(secret) + sizeof("AWS4");
	char *first = memory_new(size);
	snprintf(first, size, "AWS4%s", secret);
	put_mac((unsigned char *)first, size - 1, date, DAY_LENGTH, key);
	sigv4_wipe(first);
	const char *const steps[] = {request->region, request->service, TERMINATOR, to_sign};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		put_mac(key, MAC_SIZE, steps[i], strlen(steps[i]), next);
		memcpy(key, next, MAC_SIZE);
	}
	write_digits(key, out);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(next, sizeof(next));
}

/* ---- the lines ---- */

static void add_line(struct sigv4_lines *lines, const char *name, const char *value)
{
	size_t count = 0, size = strlen(name) + strlen(value) + sizeof(": ");
	while (lines->lines[count])
		count++;
	lines->lines[count] = memory_new(size);
	snprintf(lines->lines[count], size, "%s: %s", name, value);
}

/* The names that are signed are the line before the last of the canonical request. */
static void add_authorization(struct sigv4_lines *lines, const char *id, const char *scope, const char *canonical, const char *signature)
{
	const char *hash = strrchr(canonical, '\n'), *names = hash;
	while (names[-1] != '\n')
		names--;
	size_t size = strlen(id) + strlen(scope) + strlen(names) + strlen(signature) + sizeof(ALGORITHM " Credential=/, SignedHeaders=, Signature=");
	char *value = memory_new(size);
	snprintf(value, size, ALGORITHM " Credential=%s/%s, SignedHeaders=%.*s, Signature=%s", id, scope, (int)(hash - names), names, signature);
	add_line(lines, "Authorization", value);
	free(value);
}

static bool is_ours(const char *name)
{
	static const char *const ours[] = {"host", "authorization", "x-amz-date", "x-amz-security-token"};
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	}
	return false;
}

static void add_signed(struct sigv4_lines *lines, const struct sigv4_request *request, const char *token, const char *date)
{
	add_line(lines, "Host", request->host);
	for (size_t i = 0; i < request->field_count; i++) {
		assert(!is_ours(request->fields[i].name));
		add_line(lines, request->fields[i].name, request->fields[i].value);
	}
	add_line(lines, "X-Amz-Date", date);
	if (token && *token)
		add_line(lines, "X-Amz-Security-Token", token);
}

bool sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials, int64_t now_s, struct sigv4_lines *out, struct err *err)
{
	char date[SIGV4_DATE_SIZE], signature[SIGV4_HASH_SIZE];
	out->lines = NULL;
	if (!check(request, credentials, err))
		return false;
	if (!sigv4_write_date(now_s, date))
		return err_set(err, "the clock says %" PRId64 " seconds since 1970, for which nothing can be signed; set it", now_s);
	char *canonical = sigv4_make_canonical(request, credentials->token, date), *to_sign = sigv4_make_string_to_sign(request, date, canonical);
	char *scope = make_scope(request, date);
	make_signature(request, credentials->secret, date, to_sign, signature);
	out->lines = memory_array(request->field_count + 5, sizeof(*out->lines));
	add_signed(out, request, credentials->token, date);
	add_authorization(out, credentials->id, scope, canonical, signature);
	sigv4_wipe(canonical);
	free(to_sign);
	free(scope);
	return true;
}

void sigv4_lines_fini(struct sigv4_lines *lines)
{
	for (char **line = lines->lines; line && *line; line++)
		sigv4_wipe(*line);
	free(lines->lines);
	lines->lines = NULL;
}

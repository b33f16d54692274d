/* Signed tokens: what is made is good, until it expires; nothing else is. */
// links: base
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/token.h"

static const uint8_t key[TOKEN_KEY_SIZE] = "0123456789abcdef0123456789abcde";
static const uint8_t other_key[TOKEN_KEY_SIZE] = "0123456789abcdef0123456789abcdf";

static bool check(const char *token, size_t length, uint64_t now_s)
{
	uint64_t expires_s;
	return token_check(key, "shop green", token, length, now_s, &expires_s);
}

static void what_is_made_is_good_until_it_expires(void **state)
{
	(void)state;
	static const uint64_t times[] = {1, 9, 10, 1800000000, TOKEN_EXPIRY_MAX};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char token[TOKEN_SIZE];
		uint64_t expires_s = 0;
		size_t length = token_make(key, "shop green", times[i], token);
		assert_int_equal(length, strlen(token));
		assert_true(token_check(key, "shop green", token, length, times[i] - 1, &expires_s));
		assert_int_equal(expires_s, times[i]);
		assert_true(check(token, length, 0));
		assert_false(check(token, length, times[i]));
		assert_false(check(token, length, UINT64_MAX));
	}
}

/* As it is described in base/token.h, for any claim. */
static void sign(const char *claim, char out[128])
{
	char signed_text[64], text[64];
	unsigned char mac[32];
	int length = snprintf(signed_text, sizeof(signed_text), "%s\nshop green", claim);
	HMAC(EVP_sha256(), key, (int)TOKEN_KEY_SIZE, (const unsigned char *)signed_text, (size_t)length, mac, NULL);
	EVP_EncodeBlock((unsigned char *)text, mac, 32);
	for (char *at = text; *at; at++)
		*at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
	text[43] = '\0';
	snprintf(out, 128, "%s.%s", claim, text);
}

/* What others would compute by the same rule. */
static void the_form_is_as_described(void **state)
{
	(void)state;
	char token[TOKEN_SIZE], text[128];
	token_make(key, "shop green", 1800000000, token);
	sign("v1.1800000000", text);
	assert_string_equal(token, text);
}

static void another_subject_or_key_is_another_token(void **state)
{
	(void)state;
	char token[TOKEN_SIZE];
	uint64_t expires_s;
	size_t length = token_make(key, "shop green", 100, token);
	assert_false(token_check(other_key, "shop green", token, length, 1, &expires_s));
	static const char *const subjects[] = {"shop blue", "shop gree", "shop greenn", "", "Shop green"};
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		assert_false(token_check(key, subjects[i], token, length, 1, &expires_s));
}

/* Every byte counts, and so does the length. The copies are exactly as long as they say, for the sanitizers. */
static void a_changed_token_is_none(void **state)
{
	(void)state;
	char token[TOKEN_SIZE];
	size_t length = token_make(key, "shop green", 1800000000, token);
	for (size_t i = 0; i < length; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			token[i] = (char)(token[i] ^ (char)(1 << bit));
			assert_false(check(token, length, 1));
			token[i] = (char)(token[i] ^ (char)(1 << bit));
		}
	}
	for (size_t cut = 0; cut < length; cut++) {
		char *copy = malloc(cut + 1);
		memcpy(copy, token, cut);
		assert_false(check(copy, cut, 1));
		free(copy);
	}
	token[length] = 'A';
	assert_false(check(token, length + 1, 1));
	assert_true(check(token, length, 1));
}

static void faulty_ones_are_none(void **state)
{
	(void)state;
#define MAC "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	static const char *const faulty[] = {"", "v", "v1", "v1.", "v1..", "v1.." MAC, "v1.5." MAC, "v2.5." MAC, "V1.5." MAC, "v1.-5." MAC, "v1. 5." MAC,
		"v1.5" MAC, "v1.123456789012." MAC, "v1.99999999999." MAC "A", "v1.0x5." MAC, "1.5." MAC, "v1.5.5." MAC, MAC};
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
		assert_false(check(faulty[i], strlen(faulty[i]), 1));
}

/* Not even with a good signature, which nobody without the key can make. */
static void faulty_claims_are_none(void **state)
{
	static const char *const claims[] = {"", "v", "v1", "v1.", "v1..", "v2.1800000000", "V1.1800000000", "1800000000", "v11800000000", "v1.-1800000000",
		"v1.+1800000000", "v1. 1800000000", "v1.1800000000 ", "v1.0x5", "v1.1800000000x", "v1.123456789012", "v1.5.1800000000", "v1.1e9"};
	char token[128];
	(void)state;
	sign("v1.1800000000", token);
	assert_true(check(token, strlen(token), 1));
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		sign(claims[i], token);
		if (check(token, strlen(token), 1))
			fail_msg("%s is a claim", claims[i]);
	}
}

/* A longer expiry can't be had by leading zeros or by moving bytes from one part to the other. */
static void parts_can_not_be_moved(void **state)
{
	(void)state;
	char token[TOKEN_SIZE], moved[TOKEN_SIZE + 1];
	size_t length = token_make(key, "shop green", 1800000000, token);
	snprintf(moved, sizeof(moved), "v1.0%s", token + 3);
	assert_false(check(moved, length + 1, 1));
	snprintf(moved, sizeof(moved), "v1.9%s", token + 3);
	assert_false(check(moved, length + 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_good_until_it_expires),
		cmocka_unit_test(the_form_is_as_described),
		cmocka_unit_test(another_subject_or_key_is_another_token),
		cmocka_unit_test(a_changed_token_is_none),
		cmocka_unit_test(faulty_ones_are_none),
		cmocka_unit_test(faulty_claims_are_none),
		cmocka_unit_test(parts_can_not_be_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

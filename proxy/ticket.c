/* Two keys in memory of their own, and a copy of them that workers take without a lock.
 *
 * There are two places for the pair: the control thread writes the one that nobody reads, makes it the newest by one store, and wipes the other. Who was copying that one meanwhile sees that it is no longer the newest, and
 * copies again: a worker never waits for the control thread. Says nothing of sessions. */
#include "proxy/ticket.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct key {
	unsigned char name[TICKET_NAME_SIZE];
	unsigned char cipher[32], mac[32];
};

enum { NEWEST, BEFORE, KEYS };
#define WORDS (KEYS * sizeof(struct key) / sizeof(uint64_t))

union keys {
	struct key keys[KEYS];
	uint64_t words[WORDS];
};

struct ticket {
	atomic_uint references;
	_Atomic uint64_t version; /* which place is the newest: its last bit */
	_Atomic uint64_t places[2][WORDS];
	uint64_t made_ms; /* the newest; control thread */
	EVP_CIPHER *cipher;
};

static void fill_random(struct key *key)
{
	if (RAND_priv_bytes((unsigned char *)key, sizeof(*key)) == 1)
		return;
	fputs("teal: the system gives no random numbers\n", stderr);
	abort();
}

/* Whole pairs: each word is acquired, so that the version is read behind them. */
static void copy_keys(struct ticket *ticket, union keys *keys)
{
	uint64_t version = atomic_load_explicit(&ticket->version, memory_order_acquire), newest;
	for (;;) {
		for (size_t i = 0; i < WORDS; i++)
			keys->words[i] = atomic_load_explicit(&ticket->places[version & 1][i], memory_order_acquire);
		newest = atomic_load_explicit(&ticket->version, memory_order_acquire);
		if (newest == version)
			return;
		version = newest;
	}
}

static void write_place(struct ticket *ticket, uint64_t version, const union keys *keys)
{
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&ticket->places[version & 1][i], keys->words[i], memory_order_release);
}

static void publish(struct ticket *ticket, const union keys *keys)
{
	static const union keys wiped;
	uint64_t version = atomic_load_explicit(&ticket->version, memory_order_relaxed);
	write_place(ticket, version + 1, keys);
	atomic_store_explicit(&ticket->version, version + 1, memory_order_release);
	write_place(ticket, version, &wiped);
}

struct ticket *ticket_new(uint64_t now_ms)
{
	struct ticket *ticket = secret_new(sizeof(*ticket));
	union keys keys;
	atomic_init(&ticket->references, 1);
	ticket->made_ms = now_ms;
	ticket->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (!ticket->cipher) {
		fputs("teal: OpenSSL has no AES-256-CBC\n", stderr);
		abort();
	}
	fill_random(&keys.keys[NEWEST]);
	fill_random(&keys.keys[BEFORE]);
	publish(ticket, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return ticket;
}

void ticket_hold(struct ticket *ticket)
{
	atomic_fetch_add_explicit(&ticket->references, 1, memory_order_relaxed);
}

void ticket_release(struct ticket *ticket)
{
	unsigned before = atomic_fetch_sub_explicit(&ticket->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1)
		return;
	EVP_CIPHER_free(ticket->cipher);
	secret_free(ticket);
}

bool ticket_renew(struct ticket *ticket, uint64_t now_ms)
{
	uint64_t age_ms = now_ms > ticket->made_ms ? now_ms - ticket->made_ms : 0;
	union keys keys;
	if (age_ms < TICKET_RENEW_MS)
		return false;
	copy_keys(ticket, &keys);
	keys.keys[BEFORE] = keys.keys[NEWEST];
	fill_random(&keys.keys[NEWEST]);
	if (age_ms >= 2 * TICKET_RENEW_MS)
		fill_random(&keys.keys[BEFORE]);
	ticket->made_ms = now_ms;
	publish(ticket, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return true;
}

static bool set_mac(EVP_MAC_CTX *mac, const struct key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params);
}

static int seal_with(struct ticket *ticket, const struct key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	memcpy(name, key->name, sizeof(key->name));
	bool set = RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket->cipher)) == 1 && EVP_EncryptInit_ex2(cipher, ticket->cipher, key->cipher, iv, NULL) &&
		   set_mac(mac, key);
	return set ? 1 : -1;
}

static int open_with(
	struct ticket *ticket, const union keys *keys, const unsigned char *name, const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	unsigned which = NEWEST;
	while (which < KEYS && memcmp(name, keys->keys[which].name, TICKET_NAME_SIZE) != 0)
		which++;
	if (which == KEYS)
		return 0;
	const struct key *key = &keys->keys[which];
	if (!set_mac(mac, key) || !EVP_DecryptInit_ex2(cipher, ticket->cipher, key->cipher, iv, NULL))
		return -1;
	return which == NEWEST ? 1 : 2;
}

int ticket_apply(struct ticket *ticket, unsigned char name[TICKET_NAME_SIZE], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal)
{
	union keys keys;
	copy_keys(ticket, &keys);
	int result = seal ? seal_with(ticket, &keys.keys[NEWEST], name, iv, cipher, mac) : open_with(ticket, &keys, name, iv, cipher, mac);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return result;
}

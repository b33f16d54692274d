/* Keys of session tickets: which of them open what was sealed, and for how long; and that a worker always has a whole one. */
// links: proxy
#include "tests/unit/scratch.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdatomic.h>

#include "proxy/ticket.h"

#define HOUR_MS (3600 * 1000ull)
#define TEXT "what is known of a session"

struct sealed {
	unsigned char name[TICKET_NAME_SIZE], iv[16], bytes[64], mac[32];
	int length;
};

struct tools {
	EVP_MAC *kind;
	EVP_MAC_CTX *mac;
	EVP_CIPHER_CTX *cipher;
};

static struct tools take_tools(void)
{
	struct tools tools = {.kind = EVP_MAC_fetch(NULL, "HMAC", NULL), .cipher = EVP_CIPHER_CTX_new()};
	tools.mac = EVP_MAC_CTX_new(tools.kind);
	return tools;
}

static void drop_tools(struct tools *tools)
{
	EVP_CIPHER_CTX_free(tools->cipher);
	EVP_MAC_CTX_free(tools->mac);
	EVP_MAC_free(tools->kind);
}

/* As libssl does it: the MAC is of all that is in front of it. */
static bool write_mac(struct tools *tools, const struct sealed *sealed, unsigned char mac[32])
{
	size_t length;
	return EVP_MAC_init(tools->mac, NULL, 0, NULL) && EVP_MAC_update(tools->mac, sealed->name, sizeof(sealed->name)) &&
	       EVP_MAC_update(tools->mac, sealed->iv, sizeof(sealed->iv)) && EVP_MAC_update(tools->mac, sealed->bytes, (size_t)sealed->length) &&
	       EVP_MAC_final(tools->mac, mac, &length, 32) && length == 32;
}

static bool seal(struct ticket *ticket, struct sealed *sealed)
{
	struct tools tools = take_tools();
	int more = 0;
	*sealed = (struct sealed){.length = 0};
	bool good = ticket_apply(ticket, sealed->name, sealed->iv, tools.cipher, tools.mac, true) == 1 &&
		    EVP_EncryptUpdate(tools.cipher, sealed->bytes, &sealed->length, (const unsigned char *)TEXT, sizeof(TEXT)) &&
		    EVP_EncryptFinal_ex(tools.cipher, sealed->bytes + sealed->length, &more);
	sealed->length += more;
	good = good && write_mac(&tools, sealed, sealed->mac);
	drop_tools(&tools);
	return good;
}

#define OPENED_WRONG (-2)

/* What ticket_apply says, or OPENED_WRONG when it gave a key that does not open it. */
static int open_sealed(struct ticket *ticket, struct sealed *sealed)
{
	struct tools tools = take_tools();
	unsigned char bytes[80], mac[32];
	int length = 0, more = 0;
	int result = ticket_apply(ticket, sealed->name, sealed->iv, tools.cipher, tools.mac, false);
	bool opens = result <= 0 || (write_mac(&tools, sealed, mac) && memcmp(mac, sealed->mac, sizeof(mac)) == 0 &&
					    EVP_DecryptUpdate(tools.cipher, bytes, &length, sealed->bytes, sealed->length) &&
					    EVP_DecryptFinal_ex(tools.cipher, bytes + length, &more) && memcmp(bytes, TEXT, sizeof(TEXT)) == 0);
	drop_tools(&tools);
	return opens ? result : OPENED_WRONG;
}

static void the_newest_seals_and_two_open(void **state)
{
	(void)state;
	/* Each step: the hours at which it is looked whether a new one is due, whether it is, and what then becomes of what was sealed at the start. */
	static const struct row {
		unsigned hours;
		bool due;
		int opened;
	} rows[] = {{0, false, 1}, {11, false, 1}, {12, true, 2}, {12, false, 2}, {23, false, 2}, {24, true, 0}, {30, false, 0}, {36, true, 0}};
	struct ticket *ticket = ticket_new(5);
	struct sealed first, later;
	assert_true(seal(ticket, &first));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ticket_renew(ticket, 5 + rows[i].hours * HOUR_MS), rows[i].due);
		assert_int_equal(open_sealed(ticket, &first), rows[i].opened);
		assert_true(seal(ticket, &later));
		assert_int_equal(open_sealed(ticket, &later), 1);
	}
	ticket_release(ticket);
}

/* A clock that was asked rarely: what is older than a day opens nothing. */
static void both_go_after_a_day_without_a_call(void **state)
{
	(void)state;
	static const struct row {
		unsigned hours;
		int opened;
	} rows[] = {{23, 2}, {24, 0}, {1000, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ticket *ticket = ticket_new(0);
		struct sealed sealed;
		assert_true(seal(ticket, &sealed));
		assert_true(ticket_renew(ticket, rows[i].hours * HOUR_MS));
		assert_int_equal(open_sealed(ticket, &sealed), rows[i].opened);
		ticket_release(ticket);
	}
}

static void each_process_has_its_own(void **state)
{
	(void)state;
	struct ticket *one = ticket_new(0), *other = ticket_new(0);
	struct sealed sealed, again;
	assert_true(seal(one, &sealed));
	assert_true(seal(one, &again));
	assert_memory_equal(sealed.name, again.name, sizeof(sealed.name));
	assert_memory_not_equal(sealed.iv, again.iv, sizeof(sealed.iv));
	assert_int_equal(open_sealed(other, &sealed), 0);
	sealed.name[0] ^= 1;
	assert_int_equal(open_sealed(one, &sealed), 0);
	ticket_release(one);
	ticket_release(other);
}

static void it_is_counted(void **state)
{
	(void)state;
	struct ticket *ticket = ticket_new(0);
	struct sealed sealed;
	ticket_hold(ticket);
	ticket_release(ticket);
	assert_true(seal(ticket, &sealed));
	assert_int_equal(open_sealed(ticket, &sealed), 1);
	ticket_release(ticket);
}

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct ticket *ticket;
	atomic_bool *ended;
	unsigned wrong;
};

/* No key is called by zeros, but one that is being wiped would be. */
static unsigned count_wiped(struct ticket *ticket, struct tools *tools)
{
	unsigned char name[TICKET_NAME_SIZE] = {0}, iv[16] = {0};
	unsigned found = 0;
	for (unsigned i = 0; i < 200; i++)
		found += ticket_apply(ticket, name, iv, tools->cipher, tools->mac, false) != 0;
	return found;
}

/* Whatever is renewed meanwhile: what it seals opens with the same key, or with none. */
static void *seal_and_open(void *context)
{
	struct worker *worker = context;
	struct tools tools = take_tools();
	do {
		struct sealed sealed;
		worker->wrong += count_wiped(worker->ticket, &tools);
		bool is_sealed = seal(worker->ticket, &sealed);
		int opened = is_sealed ? open_sealed(worker->ticket, &sealed) : OPENED_WRONG;
		worker->wrong += opened < 0;
	} while (!atomic_load(worker->ended));
	drop_tools(&tools);
	return NULL;
}

static void workers_always_have_a_whole_key(void **state)
{
	(void)state;
	struct ticket *ticket = ticket_new(0);
	struct worker workers[3];
	atomic_bool ended = false;
	for (size_t i = 0; i < 3; i++) {
		workers[i] = (struct worker){.ticket = ticket, .ended = &ended};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, seal_and_open, &workers[i]), 0);
	}
	for (uint64_t i = 1; i <= 2000; i++)
		assert_true(ticket_renew(ticket, i * TICKET_RENEW_MS));
	atomic_store(&ended, true);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
	ticket_release(ticket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_seals_and_two_open),
		cmocka_unit_test(both_go_after_a_day_without_a_call),
		cmocka_unit_test(each_process_has_its_own),
		cmocka_unit_test(it_is_counted),
		cmocka_unit_test(workers_always_have_a_whole_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

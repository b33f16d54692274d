/* A store of TLS over real files, with a clock of its own, and what it tells. */
#ifndef TEAL_TESTS_UNIT_STORE_PLACE_H
#define TEAL_TESTS_UNIT_STORE_PLACE_H

#include "tests/unit/certificates.h"
#include "tests/unit/handshake.h"

#include "base/text.h"
#include "proxy/tlsback.h"
#include "proxy/tlsfront.h"
#include "switch/events.h"
#include "switch/tlsplan.h"
#include "switch/tlsstore.h"

/* Of one listener with a pair, of two with one each, and of services whose colors are blue and green. `$` is the folder. */
#define STORE_SITE "{certificate: $/site.pem, key: $/site.key}"
#define STORE_OTHER "{certificate: $/other.pem, key: $/other.key}"
#define STORE_LISTEN(tls) "listen: [{address: ':443', tls: {" tls "}}]\n"
#define STORE_LISTENS(tls, other) "listen: [{address: ':443', tls: {" tls "}}, {address: ':8443', tls: {" other "}}, {address: ':80'}]\n"
#define STORE_PAIR(pair) "certificates: [" pair "]"
#define STORE_COLORS(blue, green) "services: {shop: {blue: {tls: " blue "}, green: {tls: " green "}, probe: {path: /}}}\n"
#define STORE_CLEAR "services: {shop: {blue: {}, green: {}, probe: {path: /}}}\n"

struct store_place {
	struct scratch *scratch;
	struct issued root;
	struct events *events;
	struct tlsstore *store;
	struct conf *conf, *before; /* of the plan in use, and one more that may still be borrowed */
	json_t *told;               /* all events, in their order */
	int64_t now_s;
	uint64_t mono_ms;
};

static inline void store_place_hear(void *arg, const json_t *event)
{
	struct store_place *place = arg;
	json_array_append_new(place->told, json_deep_copy(event));
}

/* Writes NAME.pem and NAME.key: a certificate for the names by the root, and its key. */
static inline void store_place_write_for(struct store_place *place, const char *name, const char *names, unsigned number, long first_s, long last_s)
{
	char file[64];
	struct issued leaf = certificates_issue(&(struct wish){.subject = name, .names = names, .first_s = first_s, .last_s = last_s}, &place->root, number);
	scratch_pass_tick();
	snprintf(file, sizeof(file), "%s.pem", name);
	scratch_rewrite(place->scratch, file, "");
	certificates_append(place->scratch, file, &leaf);
	snprintf(file, sizeof(file), "%s.key", name);
	certificates_write_key(place->scratch, file, leaf.key);
	certificates_drop(&leaf);
}

/* Good for 90 days. Each time another certificate. */
static inline void store_place_write(struct store_place *place, const char *name, unsigned number)
{
	store_place_write_for(place, name, "DNS:shop.example,DNS:www.shop.example", number, 0, 0);
}

static inline void store_place_write_ca(struct store_place *place, const char *name, const struct issued *authority)
{
	scratch_pass_tick();
	scratch_rewrite(place->scratch, name, "");
	certificates_append(place->scratch, name, authority);
}

static inline int store_place_set_up(void **state)
{
	struct store_place *place = calloc(1, sizeof(*place));
	void *scratch;
	scratch_set_up(&scratch);
	place->scratch = scratch;
	place->root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	place->events = events_new(NULL);
	place->told = json_array();
	events_listen(place->events, store_place_hear, place);
	place->store = tlsstore_new(place->events, 0);
	place->now_s = time(NULL);
	store_place_write(place, "site", 1);
	store_place_write(place, "other", 2);
	store_place_write_ca(place, "ca.pem", &place->root);
	*state = place;
	return 0;
}

static inline int store_place_tear_down(void **state)
{
	struct store_place *place = *state;
	void *scratch = place->scratch;
	tlsstore_free(place->store);
	conf_free(place->conf);
	conf_free(place->before);
	events_free(place->events);
	json_decref(place->told);
	certificates_drop(&place->root);
	scratch_tear_down(&scratch);
	free(place);
	return 0;
}

/* ---- plans ---- */

/* Puts the folder in place of each `$`; the caller frees it. */
static inline char *store_place_expand(const struct store_place *place, const char *text)
{
	struct text out;
	text_init(&out, SIZE_MAX);
	for (; *text; text++)
		text_addf(&out, *text == '$' ? "%s" : "%.1s", *text == '$' ? place->scratch->path : text);
	return text_take(&out);
}

static inline struct conf *store_place_parse(const struct store_place *place, const char *yaml)
{
	struct conf_faults faults = {0};
	char *text = store_place_expand(place, yaml);
	struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
	if (!conf)
		fail_msg("%s\n%s", text, faults.lines[0]);
	free(text);
	return conf;
}

/* Whether it is taken; else the sentence. */
static inline bool store_place_try(struct store_place *place, const char *yaml, bool start, struct err *err)
{
	struct conf *conf = store_place_parse(place, yaml);
	struct tlsplan *plan = tlsstore_plan(place->store, conf, start, place->now_s, err);
	if (!plan) {
		conf_free(conf);
		return false;
	}
	tlsstore_take(place->store, plan, place->now_s);
	conf_free(place->before);
	place->before = place->conf;
	place->conf = conf;
	return true;
}

static inline void store_place_take(struct store_place *place, const char *yaml)
{
	struct err err;
	if (!store_place_try(place, yaml, !place->conf, &err))
		fail_msg("%s", err.text);
}

static inline void store_place_expect_refusal(struct store_place *place, const char *yaml, bool start, const char *sentence)
{
	struct err err;
	char *wanted = store_place_expand(place, sentence);
	assert_false(store_place_try(place, yaml, start, &err));
	if (!strstr(err.text, wanted))
		fail_msg("%s\nis not in\n%s", wanted, err.text);
	free(wanted);
}

static inline bool store_place_tick(struct store_place *place)
{
	place->mono_ms += 1000;
	place->now_s++;
	return tlsstore_tick(place->store, place->mono_ms, place->now_s);
}

static inline const struct tlssource *store_place_find(const struct store_place *place, enum tlssource_kind kind, const char *name, const char *key)
{
	const struct tlsplan *plan = tlsstore_read(place->store);
	const struct tlssource *source = tlsplan_find_source(plan, kind, scratch_name(place->scratch, name), key ? scratch_name(place->scratch, key) : NULL);
	assert_non_null(source);
	return source;
}

/* ---- what was told ---- */

static inline size_t store_place_count(const struct store_place *place, const char *event)
{
	size_t count = 0, i;
	const json_t *one;
	json_array_foreach(place->told, i, one) count += strcmp(json_string_value(json_object_get(one, "event")), event) == 0;
	return count;
}

/* A text of the newest event, which must be of this kind. */
static inline const char *store_place_read(const struct store_place *place, const char *event, const char *key)
{
	const json_t *newest = json_array_get(place->told, json_array_size(place->told) - 1);
	assert_non_null(newest);
	assert_string_equal(json_string_value(json_object_get(newest, "event")), event);
	return json_string_value(json_object_get(newest, key));
}

static inline void store_place_expect_told(const struct store_place *place, const char *event, const char *sentence)
{
	char *wanted = store_place_expand(place, sentence);
	const char *text = store_place_read(place, event, "text");
	if (!strstr(text, wanted))
		fail_msg("%s\nis not in\n%s", wanted, text);
	free(wanted);
}

/* ---- what clients see ---- */

/* The first digits of the SHA-256 of the certificate that a listener shows. */
static inline void store_place_shown(const struct store_place *place, size_t listen, char id[CERTIFICATE_ID_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct handshake shake = handshake_begin(SSL_new(context), tlsfront_open(tlsstore_front(place->store, listen)));
	SSL_set_connect_state(shake.client);
	handshake_run(&shake);
	assert_true(shake.good);
	assert_true(X509_digest(SSL_get0_peer_certificate(shake.client), EVP_sha256(), digest, NULL));
	for (size_t i = 0; i < (CERTIFICATE_ID_SIZE - 1) / 2; i++)
		snprintf(id + 2 * i, 3, "%02x", digest[i]);
	handshake_end(&shake);
	SSL_CTX_free(context);
}

#endif

/* What a listener adds for connections that are secure: HSTS, the client's certificate, 421. What it does in clear is in tests/flow/test_manners.c. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/clientcert.h"
#include "proxy/frontdoor.h"
#include "tests/unit/secure_pair.h"

enum { BOTH, HSTS_ALONE, NEITHER };

/* An exchange of a client on a secure connection, whose table has a manner for each of the listeners above. */
struct stage {
	struct pair pair;
	struct table *table;
	struct client client;
	struct exchange exchange;
};

static int believe(int good, X509_STORE_CTX *context)
{
	(void)good, (void)context;
	return 1;
}

static struct table *make_table(void)
{
	static const char *const hosts[] = {"shop.example"}, *const paths[] = {"/shop"};
	const struct table_index_entry entry = {hosts, 1, paths, 1};
	struct manner list[] = {[BOTH] = {.forwards_certificate = true}, [HSTS_ALONE] = {.forwards_certificate = false}};
	manner_set_hsts(&list[BOTH], 5, false, false);
	manner_set_hsts(&list[HSTS_ALONE], 6, true, false);
	struct manners *manners = manners_new(list, 2, NULL);
	struct table_globals globals = {.headers = 1, .manners = manners};
	struct table_index *index = table_index_new(&entry, 1);
	struct table *table = table_new(&globals, index, NULL, 0, 1);
	manners_release(manners);
	table_index_release(index);
	return table;
}

/* `name`: what the client asks for; NULL: nothing. */
static void open_stage(struct stage *stage, int version, const char *name, bool shows_certificate)
{
	memset(stage, 0, sizeof(*stage));
	pair_init(&stage->pair, (struct pair_kind){true, version});
	SSL_CTX_set_verify(stage->pair.near, SSL_VERIFY_PEER, believe);
	if (shows_certificate)
		pair_show(stage->pair.far, pair_certificate, pair_key);
	pair_make_peer(&stage->pair);
	assert_int_equal(SSL_set_tlsext_host_name(stage->pair.peer, name), 1);
	pair_begin(&stage->pair, NULL, 0);
	pair_run(&stage->pair);
	assert_true(secure_is_set_up(&stage->pair.conn));
	stage->table = make_table();
	stage->client.conn.secure = stage->pair.conn.secure;
	stage->client.exchange = &stage->exchange;
	stage->exchange.client = &stage->client;
	stage->exchange.table = stage->table;
}

static void close_stage(struct stage *stage)
{
	free(stage->client.certificate);
	table_free(stage->table);
	pair_close(&stage->pair);
}

static void assert_span(struct span span, const char *text)
{
	assert_int_equal(span.length, strlen(text));
	if (span.length > 0)
		assert_memory_equal(span.at, text, span.length);
}

static void each_listener_has_its_hsts_on_secure_connections(void **state)
{
	(void)state;
	struct stage stage;
	open_stage(&stage, TLS1_3_VERSION, "pair.test", false);
	stage.client.listener = BOTH;
	assert_span(frontdoor_find_hsts(&stage.exchange), "max-age=5");
	stage.client.listener = HSTS_ALONE;
	assert_span(frontdoor_find_hsts(&stage.exchange), "max-age=6; includeSubDomains");
	stage.client.listener = NEITHER;
	assert_span(frontdoor_find_hsts(&stage.exchange), "");
	stage.client.listener = BOTH;
	stage.client.conn.secure = NULL;
	assert_span(frontdoor_find_hsts(&stage.exchange), "");
	close_stage(&stage);
}

static void a_certificate_that_was_shown_is_passed_on(void **state)
{
	(void)state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	size_t length = 0;
	char *wanted = clientcert_write(pair_certificate, &length);
	assert_non_null(wanted);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct stage stage;
		open_stage(&stage, versions[i], "pair.test", true);
		stage.client.listener = BOTH;
		struct span first = frontdoor_find_certificate(&stage.exchange), second = frontdoor_find_certificate(&stage.exchange);
		assert_int_equal(first.length, length);
		assert_memory_equal(first.at, wanted, length);
		assert_ptr_equal(second.at, first.at); /* made once a connection */
		assert_int_equal(second.length, length);
		close_stage(&stage);
	}
	free(wanted);
}

static void nothing_else_is_passed_on(void **state)
{
	(void)state;
	struct stage stage;
	open_stage(&stage, TLS1_3_VERSION, "pair.test", true);
	stage.client.listener = HSTS_ALONE;
	assert_span(frontdoor_find_certificate(&stage.exchange), "");
	stage.client.listener = NEITHER;
	assert_span(frontdoor_find_certificate(&stage.exchange), "");
	stage.client.listener = BOTH;
	stage.client.conn.secure = NULL;
	assert_span(frontdoor_find_certificate(&stage.exchange), "");
	assert_null(stage.client.certificate);
	close_stage(&stage);
	open_stage(&stage, TLS1_3_VERSION, "pair.test", false);
	stage.client.listener = BOTH;
	assert_span(frontdoor_find_certificate(&stage.exchange), "");
	close_stage(&stage);
}

static void assert_explained(const struct stage *stage, const char *host, enum fail fail)
{
	struct span span = {host, strlen(host)};
	if (frontdoor_explain_unrouted(&stage->exchange, span) != fail)
		fail_msg("%s is not %s", host, fail_row(fail)->name);
}

static void a_host_that_nobody_has_is_misdirected_if_tls_named_another(void **state)
{
	(void)state;
	struct stage stage;
	open_stage(&stage, TLS1_3_VERSION, "pair.test", false);
	assert_explained(&stage, "other.example", FAIL_request_misnamed);
	assert_explained(&stage, "www.pair.test", FAIL_request_misnamed);
	assert_explained(&stage, "[::1]:443", FAIL_request_misnamed);
	assert_explained(&stage, "", FAIL_no_service);
	assert_explained(&stage, "pair.test", FAIL_no_service);
	assert_explained(&stage, "PAIR.test.:8443", FAIL_no_service);
	assert_explained(&stage, "shop.example", FAIL_no_service); /* it is the path that nobody has */
	stage.client.conn.secure = NULL;
	assert_explained(&stage, "other.example", FAIL_no_service);
	close_stage(&stage);
	open_stage(&stage, TLS1_2_VERSION, NULL, false);
	assert_explained(&stage, "other.example", FAIL_no_service);
	close_stage(&stage);
}

static void in_clear_nobody_is_answered_without_a_manner(void **state)
{
	(void)state;
	struct stage stage;
	struct head head = {.method = METHOD_get};
	open_stage(&stage, TLS1_3_VERSION, "pair.test", false);
	/* Redirects and challenges are for connections in clear alone. */
	assert_int_equal(frontdoor_answer(&stage.exchange, &head), FRONTDOOR_OPEN);
	stage.client.conn.secure = NULL;
	assert_int_equal(frontdoor_answer(&stage.exchange, &head), FRONTDOOR_OPEN);
	stage.client.listener = NEITHER;
	assert_int_equal(frontdoor_answer(&stage.exchange, &head), FRONTDOOR_OPEN);
	close_stage(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_listener_has_its_hsts_on_secure_connections),
		cmocka_unit_test(a_certificate_that_was_shown_is_passed_on),
		cmocka_unit_test(nothing_else_is_passed_on),
		cmocka_unit_test(a_host_that_nobody_has_is_misdirected_if_tls_named_another),
		cmocka_unit_test(in_clear_nobody_is_answered_without_a_manner),
	};
	return cmocka_run_group_tests(tests, pair_make_all, pair_free_all);
}

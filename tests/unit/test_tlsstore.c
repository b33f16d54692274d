/* What a configuration names of TLS, from files to fronts and backs; what is the same across reloads, and what refuses one. */
// links: switch
#include "tests/unit/store_place.h"

#include "proxy/ticket.h"
#include "switch/listening.h"

#define ONE STORE_LISTEN(STORE_PAIR(STORE_SITE)) STORE_CLEAR
#define TWO STORE_LISTENS(STORE_PAIR(STORE_SITE), STORE_PAIR(STORE_OTHER)) STORE_CLEAR
#define BEHIND(blue, green) "listen: [{address: ':80'}]\n" STORE_COLORS(blue, green)

/* ---- the start ---- */

static void without_tls_there_is_nothing(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, "listen: [{address: ':80'}]\n" STORE_CLEAR);
	assert_int_equal(tlsstore_read(place->store)->source_count, 0);
	assert_null(tlsstore_front(place->store, 0));
	assert_null(tlsstore_back(place->store, "shop", COLOR_BLUE));
	assert_null(tlsstore_back(place->store, "none", COLOR_BLUE));
	assert_false(store_place_tick(place));
	assert_null(tlsstore_front(NULL, 0));
	assert_null(tlsstore_back(NULL, "shop", COLOR_BLUE));
	assert_null(tlsstore_read(NULL));
}

static const struct {
	const char *name, *yaml, *sentence;
} refused[] = {
	{"a pair that is missing", STORE_LISTEN(STORE_PAIR("{certificate: $/none.pem, key: $/site.key}")) STORE_CLEAR,
		"the certificate file $/none.pem can't be opened: No such file or directory"},
	{"a key of another certificate", STORE_LISTEN(STORE_PAIR("{certificate: $/site.pem, key: $/other.key}")) STORE_CLEAR,
		"the key in $/other.key is not the one of the certificate in $/site.pem"},
	{"the second of a listener", STORE_LISTEN("certificates: [" STORE_SITE ", {certificate: $/ca.pem, key: $/none.key}]") STORE_CLEAR,
		"the key file $/none.key can't be opened"},
	{"authorities of clients", STORE_LISTEN(STORE_PAIR(STORE_SITE) ", client_certificates: required, client_ca: $/none.pem") STORE_CLEAR,
		"the CA file $/none.pem can't be opened"},
	{"authorities of a color", BEHIND("{ca: $/site.key}", "{}"), "the CA file $/site.key holds no certificate"},
	{"our own certificate", BEHIND("{verify: off}", "{verify: off, certificate: $/site.pem, key: $/none.key}"), "the key file $/none.key can't be opened"},
};

static void what_can_not_be_had_refuses_the_start(void **state)
{
	struct store_place *place = *state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		print_message("%s\n", refused[i].name);
		store_place_expect_refusal(place, refused[i].yaml, true, refused[i].sentence);
		assert_null(tlsstore_read(place->store));
	}
	assert_int_equal(json_array_size(place->told), 0);
}

static void an_expired_one_is_taken_at_the_start_and_kept(void **state)
{
	struct store_place *place = *state;
	store_place_write_for(place, "site", "DNS:shop.example", 1, -30 * DAY_S, -2 * DAY_S);
	store_place_take(place, ONE);
	store_place_expect_told(place, "certificate_expiring", "$/site.pem: the certificate for shop.example expired on ");
	assert_int_equal(store_place_count(place, "certificate_expiring"), 1);
	store_place_take(place, ONE); /* not at the start: but it is in use */
	assert_int_equal(store_place_count(place, "certificate_expiring"), 1);
	store_place_write_for(place, "site", "DNS:shop.example", 1, -30 * DAY_S, -DAY_S);
	store_place_expect_refusal(place, ONE, false, "$/site.pem: the certificate expired");
	store_place_write_for(place, "site", "DNS:shop.example", 1, DAY_S, 90 * DAY_S);
	store_place_expect_refusal(place, ONE, false, "$/site.pem: the certificate is good only from ");
	store_place_write(place, "site", 1);
	store_place_take(place, ONE);
	assert_string_equal(store_place_read(place, "certificate_renewed", "id"),
		store_place_find(place, TLSSOURCE_SERVER, "site.pem", "site.key")->content.certificate->id);
}

/* ---- what is shared ---- */

static void each_file_is_read_once(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, STORE_LISTENS(STORE_PAIR(STORE_SITE) ", client_certificates: optional, client_ca: $/ca.pem", STORE_PAIR(STORE_SITE))
					STORE_COLORS("{ca: $/ca.pem, certificate: $/site.pem, key: $/site.key}", "{ca: $/ca.pem}"));
	assert_int_equal(tlsstore_read(place->store)->source_count, 3); /* the pair as a server's and as a client's, and the authorities */
	assert_non_null(tlsstore_front(place->store, 0));
	assert_non_null(tlsstore_front(place->store, 1));
	assert_ptr_not_equal(tlsstore_front(place->store, 0), tlsstore_front(place->store, 1)); /* sessions are a listener's own */
	assert_null(tlsstore_front(place->store, 2));
	assert_null(tlsstore_front(place->store, 3)); /* as of a preview's listener, which comes behind those of the file */
}

static void add_use(void *arg, const char *place)
{
	text_addf(arg, "%s, ", place);
}

static void assert_uses(const struct store_place *place, const struct tlssource *source, const char *uses)
{
	struct text found;
	text_init(&found, SIZE_MAX);
	tlsplan_list_uses(tlsstore_read(place->store), source, add_use, &found);
	assert_string_equal(found.bytes, uses);
	text_fini(&found);
}

static void it_is_known_who_names_what(void **state)
{
	struct store_place *place = *state;
	store_place_take(place,
		STORE_LISTENS(STORE_PAIR(STORE_SITE) ", client_certificates: optional, client_ca: $/ca.pem", STORE_PAIR(STORE_OTHER ", " STORE_SITE))
			STORE_COLORS("{ca: $/ca.pem, certificate: $/site.pem, key: $/site.key}", "{verify: off}"));
	assert_uses(place, store_place_find(place, TLSSOURCE_SERVER, "site.pem", "site.key"), "listen :443, listen :8443, ");
	assert_uses(place, store_place_find(place, TLSSOURCE_SERVER, "other.pem", "other.key"), "listen :8443, ");
	assert_uses(place, store_place_find(place, TLSSOURCE_CLIENT, "site.pem", "site.key"), "services.shop.blue.tls, ");
	assert_uses(place, store_place_find(place, TLSSOURCE_AUTHORITIES, "ca.pem", NULL), "listen :443, services.shop.blue.tls, ");
}

#define OURS ", certificate: $/site.pem, key: $/site.key}"

/* Two colors with these settings have the same back, or have not; and so has one before and after a reload. */
static const struct {
	const char *name, *blue, *green;
	bool same;
} backs[] = {
	{"the same", "{ca: $/ca.pem}", "{ca: $/ca.pem, verify: on}", true},
	{"the same authorities in another file", "{ca: $/ca.pem}", "{ca: $/copy.pem}", true},
	{"other authorities", "{ca: $/ca.pem}", "{ca: $/site.pem}", false},
	{"nobody verified", "{verify: off}", "{verify: off}", true},
	{"one verified", "{ca: $/ca.pem}", "{verify: off}", false},
	{"the same name", "{ca: $/ca.pem, name: a.example}", "{ca: $/ca.pem, name: A.example}", true},
	{"another name", "{ca: $/ca.pem, name: a.example}", "{ca: $/ca.pem, name: b.example}", false},
	{"a name", "{ca: $/ca.pem, name: a.example}", "{ca: $/ca.pem}", false},
	{"the same certificate", "{verify: off" OURS, "{verify: off" OURS, true},
	{"another certificate", "{verify: off" OURS, "{verify: off, certificate: $/other.pem, key: $/other.key}", false},
	{"a certificate", "{verify: off" OURS, "{verify: off}", false},
};

static void equal_settings_are_one_back(void **state)
{
	struct store_place *place = *state;
	store_place_write_ca(place, "copy.pem", &place->root);
	for (size_t i = 0; i < sizeof(backs) / sizeof(backs[0]); i++) {
		char both[1024], later[1024];
		print_message("%s\n", backs[i].name);
		snprintf(both, sizeof(both), BEHIND("%s", "%s"), backs[i].blue, backs[i].green);
		snprintf(later, sizeof(later), BEHIND("%s", "{verify: off, name: z.example}"), backs[i].green);
		store_place_take(place, both);
		struct tlsback *blue = tlsstore_back(place->store, "shop", COLOR_BLUE), *green = tlsstore_back(place->store, "shop", COLOR_GREEN);
		assert_true(blue && green);
		assert_int_equal(blue == green, backs[i].same);
		tlsback_hold(blue); /* as a table does, so that the place is not given to another one */
		store_place_take(place, both);
		assert_ptr_equal(tlsstore_back(place->store, "shop", COLOR_BLUE), blue);
		store_place_take(place, later);
		assert_int_equal(tlsstore_back(place->store, "shop", COLOR_BLUE) == blue, backs[i].same);
		tlsback_release(blue);
	}
}

static void authorities_of_the_system_are_believed_by_default(void **state)
{
	struct store_place *place = *state;
	setenv(X509_get_default_cert_file_env(), scratch_name(place->scratch, "ca.pem"), 1);
	store_place_take(place, BEHIND("{}", "{ca: $/ca.pem}"));
	const struct tlssource *system = tlsplan_find_source(tlsstore_read(place->store), TLSSOURCE_AUTHORITIES, NULL, NULL);
	assert_non_null(system);
	assert_string_equal(system->path, scratch_name(place->scratch, "ca.pem"));
	assert_ptr_equal(tlsstore_back(place->store, "shop", COLOR_BLUE), tlsstore_back(place->store, "shop", COLOR_GREEN));
	setenv(X509_get_default_cert_file_env(), scratch_name(place->scratch, "none.pem"), 1);
	store_place_expect_refusal(place, BEHIND("{}", "{ca: $/ca.pem}"), false, "the system's certificates");
	unsetenv(X509_get_default_cert_file_env());
}

/* ---- reloads ---- */

static void what_is_the_same_stays_the_same(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, TWO);
	struct tlsfront *first = tlsstore_front(place->store, 0), *second = tlsstore_front(place->store, 1);
	tlsfront_hold(first);
	tlsfront_hold(second);
	store_place_take(place, TWO);
	assert_ptr_equal(tlsstore_front(place->store, 0), first);
	assert_ptr_equal(tlsstore_front(place->store, 1), second);
	store_place_take(place, STORE_LISTENS(STORE_PAIR(STORE_SITE), STORE_PAIR(STORE_OTHER) ", strict_sni: on") STORE_CLEAR);
	assert_ptr_equal(tlsstore_front(place->store, 0), first);
	assert_ptr_not_equal(tlsstore_front(place->store, 1), second);
	store_place_take(place, STORE_LISTENS(STORE_PAIR(STORE_SITE) ", minimum: 1.3", STORE_PAIR(STORE_OTHER)) STORE_CLEAR);
	assert_ptr_not_equal(tlsstore_front(place->store, 0), first);
	tlsfront_release(first);
	tlsfront_release(second);
	assert_int_equal(json_array_size(place->told), 0);
}

static char *join_changes(const struct store_place *place, const char *yaml)
{
	struct err err;
	struct text out;
	json_t *sentences = json_array(), *sentence;
	size_t i;
	struct conf *conf = store_place_parse(place, yaml);
	struct tlsplan *plan = tlsstore_plan(place->store, conf, false, place->now_s, &err);
	assert_non_null(plan);
	tlsstore_list_changes(place->store, plan, sentences);
	text_init(&out, SIZE_MAX);
	json_array_foreach(sentences, i, sentence) text_addf(&out, "%s\n", json_string_value(sentence));
	json_decref(sentences);
	tlsplan_free(plan);
	conf_free(conf);
	return text_take(&out);
}

static void files_are_read_again_at_a_reload(void **state)
{
	struct store_place *place = *state;
	static const char yaml[] =
		STORE_LISTENS(STORE_PAIR(STORE_SITE) ", client_certificates: optional, client_ca: $/ca.pem", STORE_PAIR(STORE_OTHER)) STORE_CLEAR;
	char shown[2][CERTIFICATE_ID_SIZE], before[2][CERTIFICATE_ID_SIZE];
	struct issued stranger = certificates_issue(&(struct wish){.subject = "stranger", .authority = true}, NULL, 103);
	store_place_take(place, yaml);
	for (size_t i = 0; i < 2; i++)
		store_place_shown(place, i, before[i]);
	char *none = join_changes(place, yaml);
	assert_string_equal(none, "");
	store_place_write(place, "site", 3);
	store_place_write_ca(place, "ca.pem", &stranger);
	char *told = join_changes(place, yaml), *wanted = store_place_expand(place, "$/site.pem: another certificate\n$/ca.pem: other authorities\n");
	assert_string_equal(told, wanted);
	assert_int_equal(json_array_size(place->told), 0); /* a plan that is not taken tells nothing, and changes nothing */
	store_place_take(place, yaml);
	for (size_t i = 0; i < 2; i++)
		store_place_shown(place, i, shown[i]);
	assert_string_not_equal(shown[0], before[0]);
	assert_string_equal(shown[1], before[1]);
	assert_int_equal(store_place_count(place, "certificate_renewed"), 2);
	assert_int_equal(store_place_find(place, TLSSOURCE_SERVER, "site.pem", "site.key")->taken, 1);
	assert_int_equal(store_place_find(place, TLSSOURCE_SERVER, "other.pem", "other.key")->taken, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(store_place_tick(place)); /* it was read already */
	free(none);
	free(told);
	free(wanted);
	certificates_drop(&stranger);
}

static void a_fault_refuses_the_whole_reload(void **state)
{
	struct store_place *place = *state;
	char shown[CERTIFICATE_ID_SIZE], before[CERTIFICATE_ID_SIZE];
	store_place_take(place, TWO);
	const struct tlsplan *plan = tlsstore_read(place->store);
	store_place_shown(place, 0, before);
	store_place_write(place, "site", 3);
	scratch_rewrite(place->scratch, "other.pem", "nothing\n");
	store_place_expect_refusal(place, TWO, false, "the certificate file $/other.pem holds no certificate");
	assert_ptr_equal(tlsstore_read(place->store), plan);
	store_place_shown(place, 0, shown);
	assert_string_equal(shown, before);
	assert_int_equal(json_array_size(place->told), 0);
}

/* A session of before a reload with another certificate is resumed after it, as long as the keys are good. */
static void tickets_outlive_reloads(void **state)
{
	struct store_place *place = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_SESSION *session = NULL;
	bool resumed[4];
	store_place_take(place, ONE);
	for (size_t i = 0; i < 4; i++) {
		struct handshake shake = handshake_begin(SSL_new(context), tlsfront_open(tlsstore_front(place->store, 0)));
		SSL_set_connect_state(shake.client);
		if (session)
			assert_true(SSL_set_session(shake.client, session));
		handshake_run(&shake);
		assert_true(shake.good);
		resumed[i] = SSL_session_reused(shake.server);
		SSL_SESSION_free(session);
		session = SSL_get1_session(shake.client);
		handshake_end(&shake);
		store_place_write(place, "site", 3 + (unsigned)i);
		if (i < 2)
			store_place_take(place, ONE);
		else
			tlsstore_tick(place->store, 3 * TICKET_RENEW_MS, place->now_s);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(context);
	assert_false(resumed[0]);
	assert_true(resumed[1]);
	assert_true(resumed[2]);
	assert_false(resumed[3]); /* the tick has renewed the keys */
}

/* ---- manners ---- */

static void manners_have_the_fronts(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, TWO);
	struct manners *manners = listening_make_manners(place->conf, place->store);
	assert_non_null(manners);
	assert_int_equal(manners->count, 3);
	assert_ptr_equal(manners->list[0].front, tlsstore_front(place->store, 0));
	assert_ptr_equal(manners->list[1].front, tlsstore_front(place->store, 1));
	assert_null(manners->list[2].front);
	manners_release(manners);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, store_place_set_up, store_place_tear_down)
	const struct CMUnitTest tests[] = {
		STORE_TEST(without_tls_there_is_nothing),
		STORE_TEST(what_can_not_be_had_refuses_the_start),
		STORE_TEST(an_expired_one_is_taken_at_the_start_and_kept),
		STORE_TEST(each_file_is_read_once),
		STORE_TEST(it_is_known_who_names_what),
		STORE_TEST(equal_settings_are_one_back),
		STORE_TEST(authorities_of_the_system_are_believed_by_default),
		STORE_TEST(what_is_the_same_stays_the_same),
		STORE_TEST(files_are_read_again_at_a_reload),
		STORE_TEST(a_fault_refuses_the_whole_reload),
		STORE_TEST(tickets_outlive_reloads),
		STORE_TEST(manners_have_the_fronts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

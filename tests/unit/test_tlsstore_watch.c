/* Files of TLS that change while they are in use: by whoever renews them, in the ways in which that is done, well and badly. */
// links: switch
#include "tests/unit/store_place.h"

#define ONE STORE_LISTEN(STORE_PAIR(STORE_SITE)) STORE_CLEAR
#define TWO STORE_LISTENS(STORE_PAIR(STORE_SITE), STORE_PAIR(STORE_OTHER)) STORE_CLEAR

static const struct tlssource *site(const struct store_place *place)
{
	return store_place_find(place, TLSSOURCE_SERVER, "site.pem", "site.key");
}

/* ---- ways of renewing ---- */

static void written(struct store_place *place)
{
	store_place_write(place, "site", 3);
}

static void renamed(struct store_place *place)
{
	store_place_write(place, "new", 3);
	scratch_rename(place->scratch, "new.key", "site.key");
	scratch_rename(place->scratch, "new.pem", "site.pem");
}

/* certbot: live/ has links into archive/, which it makes to lead elsewhere. */
static void begin_links(struct store_place *place)
{
	scratch_folder(place->scratch, "archive");
	scratch_rename(place->scratch, "site.pem", "archive/site1.pem");
	scratch_rename(place->scratch, "site.key", "archive/site1.key");
	scratch_link(place->scratch, "archive/site1.pem", "site.pem");
	scratch_link(place->scratch, "archive/site1.key", "site.key");
}

static void linked(struct store_place *place)
{
	store_place_write(place, "archive/site2", 3);
	scratch_link(place->scratch, "archive/site2.key", "site.key");
	scratch_link(place->scratch, "archive/site2.pem", "site.pem");
}

/* Orchestrators: the files are links through a link to a folder, which is exchanged for another folder. */
static void begin_data(struct store_place *place)
{
	scratch_folder(place->scratch, "..1");
	scratch_rename(place->scratch, "site.pem", "..1/site.pem");
	scratch_rename(place->scratch, "site.key", "..1/site.key");
	scratch_link(place->scratch, "..1", "..data");
	scratch_link(place->scratch, "..data/site.pem", "site.pem");
	scratch_link(place->scratch, "..data/site.key", "site.key");
}

static void exchanged(struct store_place *place)
{
	scratch_folder(place->scratch, "..2");
	store_place_write(place, "..2/site", 3);
	scratch_link(place->scratch, "..2", "..data");
	scratch_remove(place->scratch, "..1/site.pem");
	scratch_remove(place->scratch, "..1/site.key");
}

static const struct {
	const char *name;
	void (*begin)(struct store_place *place);
	void (*renew)(struct store_place *place);
} ways[] = {
	{"written over", NULL, written},
	{"renamed", NULL, renamed},
	{"links led elsewhere", begin_links, linked},
	{"a folder exchanged", begin_data, exchanged},
};

static void renew_in_one_way(size_t way)
{
	void *state;
	char before[CERTIFICATE_ID_SIZE], shown[CERTIFICATE_ID_SIZE];
	print_message("%s\n", ways[way].name);
	store_place_set_up(&state);
	struct store_place *place = state;
	if (ways[way].begin)
		ways[way].begin(place);
	store_place_take(place, TWO);
	struct tlsfront *other = tlsstore_front(place->store, 1);
	store_place_shown(place, 0, before);
	assert_false(store_place_tick(place));
	ways[way].renew(place);
	assert_false(store_place_tick(place)); /* it may still be on its way */
	store_place_shown(place, 0, shown);
	assert_string_equal(shown, before);
	assert_true(store_place_tick(place));
	store_place_shown(place, 0, shown);
	assert_string_not_equal(shown, before);
	assert_ptr_equal(tlsstore_front(place->store, 1), other);
	assert_string_equal(store_place_read(place, "certificate_renewed", "id"), shown);
	assert_string_equal(store_place_read(place, "certificate_renewed", "file"), site(place)->path);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(place->told, 0), "days_left")),
		certificate_days_left(site(place)->content.certificate, place->now_s));
	store_place_expect_told(place, "certificate_renewed", "$/site.pem: the certificate for shop.example and 1 more name is another one (");
	for (unsigned i = 0; i < 3; i++)
		assert_false(store_place_tick(place));
	assert_int_equal(json_array_size(place->told), 1);
	assert_int_equal(site(place)->taken, 1);
	store_place_tear_down(&state);
}

static void a_renewal_is_seen_however_it_is_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		renew_in_one_way(i);
}

/* ---- what is not finished ---- */

/* Bytes of both files of `new`, piece by piece: while they come nothing is read. */
static void what_is_being_written_is_waited_for(void **state)
{
	struct store_place *place = *state;
	static const char *const files[][2] = {{"new.key", "site.key"}, {"new.pem", "site.pem"}};
	char bytes[8192];
	store_place_take(place, ONE);
	store_place_write(place, "new", 3);
	for (size_t f = 0; f < 2; f++) {
		int fd = open(scratch_name(place->scratch, files[f][0]), O_RDONLY | O_CLOEXEC);
		ssize_t length = read(fd, bytes, sizeof(bytes));
		assert_true(length > 0 && length < (ssize_t)sizeof(bytes));
		close(fd);
		for (ssize_t at = 0; at < length; at += 300) {
			ssize_t piece = length - at < 300 ? length - at : 300;
			scratch_pass_tick();
			scratch_put(place->scratch, files[f][1], at == 0 ? O_TRUNC : O_APPEND, bytes + at, (size_t)piece);
			assert_false(store_place_tick(place));
		}
	}
	assert_int_equal(json_array_size(place->told), 0);
	assert_true(store_place_tick(place));
	store_place_read(place, "certificate_renewed", "text");
}

/* The certificate is there, and its key comes much later. */
static void half_a_pair_is_refused_until_the_other_half_is_there(void **state)
{
	struct store_place *place = *state;
	char before[CERTIFICATE_ID_SIZE], shown[CERTIFICATE_ID_SIZE];
	store_place_take(place, ONE);
	store_place_shown(place, 0, before);
	store_place_write(place, "new", 3);
	scratch_rename(place->scratch, "new.pem", "site.pem");
	for (unsigned i = 0; i < 5; i++)
		assert_false(store_place_tick(place));
	assert_int_equal(json_array_size(place->told), 1);
	store_place_expect_told(place, "certificate_refused", "the key in $/site.key is not the one of the certificate in $/site.pem");
	store_place_shown(place, 0, shown);
	assert_string_equal(shown, before);
	scratch_rename(place->scratch, "new.key", "site.key");
	assert_false(store_place_tick(place));
	assert_true(store_place_tick(place));
	assert_string_not_equal(store_place_read(place, "certificate_renewed", "id"), before);
	assert_null(site(place)->fault);
	assert_int_equal(site(place)->taken, 1);
	assert_int_equal(site(place)->refused, 1);
}

/* ---- what is faulty ---- */

static void garble(struct store_place *place)
{
	scratch_rewrite(place->scratch, "site.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
}

static void empty(struct store_place *place)
{
	scratch_rewrite(place->scratch, "site.pem", "");
}

static void take_away(struct store_place *place)
{
	scratch_remove(place->scratch, "site.pem");
}

static void lead_nowhere(struct store_place *place)
{
	scratch_link(place->scratch, "nowhere", "site.key");
}

static void expose(struct store_place *place)
{
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0644), 0);
}

static void expire(struct store_place *place)
{
	store_place_write_for(place, "site", "DNS:shop.example", 3, -9 * DAY_S, -DAY_S);
}

static void come_early(struct store_place *place)
{
	store_place_write_for(place, "site", "DNS:shop.example", 3, DAY_S, 90 * DAY_S);
}

static void have_no_names(struct store_place *place)
{
	store_place_write_for(place, "site", NULL, 3, 0, 0);
}

static const struct {
	void (*spoil)(struct store_place *place);
	const char *sentence;
} faults[] = {
	{garble, "certificate 1 in $/site.pem can't be understood: it is garbled or cut off; the one before stays in use ("},
	{empty, "the certificate file $/site.pem holds no certificate"},
	{take_away, "the certificate file $/site.pem can't be opened: No such file or directory"},
	{lead_nowhere, "the key file $/site.key can't be opened: No such file or directory"},
	{expose, "the key file $/site.key may be used by others than its owner"},
	{expire, "$/site.pem: the certificate expired"},
	{come_early, "$/site.pem: the certificate is good only from "},
	{have_no_names, "$/site.pem: the certificate has no name of DNS"},
};

static void see_one_fault(size_t index)
{
	void *state;
	store_place_set_up(&state);
	struct store_place *place = state;
	store_place_take(place, TWO);
	struct tlsfront *front = tlsstore_front(place->store, 0), *other = tlsstore_front(place->store, 1);
	scratch_pass_tick();
	faults[index].spoil(place);
	for (unsigned i = 0; i < 4; i++)
		assert_false(store_place_tick(place));
	assert_int_equal(json_array_size(place->told), 1);
	store_place_expect_told(place, "certificate_refused", faults[index].sentence);
	assert_string_equal(store_place_read(place, "certificate_refused", "fault"), site(place)->fault);
	assert_ptr_equal(tlsstore_front(place->store, 0), front);
	assert_int_equal(site(place)->refused, 1);
	/* Another's renewal is not held back. */
	store_place_write(place, "other", 4);
	assert_false(store_place_tick(place));
	assert_true(store_place_tick(place));
	assert_ptr_equal(tlsstore_front(place->store, 0), front);
	assert_ptr_not_equal(tlsstore_front(place->store, 1), other);
	assert_non_null(site(place)->fault);
	scratch_rewrite(place->scratch, "site.key", ""); /* whatever it was */
	scratch_remove(place->scratch, "site.key");
	store_place_write(place, "site", 3);
	assert_false(store_place_tick(place));
	assert_true(store_place_tick(place));
	assert_null(site(place)->fault);
	store_place_tear_down(&state);
}

static void a_fault_is_told_once_and_holds_back_nobody_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		see_one_fault(i);
}

static void each_try_is_told(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, ONE);
	for (unsigned i = 0; i < 3; i++) {
		scratch_pass_tick();
		garble(place);
		store_place_tick(place);
		store_place_tick(place);
		store_place_tick(place);
	}
	assert_int_equal(store_place_count(place, "certificate_refused"), 3);
	assert_int_equal(site(place)->refused, 3);
}

/* What was refused may become good while the files stay as they are. */
static void what_comes_early_is_taken_in_time(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, ONE);
	struct tlsfront *front = tlsstore_front(place->store, 0);
	come_early(place);
	for (unsigned i = 0; i < 3 * TLSSOURCE_AGAIN_S; i++)
		assert_false(store_place_tick(place));
	assert_int_equal(store_place_count(place, "certificate_refused"), 1);
	assert_int_equal(site(place)->refused, 1);
	assert_ptr_equal(tlsstore_front(place->store, 0), front);
	place->now_s += 2 * DAY_S;
	assert_true(store_place_tick(place));
	store_place_read(place, "certificate_renewed", "text");
	assert_null(site(place)->fault);
}

static void what_is_put_back_is_no_renewal(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, ONE);
	struct tlsfront *front = tlsstore_front(place->store, 0);
	scratch_rename(place->scratch, "site.pem", "kept.pem");
	store_place_tick(place);
	store_place_tick(place);
	assert_non_null(site(place)->fault);
	scratch_rename(place->scratch, "kept.pem", "site.pem");
	store_place_tick(place);
	assert_false(store_place_tick(place));
	assert_null(site(place)->fault);
	assert_ptr_equal(tlsstore_front(place->store, 0), front);
	assert_int_equal(json_array_size(place->told), 1);
	assert_int_equal(site(place)->taken, 0);
	store_place_take(place, ONE); /* a reload finds nothing new either */
	assert_int_equal(json_array_size(place->told), 1);
}

static void a_reload_ends_a_fault_and_counts_go_on(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, ONE);
	scratch_pass_tick();
	garble(place);
	store_place_tick(place);
	store_place_tick(place);
	assert_non_null(site(place)->fault);
	store_place_expect_refusal(place, ONE, false, "can't be understood");
	assert_non_null(site(place)->fault);
	store_place_write(place, "site", 3);
	store_place_take(place, ONE);
	assert_null(site(place)->fault);
	assert_int_equal(site(place)->taken, 1);
	assert_int_equal(site(place)->refused, 1);
}

/* ---- authorities, and what is shown to backends ---- */

#define BOTH \
	STORE_LISTEN(STORE_PAIR(STORE_SITE) ", client_certificates: required, client_ca: $/ca.pem") \
	STORE_COLORS("{ca: $/ca.pem}", "{ca: $/copy.pem, certificate: $/other.pem, key: $/other.key}")

static void authorities_are_watched_as_well(void **state)
{
	struct store_place *place = *state;
	struct issued stranger = certificates_issue(&(struct wish){.subject = "stranger", .authority = true}, NULL, 103);
	store_place_write_ca(place, "copy.pem", &place->root);
	store_place_take(place, BOTH);
	struct tlsfront *front = tlsstore_front(place->store, 0);
	struct tlsback *blue = tlsstore_back(place->store, "shop", COLOR_BLUE), *green = tlsstore_back(place->store, "shop", COLOR_GREEN);
	tlsback_hold(blue);
	tlsfront_hold(front);
	scratch_rewrite(place->scratch, "ca.pem", "nobody\n");
	for (unsigned i = 0; i < 3; i++)
		assert_false(store_place_tick(place)); /* nobody is let in because of a faulty file, and nobody is kept out */
	store_place_expect_told(place, "certificate_refused", "the CA file $/ca.pem holds no certificate");
	store_place_expect_told(place, "certificate_refused", "; those before stay in use");
	store_place_write_ca(place, "ca.pem", &stranger);
	assert_false(store_place_tick(place));
	assert_true(store_place_tick(place));
	store_place_expect_told(place, "certificate_renewed", "$/ca.pem: those who are believed are others from now on, 1 in all");
	assert_ptr_not_equal(tlsstore_front(place->store, 0), front);
	assert_ptr_not_equal(tlsstore_back(place->store, "shop", COLOR_BLUE), blue);
	assert_ptr_equal(tlsstore_back(place->store, "shop", COLOR_GREEN), green);
	tlsfront_release(front);
	tlsback_release(blue);
	certificates_drop(&stranger);
}

static void our_own_certificate_is_renewed_for_its_color_alone(void **state)
{
	struct store_place *place = *state;
	store_place_write_ca(place, "copy.pem", &place->root);
	store_place_take(place, BOTH);
	struct tlsfront *front = tlsstore_front(place->store, 0);
	struct tlsback *blue = tlsstore_back(place->store, "shop", COLOR_BLUE), *green = tlsstore_back(place->store, "shop", COLOR_GREEN);
	tlsback_hold(green);
	store_place_write_for(place, "other", NULL, 4, 0, 0); /* which needs no name */
	assert_false(store_place_tick(place));
	assert_true(store_place_tick(place));
	assert_ptr_equal(tlsstore_front(place->store, 0), front);
	assert_ptr_equal(tlsstore_back(place->store, "shop", COLOR_BLUE), blue);
	assert_ptr_not_equal(tlsstore_back(place->store, "shop", COLOR_GREEN), green);
	store_place_expect_told(place, "certificate_renewed", "$/other.pem: the certificate that backends are shown is another one (");
	scratch_rewrite(place->scratch, "other.key", "nothing\n");
	store_place_tick(place);
	store_place_tick(place);
	store_place_expect_told(place, "certificate_refused", "; the one before stays in use towards backends (");
	tlsback_release(green);
}

/* Colors that had one back, and have one again. */
static void one_back_stays_one(void **state)
{
	struct store_place *place = *state;
	struct issued stranger = certificates_issue(&(struct wish){.subject = "stranger", .authority = true}, NULL, 103);
	store_place_take(place, "listen: [{address: ':80'}]\n" STORE_COLORS("{ca: $/ca.pem}", "{ca: $/ca.pem}"));
	struct tlsback *before = tlsstore_back(place->store, "shop", COLOR_BLUE);
	tlsback_hold(before);
	store_place_write_ca(place, "ca.pem", &stranger);
	store_place_tick(place);
	assert_true(store_place_tick(place));
	assert_ptr_not_equal(tlsstore_back(place->store, "shop", COLOR_BLUE), before);
	assert_ptr_equal(tlsstore_back(place->store, "shop", COLOR_BLUE), tlsstore_back(place->store, "shop", COLOR_GREEN));
	tlsback_release(before);
	certificates_drop(&stranger);
}

/* ---- days that are left ---- */

static const struct {
	const char *name;
	int64_t first_s, last_s, now_s;
	unsigned level;
} levels[] = {
	{"begins", 0, 90 * DAY_S, 0, 0},
	{"a second before", 0, 90 * DAY_S, 76 * DAY_S - 1, 0},
	{"14 days", 0, 90 * DAY_S, 76 * DAY_S, 1},
	{"7 days", 0, 90 * DAY_S, 83 * DAY_S, 2},
	{"3 days", 0, 90 * DAY_S, 87 * DAY_S, 3},
	{"1 day", 0, 90 * DAY_S, 89 * DAY_S, 4},
	{"the last second", 0, 90 * DAY_S, 90 * DAY_S, 4},
	{"over", 0, 90 * DAY_S, 90 * DAY_S + 1, TLSSOURCE_LEVEL_OVER},
	{"a year", 0, 365 * DAY_S, 351 * DAY_S - 1, 0},
	{"a year, 14 days", 0, 365 * DAY_S, 351 * DAY_S, 1},
	{"6 days begin", 0, 6 * DAY_S, 0, 0},
	{"6 days, one left", 0, 6 * DAY_S, 5 * DAY_S, 0},
	{"6 days, 22.4 hours left", 0, 6 * DAY_S, 6 * DAY_S - 80640, 1},
	{"without a length", 5, 5, 5, 4},
};

static void levels_are_for_short_lives_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct certificate certificate = {.first_s = levels[i].first_s, .last_s = levels[i].last_s};
		if (tlssource_level(&certificate, levels[i].now_s) != levels[i].level)
			fail_msg("%s: %u", levels[i].name, tlssource_level(&certificate, levels[i].now_s));
	}
	assert_int_equal(tlssource_level(NULL, 0), 0);
}

static void the_end_is_told_at_each_level_once(void **state)
{
	struct store_place *place = *state;
	static const char *const sentences[] = {
		"is good for 13 more days, until ", "is good for 6 more days", "is good for 2 more days", "is good for less than a day", "expired on "};
	static const int64_t left_s[] = {14 * DAY_S, 7 * DAY_S, 3 * DAY_S, DAY_S, -DAY_S};
	store_place_take(place, ONE);
	int64_t last_s = site(place)->content.certificate->last_s;
	store_place_tick(place);
	assert_int_equal(json_array_size(place->told), 0);
	for (size_t i = 0; i < sizeof(left_s) / sizeof(left_s[0]); i++) {
		place->now_s = last_s - left_s[i];
		store_place_tick(place);
		assert_int_equal(json_array_size(place->told), i + 1);
		store_place_expect_told(place, "certificate_expiring", sentences[i]);
		store_place_tick(place);
		assert_int_equal(json_array_size(place->told), i + 1);
	}
	assert_non_null(tlsstore_front(place->store, 0)); /* it is shown all the same */
	store_place_write(place, "site", 3);
	store_place_tick(place); /* by this clock the new one is nearly over, too */
	store_place_tick(place);
	assert_int_equal(store_place_count(place, "certificate_refused"), 1);
}

static void a_start_late_tells_the_newest_level_alone(void **state)
{
	struct store_place *place = *state;
	store_place_write_for(place, "site", "DNS:shop.example", 3, -80 * DAY_S, 5 * DAY_S + 60);
	store_place_take(place, ONE);
	assert_int_equal(json_array_size(place->told), 1);
	store_place_expect_told(place, "certificate_expiring", "$/site.pem: the certificate for shop.example is good for 5 more days, until ");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(place->told, 0), "days_left")), 5);
}

/* A clock that was years ahead, as that of a machine may be until somebody sets it. */
static void a_clock_that_is_set_back_keeps_nothing_waiting(void **state)
{
	struct store_place *place = *state;
	int64_t right_s = place->now_s;
	store_place_take(place, ONE);
	place->now_s = right_s + 1000 * DAY_S;
	store_place_tick(place);
	store_place_expect_told(place, "certificate_expiring", "expired on ");
	store_place_write(place, "site", 3);
	store_place_tick(place);
	store_place_tick(place);
	store_place_expect_told(place, "certificate_refused", "expired");
	place->now_s = right_s;
	assert_true(store_place_tick(place));
	assert_int_equal(store_place_count(place, "certificate_renewed"), 1);
	assert_null(site(place)->fault);
}

static void behind_a_clock_that_was_set_back_the_end_is_told_anew(void **state)
{
	struct store_place *place = *state;
	store_place_take(place, ONE);
	int64_t right_s = place->now_s, last_s = site(place)->content.certificate->last_s;
	place->now_s = last_s + DAY_S;
	store_place_tick(place);
	place->now_s = right_s;
	store_place_tick(place);
	assert_int_equal(store_place_count(place, "certificate_expiring"), 1);
	place->now_s = last_s - 10 * DAY_S;
	store_place_tick(place);
	assert_int_equal(store_place_count(place, "certificate_expiring"), 2);
	store_place_expect_told(place, "certificate_expiring", "good for 9 more days");
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, store_place_set_up, store_place_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_renewal_is_seen_however_it_is_done),
		STORE_TEST(what_is_being_written_is_waited_for),
		STORE_TEST(half_a_pair_is_refused_until_the_other_half_is_there),
		cmocka_unit_test(a_fault_is_told_once_and_holds_back_nobody_else),
		STORE_TEST(each_try_is_told),
		STORE_TEST(what_comes_early_is_taken_in_time),
		STORE_TEST(what_is_put_back_is_no_renewal),
		STORE_TEST(a_reload_ends_a_fault_and_counts_go_on),
		STORE_TEST(authorities_are_watched_as_well),
		STORE_TEST(our_own_certificate_is_renewed_for_its_color_alone),
		STORE_TEST(one_back_stays_one),
		cmocka_unit_test(levels_are_for_short_lives_too),
		STORE_TEST(the_end_is_told_at_each_level_once),
		STORE_TEST(a_start_late_tells_the_newest_level_alone),
		STORE_TEST(a_clock_that_is_set_back_keeps_nothing_waiting),
		STORE_TEST(behind_a_clock_that_was_set_back_the_end_is_told_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

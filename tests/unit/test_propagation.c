/* dns/propagation against small name servers on the same loop. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/resolve.h"
#include "dns/propagation.h"
#include "tests/unit/name_server.h"

/* More than anything takes here; reached only by a bug. */
#define PATIENCE_S 60
#define PACE_MS 10
/* Of a try where an answer comes, and where none does. */
#define LONG_MS 10000
#define SHORT_MS 20
#define SERVERS 4
#define NAME "api.shop.test"

struct world {
	struct event_base *loop;
	struct event *patience;
	struct resolver *resolver;
	struct name_server system, servers[SERVERS];
	struct propagation *propagation;
	unsigned calls;
	struct propagation_status told; /* with the last call */
	bool stop;                      /* in the next call */
};

/* --- the world ------------------------------------------------------------------------------------------------------- */

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int open_world(void **state)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct world *world = calloc(1, sizeof(*world));
	char system[ADDR_TEXT_SIZE];
	world->loop = event_base_new();
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &patience);
	name_server_open(&world->system, world->loop);
	for (size_t i = 0; i < SERVERS; i++)
		name_server_open(&world->servers[i], world->loop);
	addr_format(&world->system.addr, system, sizeof(system));
	world->resolver = resolver_new(world->loop, NULL);
	assert_true(resolver_set_servers(world->resolver, system, LONG_MS, NULL));
	*state = world;
	return 0;
}

/* Nothing may be left on the loop. */
static int close_world(void **state)
{
	struct world *world = *state;
	propagation_stop(world->propagation);
	resolver_free(world->resolver);
	event_free(world->patience);
	name_server_close(&world->system);
	for (size_t i = 0; i < SERVERS; i++)
		name_server_close(&world->servers[i]);
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

static void on_changed(void *arg, const struct propagation_status *status)
{
	struct world *world = arg;
	world->calls++;
	world->told = *status;
	if (world->stop) {
		propagation_stop(world->propagation);
		world->propagation = NULL;
	}
}

static void say(struct world *world, size_t server, const struct name_server_row *row)
{
	world->servers[server].rows[0] = *row;
}

/* The record with one value; TTL 60. */
static void say_address(struct world *world, size_t server, bool new)
{
	const struct name_server_row rows[2] = {{.answer = {"= A 60 192.0.2.1"}}, {.answer = {"= A 60 192.0.2.2"}}};
	say(world, server, &rows[new]);
}

static const char *const OLD_VALUES[] = {"192.0.2.1"}, *const NEW_VALUES[] = {"192.0.2.2"};
static const struct propagation_what SIMPLE = {
	.name = NAME, .type = RRSET_A, .old = {.values = OLD_VALUES, .count = 1, .ttl_s = 60}, .new = {.values = NEW_VALUES, .count = 1, .ttl_s = 60}};

static void start_at(struct world *world, const struct propagation_what *what, const struct addr *servers, size_t count, int try_timeout_ms)
{
	const struct propagation_tools tools = {.loop = world->loop, .resolver = world->resolver, .pace_ms = PACE_MS, .try_timeout_ms = try_timeout_ms};
	struct err err;
	propagation_stop(world->propagation);
	memset(&world->told, 0, sizeof(world->told));
	world->propagation = propagation_start(&tools, what, servers, count, on_changed, world, &err);
	assert_non_null(world->propagation);
}

static void start(struct world *world, const struct propagation_what *what, size_t count, int try_timeout_ms)
{
	struct addr servers[SERVERS];
	for (size_t i = 0; i < count; i++)
		servers[i] = world->servers[i].addr;
	start_at(world, what, servers, count, try_timeout_ms);
}

static void turn(struct world *world)
{
	event_base_loop(world->loop, EVLOOP_ONCE);
}

static void wait_for_agreeing(struct world *world, size_t count)
{
	while (world->told.agreeing != count)
		turn(world);
}

static void wait_for_answer(struct world *world, size_t server, enum propagation_answer answer)
{
	while (world->told.servers[server].answer != answer)
		turn(world);
}

static void wait_for_fault(struct world *world, size_t server, enum propagation_fault fault)
{
	while (world->told.servers[server].fault != fault)
		turn(world);
}

static void wait_for_queries(struct world *world, size_t server, unsigned more)
{
	unsigned wanted = world->servers[server].queries + more;
	while (world->servers[server].queries < wanted)
		turn(world);
}

/* --- tests ----------------------------------------------------------------------------------------------------------- */

static uint64_t latest_new(const struct propagation_status *status)
{
	uint64_t latest = 0;
	for (size_t i = 0; i < status->count; i++)
		latest = status->servers[i].new_since_ms > latest ? status->servers[i].new_since_ms : latest;
	return latest;
}

static void test_one_after_another(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < SERVERS; i++)
		say_address(world, i, false);
	start(world, &SIMPLE, SERVERS, LONG_MS);
	while (world->told.old != SERVERS)
		turn(world);
	for (size_t i = 0; i < SERVERS; i++) {
		assert_false(world->told.agree);
		assert_int_equal(world->told.safe_at_ms, 0);
		say_address(world, i, true);
		wait_for_agreeing(world, i + 1);
		assert_int_equal(world->told.old, SERVERS - i - 1);
		assert_int_equal(world->told.servers[i].answer, PROPAGATION_NEW);
		assert_int_equal(world->told.servers[i].ttl_s, 60);
	}
	assert_true(world->told.agree);
	assert_int_not_equal(world->told.agreed_ms, 0);
	assert_int_equal(world->told.safe_at_ms, 0);
	uint64_t insync_ms = clock_mono_ms() + 5000;
	propagation_note_insync(world->propagation, insync_ms);
	propagation_note_insync(world->propagation, insync_ms + 99);
	assert_int_equal(propagation_status(world->propagation)->safe_at_ms, insync_ms + 60000 + 2000);
	while (!world->told.safe_at_ms)
		turn(world);
	assert_int_equal(world->told.safe_at_ms, insync_ms + 62000);
	uint64_t wall_ms = clock_wall_ms();
	assert_in_range(world->told.safe_at_wall_ms, wall_ms + 1000, wall_ms + 5000 + 62000 + 1000);
}

/* INSYNC came first, so the server that was last decides. */
static void test_stays_behind(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < SERVERS; i++)
		say_address(world, i, i != 2);
	start(world, &SIMPLE, SERVERS, LONG_MS);
	propagation_note_insync(world->propagation, clock_mono_ms());
	wait_for_agreeing(world, SERVERS - 1);
	wait_for_answer(world, 2, PROPAGATION_OLD);
	wait_for_queries(world, 2, 5);
	assert_false(world->told.agree);
	assert_int_equal(world->told.old, 1);
	assert_int_equal(world->told.safe_at_ms, 0);
	say_address(world, 2, true);
	wait_for_agreeing(world, SERVERS);
	assert_int_equal(world->told.safe_at_ms, latest_new(&world->told) + 62000);
	assert_int_equal(latest_new(&world->told), world->told.servers[2].new_since_ms);
}

/* A server that goes back takes the promise with it, and what it said then counts. */
static void test_goes_back(void **state)
{
	struct world *world = *state;
	say_address(world, 0, true);
	start(world, &SIMPLE, 1, LONG_MS);
	propagation_note_insync(world->propagation, 1);
	wait_for_agreeing(world, 1);
	uint64_t first = world->told.safe_at_ms;
	assert_int_equal(first, world->told.servers[0].new_since_ms + 62000);
	wait_for_queries(world, 0, 5);
	say(world, 0, &(struct name_server_row){.answer = {"= A 300 198.51.100.7"}});
	wait_for_answer(world, 0, PROPAGATION_OTHER);
	assert_false(world->told.agree);
	assert_int_equal(world->told.other, 1);
	assert_int_equal(world->told.servers[0].run, 0);
	assert_int_equal(world->told.servers[0].new_since_ms, 0);
	assert_int_equal(world->told.safe_at_ms, 0);
	assert_int_equal(world->told.agreed_ms, 0);
	say_address(world, 0, true);
	wait_for_agreeing(world, 1);
	assert_int_equal(world->told.old_ttl_s, 300);
	assert_int_equal(world->told.safe_at_ms, world->told.servers[0].new_since_ms + 302000);
}

static void on_moment(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	*(bool *)arg = true;
}

/* Who waits for safe_at would miss an old answer between two questions that are far apart. Timers come in their order, so a busy machine changes nothing. */
static void test_keeps_its_pace(void **state)
{
	struct world *world = *state;
	const struct propagation_tools tools = {.loop = world->loop, .resolver = world->resolver, .pace_ms = 10 * PACE_MS, .try_timeout_ms = LONG_MS};
	bool over = false;
	struct event *moment = evtimer_new(world->loop, on_moment, &over);
	struct err err;
	say_address(world, 0, true);
	world->propagation = propagation_start(&tools, &SIMPLE, &world->servers[0].addr, 1, on_changed, world, &err);
	wait_for_agreeing(world, 1);
	unsigned before = world->servers[0].queries;
	evtimer_add(moment, &(struct timeval){.tv_usec = 5 * 10 * PACE_MS * 1000});
	while (!over)
		turn(world);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* a question that was sent in the same turn */
	assert_true(world->servers[0].queries > before);
	event_free(moment);
}

struct ttl_case {
	const char *label;
	const char *old, *new;
	uint64_t earlier_in_ms;
	uint32_t old_ttl_s, new_ttl_s;
	uint64_t after_new_ms; /* safe_at; 0: from `earlier` */
};

static const struct ttl_case ttl_cases[] = {
	{"as expected", "= A 60 192.0.2.1", "= A 60 192.0.2.2", 0, 60, 60, 62000},
	{"the old one was served for longer than it should", "= A 3600 192.0.2.1", "= A 60 192.0.2.2", 0, 3600, 60, 3602000},
	{"for shorter: what was expected may have been served before", "= A 5 192.0.2.1", "= A 60 192.0.2.2", 0, 60, 60, 62000},
	{"the new one is served for longer", "= A 60 192.0.2.1", "= A 86400 192.0.2.2", 0, 60, 86400, 62000},
	{"beyond a week is a week", "= A 4294967295 192.0.2.1", "= A 60 192.0.2.2", 0, RRSET_TTL_MAX, 60, RRSET_TTL_MAX * 1000ull + 2000},
	{"a version from before lasts longer", "= A 60 192.0.2.1", "= A 60 192.0.2.2", 900000, 60, 60, 0},
	{"a version from before is gone sooner", "= A 60 192.0.2.1", "= A 60 192.0.2.2", 1000, 60, 60, 62000},
};

static void test_ttl(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(ttl_cases) / sizeof(ttl_cases[0]); i++) {
		const struct ttl_case *test = &ttl_cases[i];
		struct propagation_what what = SIMPLE;
		uint64_t now_ms = clock_mono_ms();
		print_message("%s\n", test->label);
		what.earlier_until_ms = test->earlier_in_ms ? now_ms + test->earlier_in_ms : 0;
		say(world, 0, &(struct name_server_row){.answer = {test->old}});
		start(world, &what, 1, LONG_MS);
		propagation_note_insync(world->propagation, now_ms);
		wait_for_answer(world, 0, PROPAGATION_OLD);
		say(world, 0, &(struct name_server_row){.answer = {test->new}});
		wait_for_agreeing(world, 1);
		assert_int_equal(world->told.old_ttl_s, test->old_ttl_s);
		assert_int_equal(world->told.new_ttl_s, test->new_ttl_s);
		uint64_t safe_at_ms = test->after_new_ms ? world->told.servers[0].new_since_ms + test->after_new_ms : what.earlier_until_ms + 2000;
		assert_int_equal(world->told.safe_at_ms, safe_at_ms);
	}
}

struct answer_case {
	const char *label, *name;
	enum rrset_type type;
	const char *old[3], *new[3];
	uint32_t old_ttl_s, new_ttl_s;
	struct name_server_row row;
	enum propagation_answer answer;
	uint32_t ttl_s;
};

#define ONE_TO_TWO {"192.0.2.1"}, {"192.0.2.2"}, 60, 60
#define NO_SUCH_NAME \
	{ \
		.rcode = ns_r_nxdomain, .authority = { "shop.test SOA 900 86400" } \
	}

static const struct answer_case answer_cases[] = {
	{"the old address", NAME, RRSET_A, ONE_TO_TWO, {.answer = {"= A 30 192.0.2.1"}}, PROPAGATION_OLD, 30},
	{"the new address", NAME, RRSET_A, ONE_TO_TWO, {.answer = {"= A 30 192.0.2.2"}}, PROPAGATION_NEW, 30},
	{"both: a mixture", NAME, RRSET_A, ONE_TO_TWO, {.answer = {"= A 60 192.0.2.2", "= A 60 192.0.2.1"}}, PROPAGATION_OTHER, 60},
	{"another one", NAME, RRSET_A, ONE_TO_TWO, {.answer = {"= A 60 203.0.113.1"}}, PROPAGATION_OTHER, 60},
	{"several, in any order and twice", NAME, RRSET_A, {"192.0.2.1", "192.0.2.3"}, {"192.0.2.9"}, 60, 60,
		{.answer = {"= A 60 192.0.2.3", "= A 60 192.0.2.1", "= A 50 192.0.2.3"}}, PROPAGATION_OLD, 60},
	{"one of several is missing", NAME, RRSET_A, {"192.0.2.1", "192.0.2.3"}, {"192.0.2.9"}, 60, 60, {.answer = {"= A 60 192.0.2.3"}}, PROPAGATION_OTHER,
		60},
	{"IPv6, in another spelling", NAME, RRSET_AAAA, {"2001:db8::1"}, {"2001:0DB8:0::2"}, 60, 60, {.answer = {"= AAAA 60 2001:db8::2"}}, PROPAGATION_NEW,
		60},
	{"CNAME, in any case", NAME, RRSET_CNAME, {"blue.shop.test"}, {"GREEN.shop.test."}, 60, 60, {.answer = {"= CNAME 7 Green.Shop.Test"}}, PROPAGATION_NEW,
		7},
	{"CNAME: only its own TTL counts, not that of the chain", NAME, RRSET_CNAME, {"blue.shop.test"}, {"green.shop.test"}, 60, 60,
		{.answer = {"= CNAME 7 blue.shop.test", "blue.shop.test CNAME 900 far.test", "far.test A 3600 192.0.2.1"}}, PROPAGATION_OLD, 7},
	{"CNAME whose target does not exist", NAME, RRSET_CNAME, {"blue.shop.test"}, {"green.shop.test"}, 60, 60,
		{.rcode = ns_r_nxdomain, .answer = {"= CNAME 7 blue.shop.test"}, .authority = {"shop.test SOA 900 86400"}}, PROPAGATION_OTHER, 7},
	{"an address by CNAME is no A record", NAME, RRSET_A, ONE_TO_TWO, {.answer = {"= CNAME 7 blue.shop.test", "blue.shop.test A 60 192.0.2.2"}},
		PROPAGATION_OTHER, 7},
	{"records of other names don't count", NAME, RRSET_A, ONE_TO_TWO, {.answer = {"other.shop.test A 99 192.0.2.1", "= A 60 192.0.2.2"}}, PROPAGATION_NEW,
		60},
	{"a wildcard, as Route 53 writes it", "\\052.shop.test.", RRSET_A, ONE_TO_TWO, {.name = "*.shop.test", .answer = {"= A 60 192.0.2.2"}}, PROPAGATION_NEW,
		60},
	{"a name with a dot inside a label", "a\\056b.shop.test", RRSET_A, ONE_TO_TWO, {.name = "a\\.b.shop.test", .answer = {"= A 60 192.0.2.2"}},
		PROPAGATION_NEW, 60},
	{"no such name, though there was one", NAME, RRSET_A, ONE_TO_TWO, NO_SUCH_NAME, PROPAGATION_ABSENT, 900},
	{"no such record", NAME, RRSET_A, ONE_TO_TWO, {.authority = {"shop.test SOA 900 30"}}, PROPAGATION_ABSENT, 30},
	{"not there before", NAME, RRSET_A, {NULL}, {"192.0.2.2"}, 900, 60, NO_SUCH_NAME, PROPAGATION_OLD, 900},
	{"not there any more", NAME, RRSET_A, {"192.0.2.1"}, {NULL}, 60, 900, NO_SUCH_NAME, PROPAGATION_NEW, 900},
	{"only the TTL changes: the old one", NAME, RRSET_A, {"192.0.2.1"}, {"192.0.2.1"}, 300, 10, {.answer = {"= A 300 192.0.2.1"}}, PROPAGATION_OLD, 300},
	{"only the TTL changes: the new one", NAME, RRSET_A, {"192.0.2.1"}, {"192.0.2.1"}, 300, 10, {.answer = {"= A 10 192.0.2.1"}}, PROPAGATION_NEW, 10},
	{"only the TTL changes: neither", NAME, RRSET_A, {"192.0.2.1"}, {"192.0.2.1"}, 300, 10, {.answer = {"= A 77 192.0.2.1"}}, PROPAGATION_OTHER, 77},
	{"only the TTL changes: to more than a week", NAME, RRSET_A, {"192.0.2.1"}, {"192.0.2.1"}, 300, 2000000, {.answer = {"= A 2000000 192.0.2.1"}},
		PROPAGATION_NEW, RRSET_TTL_MAX},
	{"nothing changes", NAME, RRSET_A, {"192.0.2.1"}, {"192.0.2.1"}, 60, 60, {.answer = {"= A 60 192.0.2.1"}}, PROPAGATION_EITHER, 60},
	{"more records than a set can have", NAME, RRSET_A, ONE_TO_TWO, {.many = 200, .answer = {"= A 60 192.0.2.2"}, .cut = true}, PROPAGATION_OTHER, 60},
};

static size_t count_values(const char *const *values)
{
	size_t count = 0;
	while (count < 3 && values[count])
		count++;
	return count;
}

static void test_answers(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
		const struct answer_case *test = &answer_cases[i];
		const struct propagation_what what = {.name = test->name,
			.type = test->type,
			.old = {.values = test->old, .count = count_values(test->old), .ttl_s = test->old_ttl_s},
			.new = {.values = test->new, .count = count_values(test->new), .ttl_s = test->new_ttl_s}};
		print_message("%s\n", test->label);
		say(world, 0, &test->row);
		start(world, &what, 1, LONG_MS);
		while (!world->told.servers[0].answered_ms)
			turn(world);
		assert_string_equal(propagation_answer_word(world->told.servers[0].answer), propagation_answer_word(test->answer));
		assert_int_equal(world->told.servers[0].ttl_s, test->ttl_s);
		assert_int_equal(world->told.servers[0].fault, PROPAGATION_FINE);
		assert_int_equal(world->told.agree, test->answer == PROPAGATION_NEW || test->answer == PROPAGATION_EITHER);
	}
	assert_int_equal(world->servers[0].recursive_queries, 0);
}

struct fault_case {
	const char *label;
	struct name_server_row row;
	enum propagation_fault fault;
	int try_timeout_ms;
};

static const struct fault_case fault_cases[] = {
	{"silent", {.manner = SAYS_NOTHING}, PROPAGATION_SILENT, SHORT_MS},
	{"replies with another id and to another question", {.manner = SAYS_TO_OTHERS, .answer = {"= A 9999 203.0.113.66"}}, PROPAGATION_SILENT, SHORT_MS},
	{"refuses", {.rcode = ns_r_refused}, PROPAGATION_REFUSED, LONG_MS},
	{"fails", {.rcode = ns_r_servfail}, PROPAGATION_FAILED, LONG_MS},
	{"can't", {.rcode = ns_r_notimpl}, PROPAGATION_REFUSED, LONG_MS},
	{"answers without authority", {.manner = SAYS_LAMELY, .answer = {"= A 9999 203.0.113.66"}}, PROPAGATION_LAME, LONG_MS},
	{"denies without authority", {.manner = SAYS_LAMELY, .rcode = ns_r_nxdomain}, PROPAGATION_LAME, LONG_MS},
	{"refers to another zone", {.manner = SAYS_LAMELY, .authority = {"test NS 9999 ns.test"}}, PROPAGATION_LAME, LONG_MS},
	{"rubbish", {.manner = SAYS_RUBBISH}, PROPAGATION_GARBLED, LONG_MS},
};

/* Before any answer there is none; afterwards the last answer stays, and so does the agreement. Nothing that has no authority moves safe_at. */
static void test_faults(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
		const struct fault_case *test = &fault_cases[i];
		print_message("%s\n", test->label);
		say(world, 0, &test->row);
		say_address(world, 1, true);
		start(world, &SIMPLE, 2, test->try_timeout_ms);
		propagation_note_insync(world->propagation, 1);
		wait_for_fault(world, 0, test->fault);
		assert_int_equal(world->told.servers[0].answer, PROPAGATION_NONE);
		assert_false(world->told.agree);
		assert_true(world->told.faulty >= 1);
		say_address(world, 0, true);
		wait_for_agreeing(world, 2);
		uint64_t safe_at_ms = world->told.safe_at_ms;
		say(world, 0, &test->row);
		wait_for_fault(world, 0, test->fault);
		assert_int_equal(world->told.servers[0].answer, PROPAGATION_NEW);
		assert_true(world->told.agree);
		assert_int_equal(world->told.safe_at_ms, safe_at_ms);
		assert_int_equal(world->told.old_ttl_s, 60);
	}
}

static void test_unreachable(void **state)
{
	struct world *world = *state;
	say_address(world, 1, true);
	name_server_close(&world->servers[0]);
	start(world, &SIMPLE, 2, LONG_MS);
	wait_for_fault(world, 0, PROPAGATION_UNREACHABLE);
	assert_string_equal(propagation_fault_word(world->told.servers[0].fault), "unreachable");
	assert_non_null(strstr(propagation_fault_text(world->told.servers[0].fault), "can't be reached"));
	assert_false(world->told.agree);
}

/* A hundred addresses do not fit into a reply over UDP. */
static void test_tcp(void **state)
{
	struct world *world = *state;
	char texts[100][32];
	const char *values[100];
	for (unsigned i = 0; i < 100; i++) {
		snprintf(texts[i], sizeof(texts[i]), "10.0.0.%u", i);
		values[i] = texts[i];
	}
	struct propagation_what what = SIMPLE;
	what.new.values = values;
	what.new.count = 100;
	say(world, 0, &(struct name_server_row){.cut = true, .many = 100});
	start(world, &what, 1, LONG_MS);
	wait_for_agreeing(world, 1);
	assert_true(world->servers[0].tcp_queries > 0);
	assert_in_range(world->servers[0].edns_size, 1232, 4096);
}

/* As soon as one answer in a row is old, the count begins anew. */
static void test_samples(void **state)
{
	struct world *world = *state;
	struct propagation_what what = SIMPLE;
	what.samples = 5;
	say(world, 0, &(struct name_server_row){.alternate = true, .answer = {"= A 60 192.0.2.1"}, .authority = {"= A 60 192.0.2.2"}});
	start(world, &what, 1, LONG_MS);
	wait_for_answer(world, 0, PROPAGATION_NEW);
	wait_for_answer(world, 0, PROPAGATION_OLD);
	wait_for_queries(world, 0, 20);
	assert_false(world->told.agree);
	assert_true(propagation_status(world->propagation)->servers[0].run <= 1);
	say_address(world, 0, true);
	unsigned before = world->servers[0].queries;
	wait_for_agreeing(world, 1);
	assert_true(world->servers[0].queries - before >= 4);
	assert_int_equal(world->told.servers[0].run, 5);
	assert_int_equal(world->told.servers[0].new_since_ms, world->told.servers[0].answered_ms); /* until then the old one may have been given */
}

/* An alias answers with the addresses of its target, which is looked up; one of them is enough. */
static void test_alias(void **state)
{
	struct world *world = *state;
	const char *const blue[] = {"dualstack.blue.lb.test."}, *const green[] = {"Green.lb.test"};
	const struct propagation_what what = {.name = NAME,
		.type = RRSET_A,
		.old = {.values = blue, .count = 1, .alias = true, .ttl_s = 60},
		.new = {.values = green, .count = 1, .alias = true, .ttl_s = 60}};
	world->system.rows[0] = (struct name_server_row){.name = "dualstack.blue.lb.test", .type = ns_t_a, .answer = {"= A 60 192.0.2.1", "= A 60 192.0.2.2"}};
	world->system.rows[1] = (struct name_server_row){.name = "green.lb.test", .type = ns_t_a, .answer = {"= A 60 192.0.2.11", "= A 60 192.0.2.12"}};
	world->system.rows[2] = (struct name_server_row){.type = ns_t_aaaa, .answer = {"= AAAA 60 2001:db8::1"}};
	say(world, 0, &(struct name_server_row){.answer = {"= A 60 192.0.2.2", "= A 60 192.0.2.77"}});
	start(world, &what, 1, LONG_MS);
	wait_for_answer(world, 0, PROPAGATION_OLD);
	say(world, 0, &(struct name_server_row){.answer = {"= A 60 192.0.2.78", "= A 60 192.0.2.12"}});
	wait_for_agreeing(world, 1);
	say(world, 0, &(struct name_server_row){.answer = {"= A 60 192.0.2.1", "= A 60 192.0.2.12"}});
	wait_for_answer(world, 0, PROPAGATION_EITHER);
	say(world, 0, &(struct name_server_row){.answer = {"= A 60 192.0.2.79"}});
	wait_for_answer(world, 0, PROPAGATION_OTHER);
	assert_int_equal(world->told.targets_unknown, 0);
}

/* A target without addresses is told of: what it answers can't be known. */
static void test_alias_without_addresses(void **state)
{
	struct world *world = *state;
	const char *const lost[] = {"lost.lb.test"};
	struct propagation_what what = SIMPLE;
	what.new = (struct propagation_record){.values = lost, .count = 1, .alias = true, .ttl_s = 60};
	world->system.rows[0] = (struct name_server_row){.rcode = ns_r_nxdomain};
	say_address(world, 0, true);
	start(world, &what, 1, LONG_MS);
	wait_for_answer(world, 0, PROPAGATION_OTHER);
	assert_int_equal(world->told.targets_unknown, 1);
	world->system.rows[0] = (struct name_server_row){.name = "lost.lb.test", .answer = {"= A 60 192.0.2.2"}};
	wait_for_agreeing(world, 1);
	assert_int_equal(world->told.targets_unknown, 0);
}

static struct addr by_name(const char *text)
{
	struct addr addr;
	assert_true(addr_parse(text, &addr, NULL));
	return addr;
}

/* A server is asked at its next address when one does not answer. */
static void test_server_by_name(void **state)
{
	struct world *world = *state;
	char text[64];
	struct name_server there;
	name_server_open_at(&there, world->loop, "127.0.0.77", 0);
	there.rows[0] = (struct name_server_row){.answer = {"= A 60 192.0.2.2"}};
	world->system.rows[0] = (struct name_server_row){.name = "ns1.dns.test", .type = ns_t_a, .answer = {"= A 60 127.0.0.76", "= A 60 127.0.0.77"}};
	world->system.rows[1] = (struct name_server_row){.rcode = ns_r_nxdomain};
	snprintf(text, sizeof(text), "ns1.dns.test:%u", there.addr.port);
	const struct addr servers[] = {by_name(text), by_name("ns2.dns.test:53")};
	start_at(world, &SIMPLE, servers, 2, LONG_MS);
	wait_for_fault(world, 1, PROPAGATION_UNRESOLVED);
	wait_for_agreeing(world, 1);
	assert_string_equal(world->told.servers[0].name, text);
	snprintf(text, sizeof(text), "127.0.0.77:%u", there.addr.port);
	assert_string_equal(world->told.servers[0].address, text);
	assert_int_equal(world->told.servers[0].fault, PROPAGATION_FINE);
	name_server_close(&there);
}

static void test_stop_in_callback(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < SERVERS; i++)
		say_address(world, i, i % 2);
	world->stop = true;
	start(world, &SIMPLE, SERVERS, LONG_MS);
	while (world->propagation)
		turn(world);
	assert_int_equal(world->calls, 1);
}

/* What is under way is dropped. */
static void test_stop_under_way(void **state)
{
	struct world *world = *state;
	say(world, 0, &(struct name_server_row){.manner = SAYS_NOTHING});
	start(world, &SIMPLE, 1, LONG_MS);
	wait_for_queries(world, 0, 1);
	propagation_stop(world->propagation);
	world->propagation = NULL;
	assert_int_equal(world->calls, 0);
}

struct start_case {
	const char *label, *name;
	enum rrset_type type;
	const char *new;
	bool alias;
	size_t servers;
	const char *sentence;
};

static const struct start_case start_cases[] = {
	{"no name", "", RRSET_A, "192.0.2.2", false, 1, "the name is empty"},
	{"no address", NAME, RRSET_A, "nonsense", false, 1, "\"nonsense\" is no value of a record of type A"},
	{"of the other family", NAME, RRSET_AAAA, "192.0.2.2", false, 1, "is no value of a record of type AAAA"},
	{"no target", NAME, RRSET_CNAME, "a..b", false, 1, "\"a..b\" is no value of a record of type CNAME"},
	{"no alias target", NAME, RRSET_A, "a..b", true, 1, "empty label"},
	{"no servers", NAME, RRSET_A, "192.0.2.2", false, 0, "a zone has 1 to 16 name servers to ask, not 0"},
	{"too many", NAME, RRSET_A, "192.0.2.2", false, 17, "not 17"},
};

static void test_bad_start(void **state)
{
	struct world *world = *state;
	const struct propagation_tools tools = {.loop = world->loop, .resolver = world->resolver};
	struct addr servers[17];
	for (size_t i = 0; i < 17; i++)
		servers[i] = world->servers[0].addr;
	for (size_t i = 0; i < sizeof(start_cases) / sizeof(start_cases[0]); i++) {
		const struct start_case *test = &start_cases[i];
		const struct propagation_what what = {.name = test->name, .type = test->type, .new = {.values = &test->new, .count = 1, .alias = test->alias}};
		struct err err = {{0}};
		print_message("%s\n", test->label);
		assert_null(propagation_start(&tools, &what, servers, test->servers, on_changed, world, &err));
		assert_non_null(strstr(err.text, test->sentence));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_after_another, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_stays_behind, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_goes_back, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_keeps_its_pace, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_ttl, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_answers, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_faults, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unreachable, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_tcp, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_samples, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_alias, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_alias_without_addresses, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_server_by_name, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_stop_in_callback, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_stop_under_way, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_bad_start, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

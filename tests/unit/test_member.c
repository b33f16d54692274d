/* switch/member over TLS: probes go by the settings of the color, and by others as soon as there are others. */
// links: switch
#include "tests/unit/trust_world.h"

#include "switch/member.h"

/* A color with one backend. */
struct color_of_one {
	struct world *world;
	struct prober *prober;
	struct member_owner owner;
	struct conf_probe check;
	struct tls_peer peer;
	struct member *member;
};

static char health_path[] = "/health";
static struct conf_status_range good = {200, 299};

static void on_probed(void *arg, struct member *member)
{
	struct color_of_one *color = arg;
	(void)member;
	color->world->answers++;
}

static void on_resolved(void *arg, struct member *member, const char *fault)
{
	(void)arg, (void)member, (void)fault;
	fail_msg("an address was looked up");
}

/* The backend is for 127.0.0.1, and probed but once by itself. The settings are the owner's. */
static void open_color(struct color_of_one *color, struct world *world, struct tlsback *tls)
{
	char name[ADDR_TEXT_SIZE];
	struct err err;
	*color = (struct color_of_one){.world = world};
	color->peer = open_peer(world, &(struct wish){.subject = "x", .names = "IP:127.0.0.1"}, &world->root);
	listen_on(world, &color->peer);
	color->prober = prober_new(world->loop, world->fetch);
	color->owner = (struct member_owner){
		.prober = color->prober, .workers = 1, .on_probed = on_probed, .on_resolved = on_resolved, .arg = color, .color = COLOR_GREEN, .tls = tls};
	color->check = (struct conf_probe){
		.path = health_path, .interval_ms = 3600000, .timeout_ms = PATIENCE_MS, .rise = 2, .fall = 2, .statuses = &good, .status_count = 1};
	addr_format(&color->peer.addr, name, sizeof(name));
	color->member = member_new(&color->owner, name, &color->check, "v2", "shop.example", HEALTH_UNKNOWN, &err);
	assert_non_null(color->member);
}

static void close_color(struct color_of_one *color)
{
	member_free(color->member);
	prober_free(color->prober);
	tls_peer_close(&color->peer);
}

static void wait_for_probe(const struct color_of_one *color)
{
	wait_for_answer(color->world, color->world->answers);
}

static void set_tls(struct color_of_one *color, struct tlsback *tls)
{
	color->owner.tls = tls;
	member_set_tls(color->member, tls);
}

static void probes_by_the_colors_settings(void **state)
{
	struct world *world = *state;
	struct color_of_one color;
	struct tlsback *tls = make_usual(world, NULL, NULL);
	open_color(&color, world, tls);
	tlsback_release(tls); /* the member has its own reference */
	wait_for_probe(&color);
	assert_int_equal(color.member->health, HEALTH_UP);
	assert_memory_equal(color.member->last.detail, "200 OK in ", 10);
	assert_non_null(strstr(color.peer.request, "GET /health HTTP/1.1\r\nHost: shop.example\r\n"));
	assert_string_equal(color.peer.name, "");
	color.check.path = NULL;
	member_set_check(color.member, &color.check, "v2", NULL);
	wait_for_probe(&color);
	assert_memory_equal(color.member->last.detail, "connected with TLS in ", 22);
	assert_int_equal(color.peer.answered, 1);
	close_color(&color);
}

/* The health stays what it was until rise and fall say otherwise. */
static void other_settings(void **state)
{
	struct world *world = *state;
	struct color_of_one color;
	struct tlsback *usual = make_usual(world, NULL, NULL), *other = make_usual(world, "web.example", NULL);
	open_color(&color, world, usual);
	color.check.interval_ms = 1;
	wait_for_probe(&color);
	assert_int_equal(color.member->health, HEALTH_UP);
	set_tls(&color, other);
	wait_for_probe(&color);
	assert_int_equal(color.member->health, HEALTH_UP);
	assert_false(color.member->last.ok);
	assert_non_null(strstr(color.member->last.detail, "the peer's certificate is for another name than web.example"));
	wait_for_probe(&color);
	assert_int_equal(color.member->health, HEALTH_DOWN);
	set_tls(&color, usual);
	wait_for_probe(&color);
	assert_true(color.member->last.ok);
	assert_int_equal(color.member->health, HEALTH_DOWN);
	wait_for_probe(&color);
	assert_int_equal(color.member->health, HEALTH_UP);
	close_color(&color);
	tlsback_release(usual);
	tlsback_release(other);
}

static void the_same_settings(void **state)
{
	struct world *world = *state;
	struct color_of_one color;
	struct tlsback *usual = make_usual(world, NULL, NULL);
	open_color(&color, world, usual);
	wait_for_probe(&color);
	set_tls(&color, usual);
	for (unsigned turn = 0; turn < 20; turn++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(color.peer.accepted, 1);
	close_color(&color);
	tlsback_release(usual);
}

static void from_clear_and_back(void **state)
{
	struct world *world = *state;
	struct color_of_one color;
	struct tlsback *usual = make_usual(world, NULL, NULL);
	open_color(&color, world, NULL);
	wait_for_probe(&color);
	assert_string_equal(color.member->last.detail, "closed the connection before answering");
	set_tls(&color, usual);
	wait_for_probe(&color);
	assert_true(color.member->last.ok);
	set_tls(&color, NULL);
	wait_for_probe(&color);
	assert_string_equal(color.member->last.detail, "closed the connection before answering");
	close_color(&color);
	tlsback_release(usual);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		ROUND(probes_by_the_colors_settings),
		ROUND(other_settings),
		ROUND(the_same_settings),
		ROUND(from_clear_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

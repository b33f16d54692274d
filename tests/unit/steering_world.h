/* The world of the tests of dns/steering: Route 53 as a server that answers each operation by a list of its own, a service's part of the file, name servers on the loopback. */
#ifndef TEAL_TESTS_UNIT_STEERING_WORLD_H
#define TEAL_TESTS_UNIT_STEERING_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/resolve.h"
#include "dns/route53.h"
#include "dns/steering.h"
#include "tests/unit/name_server.h"
#include "tests/unit/route53_answers.h"

/* More than anything here takes, by far; reached only by a bug. */
#define WORLD_PATIENCE_S 60
#define WORLD_HURRY 50u
#define CHANGE_PATIENCE_MS 20000u
#define NAME "shop.example.com"
#define BLUE "192.0.2.1"
#define GREEN "192.0.2.2"
#define STRANGE "192.0.2.9"

enum api { API_CHANGE, API_GET_CHANGE, API_LIST, API_ZONE, API_FIND, API_COUNT };

/* Answers in turns, the last one again and again. */
struct api_answers {
	struct script_entry entries[16];
	size_t count, at;
	unsigned asked;
};

struct world {
	struct event_base *loop;
	struct event *patience;
	struct fetch *fetch;
	struct resolver *resolver;
	struct credentials credentials;
	struct script script;
	struct api_answers answers[API_COUNT];
	struct route53 *route53;
	char *values[COLOR_COUNT][1];
	struct conf_name_server conf_servers[2];
	struct conf_route53 conf;
	struct name_server servers[2];
	size_t server_count;
	struct steering_tools tools;
	struct steering *steering;
	unsigned news;
	bool inside; /* a call of steering's is on the stack */
};

/* ---- records as Route 53 lists them ---- */

#define VALUE(value) "<ResourceRecords><ResourceRecord><Value>" value "</Value></ResourceRecord></ResourceRecords>"
#define RECORD(inside) "<ResourceRecordSet><Name>" NAME ".</Name><Type>A</Type>" inside "</ResourceRecordSet>"
#define SIMPLE(ttl, value) RECORD("<TTL>" ttl "</TTL>" VALUE(value))
#define SHARED(color, weight, value) RECORD("<SetIdentifier>" color "</SetIdentifier><Weight>" weight "</Weight><TTL>60</TTL>" VALUE(value))
#define LISTED(sets) ((struct script_entry)PAGE(sets, LAST))
#define LISTED_BLUE LISTED(SIMPLE("60", BLUE))
#define LISTED_GREEN LISTED(SIMPLE("60", GREEN))
#define LISTED_STRANGE LISTED(SIMPLE("60", STRANGE))
#define GOT_ZONE(name, is_private, servers) \
	((struct script_entry)OK("<GetHostedZoneResponse" NS ">" ZONE("Z1", name, is_private) servers "</GetHostedZoneResponse>"))
#define NAME_SERVERS \
	"<DelegationSet><NameServers><NameServer>ns-1.awsdns.test</NameServer><NameServer>ns-2.awsdns.test</NameServer></NameServers></DelegationSet>"
#define GOT_PUBLIC GOT_ZONE("example.com.", "false", NAME_SERVERS)
#define GOT_PRIVATE GOT_ZONE("example.com.", "true", "<VPCs><VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>vpc-1</VPCId></VPC></VPCs>")
#define ACCEPTED ((struct script_entry)CHANGED)
#define SYNCED ((struct script_entry)IN_SYNC)
#define NOT_SYNCED ((struct script_entry)OK("<GetChangeResponse" NS ">" PENDING_INFO "</GetChangeResponse>"))
#define ANSWERED(entry) ((struct script_entry)entry) // NOLINT(bugprone-macro-parentheses): a list in braces
#define NO_MATCH \
	((struct script_entry){ANSWER("400 Bad Request", "", \
				       "<InvalidChangeBatch" NS \
				       "><Messages><Message>the values provided do not match the current values</Message></Messages></InvalidChangeBatch>"), \
		SCRIPT_CLOSES})
#define DENIED ((struct script_entry)ERROR("403 Forbidden", "", "AccessDenied", "User: u is not authorized"))

static inline void say(struct world *world, enum api api, struct script_entry entry)
{
	struct api_answers *answers = &world->answers[api];
	assert_true(answers->count < sizeof(answers->entries) / sizeof(answers->entries[0]));
	answers->entries[answers->count++] = entry;
}

/* From now on, instead of what was said before. */
static inline void say_instead(struct world *world, enum api api, struct script_entry entry)
{
	world->answers[api].count = world->answers[api].at = 0;
	say(world, api, entry);
}

static inline enum api find_api(const char *request)
{
	if (strncmp(request, "POST ", 5) == 0)
		return API_CHANGE;
	if (strncmp(request, "GET /2013-04-01/change/", 23) == 0)
		return API_GET_CHANGE;
	if (strncmp(request, "GET /2013-04-01/hostedzonesbyname?", 34) == 0)
		return API_FIND;
	return strstr(request, "/rrset?") ? API_LIST : API_ZONE;
}

static inline const struct script_entry *choose_answer(void *arg, const char *request)
{
	static const struct script_entry silence = HANG;
	struct world *world = arg;
	struct api_answers *answers = &world->answers[find_api(request)];
	answers->asked++;
	if (answers->count == 0)
		return &silence;
	const struct script_entry *entry = &answers->entries[answers->at];
	if (answers->at + 1 < answers->count)
		answers->at++;
	return entry;
}

/* The newest request of an operation. */
static inline const char *last_request(const struct world *world, enum api api)
{
	for (size_t i = world->script.count; i > 0; i--)
		if (find_api(world->script.requests[i - 1]) == api)
			return world->script.requests[i - 1];
	fail_msg("operation %d was not asked for", (int)api);
	return NULL;
}

/* ---- beginning and end ---- */

static inline void world_on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static inline void world_on_news(void *arg)
{
	struct world *world = arg;
	assert_false(world->inside);
	world->news++;
}

static inline void fill_conf(struct world *world)
{
	static char blue[] = BLUE, green[] = GREEN, zone[] = "Z1", name[] = NAME;
	world->values[COLOR_BLUE][0] = blue;
	world->values[COLOR_GREEN][0] = green;
	world->conf = (struct conf_route53){.zone = zone, .name = name, .type = CONF_ROUTE53_A, .ttl_s = 60, .policy = CONF_ROUTE53_SIMPLE};
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		world->conf.colors[color].values = world->values[color];
		world->conf.colors[color].value_count = 1;
	}
}

static inline int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct route53_settings settings = {.pause_ms = 1};
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->resolver = resolver_new(world->loop, NULL);
	world->patience = evtimer_new(world->loop, world_on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = WORLD_PATIENCE_S});
	world->credentials.loop = world->loop;
	script_open(&world->script, world->loop, NULL, 0);
	world->script.choose = choose_answer;
	world->script.arg = world;
	snprintf(world->credentials.endpoint, sizeof(world->credentials.endpoint), "http://127.0.0.1:%u", world->script.addr.port);
	struct route53_tools tools = {world->loop, world->fetch, world->resolver, {get_keys, end_wait, refuse_keys, &world->credentials}};
	world->route53 = route53_new(&tools, &settings);
	fill_conf(world);
	world->tools = (struct steering_tools){
		.loop = world->loop, .resolver = world->resolver, .route53 = world->route53, .on_news = world_on_news, .arg = world, .hurry = WORLD_HURRY};
	*state = world;
	return 0;
}

static inline void begin(struct world *world)
{
	world->steering = steering_new(&world->tools, &world->conf);
}

/* As after a crash: nothing is left but what was written down. */
static inline void begin_again(struct world *world)
{
	steering_free(world->steering);
	begin(world);
}

static inline int close_world(void **state)
{
	struct world *world = *state;
	steering_free(world->steering);
	route53_free(world->route53);
	fetch_free(world->fetch);
	resolver_free(world->resolver);
	event_free(world->patience);
	script_close(&world->script);
	for (size_t i = 0; i < world->server_count; i++)
		name_server_close(&world->servers[i]);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the server end in a turn of their own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

/* ---- the name servers of the file ---- */

static inline void add_server(struct world *world, const char *answer)
{
	struct name_server *server = &world->servers[world->server_count];
	struct conf_name_server *conf = &world->conf_servers[world->server_count++];
	name_server_open(server, world->loop);
	server->rows[0] = (struct name_server_row){.name = NAME, .type = ns_t_a, .answer = {answer}};
	conf->address = server->addr;
	world->conf.name_servers = world->conf_servers;
	world->conf.name_server_count = world->server_count;
}

static inline void serve(struct world *world, size_t server, const char *answer)
{
	world->servers[server].rows[0].answer[0] = answer;
}

/* ---- waiting ---- */

static inline void turn(struct world *world)
{
	event_base_loop(world->loop, EVLOOP_ONCE);
}

static inline void look_and_wait(struct world *world)
{
	steering_look(world->steering);
	assert_true(steering_is_looking(world->steering));
	while (steering_is_looking(world->steering))
		turn(world);
}

static inline struct steering_view view_of(const struct world *world)
{
	struct steering_view view;
	steering_read(world->steering, &view);
	return view;
}

static inline json_t *intend(struct world *world, enum color to, bool force)
{
	struct err err = {""};
	json_t *intent = steering_intend(world->steering, to, 10000, force, &err);
	if (!intent)
		fail_msg("no intent: %s", err.text);
	return intent;
}

static inline void start_change(struct world *world, const json_t *intent, uint64_t patience_ms)
{
	world->inside = true;
	steering_change(world->steering, intent, patience_ms);
	world->inside = false;
}

static inline enum steering_state wait_for_change(struct world *world, char sentence[4096])
{
	enum steering_state state;
	while ((state = steering_read_change(world->steering, sentence, 4096)) == STEERING_PENDING)
		turn(world);
	return state;
}

/* To `to` in one go, from what was read. */
static inline enum steering_state change_to(struct world *world, enum color to, char sentence[4096])
{
	json_t *intent = intend(world, to, false);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_decref(intent);
	return wait_for_change(world, sentence);
}

static inline struct steering_progress progress_of(const struct world *world)
{
	struct steering_progress progress;
	steering_read_progress(world->steering, &progress);
	return progress;
}

#endif

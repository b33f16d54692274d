/* Servers of TLS, and settings of colors that believe them or not, for tests of what teal asks backends by itself. */
#ifndef TEAL_TESTS_UNIT_TRUST_WORLD_H
#define TEAL_TESTS_UNIT_TRUST_WORLD_H

#include "tests/unit/tls_peer.h"

#include <signal.h>

#include "base/fetch.h"
#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/tlsback.h"

/* More than anything takes here; reached only by a bug. */
#define PATIENCE_MS 60000

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define SHORT_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"
#define LONG_ANSWER "HTTP/1.1 200 OK\r\n\r\nok"

struct world {
	struct scratch *scratch;
	struct issued root, stranger;
	struct authorities *authorities;
	struct event_base *loop;
	struct fetch *fetch;
	struct event *patience;
	unsigned answers; /* or other news */
	enum fetch_outcome outcome;
	char detail[256];
};

static inline void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static inline struct authorities *load_authorities(struct world *world, const struct issued *root)
{
	struct err err;
	scratch_rewrite(world->scratch, "ca.pem", "");
	certificates_append(world->scratch, "ca.pem", root);
	struct authorities *authorities = authorities_load(scratch_name(world->scratch, "ca.pem"), &err);
	if (!authorities)
		fail_msg("%s", err.text);
	return authorities;
}

static inline int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	void *scratch;
	scratch_set_up(&scratch);
	world->scratch = scratch;
	world->root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	world->stranger = certificates_issue(&(struct wish){.subject = "stranger", .authority = true}, NULL, 102);
	world->authorities = load_authorities(world, &world->root);
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_MS / 1000});
	*state = world;
	return 0;
}

/* Nothing may be left on the loop. */
static inline int tear_down(void **state)
{
	struct world *world = *state;
	void *scratch = world->scratch;
	fetch_free(world->fetch);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the peers end in a turn of their own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	authorities_free(world->authorities);
	certificates_drop(&world->root);
	certificates_drop(&world->stranger);
	scratch_tear_down(&scratch);
	free(world);
	return left;
}

/* ---- a server, and a color's settings ---- */

/* For app.example, signed by the root, where the wish has nothing else. */
static inline struct tls_peer open_peer(struct world *world, const struct wish *wish, const struct issued *issuer)
{
	struct issued shown = certificates_issue(wish ? wish : &(struct wish){.subject = "x", .names = "DNS:app.example"}, wish ? issuer : &world->root, 1);
	struct tls_peer peer = {.context = tls_peer_context(&shown), .answer = OK_ANSWER};
	certificates_drop(&shown);
	return peer;
}

static inline void listen_on(struct world *world, struct tls_peer *peer)
{
	tls_peer_open(peer, world->loop);
}

static inline struct tlsback *make_back(const struct tlsback_spec *spec)
{
	struct err err;
	struct tlsback *back = tlsback_new(spec, &err);
	if (!back)
		fail_msg("%s", err.text);
	return back;
}

/* Verifies; `name` and `own` may be NULL. */
static inline struct tlsback *make_usual(const struct world *world, const char *name, const struct certificate *own)
{
	return make_back(&(struct tlsback_spec){.verify = true, .authorities = world->authorities, .name = name, .certificate = own});
}

static inline struct tlsback *make_unverified(const char *name)
{
	return make_back(&(struct tlsback_spec){.verify = false, .name = name});
}

static inline struct certificate *make_own(struct world *world, const struct issued *issuer, bool over)
{
	struct err err;
	struct wish wish = {.subject = "teal", .usage = "clientAuth", .first_s = -2 * DAY_S, .last_s = over ? -DAY_S : DAY_S};
	struct issued own = certificates_issue(&wish, issuer, 5);
	scratch_rewrite(world->scratch, "own.pem", "");
	certificates_append(world->scratch, "own.pem", &own);
	certificates_write_key(world->scratch, "own.key", own.key);
	certificates_drop(&own);
	struct certificate *made = certificate_load(&(struct certificate_spec){scratch_name(world->scratch, "own.pem"), scratch_name(world->scratch, "own.key"),
							    CERTIFICATE_OF_CLIENT, time(NULL), .any_time = over},
		&err);
	if (!made)
		fail_msg("%s", err.text);
	return made;
}

static inline void wait_for_answer(struct world *world, unsigned before)
{
	while (world->answers == before)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

#define ROUND(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif

/* What teal asks backends by itself, over TLS: real handshakes between libcurl and servers on the same loop. Who is asked for, believed and shown what; each sentence; connections that are kept; smoke requests and copies. */
// links: switch
#include "tests/unit/trust_world.h"

#include "switch/backtrust.h"
#include "switch/copier.h"
#include "switch/smoke.h"

/* ---- asking ---- */

static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct world *world = arg;
	world->answers++;
	world->outcome = answer->outcome;
	snprintf(world->detail, sizeof(world->detail), "%s", answer->detail);
}

static struct fetch_request make_request(const struct addr *addr, const struct backtrust *trust)
{
	return (struct fetch_request){
		.url = "https://shop.example/health?a=/../b",
		.connect = addr,
		.timeout_ms = PATIENCE_MS,
		.body_limit = 1024,
		.trust = backtrust_fetch(trust),
	};
}

static void ask(struct world *world, const struct fetch_request *request)
{
	unsigned before = world->answers;
	fetch_start(world->fetch, request, on_done, world);
	wait_for_answer(world, before);
}

/* The address of a backend as it is written: no socket is where the tests' peers are. */
static struct backtrust *make_trust(struct tlsback *back, const char *backend, const struct addr *addr)
{
	struct addr written = *addr;
	if (strncmp(backend, "unix:", 5) == 0)
		written.kind = ADDR_UNIX;
	return backtrust_new(back, backend, &written);
}

/* One request to the backend as it is written. What it is asked with is let go before it begins. */
static void ask_backend(struct world *world, struct tlsback *back, const char *backend, const struct addr *addr)
{
	struct backtrust *trust = make_trust(back, backend, addr);
	struct fetch_request request = make_request(addr, trust);
	unsigned before = world->answers;
	fetch_start(world->fetch, &request, on_done, world);
	backtrust_release(trust);
	tlsback_release(back);
	wait_for_answer(world, before);
}

static void expect_fault(const struct world *world, const struct addr *addr, const char *why)
{
	char expected[512], peer[ADDR_TEXT_SIZE];
	addr_format(addr, peer, sizeof(peer));
	snprintf(expected, sizeof(expected), "no TLS connection to %s: %s", peer, why);
	assert_string_equal(world->detail, expected);
	assert_int_equal(world->outcome, FETCH_TLS);
}

/* ---- who is believed ---- */

enum issuer { ROOT, STRANGER, ITSELF };

#define UNTRUSTED "the peer's certificate is not trusted: "
#define OVER "the peer's certificate has expired, or is not valid yet: "
#define ANOTHER "the peer's certificate is for another name than "

static const struct verified_row {
	const char *backend, *name;
	struct wish wish;
	enum issuer issuer;
	const char *why; /* NULL: it is good */
} verified_rows[] = {
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:app.example"}, ROOT, NULL},
	{"APP.Example:443", NULL, {.subject = "x", .names = "DNS:app.example"}, ROOT, NULL},
	{"192.0.2.1:443", NULL, {.subject = "x", .names = "IP:192.0.2.1"}, ROOT, NULL},
	{"[2001:db8::1]:443", NULL, {.subject = "x", .names = "IP:2001:db8::1"}, ROOT, NULL},
	{"192.0.2.1:443", "app.example", {.subject = "x", .names = "DNS:app.example"}, ROOT, NULL},
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:other.example,DNS:*.in.example"}, ROOT,
		ANOTHER "app.example: it is for other.example, *.in.example"},
	{"app.example:443", "web.example", {.subject = "x", .names = "DNS:app.example"}, ROOT, ANOTHER "web.example: it is for app.example"},
	{"app.example:443", NULL, {.subject = "app.example"}, ROOT, ANOTHER "app.example"},
	{"192.0.2.1:443", NULL, {.subject = "x", .names = "IP:192.0.2.2"}, ROOT, ANOTHER "192.0.2.1"},
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:app.example", .first_s = -2 * DAY_S, .last_s = -DAY_S}, ROOT, OVER "certificate has expired"},
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:app.example", .first_s = DAY_S, .last_s = 2 * DAY_S}, ROOT,
		OVER "certificate is not yet valid"},
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:app.example"}, STRANGER, UNTRUSTED "unable to get local issuer certificate"},
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:app.example"}, ITSELF, UNTRUSTED "self-signed certificate"},
	{"app.example:443", NULL, {.subject = "x", .names = "DNS:app.example", .kind = "RSA-1024"}, ROOT, UNTRUSTED "EE certificate key too weak"},
	{"unix:/run/app", NULL, {.subject = "x", .names = "DNS:app.example"}, ROOT, "it has no name that its certificate could be checked for: set tls.name"},
};

static const struct issued *issuer_of(const struct world *world, enum issuer issuer)
{
	return issuer == ROOT ? &world->root : issuer == STRANGER ? &world->stranger : NULL;
}

static void certificates_of_backends(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < 2 * sizeof(verified_rows) / sizeof(verified_rows[0]); i++) {
		const struct verified_row *row = &verified_rows[i / 2];
		struct tls_peer peer = open_peer(world, &row->wish, issuer_of(world, row->issuer));
		SSL_CTX_set_max_proto_version(peer.context, i % 2 ? TLS1_3_VERSION : TLS1_2_VERSION);
		listen_on(world, &peer);
		print_message("%zu %s %s\n", i, row->backend, row->why ? row->why : "is good");
		ask_backend(world, make_usual(world, row->name, NULL), row->backend, &peer.addr);
		if (row->why)
			expect_fault(world, &peer.addr, row->why);
		else
			assert_int_equal(world->outcome, FETCH_ANSWERED);
		assert_int_equal(peer.answered, !row->why);
		tls_peer_close(&peer);
	}
}

/* Colors, and what a renewal makes of them, each believe their own, whoever was asked first: libcurl keeps authorities from one connection to the next. */
static void each_believes_its_own(void **state)
{
	struct world *world = *state;
	struct err err;
	scratch_rewrite(world->scratch, "others.pem", "");
	certificates_append(world->scratch, "others.pem", &world->stranger);
	struct authorities *others = authorities_load(scratch_name(world->scratch, "others.pem"), &err);
	assert_non_null(others);
	for (unsigned i = 0; i < 6; i++) {
		bool strange = i % 2, good = i < 4;
		struct tls_peer peer = open_peer(world, &verified_rows[0].wish, strange == good ? &world->stranger : &world->root);
		listen_on(world, &peer);
		struct tlsback *back = make_back(&(struct tlsback_spec){.verify = true, .authorities = strange ? others : world->authorities});
		ask_backend(world, back, "app.example:443", &peer.addr);
		assert_int_equal(world->outcome, good ? FETCH_ANSWERED : FETCH_TLS);
		tls_peer_close(&peer);
	}
	authorities_free(others);
}

/* One after the other in the same fetch: what libcurl keeps of one is nothing to the next. */
static void authorities_in_turn(void **state)
{
	struct world *world = *state;
	struct authorities *others = load_authorities(world, &world->stranger);
	struct tls_peer peer = open_peer(world, NULL, NULL);
	listen_on(world, &peer);
	for (unsigned i = 0; i < 8; i++) {
		bool believes = i % 4 == 0, verifies = i % 4 != 2;
		struct tlsback *back = verifies ? make_back(&(struct tlsback_spec){.verify = true, .authorities = believes ? world->authorities : others})
						: make_unverified(NULL);
		ask_backend(world, back, "app.example:443", &peer.addr);
		if (verifies && !believes)
			expect_fault(world, &peer.addr, UNTRUSTED "unable to get local issuer certificate");
		else
			assert_int_equal(world->outcome, FETCH_ANSWERED);
	}
	authorities_free(others);
	tls_peer_close(&peer);
}

/* The names of a certificate may be many and long. */
static void many_names(void **state)
{
	struct world *world = *state;
	struct tls_peer peer = open_peer(world,
		&(struct wish){.subject = "x",
			.names = "DNS:a-name-of-forty-octets-in-all.of.example,DNS:another-name-of-forty-octets-or-so.example,DNS:third.example,"
				 "DNS:fourth.example"},
		&world->root);
	listen_on(world, &peer);
	ask_backend(world, make_usual(world, NULL, NULL), "app.example:443", &peer.addr);
	expect_fault(world, &peer.addr,
		ANOTHER "app.example: it is for a-name-of-forty-octets-in-all.of.example, another-name-of-forty-octets-or-so.example, third.example,...");
	tls_peer_close(&peer);
}

static void without_verification_anything_will_do(void **state)
{
	struct world *world = *state;
	static const char *const backends[] = {"app.example:443", "192.0.2.1:443", "unix:/run/app"};
	struct tls_peer peer = open_peer(world, &(struct wish){.subject = "x", .first_s = -2 * DAY_S, .last_s = -DAY_S}, NULL);
	listen_on(world, &peer);
	for (size_t i = 0; i < 3; i++) {
		ask_backend(world, make_unverified(NULL), backends[i], &peer.addr);
		assert_int_equal(world->outcome, FETCH_ANSWERED);
		assert_string_equal(peer.name, i == 0 ? "app.example" : "");
	}
	tls_peer_close(&peer);
}

/* ---- what is said ---- */

static void names_and_hosts(void **state)
{
	static const struct {
		const char *backend, *name, *url, *asked, *host;
	} rows[] = {
		{"app.example:443", NULL, "https://shop.example/", "app.example", "shop.example"},
		{"App.Example.:8443", NULL, "https://shop.example:8443/", "app.example", "shop.example:8443"},
		{"app.example:443", "web.example", "https://app.example:443/", "web.example", "app.example"},
		{"192.0.2.1:443", "web.example", "https://192.0.2.1:80/", "web.example", "192.0.2.1:80"},
		{"192.0.2.1:443", NULL, "https://shop.example/", "", "shop.example"},
		{"[2001:db8::1]:443", NULL, "https://[2001:db8::443]/", "", "[2001:db8::443]"},
		{"[2001:db8::1]:443", NULL, "https://[2001:db8::1]:443", "", "[2001:db8::1]"},
		{"my_app:443", NULL, "https://localhost?a", "my_app", "localhost"},
	};
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, NULL, NULL);
	listen_on(world, &peer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[300];
		struct tlsback *back = make_unverified(rows[i].name);
		struct backtrust *trust = backtrust_new(back, rows[i].backend, &peer.addr);
		struct fetch_request request = make_request(&peer.addr, trust);
		request.url = rows[i].url;
		snprintf(expected, sizeof(expected), "\r\nHost: %s\r\n", rows[i].host);
		ask(world, &request);
		assert_int_equal(world->outcome, FETCH_ANSWERED);
		assert_string_equal(peer.name, rows[i].asked);
		assert_non_null(strstr(peer.request, expected));
		assert_string_equal(peer.protocol, "http/1.1");
		backtrust_release(trust);
		tlsback_release(back);
	}
	tls_peer_close(&peer);
}

/* Path and query as they are; a Host line of the caller's own is the one that counts; nothing is resumed. */
static void requests(void **state)
{
	struct world *world = *state;
	static const char *const lines[] = {"X-A: 1", "Host: own.example", NULL};
	struct tls_peer peer = open_peer(world, NULL, NULL);
	struct tlsback *back = make_usual(world, NULL, NULL);
	listen_on(world, &peer);
	struct backtrust *trust = backtrust_new(back, "app.example:443", &peer.addr);
	struct fetch_request request = make_request(&peer.addr, trust);
	ask(world, &request);
	assert_memory_equal(peer.request, "GET /health?a=/../b HTTP/1.1\r\n", 30);
	request.url = "https://shop.example/a/../b%2f";
	request.headers = lines;
	ask(world, &request);
	assert_memory_equal(peer.request, "GET /a/../b%2f HTTP/1.1\r\n", 25);
	assert_non_null(strstr(peer.request, "\r\nHost: own.example\r\n"));
	assert_null(strstr(peer.request, "shop.example"));
	assert_int_equal(peer.accepted, 2);
	assert_false(peer.resumed);
	backtrust_release(trust);
	tlsback_release(back);
	tls_peer_close(&peer);
}

static void our_certificate_is_shown(void **state)
{
	struct world *world = *state;
	struct certificate *own = make_own(world, &world->root, false);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct tls_peer peer = open_peer(world, NULL, NULL);
		SSL_CTX_set_max_proto_version(peer.context, version);
		SSL_CTX_set1_cert_store(peer.context, world->authorities->store);
		SSL_CTX_set_verify(peer.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		listen_on(world, &peer);
		ask_backend(world, make_usual(world, NULL, own), "app.example:443", &peer.addr);
		assert_int_equal(world->outcome, FETCH_ANSWERED);
		assert_string_equal(peer.subject, "teal");
		tls_peer_close(&peer);
	}
	certificate_release(own);
}

/* ---- what goes wrong ---- */

static void certificates_that_backends_ask_for(void **state)
{
#define ASKED "; it asked for a certificate, and "
	static const struct asked_row {
		enum issuer issuer; /* of ours; ITSELF: there is none */
		bool over;
		const char *why[2]; /* with TLS 1.2, 1.3 */
	} rows[] = {
		{ITSELF, false, {"handshake failure" ASKED "tls.certificate names none", "certificate required" ASKED "tls.certificate names none"}},
		{STRANGER, false, {"unknown CA" ASKED "got that of tls.certificate", "unknown CA" ASKED "got that of tls.certificate"}},
		{ROOT, true, {"certificate expired" ASKED "got that of tls.certificate", "certificate expired" ASKED "got that of tls.certificate"}},
	};
	struct world *world = *state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct asked_row *row = &rows[i / 2];
		char expected[300];
		struct certificate *own = row->issuer == ITSELF ? NULL : make_own(world, issuer_of(world, row->issuer), row->over);
		struct tls_peer peer = open_peer(world, NULL, NULL);
		SSL_CTX_set_max_proto_version(peer.context, i % 2 ? TLS1_3_VERSION : TLS1_2_VERSION);
		SSL_CTX_set1_cert_store(peer.context, world->authorities->store);
		SSL_CTX_set_verify(peer.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		listen_on(world, &peer);
		snprintf(expected, sizeof(expected), "the peer ended it: %s", row->why[i % 2]);
		ask_backend(world, make_usual(world, NULL, own), "app.example:443", &peer.addr);
		expect_fault(world, &peer.addr, expected);
		tls_peer_close(&peer);
		if (own)
			certificate_release(own);
	}
#undef ASKED
}

static void versions_and_ciphers(void **state)
{
	static const struct {
		int least, most;
		const char *ciphers, *why;
	} rows[] = {
		{TLS1_VERSION, TLS1_1_VERSION, "DEFAULT:@SECLEVEL=0", "there is no version of TLS that both sides speak: tlsv1 alert protocol version"},
		{TLS1_2_VERSION, TLS1_2_VERSION, "AES256-SHA", "the peer ended it: handshake failure"},
		{TLS1_2_VERSION, TLS1_2_VERSION, "DEFAULT", NULL},
		{TLS1_3_VERSION, TLS1_3_VERSION, "DEFAULT", NULL},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tls_peer peer = open_peer(world, NULL, NULL);
		assert_true(SSL_CTX_set_min_proto_version(peer.context, rows[i].least) && SSL_CTX_set_max_proto_version(peer.context, rows[i].most));
		assert_true(SSL_CTX_set_cipher_list(peer.context, rows[i].ciphers));
		listen_on(world, &peer);
		ask_backend(world, make_usual(world, NULL, NULL), "app.example:443", &peer.addr);
		if (rows[i].why)
			expect_fault(world, &peer.addr, rows[i].why);
		else
			assert_int_equal(world->outcome, FETCH_ANSWERED);
		tls_peer_close(&peer);
	}
}

static void on_talk(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length, void *arg)
{
	const char *said = arg;
	(void)listener, (void)from, (void)length;
	assert_int_equal(send(fd, said, strlen(said), MSG_NOSIGNAL), strlen(said));
	assert_int_equal(shutdown(fd, SHUT_WR), 0); /* kept until the end of the program: a close would be a reset to what has come */
}

static void servers_without_tls(void **state)
{
	static char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n", nothing[] = "";
	static const struct {
		char *said;
		const char *why;
	} rows[] = {{http, "what came is no TLS"}, {nothing, "the connection ended without a word of TLS"}};
	struct world *world = *state;
	for (size_t i = 0; i < 2; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		struct evconnlistener *listener =
			evconnlistener_new_bind(world->loop, on_talk, rows[i].said, LEV_OPT_CLOSE_ON_FREE, 16, (struct sockaddr *)&at, sizeof(at));
		struct addr addr;
		socklen_t length = sizeof(at);
		getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &length);
		addr_from_socket((struct sockaddr *)&at, length, &addr);
		ask_backend(world, make_usual(world, NULL, NULL), "app.example:443", &addr);
		expect_fault(world, &addr, rows[i].why);
		evconnlistener_free(listener);
	}
}

/* Behind the handshake an end is told of as it is in clear. libcurl takes a FIN for the end of a body of unknown length, with a close_notify or without. */
static void ends(void **state)
{
	static const struct {
		const char *answer;
		enum tls_peer_end end;
		enum fetch_outcome outcome;
		const char *detail;
	} rows[] = {
		{LONG_ANSWER, TLS_PEER_ENDS, FETCH_ANSWERED, ""},
		{LONG_ANSWER, TLS_PEER_CUTS, FETCH_ANSWERED, ""},
		{SHORT_ANSWER, TLS_PEER_ENDS, FETCH_CLOSED, "closed the connection in the middle of the answer"},
		{SHORT_ANSWER, TLS_PEER_CUTS, FETCH_CLOSED, "closed the connection in the middle of the answer"},
		{OK_ANSWER, TLS_PEER_CUTS, FETCH_ANSWERED, ""},
		{NULL, TLS_PEER_ENDS, FETCH_CLOSED, "closed the connection before answering"},
		{NULL, TLS_PEER_CUTS, FETCH_CLOSED, "closed the connection before answering"},
	};
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, NULL, NULL);
	listen_on(world, &peer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		peer.answer = rows[i].answer;
		peer.end = rows[i].end;
		ask_backend(world, make_usual(world, NULL, NULL), "app.example:443", &peer.addr);
		assert_string_equal(world->detail, rows[i].detail);
		assert_int_equal(world->outcome, rows[i].outcome);
	}
	tls_peer_close(&peer);
}

/* ---- the connection ---- */

static void expect_introduction(const struct tls_peer *peer, enum fetch_announce announce)
{
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	if (announce == FETCH_ANNOUNCE_V1)
		assert_memory_equal(peer->introduction, "PROXY TCP4 127.0.0.1 127.0.0.1 ", 31);
	else
		assert_memory_equal(peer->introduction, local, 16);
}

/* The header of the PROXY protocol is in front of the handshake. */
static void announcements(void **state)
{
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, NULL, NULL);
	struct tlsback *back = make_usual(world, NULL, NULL);
	listen_on(world, &peer);
	struct backtrust *trust = backtrust_new(back, "app.example:443", &peer.addr);
	peer.introduces = true;
	for (unsigned i = 0; i < 4; i++) {
		struct fetch_request request = make_request(&peer.addr, trust);
		request.announce = i % 2 ? FETCH_ANNOUNCE_V2 : FETCH_ANNOUNCE_V1;
		request.connect_only = i / 2;
		ask(world, &request);
		assert_string_equal(world->detail, "");
		assert_int_equal(world->outcome, request.connect_only ? FETCH_CONNECTED : FETCH_ANSWERED);
		while (peer.shaken <= i)
			event_base_loop(world->loop, EVLOOP_ONCE);
		expect_introduction(&peer, request.announce);
	}
	assert_int_equal(peer.answered, 2);
	backtrust_release(trust);
	tlsback_release(back);
	tls_peer_close(&peer);
}

/* A mere connect shakes hands, so that what is no good is found. */
static void connects(void **state)
{
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, NULL, NULL);
	struct tlsback *back = make_usual(world, NULL, NULL), *other = make_usual(world, "web.example", NULL);
	listen_on(world, &peer);
	for (unsigned i = 0; i < 2; i++) {
		struct backtrust *trust = backtrust_new(i ? other : back, "app.example:443", &peer.addr);
		struct fetch_request request = make_request(&peer.addr, trust);
		request.connect_only = true;
		ask(world, &request);
		if (i)
			expect_fault(world, &peer.addr, ANOTHER "web.example: it is for app.example");
		else
			assert_int_equal(world->outcome, FETCH_CONNECTED);
		backtrust_release(trust);
	}
	assert_int_equal(peer.answered, 0);
	tlsback_release(back);
	tlsback_release(other);
	tls_peer_close(&peer);
}

/* Connections that are kept are each backend's own, by name and by address. */
static void kept_connections(void **state)
{
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, &(struct wish){.subject = "x", .names = "DNS:a.example,DNS:b.example,IP:127.0.0.1"}, &world->root);
	struct tlsback *back = make_usual(world, NULL, NULL);
	static const struct {
		const char *backend;
		unsigned accepted;
	} rows[] = {{"a.example:1", 1}, {"a.example:1", 1}, {"b.example:1", 2}, {"127.0.0.1:1", 3}, {"a.example:1", 3}, {"127.0.0.1:1", 3}};
	listen_on(world, &peer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct backtrust *trust = backtrust_new(back, rows[i].backend, &peer.addr);
		struct fetch_request request = make_request(&peer.addr, trust);
		request.keeps_open = true;
		ask(world, &request);
		assert_int_equal(world->outcome, FETCH_ANSWERED);
		assert_int_equal(peer.accepted, rows[i].accepted);
		backtrust_release(trust); /* what is kept needs it no more */
	}
	tlsback_release(back);
	tls_peer_close(&peer);
}

/* Given up before it begins, in the handshake, and behind it; the rest is left to fetch_free. */
static void cancelled(void **state)
{
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, NULL, NULL);
	struct tlsback *back = make_usual(world, NULL, NULL);
	listen_on(world, &peer);
	peer.answer = NULL;
	for (unsigned i = 0; i < 6; i++) {
		struct backtrust *trust = backtrust_new(back, "app.example:443", &peer.addr);
		struct fetch_request request = make_request(&peer.addr, trust);
		struct fetch_job *job = fetch_start(world->fetch, &request, on_done, world);
		backtrust_release(trust);
		while (i % 3 == 1 && peer.accepted <= i / 3 * 2)
			event_base_loop(world->loop, EVLOOP_ONCE);
		while (i % 3 == 2 && peer.answered <= i / 3)
			event_base_loop(world->loop, EVLOOP_ONCE);
		if (i < 3)
			fetch_cancel(job);
	}
	tlsback_release(back);
	assert_int_equal(world->answers, 0);
	fetch_free(world->fetch);
	world->fetch = NULL;
	tls_peer_close(&peer);
}

/* ---- smoke requests, copies ---- */

static void on_smoke_end(void *arg)
{
	struct world *world = arg;
	world->answers++;
}

static void run_smoke(struct world *world, struct tlsback *back, const struct addr *addr, bool passes, const char *detail)
{
	static char get[] = "GET", path[] = "/checkout", host[] = "cart.example";
	static struct conf_status_range good = {200, 299};
	struct conf_smoke requests[] = {
		{.method = get, .path = path, .host = host, .statuses = &good, .status_count = 1, .timeout_ms = PATIENCE_MS},
		{.method = get, .path = path, .statuses = &good, .status_count = 1, .timeout_ms = PATIENCE_MS},
	};
	struct backtrust *trust = backtrust_new(back, "app.example:443", addr);
	struct smoke_backend backend = {.name = "app.example:443", .addr = *addr, .trust = backtrust_fetch(trust)};
	const struct smoke_plan plan = {.requests = requests, .request_count = 2, .backends = &backend, .backend_count = 1, .color = COLOR_GREEN};
	unsigned before = world->answers;
	struct smoke *smoke = smoke_start(world->fetch, &plan, on_smoke_end, world);
	backtrust_release(trust);
	tlsback_release(back);
	wait_for_answer(world, before);
	assert_string_equal(smoke_detail(smoke), detail);
	assert_int_equal(smoke_passed(smoke), passes);
	smoke_free(smoke);
}

static void smoke_requests(void **state)
{
	struct world *world = *state;
	struct tls_peer peer = open_peer(world, NULL, NULL);
	char peer_text[ADDR_TEXT_SIZE], detail[512];
	listen_on(world, &peer);
	run_smoke(world, make_usual(world, NULL, NULL), &peer.addr, true, "2 requests to 1 backend of green went as expected");
	assert_memory_equal(peer.request, "GET /checkout HTTP/1.1\r\nHost: app.example\r\n", 43);
	assert_string_equal(peer.name, "app.example");
	addr_format(&peer.addr, peer_text, sizeof(peer_text));
	snprintf(detail, sizeof(detail), "GET /checkout to app.example:443 of green: no TLS connection to %s: " ANOTHER "web.example: it is for app.example",
		peer_text);
	run_smoke(world, make_usual(world, "web.example", NULL), &peer.addr, false, detail);
	tls_peer_close(&peer);
}

static void copy_some(struct world *world, struct copier *copier, const struct copier_target *live, const struct copier_target *idle)
{
	static const char head[] = "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: x\r\n\r\n";
	for (unsigned i = 0; i < 8; i++) {
		copier_send(copier, head, sizeof(head) - 1, live, idle);
		while (copier_under_way(copier) > 0)
			event_base_loop(world->loop, EVLOOP_ONCE);
	}
}

/* Each color by its own settings, over connections that are kept: one to the idle color, two to the live one, as some copies go there twice at a time. */
static void copies(void **state)
{
	struct world *world = *state;
	struct tls_peer live = open_peer(world, NULL, NULL), idle = open_peer(world, &(struct wish){.subject = "x"}, NULL);
	struct tlsback *verified = make_usual(world, NULL, NULL), *unverified = make_unverified("idle.example");
	struct compare_rules rules;
	struct comparison *comparison = comparison_new();
	struct copier_counts counts;
	listen_on(world, &live);
	listen_on(world, &idle);
	struct backtrust *trusts[] = {backtrust_new(verified, "app.example:1", &live.addr), backtrust_new(unverified, "127.0.0.1:1", &idle.addr),
		backtrust_new(verified, "127.0.0.1:1", &idle.addr)};
	compare_rules_init(&rules, NULL, 0, NULL, 0);
	struct copier *copier = copier_new(&(struct copier_tools){world->loop, &rules, comparison, 4, PATIENCE_MS, 4096});
	copy_some(world, copier, &(struct copier_target){&live.addr, FETCH_ANNOUNCE_NOTHING, backtrust_fetch(trusts[0])},
		&(struct copier_target){&idle.addr, FETCH_ANNOUNCE_NOTHING, backtrust_fetch(trusts[1])});
	copier_read(copier, &counts);
	assert_int_equal(counts.sent, 8);
	assert_int_equal(counts.live_unanswered + counts.idle_unanswered, 0);
	assert_int_equal(live.accepted, 2);
	assert_int_equal(idle.accepted, 1);
	assert_string_equal(live.name, "app.example");
	assert_string_equal(idle.name, "idle.example");
	assert_memory_equal(idle.request, "GET /a HTTP/1.1\r\nHost: shop.example\r\n", 37);
	copier_free(copier);
	copier = copier_new(&(struct copier_tools){world->loop, &rules, comparison, 4, PATIENCE_MS, 4096});
	copy_some(world, copier, &(struct copier_target){&live.addr, FETCH_ANNOUNCE_NOTHING, backtrust_fetch(trusts[0])},
		&(struct copier_target){&idle.addr, FETCH_ANNOUNCE_NOTHING, backtrust_fetch(trusts[2])});
	copier_read(copier, &counts);
	assert_int_equal(counts.idle_unanswered, 8);
	copier_free(copier);
	comparison_free(comparison);
	compare_rules_fini(&rules);
	for (size_t i = 0; i < 3; i++)
		backtrust_release(trusts[i]);
	tlsback_release(verified);
	tlsback_release(unverified);
	tls_peer_close(&live);
	tls_peer_close(&idle);
}

static void in_clear_there_is_none(void **state)
{
	struct addr addr = {.kind = ADDR_IPV4};
	(void)state;
	assert_null(backtrust_new(NULL, "app.example:80", &addr));
	assert_null(backtrust_fetch(NULL));
	backtrust_release(NULL);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		ROUND(certificates_of_backends),
		ROUND(each_believes_its_own),
		ROUND(authorities_in_turn),
		ROUND(many_names),
		ROUND(without_verification_anything_will_do),
		ROUND(names_and_hosts),
		ROUND(requests),
		ROUND(our_certificate_is_shown),
		ROUND(certificates_that_backends_ask_for),
		ROUND(versions_and_ciphers),
		ROUND(servers_without_tls),
		ROUND(ends),
		ROUND(announcements),
		ROUND(connects),
		ROUND(kept_connections),
		ROUND(cancelled),
		ROUND(smoke_requests),
		ROUND(copies),
		cmocka_unit_test(in_clear_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base/fetch against scripted servers on the same loop; base/fetch_fault by a table. */
// links: base
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/fetch.h"
#include "base/fetch_fault.h"
#include "tests/unit/peer.h"

/* More than one answer takes here, by far; reached only by a bug. */
#define PATIENCE_MS 20000

struct world {
	struct event_base *loop;
	struct fetch *fetch;
	struct event *patience;
	/* what came, copied */
	unsigned answers;
	enum fetch_outcome outcome;
	int status;
	char body[256], detail[256], header[64];
	size_t body_length, header_count;
	uint64_t connect_us, first_byte_us, total_us;
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_MS / 1000});
	*state = world;
	return 0;
}

/* Nothing may be left on the loop once the fetch is gone. */
static int close_world(void **state)
{
	struct world *world = *state;
	fetch_free(world->fetch);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the peers end in a turn of their own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct world *world = arg;
	const char *header = fetch_answer_header(answer, "x-version");
	world->answers++;
	world->outcome = answer->outcome;
	world->status = answer->status;
	world->body_length = answer->body_length;
	world->header_count = answer->header_count;
	world->connect_us = answer->connect_us;
	world->first_byte_us = answer->first_byte_us;
	world->total_us = answer->total_us;
	assert_int_equal(strlen(answer->body), answer->body_length);
	snprintf(world->body, sizeof(world->body), "%s", answer->body);
	snprintf(world->detail, sizeof(world->detail), "%s", answer->detail);
	snprintf(world->header, sizeof(world->header), "%s", header ? header : "(none)");
	event_base_loopbreak(world->loop);
}

static void wait_for_answer(struct world *world)
{
	unsigned before = world->answers;
	while (world->answers == before)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->answers, before + 1);
}

/* Starts a request, sees that nothing is delivered from inside, and waits for the answer. */
static void fetch_and_wait(struct world *world, const struct fetch_request *request)
{
	unsigned before = world->answers;
	fetch_start(world->fetch, request, on_done, world);
	assert_int_equal(world->answers, before);
	wait_for_answer(world);
}

struct answer_case {
	const char *name;
	const char *answer;
	enum peer_end end;
	bool impatient, body_cut;
	size_t body_limit;
	enum fetch_outcome outcome;
	int status;
	const char *body, *detail, *header;
};

static const struct answer_case answer_cases[] = {
	{"200 with a length", "HTTP/1.1 200 OK\r\nX-Version: a1 \r\nContent-Length: 2\r\n\r\nok", PEER_STAYS, false, false, 64, FETCH_ANSWERED, 200, "ok", "",
		"a1"},
	{"a value without blanks", "HTTP/1.1 200 OK\r\nX-VERSION:a1\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, false, false, 64, FETCH_ANSWERED, 200, "", "",
		"a1"},
	{"an empty value", "HTTP/1.1 200 OK\r\nX-Version:\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, false, false, 64, FETCH_ANSWERED, 200, "", "", ""},
	{"503 is an answer", "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\ndown", PEER_STAYS, false, false, 64, FETCH_ANSWERED, 503, "down", "", "(none)"},
	{"a redirect is an answer", "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, false, false, 64, FETCH_ANSWERED, 302,
		"", "", "(none)"},
	{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", PEER_STAYS, false, false, 64, FETCH_ANSWERED, 200, "ok", "",
		"(none)"},
	{"up to the close", "HTTP/1.0 200 OK\r\n\r\nok", PEER_CLOSES, false, false, 64, FETCH_ANSWERED, 200, "ok", "", "(none)"},
	{"interim answers don't count", "HTTP/1.1 103 Early Hints\r\nX-Version: no\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", PEER_STAYS, false, false, 64,
		FETCH_ANSWERED, 204, "", "", "(none)"},
	{"closes at once", NULL, PEER_CLOSES, true, false, 64, FETCH_CLOSED, 0, "", "", "(none)"},
	{"closes after the request", NULL, PEER_CLOSES, false, false, 64, FETCH_CLOSED, 0, "", "closed the connection before answering", "(none)"},
	{"resets after the request", NULL, PEER_RESETS, false, false, 64, FETCH_CLOSED, 0, "", "reset the connection before answering", "(none)"},
	{"closes in the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", PEER_CLOSES, false, false, 64, FETCH_CLOSED, 0, "ok",
		"closed the connection in the middle of the answer", "(none)"},
	{"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", PEER_STAYS, false, false, 64, FETCH_BROKEN, 0, "",
		"the chunks of the answer are malformed", "(none)"},
	{"garbage", "SSH-2.0-OpenSSH_9.2\r\n", PEER_STAYS, false, false, 64, FETCH_BROKEN, 0, "", "what was answered is not HTTP/1.1", "(none)"},
	{"garbage before the request", "220 mail ready\r\n", PEER_STAYS, true, false, 64, FETCH_BROKEN, 0, "", "what was answered is not HTTP/1.1", "(none)"},
	{"a body at the limit", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234", PEER_STAYS, false, false, 4, FETCH_ANSWERED, 200, "1234", "", "(none)"},
	{"a body over the limit", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", PEER_STAYS, false, false, 4, FETCH_TOO_LARGE, 0, "1234",
		"the body of the answer is larger than 4", "(none)"},
	{"a body cut at the limit", "HTTP/1.1 200 OK\r\nX-Version: a1\r\nContent-Length: 5\r\n\r\n12345", PEER_STAYS, false, true, 4, FETCH_ANSWERED, 200,
		"1234", "", "a1"},
	{"nothing of the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", PEER_STAYS, false, true, 0, FETCH_ANSWERED, 200, "", "", "(none)"},
};

static void test_answers(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
		const struct answer_case *test = &answer_cases[i];
		print_message("%s\n", test->name);
		struct peer peer = {.answer = test->answer, .end = test->end, .impatient = test->impatient};
		peer_open(&peer, world->loop);
		struct fetch_request request = {.url = "http://shop.example/health?x=1",
			.connect = &peer.addr,
			.timeout_ms = PATIENCE_MS,
			.body_limit = test->body_limit,
			.body_cut = test->body_cut};
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, test->outcome);
		assert_int_equal(world->status, test->status);
		assert_string_equal(world->body, test->body);
		if (!test->impatient || test->outcome != FETCH_CLOSED) /* a close that early may be seen as a reset */
			assert_string_equal(world->detail, test->detail);
		assert_string_equal(world->header, test->header);
		peer_close(&peer);
	}
}

static void test_request(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	static const char *const headers[] = {"User-Agent: test", "Content-Type: application/json", NULL};
	struct fetch_request request = {.method = "PUT",
		.url = "http://shop.example/a/../b",
		.connect = &peer.addr,
		.headers = headers,
		.body = "{\"a\":1}",
		.body_length = 7,
		.timeout_ms = PATIENCE_MS,
		.body_limit = 64};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_ANSWERED);
	assert_non_null(strstr(peer.request, "PUT /a/../b HTTP/1.1\r\nHost: shop.example\r\n"));
	assert_non_null(strstr(peer.request, "User-Agent: test\r\n"));
	assert_non_null(strstr(peer.request, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(peer.request, "Content-Length: 7\r\n"));
	assert_non_null(strstr(peer.request, "\r\n\r\n{\"a\":1}"));
	assert_null(strstr(peer.request, "Expect"));
	peer_close(&peer);
}

static void test_head_request(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.method = "HEAD", .url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_ANSWERED);
	assert_int_equal(world->status, 200);
	assert_memory_equal(peer.request, "HEAD / ", 7);
	peer_close(&peer);
}

/* What a URL's parser would refuse or change. */
static void test_target(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "http://a/no", .target = "/x//../{y}?a=%zz|'#b", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_ANSWERED);
	assert_ptr_equal(strstr(peer.request, "GET /x//../{y}?a=%zz|'#b HTTP/1.1\r\nHost: a\r\n"), peer.request);
	peer_close(&peer);
}

/* One after the other on the same connection, but only where both want it so. */
static void test_keeps_open(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "http://a/1", .connect = &peer.addr, .timeout_ms = PATIENCE_MS, .keeps_open = true};
	fetch_and_wait(world, &request);
	assert_int_equal(peer.accepted, 1);
	bufferevent_setcb(peer.open[0], peer_on_read, NULL, peer_on_event, &peer); /* it shall answer again */
	request.url = "http://a/2";
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_ANSWERED);
	assert_memory_equal(peer.request, "GET /2 ", 7);
	assert_int_equal(peer.accepted, 1);
	assert_int_equal(world->connect_us, 0);
	request.keeps_open = false;
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_ANSWERED);
	assert_int_equal(peer.accepted, 2);
	peer_close(&peer);
}

/* A proxy named by the environment is nothing to us. */
static void test_no_proxy_environment(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	setenv("http_proxy", "http://127.0.0.1:9/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9/", 1);
	struct fetch_request request = {.url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	fetch_and_wait(world, &request);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(world->status, 200);
	peer_close(&peer);
}

/* The host is an address: it is where to connect. Each request has a connection of its own. */
static void test_host_is_address(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	char url[64];
	peer_open(&peer, world->loop);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", peer.addr.port);
	struct fetch_request request = {.url = url, .timeout_ms = PATIENCE_MS};
	for (unsigned i = 1; i <= 3; i++) {
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, FETCH_ANSWERED);
		assert_int_equal(peer.accepted, i);
	}
	assert_true(world->connect_us > 0 && world->connect_us <= world->first_byte_us && world->first_byte_us <= world->total_us);
	peer_close(&peer);
}

static void test_unusable(void **state)
{
	static const struct {
		const char *url, *detail;
	} cases[] = {
		{"http://shop.example/", "the name shop.example has no address yet"},
		{"http://localhost/", "the name localhost has no address yet"},
		{"https://shop.example:8443/x", "the name shop.example has no address yet"},
		{"http://", "the URL can't be used: No host part in the URL"},
		{"http://127.0.0.1:99999/", "the URL can't be used: Port number was not a decimal number between 0 and 65535"},
		{"file:///etc/hostname", "the URL can't be used: it must begin with http:// or https://"},
		{"ftp://127.0.0.1/", "the URL can't be used: it must begin with http:// or https://"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fetch_request request = {.url = cases[i].url, .timeout_ms = PATIENCE_MS};
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, FETCH_BROKEN);
		assert_string_equal(world->detail, cases[i].detail);
	}
	struct addr name = {.kind = ADDR_NAME, .port = 80, .to.name = "backend.internal"};
	struct fetch_request request = {.url = "http://127.0.0.1/", .connect = &name, .timeout_ms = PATIENCE_MS};
	fetch_and_wait(world, &request);
	assert_string_equal(world->detail, "the name backend.internal has no address yet");
}

static void test_connect_only(void **state)
{
	struct world *world = *state;
	struct peer peer = {.end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "http://localhost/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS, .connect_only = true};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_CONNECTED);
	assert_string_equal(world->detail, "");
	/* The connection is not kept: the server sees its end. */
	while (peer.accepted == 0 || peer.open[0])
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_string_equal(peer.request, "");
	peer_close(&peer);
}

/* What the peer got behind the announcement, which must be there and right. */
static const char *skip_announcement(const struct peer *peer, enum fetch_announce announce)
{
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	unsigned own, port;
	int length = 0;
	if (announce == FETCH_ANNOUNCE_V2)
		return peer->request_length >= 16 && memcmp(peer->request, local, 16) == 0 ? peer->request + 16 : "no header";
	if (announce == FETCH_ANNOUNCE_V1 && peer->addr.kind == ADDR_UNIX)
		return strncmp(peer->request, "PROXY UNKNOWN\r\n", 15) == 0 ? peer->request + 15 : "no header";
	if (announce == FETCH_ANNOUNCE_V1) {
		bool read = sscanf(peer->request, "PROXY TCP4 127.0.0.1 127.0.0.1 %u %u%n", &own, &port, &length) == 2;
		return read && port == peer->addr.port && memcmp(peer->request + length, "\r\n", 2) == 0 ? peer->request + length + 2 : "no header";
	}
	return peer->request;
}

/* What the peer gets behind the announcement when it never answers. */
static void test_announcements(void **state)
{
	static const struct {
		const char *url, *begin;
		bool connect_only;
	} kinds[] = {
		{"http://a/", "GET / HTTP/1.1\r\n", false},
		{"https://a/", "\x16\x03", false},
		{"http://a/", "", true},
	};
	struct world *world = *state;
	char folder[] = "/tmp/test_fetch.XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	for (unsigned i = 0; i < 18; i++) {
		enum fetch_announce announce = (enum fetch_announce)(i % 3);
		unsigned kind = i / 3 % 3;
		struct peer peer = {.end = PEER_STAYS};
		if (i < 9)
			peer_open(&peer, world->loop);
		else
			peer_open_unix(&peer, world->loop, path);
		struct fetch_request request = {.url = kinds[kind].url,
			.connect = &peer.addr,
			.timeout_ms = kinds[kind].connect_only ? PATIENCE_MS : 100,
			.connect_only = kinds[kind].connect_only,
			.insecure = true,
			.announce = announce};
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, kinds[kind].connect_only ? FETCH_CONNECTED : FETCH_TIMED_OUT);
		while (peer.accepted == 0 || peer.open[0])
			event_base_loop(world->loop, EVLOOP_ONCE);
		const char *rest = skip_announcement(&peer, announce);
		if (strncmp(rest, kinds[kind].begin, strlen(kinds[kind].begin)) != 0 ||
			(kinds[kind].connect_only && rest != peer.request + peer.request_length))
			fail_msg("%u: version %d to %s: %s", i, announce, kinds[kind].url, rest);
		peer_close(&peer);
		unlink(path);
	}
	rmdir(folder);
}

/* A port that was bound a moment ago and listens no more. */
static void test_refused(void **state)
{
	struct world *world = *state;
	struct peer peer = {.end = PEER_STAYS};
	char text[ADDR_TEXT_SIZE], expected[ADDR_TEXT_SIZE + 32];
	peer_open(&peer, world->loop);
	peer_close(&peer);
	addr_format(&peer.addr, text, sizeof(text));
	snprintf(expected, sizeof(expected), "connection refused by %s", text);
	for (int connect_only = 0; connect_only < 2; connect_only++) {
		struct fetch_request request = {.url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS, .connect_only = connect_only};
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, FETCH_REFUSED);
		assert_string_equal(world->detail, expected);
	}
}

static void test_unix_socket(void **state)
{
	struct world *world = *state;
	char folder[] = "/tmp/test_fetch.XXXXXX", path[64], expected[128];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open_unix(&peer, world->loop, path);
	struct fetch_request request = {.url = "http://localhost/health", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_ANSWERED);
	assert_memory_equal(peer.request, "GET /health ", 12);
	peer_close(&peer);
	fetch_and_wait(world, &request);
	snprintf(expected, sizeof(expected), "connection refused by unix:%s", path);
	assert_int_equal(world->outcome, FETCH_REFUSED);
	assert_string_equal(world->detail, expected);
	unlink(path);
	fetch_and_wait(world, &request);
	snprintf(expected, sizeof(expected), "no socket at unix:%s", path);
	assert_int_equal(world->outcome, FETCH_UNREACHABLE);
	assert_string_equal(world->detail, expected);
	rmdir(folder);
}

static void test_timeouts(void **state)
{
	static const struct {
		const char *answer, *detail;
		bool tls;
	} cases[] = {
		{NULL, "no answer within 100 ms (connected in ", false},
		{"HTTP/1.1 200 OK\r\nX-", "no whole answer within 100 ms", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "no whole answer within 100 ms (it began after ", false},
		{NULL, "no TLS handshake within 100 ms", true},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer peer = {.answer = cases[i].answer, .end = PEER_STAYS};
		peer_open(&peer, world->loop);
		struct fetch_request request = {
			.url = cases[i].tls ? "https://a/" : "http://a/", .connect = &peer.addr, .timeout_ms = 100, .body_limit = 64, .insecure = true};
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, FETCH_TIMED_OUT);
		assert_memory_equal(world->detail, cases[i].detail, strlen(cases[i].detail));
		peer_close(&peer);
	}
}

/* A listener whose queue is full answers no SYN. */
static void test_connect_timeout(void **state)
{
	struct world *world = *state;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
	assert_int_equal(bind(listener, (const struct sockaddr *)&at, length), 0);
	assert_int_equal(listen(listener, 0), 0);
	getsockname(listener, (struct sockaddr *)&at, &length);
	for (size_t i = 0; i < 8; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (const struct sockaddr *)&at, length);
	}
	struct addr addr;
	addr_from_socket((const struct sockaddr *)&at, length, &addr);
	struct fetch_request request = {.url = "http://a/", .connect = &addr, .timeout_ms = 100};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_TIMED_OUT);
	assert_string_equal(world->detail, "could not connect within 100 ms");
	for (size_t i = 0; i < 8; i++)
		close(fillers[i]);
	close(listener);
}

static void test_no_tls_there(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 400 Bad Request\r\n\r\n", .impatient = true, .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "https://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS, .insecure = true};
	fetch_and_wait(world, &request);
	assert_int_equal(world->outcome, FETCH_TLS);
	assert_memory_equal(world->detail, "no TLS connection to 127.0.0.1:", 31);
	peer_close(&peer);
}

/* One long line, and many short ones. */
static void test_large_header(void **state)
{
	static const char first[] = "HTTP/1.1 200 OK\r\n";
	struct world *world = *state;
	for (size_t line = 100; line <= 200000; line += 199900) {
		size_t length = sizeof(first) - 1 + 200000;
		char *answer = malloc(length);
		memcpy(answer, first, sizeof(first) - 1);
		for (size_t i = sizeof(first) - 1, at = 0; i < length; i++, at = (at + 1) % line)
			answer[i] = at == 0 ? 'a' : at == 1 ? ':' : at == line - 2 ? '\r' : at == line - 1 ? '\n' : 'x';
		struct peer peer = {.answer = answer, .answer_length = length, .end = PEER_STAYS};
		peer_open(&peer, world->loop);
		struct fetch_request request = {.url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
		fetch_and_wait(world, &request);
		assert_int_equal(world->outcome, FETCH_BROKEN);
		assert_string_equal(world->detail, "the header of the answer is larger than 64KiB");
		peer_close(&peer);
		free(answer);
	}
}

static void test_cancel(void **state)
{
	struct world *world = *state;
	struct peer peer = {.end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	struct fetch_request unusable = {.url = "http://a/", .timeout_ms = PATIENCE_MS};
	fetch_cancel(fetch_start(world->fetch, &request, on_done, world));
	fetch_cancel(fetch_start(world->fetch, &unusable, on_done, world));
	struct fetch_job *job = fetch_start(world->fetch, &request, on_done, world);
	while (!peer.request[0])
		event_base_loop(world->loop, EVLOOP_ONCE);
	fetch_cancel(job);
	/* Three are left to fetch_free: before its first turn, connected, and not even begun. */
	fetch_start(world->fetch, &request, on_done, world);
	while (peer.accepted < 2)
		event_base_loop(world->loop, EVLOOP_ONCE);
	fetch_start(world->fetch, &request, on_done, world);
	fetch_start(world->fetch, &unusable, on_done, world);
	peer_close(&peer);
	assert_int_equal(world->answers, 0);
}

struct chain {
	struct world *world;
	const struct fetch_request *request;
	struct fetch_job *victim;
	unsigned left;
};

static void on_chain_done(void *arg, const struct fetch_answer *answer)
{
	struct chain *chain = arg;
	if (chain->victim)
		fetch_cancel(chain->victim);
	chain->victim = NULL;
	if (--chain->left > 0)
		fetch_start(chain->world->fetch, chain->request, on_chain_done, chain);
	else
		on_done(chain->world, answer);
}

static void on_victim_done(void *arg, const struct fetch_answer *answer)
{
	(void)arg, (void)answer;
	fail();
}

/* From inside `done`, others may be started and cancelled, even one that is over too. */
static void test_start_and_cancel_in_done(void **state)
{
	struct world *world = *state;
	struct fetch_request unusable = {.url = "http://a/", .timeout_ms = PATIENCE_MS};
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	const struct fetch_request *requests[] = {&unusable, &request};
	for (size_t i = 0; i < 2; i++) {
		struct chain chain = {.world = world, .request = requests[i], .left = 3};
		fetch_start(world->fetch, requests[i], on_chain_done, &chain);
		chain.victim = fetch_start(world->fetch, requests[i], on_victim_done, NULL);
		wait_for_answer(world);
	}
	peer_close(&peer);
}

static void test_many_at_once(void **state)
{
	struct world *world = *state;
	struct peer peer = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .end = PEER_STAYS};
	peer_open(&peer, world->loop);
	struct fetch_request request = {.url = "http://a/", .connect = &peer.addr, .timeout_ms = PATIENCE_MS};
	for (size_t i = 0; i < 50; i++)
		fetch_start(world->fetch, &request, on_done, world);
	while (world->answers < 50)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(peer.accepted, 50);
	peer_close(&peer);
}

struct fault_case {
	const char *name;
	struct fetch_fault fault;
	enum fetch_outcome outcome;
	const char *detail;
};

static const struct fault_case fault_cases[] = {
	{"refused", {.code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED}, FETCH_REFUSED, "connection refused by 10.0.0.1:80"},
	{"no socket", {.code = CURLE_COULDNT_CONNECT, .os_errno = ENOENT}, FETCH_UNREACHABLE, "no socket at 10.0.0.1:80"},
	{"no route", {.code = CURLE_COULDNT_CONNECT, .os_errno = EHOSTUNREACH}, FETCH_UNREACHABLE, "no route to 10.0.0.1:80 (No route to host)"},
	{"no network", {.code = CURLE_COULDNT_CONNECT, .os_errno = ENETUNREACH}, FETCH_UNREACHABLE, "no route to 10.0.0.1:80 (Network is unreachable)"},
	{"no rights", {.code = CURLE_COULDNT_CONNECT, .os_errno = EACCES}, FETCH_UNREACHABLE, "could not connect to 10.0.0.1:80: Permission denied"},
	{"no reason", {.code = CURLE_COULDNT_CONNECT}, FETCH_UNREACHABLE, "could not connect to 10.0.0.1:80"},
	{"timeout: connect", {.code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 500}, FETCH_TIMED_OUT, "could not connect within 500 ms"},
	{"timeout: handshake", {.code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 500, .tls = true, .connected = true}, FETCH_TIMED_OUT,
		"no TLS handshake within 500 ms"},
	{"timeout: answer", {.code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 500, .connected = true, .connect_us = 1000}, FETCH_TIMED_OUT,
		"no answer within 500 ms (connected in 1 ms)"},
	{"timeout: answer by TLS", {.code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 500, .tls = true, .connected = true, .connect_us = 1001, .tls_us = 5000},
		FETCH_TIMED_OUT, "no answer within 500 ms (connected in 2 ms)"},
	{"timeout: body", {.code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 500, .connected = true, .connect_us = 1, .first_byte_us = 2500}, FETCH_TIMED_OUT,
		"no whole answer within 500 ms (it began after 3 ms)"},
	{"empty answer", {.code = CURLE_GOT_NOTHING}, FETCH_CLOSED, "closed the connection before answering"},
	{"reset", {.code = CURLE_RECV_ERROR}, FETCH_CLOSED, "reset the connection before answering"},
	{"an end without a word of TLS",
		{.code = CURLE_RECV_ERROR, .curl_text = "OpenSSL SSL_read: error:0A000126:SSL routines::unexpected eof while reading, errno 0", .tls = true},
		FETCH_CLOSED, "closed the connection before answering"},
	{"reset while sending", {.code = CURLE_SEND_ERROR}, FETCH_CLOSED, "reset the connection before answering"},
	{"reset in the answer", {.code = CURLE_RECV_ERROR, .first_byte_us = 1}, FETCH_CLOSED, "reset the connection in the middle of the answer"},
	{"short body", {.code = CURLE_PARTIAL_FILE, .first_byte_us = 1}, FETCH_CLOSED, "closed the connection in the middle of the answer"},
	{"expired", {.code = CURLE_PEER_FAILED_VERIFICATION, .curl_text = "SSL certificate problem: certificate has expired"}, FETCH_TLS,
		"the certificate of 10.0.0.1:80 is not accepted: certificate has expired"},
	{"another name", {.code = CURLE_PEER_FAILED_VERIFICATION, .curl_text = "SSL: no alternative certificate subject name matches target host name 'a'"},
		FETCH_TLS, "the certificate of 10.0.0.1:80 is not accepted: no alternative certificate subject name matches target host name 'a'"},
	{"no TLS there", {.code = CURLE_SSL_CONNECT_ERROR, .curl_text = "error:0A00010B:SSL routines::wrong version number"}, FETCH_TLS,
		"no TLS connection to 10.0.0.1:80: error:0A00010B:SSL routines::wrong version number"},
	{"an end in the handshake", {.code = CURLE_SSL_CONNECT_ERROR, .curl_text = "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to a:443 "}, FETCH_TLS,
		"no TLS connection to 10.0.0.1:80: the connection ended without a word of TLS"},
	{"a reset in the handshake", {.code = CURLE_SSL_CONNECT_ERROR, .curl_text = "OpenSSL SSL_connect: Connection reset by peer in connection to a:443 "},
		FETCH_TLS, "no TLS connection to 10.0.0.1:80: Connection reset by peer"},
	{"TLS without words", {.code = CURLE_SSL_CONNECT_ERROR}, FETCH_TLS, "no TLS connection to 10.0.0.1:80: SSL connect error"},
	{"HTTP/0.9", {.code = CURLE_UNSUPPORTED_PROTOCOL, .connected = true, .connect_us = 1}, FETCH_BROKEN, "what was answered is not HTTP/1.1"},
	{"a bad answer", {.code = CURLE_WEIRD_SERVER_REPLY, .connected = true, .connect_us = 1}, FETCH_BROKEN, "what was answered is not HTTP/1.1"},
	{"large header", {.code = CURLE_WRITE_ERROR, .limit = FETCH_LIMIT_HEADERS, .limit_bytes = 65536}, FETCH_BROKEN,
		"the header of the answer is larger than 64KiB"},
	{"large body", {.code = CURLE_WRITE_ERROR, .limit = FETCH_LIMIT_BODY, .limit_bytes = 1048576}, FETCH_TOO_LARGE,
		"the body of the answer is larger than 1MiB"},
	{"another fault", {.code = CURLE_URL_MALFORMAT}, FETCH_BROKEN, "the request failed: URL using bad/illegal format or missing URL"},
	{"another fault in words", {.code = CURLE_BAD_CONTENT_ENCODING, .curl_text = "odd chunk"}, FETCH_BROKEN, "the request failed: odd chunk"},
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
		struct fetch_fault fault = fault_cases[i].fault;
		char detail[256];
		fault.peer = "10.0.0.1:80";
		fault.curl_text = fault.curl_text ? fault.curl_text : "";
		print_message("%s\n", fault_cases[i].name);
		assert_int_equal(fetch_fault_explain(&fault, detail, sizeof(detail)), fault_cases[i].outcome);
		assert_string_equal(detail, fault_cases[i].detail);
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_request, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_head_request, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_target, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_keeps_open, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_no_proxy_environment, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_host_is_address, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unusable, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_connect_only, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_refused, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_announcements, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unix_socket, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_timeouts, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_connect_timeout, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_no_tls_there, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_large_header, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_cancel, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_start_and_cancel_in_done, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_many_at_once, open_world, close_world),
		cmocka_unit_test(test_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One worker in this thread, a client and a backend around it, and a fixed script of requests: what callgrind counts here is the same at every run and on every machine.
 * Test's thread. There is another one, that of the log writer, on every line: libc's calls are longer in a program with threads.
 *
 * The sockets are unix sockets, which pass bytes on at once and whole, so that no request takes a turn more than another. The clock goes on by one step a reading and is far from
 * any timer of the kernel. Only the worker's turns are collected, and only after the first requests, which open connections and fill lists of spare memory.
 *
 * usage: guard LINE    one line of the script
 *        guard         the names of all lines, and how many requests each has */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "base/logwriter.h"
#include "bench/guard_line.h"
#include "bench/guard_tls.h"
#include "proxy/listener.h"
#include "proxy/manners.h"
#include "proxy/proxy.h"
#include "proxy/quota.h"
#include "proxy/worker.h"

#define WARM_UP_SHARE 5u /* one in so many */
#define TURNS_MAX 20u
#define SERVICES_MAX 100u
#define HOUR_MS 3600000u
#define STEP_NS 10000u
#define PAGE 4096u
#define RING_SIZE (16u << 20) /* is never half full, so that nobody is woken for it */

struct party {
	int fd;   /* -1: none */
	SSL *ssl; /* NULL: in clear */
	size_t heard;
	char bytes[256u * 1024];
};

static struct guard {
	const struct guard_line *line;
	struct guard_texts texts;
	struct worker worker;
	_Atomic(struct table *) newest;
	struct backend *backend;
	struct totals *totals;
	struct quota *quota;
	struct logwriter *writer;
	struct addr client_at, backend_at;
	int listener_fd, backend_fd, progress_fd;
	struct party client, call;
	size_t answer_length; /* of the first one: all are as long */
	bool counted;
} guard;

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("guard: ", stderr);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

/* ---- what takes the place of libc's ---- */

int guard_read_clock(clockid_t id, struct timespec *now) __asm__("clock_gettime");
int guard_accept(int fd, struct sockaddr *from, socklen_t *length, int flags) __asm__("accept4");

/* Monotonic time is thirty years from any timer that the kernel would fire. */
int guard_read_clock(clockid_t id, struct timespec *now)
{
	static uint64_t passed_ns;
	passed_ns += STEP_NS;
	now->tv_sec = (time_t)((id == CLOCK_REALTIME ? 1700000000u : 1000000000u) + passed_ns / 1000000000u);
	now->tv_nsec = (long)(passed_ns % 1000000000u);
	return 0;
}

/* Clients come from an IPv4 address, as most do. */
int guard_accept(int fd, struct sockaddr *from, socklen_t *length, int flags)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(40000), .sin_addr.s_addr = htonl(0xc0000211u)};
	long accepted = syscall(SYS_accept4, fd, NULL, NULL, flags);
	memcpy(from, &address, sizeof(address));
	*length = sizeof(address);
	return (int)accepted;
}

/* ---- setting up ---- */

/* A listening socket at an address that the kernel chooses and that is no file. */
static int listen_anywhere(struct addr *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memset(addr, 0, sizeof(*addr));
	addr->kind = ADDR_UNIX;
	addr->to.un.sun_family = AF_UNIX;
	addr->length = sizeof(addr->to.un);
	if (fd < 0 || bind(fd, &addr->to.any, sizeof(sa_family_t)) != 0 || listen(fd, 16) != 0 || getsockname(fd, &addr->to.any, &addr->length) != 0)
		die("cannot listen: %s", strerror(errno));
	return fd;
}

static struct table_service *new_service(const char *name)
{
	struct table_member member = {guard.backend, HEALTH_UP};
	struct table_service_spec spec = {.name = name, .live = COLOR_BLUE, .blue_split = TABLE_SPLIT_WHOLE, .totals = guard.totals};
	spec.colors[COLOR_BLUE].version = "v1";
	spec.colors[COLOR_BLUE].members = &member;
	spec.colors[COLOR_BLUE].count = 1;
	spec.colors[COLOR_BLUE].tls = guard.line->tls_behind ? guard_tls_back() : NULL;
	spec.colors[COLOR_GREEN].version = "v2";
	return table_service_new(&spec);
}

static struct table_globals make_globals(void)
{
	return (struct table_globals){
		.header_ms = HOUR_MS,
		.idle_ms = HOUR_MS,
		.connect_ms = HOUR_MS,
		.response_ms = HOUR_MS,
		.stall_ms = HOUR_MS,
		.header_bytes = 32 * 1024,
		.headers = 100,
		.connections = 100,
		.rate = 100,
	};
}

/* One service for every host, or as many as the line says, each for a host of its own. */
static struct table *make_table(void)
{
	static struct table_index_entry entries[SERVICES_MAX];
	static struct table_service *services[SERVICES_MAX];
	static char names[SERVICES_MAX][64];
	static const char *hosts[SERVICES_MAX];
	unsigned hosted = guard.line->hosts, count = hosted > 0 ? hosted : 1;
	struct table_globals globals = make_globals();
	struct manner manner = {.front = guard_tls_front()};
	assert(count <= SERVICES_MAX);
	if (guard.line->tls)
		globals.manners = manners_new(&manner, 1, NULL);
	for (unsigned i = 0; i < count; i++) {
		guard_line_write_host(names[i], sizeof(names[i]), i);
		hosts[i] = names[i];
		entries[i] = (struct table_index_entry){.hosts = &hosts[i], .host_count = hosted > 0 ? 1 : 0};
		services[i] = new_service(hosted > 0 ? names[i] : "shop");
	}
	struct table_index *index = table_index_new(entries, count);
	struct table *table = table_new(&globals, index, services, count, 1);
	table->generation = 1;
	table_index_release(index);
	manners_release(globals.manners);
	for (unsigned i = 0; i < count; i++)
		table_service_release(services[i]);
	return table;
}

static void open_worker(void)
{
	struct worker *worker = &guard.worker;
	struct proxy_listen listen = {0};
	struct err err;
	worker->wake_fd = worker->timer_fd = -1;
	worker->quota = guard.quota;
	if (!worker_init(worker, 0, &guard.newest, guard.progress_fd, &err) || !listener_add(worker, guard.listener_fd, &listen, &err) ||
		!listener_start_all(worker, &err))
		die("%s", err.text);
	guard.writer = logwriter_open("/dev/null", &err);
	if (!guard.writer)
		die("%s", err.text);
	if (guard.line->access != PROXY_ACCESS_OFF)
		worker->access = (struct worker_access){guard.line->access, logwriter_add_ring(guard.writer, RING_SIZE)};
}

static void open_all(const struct guard_line *line)
{
	const char *fault = line->tls || line->tls_behind ? guard_tls_open() : NULL;
	if (fault)
		die("%s", fault);
	guard.line = line;
	guard_line_write_texts(line, &guard.texts);
	guard.client.fd = guard.call.fd = -1;
	guard.listener_fd = listen_anywhere(&guard.client_at);
	guard.backend_fd = listen_anywhere(&guard.backend_at);
	guard.progress_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	guard.totals = totals_new(1);
	guard.quota = quota_new(100);
	guard.backend = backend_new("192.0.2.10:8080", &guard.backend_at, 1);
	atomic_store(&guard.newest, make_table());
	open_worker();
}

static void close_party(struct party *party)
{
	SSL_free(party->ssl);
	party->ssl = NULL;
	if (party->fd >= 0)
		close(party->fd);
	party->fd = -1;
	party->heard = 0;
}

static void close_all(void)
{
	close_party(&guard.client);
	close_party(&guard.call);
	worker_close_all(&guard.worker);
	worker_fini(&guard.worker);
	logwriter_close(guard.writer);
	table_free(atomic_load(&guard.newest));
	backend_release(guard.backend);
	backend_collect();
	totals_release(guard.totals);
	quota_free(guard.quota);
	close(guard.backend_fd);
	close(guard.progress_fd);
	guard_line_free_texts(&guard.texts);
	if (guard.line->tls || guard.line->tls_behind)
		guard_tls_close();
}

/* ---- the client and the backend ---- */

/* False: hands are not shaken yet. */
static bool say(const struct party *party, const struct guard_text *text)
{
	ssize_t said = party->ssl ? guard_tls_say(party->ssl, text->at, text->length) : send(party->fd, text->at, text->length, MSG_NOSIGNAL);
	if (said < 0 && errno == EAGAIN && party->ssl)
		return false;
	if (said != (ssize_t)text->length)
		die("a socket did not take %zu bytes at once: %s", text->length, strerror(errno));
	return true;
}

/* What there is. False: the other side has closed. */
static bool listen_to(struct party *party)
{
	char *at = party->bytes + party->heard;
	size_t room = sizeof(party->bytes) - party->heard;
	ssize_t got;
	do {
		got = party->ssl ? guard_tls_hear(party->ssl, at, room) : recv(party->fd, at, room, MSG_DONTWAIT);
		if (got > 0) {
			party->heard += (size_t)got;
			at += got;
			room -= (size_t)got;
		}
	} while (got > 0 && party->ssl); /* a record at a time */
	return got > 0 || (got < 0 && errno == EAGAIN);
}

static bool has_heard(const struct party *party, const char *end)
{
	size_t length = strlen(end);
	return party->heard >= length && memcmp(party->bytes + party->heard - length, end, length) == 0;
}

/* Over the party's descriptor, which is there. */
static void secure(struct party *party, SSL *(*open_end)(int fd))
{
	if (fcntl(party->fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl: %s", strerror(errno));
	party->ssl = open_end(party->fd);
	if (!party->ssl)
		die("no TLS");
}

static void accept_call(struct party *call)
{
	call->fd = (int)syscall(SYS_accept4, guard.backend_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (call->fd >= 0 && guard.line->tls_behind)
		secure(call, guard_tls_server);
}

static void serve(void)
{
	struct party *call = &guard.call;
	if (call->fd < 0)
		accept_call(call);
	if (call->fd < 0)
		return;
	if (!listen_to(call))
		die("the worker closed its connection to the backend");
	if (has_heard(call, guard.texts.request_end)) {
		say(call, &guard.texts.answer);
		call->heard = 0;
	}
}

static void connect_client(void)
{
	guard.client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (guard.client.fd < 0 || connect(guard.client.fd, &guard.client_at.to.any, guard.client_at.length) != 0)
		die("cannot connect: %s", strerror(errno));
	if (guard.line->tls)
		secure(&guard.client, guard_tls_client);
}

/* True when the answer is whole, and the connection is closed where it should be. */
static bool has_answer(void)
{
	struct party *client = &guard.client;
	bool open = listen_to(client), whole = has_heard(client, guard.texts.answer_end);
	if (!open && (!guard.line->closes || !whole))
		die("the worker closed its client's connection");
	return whole && open != guard.line->closes;
}

static void check_answer(void)
{
	static const char begin[] = "HTTP/1.1 200 OK\r\n";
	struct party *client = &guard.client;
	if (guard.answer_length == 0)
		guard.answer_length = client->heard;
	if (client->heard != guard.answer_length || memcmp(client->bytes, begin, strlen(begin)) != 0)
		die("an answer of %zu bytes instead of %zu, or not 200:\n%.*s", client->heard, guard.answer_length, (int)client->heard, client->bytes);
	client->heard = 0;
	if (guard.line->closes)
		close_party(client);
}

/* ---- the script ---- */

static void turn(void)
{
	if (guard.counted)
		CALLGRIND_TOGGLE_COLLECT;
	worker_turn(&guard.worker, false);
	if (guard.counted)
		CALLGRIND_TOGGLE_COLLECT;
}

static void ask(unsigned number)
{
	if (guard.client.fd < 0)
		connect_client();
	const struct guard_text *request = &guard.texts.requests[number % guard.texts.request_count];
	bool asked = say(&guard.client, request);
	for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
		turn();
		asked = asked || say(&guard.client, request);
		serve();
		if (has_answer()) {
			check_answer();
			return;
		}
	}
	die("no answer after %u turns", TURNS_MAX);
}

static __attribute__((noinline)) void run(const struct guard_line *line)
{
	unsigned count = guard_line_requests(line);
	open_all(line);
	for (unsigned i = 0; i < count / WARM_UP_SHARE; i++)
		ask(i);
	CALLGRIND_START_INSTRUMENTATION;
	guard.counted = true;
	for (unsigned i = 0; i < count; i++)
		ask(i);
	guard.counted = false;
	close_all();
}

/* The path of the program and what the kernel adds lie below the stack, whose place in its page decides how libc's loops over its bytes begin: they all begin on a new page. */
int main(int argc, char **argv)
{
	if (argc < 2) {
		guard_line_print_all();
		return 0;
	}
	const struct guard_line *line = guard_line_find(argv[1]);
	if (!line)
		die("usage: guard [LINE]");
	volatile char *rest_of_page = __builtin_alloca((uintptr_t)__builtin_frame_address(0) % PAGE + 1);
	*rest_of_page = 0;
	run(line);
	return 0;
}

/* The stage of the flow tests. Test's main thread, but for the backends' own threads. */
#include "tests/flow/stage.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the backends ---- */

struct visit {
	struct stage_backend *backend;
	int fd;
};

static void put(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = send(fd, bytes, length, MSG_NOSIGNAL);
		if (put <= 0)
			return;
		bytes += put;
		length -= (size_t)put;
	}
}

static void putf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void putf(int fd, const char *format, ...)
{
	char text[9000];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put(fd, text, (size_t)length);
}

static void pause_ms(unsigned ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000l};
	nanosleep(&time, NULL);
}

struct inbox {
	char bytes[70000];
	size_t length;
};

static bool fill(int fd, struct inbox *inbox)
{
	if (inbox->length == sizeof(inbox->bytes) - 1)
		return false;
	ssize_t got = recv(fd, inbox->bytes + inbox->length, sizeof(inbox->bytes) - 1 - inbox->length, 0);
	if (got <= 0)
		return false;
	inbox->length += (size_t)got;
	inbox->bytes[inbox->length] = '\0';
	return true;
}

static void consume(struct inbox *inbox, size_t length)
{
	inbox->length -= length;
	memmove(inbox->bytes, inbox->bytes + length, inbox->length);
	inbox->bytes[inbox->length] = '\0';
}

/* Counts (and sums up) the bytes of a request body, by length or chunks. */
static bool read_body(int fd, struct inbox *inbox, const char *head, uint64_t *count, uint64_t *sum)
{
	const char *length = strcasestr(head, "\r\nContent-Length:");
	bool chunked = strcasestr(head, "\r\nTransfer-Encoding: chunked") != NULL;
	*count = *sum = 0;
	uint64_t left = length ? strtoull(length + 17, NULL, 10) : 0;
	while (chunked || left > 0) {
		if (chunked && left == 0) {
			char *end;
			while (!(end = strstr(inbox->bytes, "\r\n"))) {
				if (!fill(fd, inbox))
					return false;
			}
			left = strtoull(inbox->bytes, NULL, 16);
			consume(inbox, (size_t)(end - inbox->bytes) + 2);
			if (left == 0) {
				while (inbox->length < 2)
					if (!fill(fd, inbox))
						return false;
				consume(inbox, 2);
				return true;
			}
			left += 2;
		}
		if (inbox->length == 0 && !fill(fd, inbox))
			return false;
		size_t take = inbox->length < left ? inbox->length : (size_t)left;
		for (size_t i = 0; i < take; i++) {
			if (chunked && left - i <= 2)
				continue;
			*sum = *sum * 31 + (unsigned char)inbox->bytes[i];
			(*count)++;
		}
		left -= take;
		consume(inbox, take);
	}
	return true;
}

static void answer_big(struct stage_backend *backend, int fd, unsigned long size)
{
	char block[10000];
	putf(fd, "HTTP/1.1 200 OK\r\nX-Color: %s\r\nContent-Length: %lu\r\n\r\n", backend->color, size);
	for (unsigned long at = 0; at < size; at += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (char)('a' + (at + i) % 23);
		put(fd, block, size - at < sizeof(block) ? size - at : sizeof(block));
	}
}

static void echo_tunnel(int fd, struct inbox *inbox)
{
	putf(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello ");
	for (;;) {
		put(fd, inbox->bytes, inbox->length);
		inbox->length = 0;
		if (!fill(fd, inbox))
			break;
	}
	put(fd, "bye", 3);
	shutdown(fd, SHUT_WR);
}

/* What a path answers with, after the request's body was read. */
struct script {
	const char *path;
	const char *first, *then; /* `then` follows a little later; %s in `first` is the color */
	bool closes;
};

static const struct script scripts[] = {
	{"/chunked", "HTTP/1.1 200 OK\r\nX-Color: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "6;x=y\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n",
		false},
	{"/until-close", "HTTP/1.1 200 OK\r\nX-Color: %s\r\n\r\nuntil ", "close", true},
	{"/cut-length", "HTTP/1.1 200 OK\r\nX-Color: %s\r\nContent-Length: 100\r\n\r\nonly this", NULL, true},
	{"/cut-chunk", "HTTP/1.1 200 OK\r\nX-Color: %s\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this", NULL, true},
	{"/garbage", "HTPP/1.1 nonsense from %s\r\n\r\n", NULL, true},
	{"/204", "HTTP/1.1 204 No Content\r\nX-Color: %s\r\n\r\n", NULL, false},
	{"/304", "HTTP/1.1 304 Not Modified\r\nX-Color: %s\r\nContent-Length: 7\r\n\r\n", NULL, false},
	{"/hop", "HTTP/1.1 200 OK\r\nX-Color: %s\r\nConnection: X-Private\r\nX-Private: 1\r\nContent-Length: 2\r\n\r\nok", NULL, false},
};

static const struct script *find_script(const char *path)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (strcmp(scripts[i].path, path) == 0)
			return &scripts[i];
	}
	return NULL;
}

static bool play(const struct script *script, const struct stage_backend *backend, int fd)
{
	char text[512];
	const char *color = strstr(script->first, "%s");
	int before = (int)(color - script->first);
	int length = snprintf(text, sizeof(text), "%.*s%s%s", before, script->first, backend->color, color + 2);
	put(fd, text, (size_t)length);
	if (script->then) {
		pause_ms(20);
		put(fd, script->then, strlen(script->then));
	}
	return !script->closes;
}

struct request {
	char head[8192], path[512];
	uint64_t count, sum; /* of the body */
};

static bool read_head(int fd, struct inbox *inbox, struct request *request)
{
	char *end;
	while (!(end = strstr(inbox->bytes, "\r\n\r\n"))) {
		if (!fill(fd, inbox))
			return false;
	}
	size_t length = (size_t)(end - inbox->bytes) + 4;
	memset(request, 0, sizeof(*request));
	memcpy(request->head, inbox->bytes, length < sizeof(request->head) ? length : sizeof(request->head) - 1);
	consume(inbox, length);
	sscanf(request->head, "%*s %511s", request->path);
	return true;
}

/* What is answered before the body is read. False: the connection is over. */
static bool answer_early(const struct stage_backend *backend, int fd, const struct request *request)
{
	if (strcmp(request->path, "/drop") == 0)
		return false;
	if (strcmp(request->path, "/continue") == 0)
		putf(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	if (strcmp(request->path, "/early") != 0)
		return true;
	putf(fd, "HTTP/1.1 413 Content Too Large\r\nX-Color: %s\r\nContent-Length: 3\r\n\r\nbig", backend->color);
	pause_ms(50);
	return false;
}

/* The path and what the body came to; nothing behind the head for HEAD. */
static void answer_plainly(const struct stage_backend *backend, int fd, const struct request *request)
{
	char body[640];
	bool is_head = strncmp(request->head, "HEAD", 4) == 0;
	int length = snprintf(body, sizeof(body), "%s %llu %llu", request->path, (unsigned long long)request->count, (unsigned long long)request->sum);
	putf(fd, "HTTP/1.1 200 OK\r\nX-Color: %s\r\nContent-Length: %d\r\n\r\n%s", backend->color, length, is_head ? "" : body);
}

static bool answer(struct stage_backend *backend, int fd, struct inbox *inbox, const struct request *request)
{
	const char *path = request->path;
	const struct script *script = find_script(path);
	if (script)
		return play(script, backend, fd);
	if (strcmp(path, "/tunnel") == 0) {
		echo_tunnel(fd, inbox);
		return false;
	}
	if (strncmp(path, "/slow", 5) == 0)
		pause_ms(300);
	if (strncmp(path, "/big/", 5) == 0)
		answer_big(backend, fd, strtoul(path + 5, NULL, 10));
	else if (strcmp(path, "/head-back") == 0)
		putf(fd, "HTTP/1.1 200 OK\r\nX-Color: %s\r\nContent-Length: %zu\r\n\r\n%s", backend->color, strlen(request->head), request->head);
	else
		answer_plainly(backend, fd, request);
	return true;
}

/* One request. False when the connection is over. */
static bool serve(struct stage_backend *backend, int fd, struct inbox *inbox)
{
	struct request request;
	if (!read_head(fd, inbox, &request))
		return false;
	atomic_fetch_add(&backend->requests, 1);
	if (strncmp(request.head, "POST", 4) == 0)
		atomic_fetch_add(&backend->posts, 1);
	if (!answer_early(backend, fd, &request) || !read_body(fd, inbox, request.head, &request.count, &request.sum))
		return false;
	return answer(backend, fd, inbox, &request);
}

static void *visit_thread(void *arg)
{
	struct visit visit = *(struct visit *)arg;
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	free(arg);
	int answers = 0;
	while (serve(visit.backend, visit.fd, inbox)) {
		int limit = atomic_load(&visit.backend->drop_after);
		if (limit > 0 && ++answers >= limit)
			break;
	}
	free(inbox);
	close(visit.fd);
	atomic_fetch_sub(&visit.backend->visits, 1);
	return NULL;
}

static void *accept_thread(void *arg)
{
	struct stage_backend *backend = arg;
	for (;;) {
		int fd = accept(backend->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		atomic_fetch_add(&backend->connections, 1);
		struct visit *visit = malloc(sizeof(*visit));
		*visit = (struct visit){backend, fd};
		pthread_t thread;
		atomic_fetch_add(&backend->visits, 1);
		pthread_create(&thread, NULL, visit_thread, visit);
		pthread_detach(thread);
	}
}

static void open_backend(struct stage *stage, const char *color)
{
	struct stage_backend *backend = &stage->backends[stage->backend_count++];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	memset(backend, 0, sizeof(*backend));
	snprintf(backend->color, sizeof(backend->color), "%s", color);
	backend->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert(bind(backend->fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(backend->fd, 64) == 0);
	getsockname(backend->fd, (struct sockaddr *)&at, &length);
	addr_from_socket((struct sockaddr *)&at, length, &backend->addr);
	backend->backend = backend_new(color, &backend->addr, stage->workers);
	pthread_create(&backend->thread, NULL, accept_thread, backend);
}

/* ---- the proxy ---- */

static struct table *make_table(struct stage *stage, enum color live)
{
	struct table_member members[COLOR_COUNT][STAGE_BACKENDS];
	struct table_service_spec spec = {.name = "shop", .live = live, .blue_split = live == COLOR_BLUE ? TABLE_SPLIT_WHOLE : 0, .totals = stage->totals};
	spec.balance = TABLE_ROUND_ROBIN;
	spec.warm = stage->warm;
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		spec.colors[color].version = color == COLOR_BLUE ? "v1" : "v2";
		spec.colors[color].members = members[color];
		spec.colors[color].cut_requests_before = spec.colors[color].cut_tunnels_before = stage->cut_before;
		spec.colors[color].announce = stage->announce;
		spec.colors[color].shield = stage->shield;
		spec.colors[color].closing = color == COLOR_BLUE ? stage->closing : (struct table_closing){0};
		for (unsigned i = 0; i < stage->backend_count; i++) {
			if (strcmp(stage->backends[i].color, color_name((enum color)color)) == 0)
				members[color][spec.colors[color].count++] =
					(struct table_member){stage->backends[i].backend, stage->down[color] ? HEALTH_DOWN : HEALTH_UP};
		}
	}
	if (stage->dress)
		stage->dress(&spec);
	struct table_service *service = table_service_new(&spec);
	struct table *table = table_new(&stage->globals, stage->index, &service, 1, stage->workers);
	table_service_release(service);
	return table;
}

static void on_progress(void *arg)
{
	(void)arg;
}

void stage_open(struct stage *stage, unsigned workers, unsigned blue, unsigned green)
{
	struct proxy_listen listen = {0};
	stage_open_behind(stage, workers, blue, green, listen);
}

void stage_open_behind(struct stage *stage, unsigned workers, unsigned blue, unsigned green, struct proxy_listen listen)
{
	static const char *const hosts[] = {"shop.example"};
	memset(stage, 0, sizeof(*stage));
	stage->workers = workers;
	stage->loop = event_base_new();
	stage->totals = totals_new(workers);
	struct table_index_entry entry = {.hosts = hosts, .host_count = 1};
	stage->index = table_index_new(&entry, 1);
	stage->globals = (struct table_globals){.header_ms = 1000,
		.idle_ms = 5000,
		.connect_ms = 1000,
		.response_ms = 1000,
		.stall_ms = 1000,
		.header_bytes = 16384,
		.headers = 100,
		.connections = 1000};
	for (unsigned i = 0; i < blue; i++)
		open_backend(stage, "blue");
	for (unsigned i = 0; i < green; i++)
		open_backend(stage, "green");
	struct err err;
	assert(addr_parse_listen("127.0.0.1:0", &listen.address, &err));
	struct proxy_options options = {.workers = workers, .listens = &listen, .listen_count = 1, .loop = stage->loop, .on_progress = on_progress};
	stage->proxy = proxy_start(&options, make_table(stage, COLOR_BLUE), &err);
	if (!stage->proxy) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	size_t count;
	stage->at = proxy_listens(stage->proxy, &count)[0];
}

void stage_flip(struct stage *stage, enum color live)
{
	uint64_t generation = proxy_publish(stage->proxy, make_table(stage, live));
	while (proxy_acknowledged(stage->proxy) < generation)
		event_base_loop(stage->loop, EVLOOP_ONCE);
	proxy_collect(stage->proxy);
}

bool stage_wait_drained(struct stage *stage, enum color color)
{
	for (unsigned i = 0; i < 200; i++) {
		if (totals_inflight(stage->totals, color) == 0)
			return true;
		pause_ms(10);
	}
	return false;
}

void stage_kill_backend(struct stage *stage, unsigned i)
{
	struct stage_backend *backend = &stage->backends[i];
	if (backend->fd < 0)
		return;
	shutdown(backend->fd, SHUT_RDWR);
	pthread_join(backend->thread, NULL);
	close(backend->fd);
	backend->fd = -1;
}

void stage_close(struct stage *stage)
{
	for (unsigned i = 0; i < stage->backend_count; i++) {
		stage_kill_backend(stage, i);
		backend_release(stage->backends[i].backend);
	}
	table_index_release(stage->index);
	proxy_stop(stage->proxy);
	totals_release(stage->totals);
	event_base_free(stage->loop);
	for (unsigned i = 0; i < stage->backend_count; i++) {
		while (atomic_load(&stage->backends[i].visits) > 0)
			pause_ms(1);
	}
}

/* ---- clients ---- */

static struct inbox *inboxes[1024];

int stage_connect(const struct stage *stage)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval limit = {5, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert(fd < 1024 && connect(fd, &stage->at.to.any, stage->at.length) == 0);
	inboxes[fd] = calloc(1, sizeof(struct inbox));
	return fd;
}

void stage_close_client(int fd)
{
	free(inboxes[fd]);
	inboxes[fd] = NULL;
	close(fd);
}

void stage_send_bytes(int fd, const char *bytes, size_t length)
{
	put(fd, bytes, length);
}

void stage_send(int fd, const char *text)
{
	put(fd, text, strlen(text));
}

static bool take(int fd, char *out, size_t *at, size_t size, size_t length)
{
	struct inbox *inbox = inboxes[fd];
	while (length > 0) {
		if (inbox->length == 0 && !fill(fd, inbox))
			return false;
		size_t part = inbox->length < length ? inbox->length : length;
		for (size_t i = 0; i < part && *at < size - 1; i++)
			out[(*at)++] = inbox->bytes[i];
		consume(inbox, part);
		length -= part;
	}
	out[*at] = '\0';
	return true;
}

static bool take_chunks(int fd, char *out, size_t *at, size_t size)
{
	struct inbox *inbox = inboxes[fd];
	for (;;) {
		char *end, drop[8];
		size_t none = 0;
		while (!(end = strstr(inbox->bytes, "\r\n"))) {
			if (!fill(fd, inbox))
				return false;
		}
		size_t length = strtoul(inbox->bytes, NULL, 16);
		consume(inbox, (size_t)(end - inbox->bytes) + 2);
		if (length > 0 && !take(fd, out, at, size, length))
			return false;
		if (length == 0) { /* the trailer section */
			while (!(end = strstr(inbox->bytes, "\r\n")) || end != inbox->bytes) {
				if (end)
					consume(inbox, (size_t)(end - inbox->bytes) + 2);
				else if (!fill(fd, inbox))
					return false;
			}
			consume(inbox, 2);
			return true;
		}
		if (!take(fd, drop, &none, sizeof(drop), 2))
			return false;
	}
}

int stage_read_answer(int fd, char *out, size_t size, bool head_only)
{
	struct inbox *inbox = inboxes[fd];
	char *end;
	out[0] = '\0';
	while (!(end = strstr(inbox->bytes, "\r\n\r\n"))) {
		if (!fill(fd, inbox))
			return 0;
	}
	size_t at = 0;
	take(fd, out, &at, size, (size_t)(end - inbox->bytes) + 4);
	int status = atoi(out + 9);
	const char *length = strcasestr(out, "\r\nContent-Length:");
	if (head_only || status < 200 || status == 204 || status == 304)
		return status;
	if (strcasestr(out, "\r\nTransfer-Encoding: chunked"))
		return take_chunks(fd, out, &at, size) ? status : 0;
	if (length)
		return take(fd, out, &at, size, strtoul(length + 17, NULL, 10)) ? status : 0;
	while (inbox->length > 0 || fill(fd, inbox))
		take(fd, out, &at, size, inbox->length);
	return status;
}

size_t stage_read_all(int fd, char *out, size_t size, bool *reset)
{
	struct inbox *inbox = inboxes[fd];
	size_t at = 0;
	if (inbox->length > 0)
		take(fd, out, &at, size, inbox->length);
	*reset = false;
	for (;;) {
		ssize_t got = recv(fd, out + at, size - 1 - at, 0);
		if (got <= 0) {
			*reset = got < 0 && errno == ECONNRESET;
			out[at] = '\0';
			return at;
		}
		at += (size_t)got;
	}
}

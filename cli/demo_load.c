/* The demo's clients. Blocking sockets, a thread each: slow and plain, so that what it counts is beyond doubt. Not part of the daemon. */
#include "cli/demo_load.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/memory.h"

struct client_thread {
	struct demo_load *load;
	pthread_t thread;
	unsigned number;
	int fd; /* -1: not connected */
	uint64_t sent;
	char answer[2048];
};

struct demo_load {
	uint16_t port;
	_Atomic bool stop;
	_Atomic int phase;
	_Atomic(const char *) version;
	struct {
		_Atomic uint64_t sent, failed, wrong;
		char first_fault[160];
	} counts[DEMO_PHASES];
	pthread_mutex_t lock; /* of first_fault */
	struct client_thread threads[DEMO_LOAD_CONNECTIONS];
	unsigned started;
};

enum verdict { RIGHT, FAILED, WRONG };

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void hang_up(struct client_thread *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

/* Every second request is a POST, which nobody may repeat. */
static bool send_request(struct client_thread *client, const char *id)
{
	char request[512];
	bool post = client->sent % 2 == 0;
	int length = snprintf(request, sizeof(request), "%s /cart HTTP/1.1\r\nHost: shop.example\r\nX-Id: %s\r\n%s\r\n%s", post ? "POST" : "GET", id,
		post ? "Content-Length: 5\r\n" : "", post ? "apple" : "");
	return send(client->fd, request, (size_t)length, MSG_NOSIGNAL) == length;
}

/* Reads until the head is whole and `*have` bytes are there; 0 when it never is. */
static size_t read_head(struct client_thread *client, size_t *have)
{
	*have = 0;
	for (;;) {
		ssize_t got = recv(client->fd, client->answer + *have, sizeof(client->answer) - 1 - *have, 0);
		if (got <= 0)
			return 0;
		*have += (size_t)got;
		client->answer[*have] = '\0';
		const char *end = strstr(client->answer, "\r\n\r\n");
		if (end)
			return (size_t)(end + 4 - client->answer);
		if (*have == sizeof(client->answer) - 1)
			return 0;
	}
}

/* A field's value in the head, cut into `out`; "" when it is not there. Names are compared as teal and the demo's backends write them, in any case. */
static void read_field(const char *head, const char *name, char out[64])
{
	size_t length = strlen(name);
	out[0] = '\0';
	for (const char *line = strstr(head, "\r\n"); line && strncmp(line, "\r\n\r\n", 4) != 0; line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, length) != 0 || line[2 + length] != ':')
			continue;
		const char *value = line + 2 + length + 1;
		value += strspn(value, " ");
		snprintf(out, 64, "%.*s", (int)strcspn(value, "\r"), value);
		return;
	}
}

static bool read_body(struct client_thread *client, size_t head, size_t have)
{
	char field[64], rest[512];
	read_field(client->answer, "Content-Length", field);
	size_t due = head + strtoul(field, NULL, 10);
	if (!field[0] || have > due)
		return false;
	while (have < due) {
		ssize_t got = recv(client->fd, rest, due - have < sizeof(rest) ? due - have : sizeof(rest), 0);
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

static bool color_fits(const char *color, const char *version)
{
	return strcmp(version, "v1") == 0 ? strcmp(color, "blue") == 0 : strcmp(color, "green") == 0;
}

static enum verdict judge(const struct client_thread *client, const char *id, const char *expected, char fault[160])
{
	char echoed[64], color[64], version[64];
	int status = 0;
	sscanf(client->answer, "HTTP/1.1 %d", &status);
	read_field(client->answer, "X-Id", echoed);
	read_field(client->answer, "X-Color", color);
	read_field(client->answer, "X-Version", version);
	if (status != 200) {
		snprintf(fault, 160, "answered with %d%s%.40s", status, *version ? " by " : "", version);
		return FAILED;
	}
	if (strcmp(echoed, id) != 0 || !color_fits(color, version)) {
		snprintf(fault, 160, "request %.30s got the answer of %.30s from %.20s %.20s", id, echoed, color, version);
		return WRONG;
	}
	if (expected && strcmp(version, expected) != 0) {
		snprintf(fault, 160, "answered by %.40s after the switch to %s had returned", version, expected);
		return WRONG;
	}
	return RIGHT;
}

/* One request and its answer. */
static enum verdict exchange(struct client_thread *client, const char *expected, char fault[160])
{
	char id[32], connection[64];
	size_t have, head;
	snprintf(id, sizeof(id), "%u-%llu", client->number, (unsigned long long)++client->sent);
	if (client->fd < 0)
		client->fd = connect_to(client->load->port);
	if (client->fd < 0 || !send_request(client, id)) {
		snprintf(fault, 160, "not sent: %s", strerror(errno));
		hang_up(client);
		return FAILED;
	}
	head = read_head(client, &have);
	if (head == 0 || !read_body(client, head, have)) {
		snprintf(fault, 160, "the connection ended before the answer was whole");
		hang_up(client);
		return FAILED;
	}
	/* Where a switch has begun meanwhile, either color may answer. */
	if (expected != atomic_load(&client->load->version))
		expected = NULL;
	enum verdict verdict = judge(client, id, expected, fault);
	read_field(client->answer, "Connection", connection);
	if (strcasecmp(connection, "close") == 0)
		hang_up(client);
	return verdict;
}

static void note(struct demo_load *load, int phase, enum verdict verdict, const char *fault)
{
	atomic_fetch_add(&load->counts[phase].sent, 1);
	if (verdict == RIGHT)
		return;
	atomic_fetch_add(verdict == FAILED ? &load->counts[phase].failed : &load->counts[phase].wrong, 1);
	pthread_mutex_lock(&load->lock);
	if (!load->counts[phase].first_fault[0])
		snprintf(load->counts[phase].first_fault, sizeof(load->counts[phase].first_fault), "%s", fault);
	pthread_mutex_unlock(&load->lock);
}

static void *run(void *arg)
{
	struct client_thread *client = arg;
	struct demo_load *load = client->load;
	while (!atomic_load(&load->stop)) {
		char fault[160] = "";
		const char *expected = atomic_load(&load->version);
		int phase = atomic_load(&load->phase);
		note(load, phase, exchange(client, expected, fault), fault);
		nanosleep(&(struct timespec){.tv_nsec = 6000000}, NULL);
	}
	hang_up(client);
	return NULL;
}

struct demo_load *demo_load_start(uint16_t port, struct err *err)
{
	struct demo_load *load = memory_new(sizeof(*load));
	sigset_t all, before;
	load->port = port;
	pthread_mutex_init(&load->lock, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the main thread's */
	int result = 0;
	for (unsigned i = 0; i < DEMO_LOAD_CONNECTIONS && result == 0; i++) {
		load->threads[i] = (struct client_thread){.load = load, .number = i, .fd = -1};
		result = pthread_create(&load->threads[i].thread, NULL, run, &load->threads[i]);
		load->started += result == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result == 0)
		return load;
	err_set(err, "a client's thread can't be started: %s", strerror(result));
	demo_load_stop(load);
	demo_load_free(load);
	return NULL;
}

void demo_load_enter(struct demo_load *load, enum demo_phase phase, const char *version)
{
	atomic_store(&load->phase, (int)phase);
	atomic_store(&load->version, version);
}

struct demo_load_count demo_load_read(struct demo_load *load, enum demo_phase phase)
{
	return (struct demo_load_count){
		.sent = atomic_load(&load->counts[phase].sent),
		.failed = atomic_load(&load->counts[phase].failed),
		.wrong = atomic_load(&load->counts[phase].wrong),
	};
}

void demo_load_first_fault(struct demo_load *load, enum demo_phase phase, char out[160])
{
	pthread_mutex_lock(&load->lock);
	snprintf(out, 160, "%s", load->counts[phase].first_fault);
	pthread_mutex_unlock(&load->lock);
}

void demo_load_stop(struct demo_load *load)
{
	atomic_store(&load->stop, true);
	for (unsigned i = 0; i < load->started; i++)
		pthread_join(load->threads[i].thread, NULL);
	load->started = 0;
}

void demo_load_free(struct demo_load *load)
{
	if (!load)
		return;
	pthread_mutex_destroy(&load->lock);
	free(load);
}

/* Long bodies. Any thread of the tests. */
#include "tests/flow/long_body.h"

#include <assert.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define PERIOD 1048583u /* a prime, more than a pipe holds: a piece in the wrong place shows */
#define PIECE (256u * 1024)
#define PATIENCE_MS 60000u /* until a test gives up: no part of what it proves */
#define STICK_TRIES 20u

sem_t long_body_go;
atomic_uint long_body_wrong;
_Atomic uint64_t long_body_said, long_body_taken;
char long_body_head[16384];

/* ---- bytes ---- */

static char pattern[2 * PERIOD];
static pthread_once_t pattern_once = PTHREAD_ONCE_INIT;

static void make_pattern(void)
{
	uint32_t number = 1;
	for (size_t i = 0; i < PERIOD; i++) {
		number = number * 1664525u + 1013904223u;
		pattern[i] = pattern[PERIOD + i] = (char)(number >> 24);
	}
}

/* At least PERIOD bytes of the body from here on. */
static const char *bytes_at(const struct long_body *body, uint64_t at)
{
	pthread_once(&pattern_once, make_pattern);
	return pattern + (at + body->seed * 40503ull) % PERIOD;
}

bool long_body_send(int fd, const struct long_body *body, uint64_t from, uint64_t to)
{
	size_t piece = body->piece ? body->piece : PIECE;
	while (from < to) {
		size_t length = to - from < piece ? (size_t)(to - from) : piece;
		ssize_t sent = send(fd, bytes_at(body, from), length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		from += (uint64_t)sent;
		atomic_fetch_add(&long_body_said, (uint64_t)sent);
	}
	return true;
}

uint64_t long_body_read(int fd, const struct long_body *body, uint64_t from, uint64_t to)
{
	static _Thread_local char bytes[PIECE];
	size_t piece = body->reads ? body->reads : PIECE;
	uint64_t paused = from;
	while (from < to) {
		ssize_t got = recv(fd, bytes, to - from < piece ? (size_t)(to - from) : piece, 0);
		if (got <= 0)
			return from;
		if (memcmp(bytes, bytes_at(body, from), (size_t)got) != 0)
			atomic_fetch_add(&long_body_wrong, 1);
		from += (uint64_t)got;
		if (body->pause_every > 0 && from - paused >= body->pause_every) {
			paused = from;
			actor_wait_ms(3);
		}
	}
	return from;
}

/* ---- the backend ---- */

static bool read_plan(struct long_body *body)
{
	unsigned long long length, at;
	unsigned apart, end;
	int found = sscanf(
		actor_head, "%*s /%llu/%u/%u/%u/%u/%u/%u/%llu ", &length, &body->seed, &body->piece, &body->reads, &body->pause_every, &apart, &end, &at);
	body->length = length;
	body->apart = apart;
	body->end = (enum long_body_end)end;
	body->at = at;
	return found == 8;
}

static bool answer(int fd, const struct long_body *body)
{
	char head[128];
	uint64_t to = body->length;
	if (body->end == LONG_BODY_FIN || body->end == LONG_BODY_RESET || body->end == LONG_BODY_WAITS)
		to = body->at;
	else if (body->end == LONG_BODY_MORE)
		to += body->at;
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)body->length);
	actor_say(fd, head);
	if (body->apart)
		sem_wait(&long_body_go);
	bool fine = long_body_send(fd, body, 0, to);
	if (body->end == LONG_BODY_RESET)
		actor_reset_at_close(fd);
	if (body->end == LONG_BODY_WAITS)
		actor_hear_all(fd);
	return fine && (body->end == LONG_BODY_WHOLE || body->end == LONG_BODY_MORE);
}

static bool take(int fd, const struct long_body *body)
{
	unsigned before = atomic_load(&long_body_wrong);
	if (strcasestr(actor_head, "\r\nExpect: 100-continue\r\n"))
		actor_say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	uint64_t to = long_body_read(fd, body, 0, body->length);
	atomic_fetch_add(&long_body_taken, to);
	if (to < body->length)
		return false;
	actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	actor_say(fd, atomic_load(&long_body_wrong) == before ? "right" : "wrong");
	return true;
}

void long_body_serve(int fd)
{
	struct long_body body;
	while (actor_hear_head(fd) && read_plan(&body)) {
		if (!(memcmp(actor_head, "GET", 3) == 0 ? answer(fd, &body) : take(fd, &body)))
			return;
	}
}

/* ---- clients ---- */

int long_body_connect(const struct stage *stage, int buffer)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	struct timeval limit = {PATIENCE_MS / 1000u, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (buffer > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (connect(fd, &stage->at.to.any, stage->at.length) != 0)
		abort();
	return fd;
}

void long_body_ask(int fd, const char *method, const struct long_body *body, const char *fields)
{
	char head[512];
	int length =
		snprintf(head, sizeof(head), "%s /%llu/%u/%u/%u/%u/%u/%u/%llu HTTP/1.1\r\nHost: shop.example\r\n%s", method, (unsigned long long)body->length,
			body->seed, body->piece, body->reads, body->pause_every, body->apart, (unsigned)body->end, (unsigned long long)body->at, fields);
	if (strcmp(method, "GET") != 0)
		length += snprintf(head + length, sizeof(head) - (size_t)length, "Content-Length: %llu\r\n", (unsigned long long)body->length);
	snprintf(head + length, sizeof(head) - (size_t)length, "\r\n");
	actor_say(fd, head);
}

int long_body_read_head(int fd)
{
	size_t length = 0;
	memset(long_body_head, 0, sizeof(long_body_head));
	while (length < 4 || memcmp(long_body_head + length - 4, "\r\n\r\n", 4) != 0) {
		if (length == sizeof(long_body_head) - 1 || recv(fd, long_body_head + length, 1, 0) <= 0)
			return 0;
		length++;
	}
	return memcmp(long_body_head, "HTTP/1.1 ", 9) == 0 ? atoi(long_body_head + 9) : 0;
}

bool long_body_is_over(int fd)
{
	char byte;
	return recv(fd, &byte, 1, 0) <= 0;
}

bool long_body_get(int fd, const struct long_body *body)
{
	long_body_ask(fd, "GET", body, "");
	if (long_body_read_head(fd) != 200)
		return false;
	if (body->apart)
		sem_post(&long_body_go);
	return long_body_read(fd, body, 0, body->length) == body->length;
}

bool long_body_put(int fd, const char *method, const struct long_body *body)
{
	char said[5];
	unsigned heard = atomic_load(&actor_heard);
	long_body_ask(fd, method, body, "");
	while (body->apart && atomic_load(&actor_heard) == heard)
		actor_wait_ms(1);
	bool sent = long_body_send(fd, body, 0, body->length);
	return sent && long_body_read_head(fd) == 200 && recv(fd, said, 5, MSG_WAITALL) == 5 && memcmp(said, "right", 5) == 0;
}

/* ---- what is open ---- */

/* Of a descriptor that another thread may close at any time: the sanitizer is not asked. */
static uint64_t count_waiting(int fd)
{
	int count = 0;
	return syscall(SYS_ioctl, fd, FIONREAD, &count) == 0 && count > 0 ? (uint64_t)count : 0;
}

struct long_body_open long_body_count_open(void)
{
	struct long_body_open open = {0};
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	assert(folder);
	while ((entry = readdir(folder))) {
		char what[32] = {0};
		if (atoi(entry->d_name) <= STDERR_FILENO) /* may be pipes of somebody else */
			continue;
		if (readlinkat(dirfd(folder), entry->d_name, what, sizeof(what) - 1) <= 0)
			continue;
		if (strncmp(what, "socket:", 7) == 0)
			open.sockets++;
		if (strncmp(what, "pipe:", 5) != 0)
			continue;
		open.pipes++;
		open.waiting += count_waiting(atoi(entry->d_name)); /* either end tells of all: a pipe counts twice */
	}
	closedir(folder);
	open.waiting /= 2;
	return open;
}

bool long_body_await_sockets(unsigned sockets)
{
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; actor_now_ms() < end; actor_wait_ms(5)) {
		if (long_body_count_open().sockets == sockets)
			return true;
	}
	return false;
}

bool long_body_await_empty(void)
{
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; actor_now_ms() < end; actor_wait_ms(5)) {
		if (long_body_count_open().waiting == 0)
			return true;
	}
	return false;
}

/* Waits until no byte moves, and the backends have said more than this. False when that never happens. */
static bool await_still(uint64_t before)
{
	uint64_t said = before, waiting = 0;
	unsigned same = 0;
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; actor_now_ms() < end; actor_wait_ms(10)) {
		uint64_t waiting_now = long_body_count_open().waiting, said_now = atomic_load(&long_body_said);
		bool still = said_now > before && said_now == said && waiting_now == waiting;
		same = still ? same + 1 : 0;
		if (same == 20)
			return true;
		waiting = waiting_now;
		said = said_now;
	}
	return false;
}

bool long_body_await_stuck(uint64_t before, unsigned pipes)
{
	if (!await_still(before))
		return false;
	struct long_body_open open = long_body_count_open();
	return open.waiting > 0 && open.pipes >= 2 * pipes;
}

int long_body_stick(const struct stage *stage, const struct long_body *body, int buffer, uint64_t at)
{
	for (unsigned tries = 0; tries < STICK_TRIES; tries++) {
		uint64_t before = atomic_load(&long_body_said);
		int fd = long_body_connect(stage, buffer);
		long_body_ask(fd, "GET", body, "");
		bool right = long_body_read_head(fd) == 200 && long_body_read(fd, body, 0, at) == at;
		if (right && long_body_await_stuck(before, 1))
			return fd;
		right = right && long_body_read(fd, body, at, body->length) == body->length;
		close(fd);
		if (!right)
			return -1;
	}
	return -1;
}

/* Backends that play a script. Any thread of the tests; each connection has a thread of its own. */
#include "tests/flow/actor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void (*script)(int fd);

atomic_uint actor_heard, actor_posts;
_Thread_local char actor_head[16384];

void actor_wait_ms(unsigned ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000l};
	nanosleep(&time, NULL);
}

uint64_t actor_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void actor_say_bytes(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		bytes += sent;
		length -= (size_t)sent;
	}
}

void actor_say(int fd, const char *text)
{
	actor_say_bytes(fd, text, strlen(text));
}

void actor_reset_at_close(int fd)
{
	struct linger now = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

bool actor_hear_head(int fd)
{
	size_t length = 0;
	memset(actor_head, 0, sizeof(actor_head));
	while (length < 4 || memcmp(actor_head + length - 4, "\r\n\r\n", 4) != 0) {
		if (length == sizeof(actor_head) - 1 || recv(fd, actor_head + length, 1, 0) <= 0)
			return false;
		length++;
	}
	atomic_fetch_add(&actor_heard, 1);
	if (memcmp(actor_head, "POST", 4) == 0)
		atomic_fetch_add(&actor_posts, 1);
	return true;
}

void actor_hear_all(int fd)
{
	char bytes[4096];
	while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
	}
}

struct visit {
	struct stage_backend *backend;
	int fd;
};

static void *visit_thread(void *arg)
{
	struct visit visit = *(struct visit *)arg;
	free(arg);
	script(visit.fd);
	close(visit.fd);
	atomic_fetch_sub(&visit.backend->visits, 1);
	return NULL;
}

static void *accept_thread(void *arg)
{
	struct stage_backend *backend = arg;
	int fd, on = 1;
	while ((fd = accept(backend->fd, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		atomic_fetch_add(&backend->connections, 1);
		atomic_fetch_add(&backend->visits, 1);
		struct visit *visit = malloc(sizeof(*visit));
		*visit = (struct visit){backend, fd};
		pthread_t thread;
		pthread_create(&thread, NULL, visit_thread, visit);
		pthread_detach(thread);
	}
	return NULL;
}

struct stage_backend *actor_play_at(struct stage *stage, void (*with)(int fd), const struct sockaddr *at, socklen_t length)
{
	struct stage_backend *backend = &stage->backends[stage->backend_count++];
	struct sockaddr_storage name;
	socklen_t name_length = sizeof(name);
	script = with;
	atomic_store(&actor_heard, 0);
	atomic_store(&actor_posts, 0);
	memset(backend, 0, sizeof(*backend));
	strcpy(backend->color, "blue");
	backend->fd = socket(at->sa_family, SOCK_STREAM, 0);
	if (bind(backend->fd, at, length) != 0 || listen(backend->fd, 128) != 0)
		abort();
	getsockname(backend->fd, (struct sockaddr *)&name, &name_length);
	addr_from_socket((struct sockaddr *)&name, name_length, &backend->addr);
	backend->backend = backend_new("actor", &backend->addr, stage->workers);
	pthread_create(&backend->thread, NULL, accept_thread, backend);
	stage_flip(stage, COLOR_BLUE);
	return backend;
}

struct stage_backend *actor_play(struct stage *stage, void (*with)(int fd))
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return actor_play_at(stage, with, (struct sockaddr *)&at, sizeof(at));
}

void actor_answer_ok(int fd)
{
	while (actor_hear_head(fd))
		actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

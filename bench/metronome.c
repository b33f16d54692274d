/* A load over connections that are open and warm before it begins, at a constant rate or as fast as answers come. One thread.
 *
 * At a rate, requests become due one by one, whether or not answers have come, and each answer is timed from the moment at which its request was due: a proxy that
 * stalls is charged for every request of that time, and the figures of all proxies are at the same load. Without a rate (0), a connection sends its next request when
 * it has its answer.
 *
 * It prints `ready` after half a second as fast as answers come, so that a proxy has its connections to the backends, and then for each byte of its standard input lets the load run once and prints a JSON object. The
 * connections are kept until its standard input ends: so whoever counts a proxy's CPU time does not count opening and closing them. It reads answers with Content-Length alone, checks
 * nothing but the status 200, and opens no connection again: whatever goes wrong ends it.
 *
 * usage: metronome PORT PATH CONNECTIONS RATE SECONDS [HOSTS]     (127.0.0.1; requests go to the hosts s1.bench.example, s2... in turn) */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/load.h"

#define GRACE_NS 20000000000ull /* for the last answers */
#define MOST_ANSWERS 1e6        /* a second, without a rate */
#define WARM_S 0.5
#define REQUEST_SIZE 256

struct connection {
	int fd;
	uint64_t due_ns; /* of the request under way, 0 without one */
	size_t length;
	char answer[LOAD_ANSWER_SIZE];
};

static struct connection *connections;
static struct connection **free_ones; /* a ring, so that all are used alike */
static size_t connection_count, free_first, free_count;
static char (*requests)[REQUEST_SIZE]; /* one for each host */
static size_t request_count, request_next;
static uint64_t start_ns, gap_ns, length_ns, wanted, sent, answered; /* without a rate the gap is 0 */
static uint64_t *latencies_ns;

static void free_ones_add(struct connection *connection)
{
	free_ones[(free_first + free_count++) % connection_count] = connection;
}

static struct connection *free_ones_take(void)
{
	struct connection *connection = free_ones[free_first];
	free_first = (free_first + 1) % connection_count;
	free_count--;
	return connection;
}

static void connection_open(struct connection *connection, const struct sockaddr_in *address)
{
	int on = 1;
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 || connect(connection->fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		load_give_up("can't connect: %s", strerror(errno));
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Reads more of an answer. True when it is complete. */
static bool connection_read(struct connection *connection, int flags)
{
	ssize_t got = recv(connection->fd, connection->answer + connection->length, LOAD_ANSWER_SIZE - 1 - connection->length, flags);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0 || connection->due_ns == 0)
		load_give_up("a connection was closed or broke, or an answer came to no request");
	connection->length += (size_t)got;
	connection->answer[connection->length] = '\0';
	size_t whole = load_answer_length(connection->answer, connection->length);
	if (whole == 0 || connection->length < whole)
		return false;
	connection->length = 0;
	return true;
}

static void connection_send(struct connection *connection, uint64_t due_ns)
{
	const char *request = requests[request_next];
	size_t length = strlen(request);
	request_next = (request_next + 1) % request_count;
	connection->due_ns = due_ns;
	if (send(connection->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		load_give_up("can't send: %s", strerror(errno));
}

static void connection_warm(struct connection *connection, int poll)
{
	connection_send(connection, 1);
	while (!connection_read(connection, 0))
		;
	connection->due_ns = 0;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		load_give_up("epoll_ctl: %s", strerror(errno));
	free_ones_add(connection);
}

static void on_connection_ready(struct connection *connection, uint64_t now)
{
	if (!connection_read(connection, MSG_DONTWAIT))
		return;
	if (answered < wanted)
		latencies_ns[answered++] = now - connection->due_ns;
	connection->due_ns = 0;
	free_ones_add(connection);
}

/* Sends what is due, as far as there are connections for it: what must wait for one is timed from when it was due. */
static void send_due(uint64_t now)
{
	while (sent < wanted && free_count > 0 && start_ns + sent * gap_ns <= now) {
		connection_send(free_ones_take(), gap_ns > 0 ? start_ns + sent * gap_ns : now);
		sent++;
	}
}

static int timer_start(int poll)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct timespec gap = {(time_t)(gap_ns / 1000000000), (long)(gap_ns % 1000000000)};
	struct itimerspec every = {.it_interval = gap, .it_value = gap};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) != 0 || epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event) != 0)
		load_give_up("no timer: %s", strerror(errno));
	return timer;
}

static void run_plan(double rate, double seconds)
{
	gap_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
	length_ns = (uint64_t)(seconds * 1e9);
	wanted = (uint64_t)((rate > 0 ? rate : MOST_ANSWERS) * seconds);
	sent = answered = 0;
}

static bool run_is_over(uint64_t now)
{
	if (gap_ns == 0)
		return answered == wanted || now >= start_ns + length_ns;
	if (now > start_ns + length_ns + GRACE_NS)
		load_give_up("%llu of %llu requests have no answer", (unsigned long long)(wanted - answered), (unsigned long long)wanted);
	return answered == wanted;
}

static void run(int poll)
{
	struct epoll_event events[256];
	uint64_t now = start_ns = load_now_ns(), ticks;
	int timer = gap_ns > 0 ? timer_start(poll) : -1;
	send_due(now);
	while (!run_is_over(now)) {
		int count = epoll_wait(poll, events, 256, 100);
		now = load_now_ns();
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				on_connection_ready(events[i].data.ptr, now);
			else if (read(timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
				load_give_up("the timer broke: %s", strerror(errno));
		}
		send_due(now);
	}
	if (timer >= 0)
		close(timer);
}

/* Sends until the warm time is over, and waits for all answers. */
static void run_warm(int poll)
{
	struct epoll_event event;
	run_plan(0, WARM_S);
	run(poll);
	while (free_count < connection_count)
		if (epoll_wait(poll, &event, 1, 1000) == 1)
			on_connection_ready(event.data.ptr, load_now_ns());
}

/* All connections, each with a request behind it. */
static int connections_start(const char *port)
{
	struct sockaddr_in address = load_address(port);
	connections = load_allocate(connection_count, sizeof(*connections));
	free_ones = load_allocate(connection_count, sizeof(*free_ones));
	int poll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < connection_count; i++) {
		connection_open(&connections[i], &address);
		connection_warm(&connections[i], poll);
	}
	return poll;
}

static void requests_write(const char *port, const char *path, size_t hosts)
{
	request_count = hosts > 0 ? hosts : 1;
	requests = load_allocate(request_count, sizeof(*requests));
	for (size_t i = 0; i < request_count; i++) {
		char host[64];
		if (hosts > 0)
			snprintf(host, sizeof(host), "s%zu.bench.example", i + 1);
		else
			snprintf(host, sizeof(host), "127.0.0.1:%s", port);
		if (snprintf(requests[i], REQUEST_SIZE, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host) >= REQUEST_SIZE)
			load_give_up("the path is too long");
	}
}

int main(int argc, char **argv)
{
	bool complete = argc == 6 || argc == 7;
	double rate = complete ? strtod(argv[4], NULL) : -1, seconds = complete ? strtod(argv[5], NULL) : 0;
	connection_count = complete ? strtoul(argv[3], NULL, 10) : 0;
	if (connection_count == 0 || rate < 0 || rate > MOST_ANSWERS || seconds <= 0 || seconds > 1000 || (rate > 0 && rate * seconds < 1)) {
		fprintf(stderr, "usage: metronome PORT PATH CONNECTIONS RATE SECONDS [HOSTS]\n");
		return 2;
	}
	latencies_ns = load_allocate((size_t)(MOST_ANSWERS * (seconds + WARM_S)), sizeof(*latencies_ns));
	requests_write(argv[1], argv[2], argc == 7 ? strtoul(argv[6], NULL, 10) : 0);
	int poll = connections_start(argv[1]);
	run_warm(poll);
	load_say_ready();
	while (load_is_told()) {
		run_plan(rate, seconds);
		run(poll);
		load_report(latencies_ns, answered, (double)(load_now_ns() - start_ns) / 1e9);
	}
	return 0;
}

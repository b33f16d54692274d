/* The floor: a relay between client connections and one backend connection each, that parses nothing. One thread.
 *
 * What it costs is what any proxy on this machine must pay to the kernel: raw edge-triggered events, added once a connection, reads into one shared buffer, writes at
 * once, bytes kept only when a socket would block (then nothing is read from the other side). It does not reconnect, keep alive or time out anything.
 *
 * usage: floor LISTEN_PORT BACKEND_PORT     (both on 127.0.0.1; a listen port of 0 is chosen and printed) */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)

/* One socket of a pair; the two point at each other. */
struct side {
	int fd;
	struct event *event;
	struct side *other;
	char *kept; /* what the socket did not take yet; malloc'd, NULL when nothing */
	size_t kept_length, kept_sent;
	bool readable; /* the socket may hold more than was read */
	bool closing;  /* its FIN is there, behind what is not read yet */
	bool ended;    /* its FIN was read */
};

static char buffer[BUFFER_SIZE];
static struct event_base *loop;
static struct sockaddr_in backend_address;

static void on_side_ready(evutil_socket_t fd, short what, void *arg);

static void side_free(struct side *side)
{
	event_free(side->event);
	close(side->fd);
	free(side->kept);
	free(side);
}

static void pair_free(struct side *side)
{
	side_free(side->other);
	side_free(side);
}

/* Sends what was kept. False when the pair is beyond help. */
static bool side_flush(struct side *side)
{
	while (side->kept) {
		ssize_t sent = send(side->fd, side->kept + side->kept_sent, side->kept_length - side->kept_sent, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		side->kept_sent += (size_t)sent;
		if (side->kept_sent == side->kept_length) {
			free(side->kept);
			side->kept = NULL;
		}
	}
	return true;
}

/* Sends bytes, keeps the rest. False when the pair is beyond help. */
static bool side_send(struct side *side, const char *bytes, size_t length)
{
	ssize_t sent = send(side->fd, bytes, length, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return false;
	size_t done = sent < 0 ? 0 : (size_t)sent;
	if (done == length)
		return true;
	side->kept = malloc(length - done);
	if (!side->kept)
		return false;
	memcpy(side->kept, bytes + done, length - done);
	side->kept_length = length - done;
	side->kept_sent = 0;
	return true;
}

/* Relays from this side until it has nothing more or the other one is full. False when the pair is beyond help. */
static bool side_relay(struct side *side)
{
	while (side->readable && !side->other->kept) {
		ssize_t length = recv(side->fd, buffer, sizeof(buffer), 0);
		if (length < 0) {
			side->readable = false;
			return errno == EAGAIN;
		}
		if (length == 0) {
			side->ended = true;
			side->readable = false;
			shutdown(side->other->fd, SHUT_WR);
			return !side->other->ended;
		}
		if (!side_send(side->other, buffer, (size_t)length))
			return false;
		if ((size_t)length < sizeof(buffer) && !side->closing)
			side->readable = false;
	}
	return true;
}

static void on_side_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	struct side *side = arg;
	if (what & EV_CLOSED)
		side->closing = true;
	if (what & (EV_READ | EV_CLOSED))
		side->readable = true;
	bool alive = true;
	if (what & EV_WRITE)
		alive = side_flush(side) && side_relay(side->other);
	if (!alive || !side_relay(side))
		pair_free(side);
}

static struct side *side_new(int fd)
{
	struct side *side = calloc(1, sizeof(*side));
	if (!side)
		abort();
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	side->fd = fd;
	side->event = event_new(loop, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_side_ready, side);
	return side;
}

static void on_listener_ready(evutil_socket_t listener, short what, void *arg)
{
	(void)what;
	(void)arg;
	int client = accept4((int)listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client < 0)
		return;
	int backend = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (backend < 0 || (connect(backend, (struct sockaddr *)&backend_address, sizeof(backend_address)) != 0 && errno != EINPROGRESS)) {
		close(client);
		if (backend >= 0)
			close(backend);
		return;
	}
	struct side *front = side_new(client), *back = side_new(backend);
	front->other = back;
	back->other = front;
	event_add(front->event, NULL);
	event_add(back->event, NULL);
}

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	return address;
}

static int listen_at(const char *port)
{
	struct sockaddr_in address = loopback(port);
	socklen_t length = sizeof(address);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 4096) != 0) {
		perror("floor: can't listen");
		exit(1);
	}
	getsockname(fd, (struct sockaddr *)&address, &length);
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: floor LISTEN_PORT BACKEND_PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	loop = event_base_new();
	backend_address = loopback(argv[2]);
	int listener = listen_at(argv[1]);
	struct event *accepting = event_new(loop, listener, EV_READ | EV_PERSIST, on_listener_ready, NULL);
	event_add(accepting, NULL);
	return event_base_dispatch(loop);
}

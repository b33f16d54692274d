/* A world for one worker. Test's thread. The assembler names below are how its functions take the place of others. */
#include "tests/fuzz/exchange/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BEGIN_US 1000000000u
#define BEGIN_WALL_MS 1700000000000u
#define WATCHED_MAX 1024
#define OFFERS_MAX 64

uint64_t world_mono_us(void) __asm__("clock_mono_us");
uint64_t world_mono_ms(void) __asm__("clock_mono_ms");
uint64_t world_wall_us(void) __asm__("clock_wall_us");
uint64_t world_wall_ms(void) __asm__("clock_wall_ms");
void world_format(uint64_t wall_ms, char out[32]) __asm__("clock_format");
int world_timer_new(int clock, int flags) __asm__("timerfd_create");
int world_timer_set(int fd, int flags, const struct itimerspec *next, struct itimerspec *old) __asm__("timerfd_settime");
int world_accept(int fd, struct sockaddr *from, socklen_t *length, int flags) __asm__("accept4");
int world_connect(int fd, const struct sockaddr *to, socklen_t length) __asm__("connect");
int world_pipe(int ends[2], int flags) __asm__("pipe2");
int world_set_option(int fd, int level, int name, const void *value, socklen_t length) __asm__("setsockopt");

static struct {
	uint64_t now_us, timer_at_us;
	int timer_fd;
	enum world_reach reaches[WORLD_BACKENDS];
	unsigned pipes_left;
	world_on_call *on_call;
	void *arg;
	bool *watched[WATCHED_MAX];
	int listener_fd;
	int queue_fd; /* the same event counter, for as long as the world goes on: the worker may have closed its own */
	struct {
		int near;
		uint32_t address;
	} offers[OFFERS_MAX];
	unsigned offered, accepted;
} world;

void world_begin(world_on_call *on_call, void *arg)
{
	signal(SIGPIPE, SIG_IGN); /* as in the program: splice(2) knows no MSG_NOSIGNAL */
	memset(&world, 0, sizeof(world));
	world.now_us = BEGIN_US;
	world.pipes_left = UINT_MAX;
	world.timer_at_us = UINT64_MAX;
	world.timer_fd = world.listener_fd = world.queue_fd = -1;
	world.on_call = on_call;
	world.arg = arg;
}

/* ---- time ---- */

uint64_t world_now_us(void)
{
	return world.now_us;
}

uint64_t world_mono_us(void)
{
	return world.now_us;
}

uint64_t world_mono_ms(void)
{
	return world.now_us / 1000u;
}

uint64_t world_wall_ms(void)
{
	return BEGIN_WALL_MS + (world.now_us - BEGIN_US) / 1000u;
}

uint64_t world_wall_us(void)
{
	return BEGIN_WALL_MS * 1000u + world.now_us - BEGIN_US;
}

void world_format(uint64_t wall_ms, char out[32])
{
	snprintf(out, 32, "%llu", (unsigned long long)wall_ms);
}

/* An event counter that is written to when the time has come reads as a timer does. */
int world_timer_new(int clock, int flags)
{
	(void)clock;
	(void)flags;
	world.timer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return world.timer_fd;
}

static void fire_if_due(void)
{
	if (world.timer_at_us > world.now_us)
		return;
	world.timer_at_us = UINT64_MAX;
	if (eventfd_write(world.timer_fd, 1) != 0)
		abort();
}

/* A time of 0 disarms. */
int world_timer_set(int fd, int flags, const struct itimerspec *next, struct itimerspec *old)
{
	(void)old;
	uint64_t at_us = (uint64_t)next->it_value.tv_sec * 1000000u + (uint64_t)next->it_value.tv_nsec / 1000u;
	if (fd != world.timer_fd || !(flags & TFD_TIMER_ABSTIME))
		abort();
	world.timer_at_us = at_us > 0 ? at_us : UINT64_MAX;
	fire_if_due();
	return 0;
}

void world_pass_ms(uint64_t ms)
{
	world.now_us += ms * 1000u;
	fire_if_due();
}

static int fail_with(int error)
{
	errno = error;
	return -1;
}

/* ---- clients ---- */

int world_listen(void)
{
	world.queue_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	world.listener_fd = fcntl(world.queue_fd, F_DUPFD_CLOEXEC, 0);
	return world.listener_fd;
}

void world_offer(int near, uint32_t address)
{
	if (world.offered == OFFERS_MAX)
		abort();
	world.offers[world.offered].near = near;
	world.offers[world.offered++].address = address;
	eventfd_write(world.queue_fd, 1);
}

/* The listener's descriptor is an event counter; it is readable for as long as somebody waits. */
int world_accept(int fd, struct sockaddr *from, socklen_t *length, int flags)
{
	eventfd_t count;
	(void)flags;
	if (fd != world.listener_fd)
		abort();
	if (world.accepted == world.offered) {
		eventfd_read(fd, &count);
		return fail_with(EAGAIN);
	}
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(40000), .sin_addr.s_addr = htonl(world.offers[world.accepted].address)};
	memcpy(from, &address, sizeof(address));
	*length = sizeof(address);
	return world.offers[world.accepted++].near;
}

void world_end(void)
{
	while (world.accepted < world.offered)
		close(world.offers[world.accepted++].near);
	if (world.queue_fd >= 0)
		close(world.queue_fd);
	world.queue_fd = -1;
}

/* ---- backends ---- */

void world_set_reach(unsigned backends, enum world_reach reach)
{
	for (unsigned i = 0; i < WORLD_BACKENDS; i++)
		world.reaches[i] = backends & 1u << i ? reach : world.reaches[i];
}

void world_address(unsigned backend, struct addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->kind = ADDR_UNIX;
	addr->to.un.sun_family = AF_UNIX;
	snprintf(addr->to.un.sun_path, sizeof(addr->to.un.sun_path), "/backend/%u", backend);
	addr->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(addr->to.un.sun_path) + 1);
}

static void fill(int fd)
{
	static const char bytes[4096];
	while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) {
	}
}

void world_let_in(int far)
{
	char bytes[4096];
	while (recv(far, bytes, sizeof(bytes), 0) > 0) {
	}
}

int world_connect(int fd, const struct sockaddr *to, socklen_t length)
{
	static const int errors[] = {[WORLD_REFUSED] = ECONNREFUSED, [WORLD_AWAY] = EHOSTUNREACH, [WORLD_FULL] = EAGAIN};
	const char *path = ((const struct sockaddr_un *)to)->sun_path;
	int pair[2];
	if (to->sa_family != AF_UNIX || length < offsetof(struct sockaddr_un, sun_path) + strlen("/backend/0"))
		abort();
	unsigned backend = (unsigned)(path[strlen("/backend/")] - '0');
	enum world_reach reach = world.reaches[backend];
	if (reach >= WORLD_REFUSED)
		return fail_with(errors[reach]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	if (dup3(pair[0], fd, O_CLOEXEC) != fd)
		abort();
	close(pair[0]);
	bool slow = reach == WORLD_SLOW;
	world.on_call(world.arg, backend, fd, pair[1], slow);
	if (!slow)
		return 0;
	fill(fd);
	return fail_with(EINPROGRESS);
}

/* ---- pipes and options ---- */

void world_limit_pipes(unsigned most)
{
	world.pipes_left = most;
}

int world_pipe(int ends[2], int flags)
{
	if (world.pipes_left == 0)
		return fail_with(EMFILE);
	world.pipes_left--;
	return (int)syscall(SYS_pipe2, ends, flags);
}

void world_watch(int near, bool *reset)
{
	if (near >= WATCHED_MAX)
		abort();
	world.watched[near] = reset;
}

int world_set_option(int fd, int level, int name, const void *value, socklen_t length)
{
	if (level == SOL_SOCKET && name == SO_LINGER && fd < WATCHED_MAX && world.watched[fd])
		*world.watched[fd] = ((const struct linger *)value)->l_onoff && ((const struct linger *)value)->l_linger == 0;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

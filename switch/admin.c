/* The admin API's doors. Control thread. evhttp reads and writes; here is who may come in, and what happens when descriptors run out.
 * How many may stay, and for how long, is in switch/admin_crowd. */
#include "switch/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/memory.h"
#include "switch/admin_parts.h"
#include "switch/admin_routes.h"
#include "switch/admin_streams.h"
#include "switch/admin_waits.h"

#define BODY_READ_BYTES (4 * 1024 * 1024) /* more than is taken, so that what is a little too large gets our answer, not evhttp's */
#define HEAD_BYTES (32 * 1024)
#define IDLE_S 30
#define ADMIN_TOKEN_LEAST 16u /* characters */

/* A listener's argument is evhttp's own, so what happens on its errors needs another way to its admin. There is one in a process. */
static struct admin *the_admin;

/* ---- connections ---- */

static void set_accepting(struct admin_door *door, bool accepting)
{
	if (!door->listener)
		return;
	if (accepting)
		evconnlistener_enable(door->listener);
	else
		evconnlistener_disable(door->listener);
}

static void set_doors(struct admin *admin)
{
	set_accepting(&admin->local, admin_crowd_has_room(&admin->crowd, false));
	set_accepting(&admin->remote, admin_crowd_has_room(&admin->crowd, true));
}

static struct bufferevent *on_connection(struct event_base *loop, void *arg)
{
	struct admin_door *door = arg;
	struct admin_crowd *crowd = &door->admin->crowd;
	struct bufferevent *connection = admin_crowd_make_connection(loop, HEAD_BYTES + BODY_READ_BYTES);
	admin_crowd_forget(crowd);
	if (connection && admin_crowd_add(crowd, connection, door->tcp, clock_mono_ms()) && !admin_crowd_has_room(crowd, door->tcp))
		set_doors(door->admin);
	return connection;
}

static void open_reserve(struct admin *admin)
{
	for (unsigned i = 0; i < ADMIN_RESERVE; i++)
		if (admin->reserve[i] < 0)
			admin->reserve[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool give_reserve(struct admin *admin)
{
	for (unsigned i = 0; i < ADMIN_RESERVE; i++) {
		if (admin->reserve[i] < 0)
			continue;
		close(admin->reserve[i]);
		admin->reserve[i] = -1;
		return true;
	}
	return false;
}

/* Descriptors ran out: one of the reserve lets this connection in; without one, the door is shut until the next tick instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	int why = errno;
	(void)arg; /* evhttp's */
	if ((why != EMFILE && why != ENFILE) || !the_admin || !give_reserve(the_admin))
		evconnlistener_disable(listener);
}

void admin_tick(struct admin *admin)
{
	admin_crowd_tick(&admin->crowd, clock_mono_ms());
	open_reserve(admin);
	admin_streams_tick(admin);
	set_doors(admin);
}

/* ---- doors ---- */

static void on_request(struct evhttp_request *http, void *arg)
{
	const struct admin_door *door = arg;
	admin_crowd_served(&door->admin->crowd, evhttp_connection_get_bufferevent(evhttp_request_get_connection(http)));
	admin_routes_serve(door->admin, door->tcp, http);
}

static bool open_door(struct admin_door *door, struct admin *admin, int fd, bool tcp, struct err *err)
{
	static const unsigned short methods =
		EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH;
	struct event_base *loop = admin->control->loop;
	door->admin = admin;
	door->tcp = tcp;
	door->http = evhttp_new(loop);
	door->listener = evconnlistener_new(loop, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!door->http || !door->listener) {
		close(fd);
		return err_set(err, "the admin API can't be opened: out of memory");
	}
	evhttp_bind_listener(door->http, door->listener);
	evconnlistener_set_error_cb(door->listener, on_accept_error);
	evhttp_set_bevcb(door->http, on_connection, door);
	evhttp_set_gencb(door->http, on_request, door);
	evhttp_set_allowed_methods(door->http, methods);
	evhttp_set_max_body_size(door->http, BODY_READ_BYTES);
	evhttp_set_max_headers_size(door->http, HEAD_BYTES);
	evhttp_set_timeout(door->http, IDLE_S);
	return true;
}

static bool open_remote(struct admin *admin, const struct conf *conf, struct err *err)
{
	if (!conf->admin.listen)
		return true;
	if (!addr_is_this_machine(&conf->admin.listen_address) && !conf->admin.token_file)
		return err_set(err, "admin.listen: %s is not a loopback address, so admin.token_file is needed", conf->admin.listen);
	int fd = admin_socket_listen(&conf->admin.listen_address, &admin->listen, err);
	if (fd < 0)
		return err_prefix(err, "admin.listen");
	return open_door(&admin->remote, admin, fd, true, err);
}

static bool open_doors(struct admin *admin, struct err *err)
{
	const struct conf *conf = admin->control->conf;
	if (!admin_socket_open(&admin->socket, conf->admin.socket, err))
		return false;
	return open_door(&admin->local, admin, admin->socket.fd, false, err) && open_remote(admin, conf, err);
}

struct admin *admin_new(struct control *control, const char *token, struct err *err)
{
	struct admin *admin = the_admin = memory_new(sizeof(*admin));
	admin->control = control;
	admin->once = once_new();
	admin->socket.fd = -1;
	admin_set_token(admin, token);
	LIST_INIT(&admin->asks);
	LIST_INIT(&admin->waits);
	LIST_INIT(&admin->streams);
	for (unsigned i = 0; i < ADMIN_RESERVE; i++)
		admin->reserve[i] = -1;
	if (!open_doors(admin, err)) {
		admin_close(admin);
		admin_free(admin);
		return NULL;
	}
	open_reserve(admin);
	return admin;
}

static void close_door(struct admin_door *door)
{
	if (door->http)
		evhttp_free(door->http);
	door->http = NULL;
	door->listener = NULL;
}

void admin_close(struct admin *admin)
{
	if (!admin)
		return;
	close_door(&admin->local);
	close_door(&admin->remote);
	admin_crowd_forget(&admin->crowd);
	admin_socket_remove(&admin->socket);
}

void admin_free(struct admin *admin)
{
	struct ask *ask;
	if (!admin)
		return;
	while ((ask = LIST_FIRST(&admin->asks)))
		ask_drop(ask);
	for (unsigned i = 0; i < ADMIN_RESERVE; i++)
		if (admin->reserve[i] >= 0)
			close(admin->reserve[i]);
	once_free(admin->once);
	the_admin = NULL;
	free(admin);
}

const struct addr *admin_listen_address(const struct admin *admin)
{
	return admin->remote.http ? &admin->listen : NULL;
}

/* ---- the token ---- */

/* -1: it can't be read, and errno says why. */
static int open_token(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), why = errno;
	if (fd < 0)
		err_set(err, "admin.token_file: %s can't be read: %s", path, strerror(why));
	errno = why;
	return fd;
}

static bool check_file(int fd, const char *path, struct err *err)
{
	return keyfile_check(fd, "admin.token_file:", path, err);
}

/* What clients can send in a field. */
static bool is_token(const char *line)
{
	size_t length = strlen(line);
	for (size_t i = 0; i < length; i++)
		if (line[i] <= 0x20 || line[i] >= 0x7f)
			return false;
	return length >= ADMIN_TOKEN_LEAST && length < ADMIN_TOKEN_SIZE;
}

/* One character more than a token may have is looked at. */
static bool read_line(int fd, const char *path, char token[ADMIN_TOKEN_SIZE], struct err *err)
{
	char line[ADMIN_TOKEN_SIZE + 1];
	ssize_t length = read(fd, line, ADMIN_TOKEN_SIZE);
	size_t held = length > 0 ? (size_t)length : 0;
	line[held] = '\0';
	bool whole = memchr(line, '\0', held) == NULL;
	line[strcspn(line, "\r\n")] = '\0';
	if (!whole || !is_token(line))
		return err_set(err, "admin.token_file: the first line of %s must be a token of %u to %u visible ASCII characters without spaces", path,
			ADMIN_TOKEN_LEAST, ADMIN_TOKEN_SIZE - 1u);
	memcpy(token, line, strlen(line) + 1);
	return true;
}

static enum admin_token take_token(int fd, const char *path, char token[ADMIN_TOKEN_SIZE], struct err *err)
{
	if (!check_file(fd, path, err))
		return ADMIN_TOKEN_EXPOSED;
	return read_line(fd, path, token, err) ? ADMIN_TOKEN_TAKEN : ADMIN_TOKEN_NONE;
}

enum admin_token admin_read_token(const struct conf *conf, char token[ADMIN_TOKEN_SIZE], struct err *err)
{
	const char *path = conf->admin.token_file;
	token[0] = '\0';
	if (!path)
		return ADMIN_TOKEN_TAKEN;
	int fd = open_token(path, err);
	if (fd < 0)
		return ADMIN_TOKEN_NONE;
	enum admin_token state = take_token(fd, path, token, err);
	if (state != ADMIN_TOKEN_TAKEN)
		token[0] = '\0';
	close(fd);
	return state;
}

/* A file that others may use keeps nobody's requests from being served: not to start would be worse than to refuse what the token is for. */
bool admin_read_first_token(const struct conf *conf, char token[ADMIN_TOKEN_SIZE], struct err *err)
{
	enum admin_token state = admin_read_token(conf, token, err);
	if (state == ADMIN_TOKEN_EXPOSED)
		log_warning("%s; until then, and a reload, whatever needs the token is refused", err->text);
	return state != ADMIN_TOKEN_NONE;
}

bool admin_check_token(const struct conf *conf, struct err *err)
{
	char token[ADMIN_TOKEN_SIZE];
	const char *path = conf->admin.token_file;
	err_set(err, "%s", "");
	if (!path)
		return true;
	int fd = open_token(path, err);
	if (fd < 0 && errno != EACCES)
		return false;
	if (fd < 0) {
		err_set(err, "admin.token_file: %s is not open to this user, and was not looked at: see that the daemon's user may read it", path);
		return true;
	}
	/* Root may look at it for another user, who may have it from root and a group. */
	bool roots = geteuid() == 0 && keyfile_suits_others(path);
	bool good = (roots || check_file(fd, path, err)) && read_line(fd, path, token, err);
	close(fd);
	if (good && keyfile_refuses_root(path, conf->state))
		err_set(err,
			"admin.token_file: %s may be read by a group: that will do where the daemon runs as another user; one that runs as root takes no token from it: chmod 600 it there",
			path);
	return good;
}

void admin_set_token(struct admin *admin, const char *token)
{
	snprintf(admin->token, sizeof(admin->token), "%s", token);
}

/* ---- waiting ---- */

void admin_check_waits(struct admin *admin)
{
	admin_waits_check(admin);
}

bool admin_has_waits(const struct admin *admin)
{
	return !LIST_EMPTY(&admin->waits);
}

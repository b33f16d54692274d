/* The admin API's doors: the Unix socket and, where it is set, admin.listen. Control thread.
 *
 * Lets requests in that may come in, and hands them to switch/admin_routes. See docs/api.md. */
#ifndef TEAL_SWITCH_ADMIN_H
#define TEAL_SWITCH_ADMIN_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

#define ADMIN_TOKEN_SIZE 4097

struct admin;
struct control;

/* Opens both doors; `token` as admin_read_first_token gives it. NULL and a sentence when that can't be done. */
struct admin *admin_new(struct control *control, const char *token, struct err *err);
/* Closes the doors, ends what waits, removes the socket. NULL is allowed. */
void admin_close(struct admin *admin);
/* After admin_close and after the journal's last callback. NULL is allowed. */
void admin_free(struct admin *admin);

enum admin_token {
	ADMIN_TOKEN_TAKEN,   /* or there is no admin.token_file, and the token is "" */
	ADMIN_TOKEN_EXPOSED, /* others may use the file, so that nobody shall come in by it: "" */
	ADMIN_TOKEN_NONE,    /* it can't be read, or holds no token: "" */
};
/* The first line of admin.token_file. But for ADMIN_TOKEN_TAKEN, the sentence says what is wrong. */
enum admin_token admin_read_token(const struct conf *conf, char token[ADMIN_TOKEN_SIZE], struct err *err);
/* The same, for whoever need not be its owner: one that may be root's and a group's will do for root, who may look at it for another user.
 * False and what is wrong; true and, in `err`, too, what should be known: that it is not open to whoever asks, or a group's, which root's own daemon does not take; "" when there is nothing to say. */
bool admin_check_token(const struct conf *conf, struct err *err);
/* At the start: as admin_read_token, but one that is exposed is told of in the log, and no fault. False and what is wrong. */
bool admin_read_first_token(const struct conf *conf, char token[ADMIN_TOKEN_SIZE], struct err *err);
void admin_set_token(struct admin *admin, const char *token);

/* The address of admin.listen as really bound, or NULL. */
const struct addr *admin_listen_address(const struct admin *admin);

/* Requests that wait for something are looked at again. */
void admin_check_waits(struct admin *admin);
bool admin_has_waits(const struct admin *admin);
/* Once a second: dead connections, descriptors in reserve. */
void admin_tick(struct admin *admin);

#endif

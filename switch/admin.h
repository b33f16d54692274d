/* The admin API's doors: the Unix socket and, where it is set, admin.listen. Control thread.
 *
 * Lets requests in that may come in, and hands them to switch/admin_routes. See docs/api.md. */
#ifndef TEAL_SWITCH_ADMIN_H
#define TEAL_SWITCH_ADMIN_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

#define ADMIN_TOKEN_SIZE 257

struct admin;
struct control;

/* Opens both doors. NULL and a sentence when that can't be done. */
struct admin *admin_new(struct control *control, struct err *err);
/* Closes the doors, ends what waits, removes the socket. NULL is allowed. */
void admin_close(struct admin *admin);
/* After admin_close and after the journal's last callback. NULL is allowed. */
void admin_free(struct admin *admin);

/* The first line of admin.token_file, which nobody but its owner may use; "" without that key. */
bool admin_read_token(const struct conf *conf, char token[ADMIN_TOKEN_SIZE], struct err *err);
void admin_set_token(struct admin *admin, const char *token);

/* The address of admin.listen as really bound, or NULL. */
const struct addr *admin_listen_address(const struct admin *admin);

/* Requests that wait for something are looked at again. */
void admin_check_waits(struct admin *admin);
bool admin_has_waits(const struct admin *admin);
/* Once a second: dead connections, descriptors in reserve. */
void admin_tick(struct admin *admin);

#endif

/* The listening sockets of the admin API, made so that nobody else's is taken away. Control thread, at the start. */
#ifndef TEAL_SWITCH_ADMIN_SOCKET_H
#define TEAL_SWITCH_ADMIN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/err.h"

struct admin_socket {
	int fd; /* -1: none */
	char *path;
	dev_t device; /* of the socket file that is ours */
	ino_t inode;
};

/* Mode 0660; a missing directory is made with 0750. A socket that nobody listens on any more is replaced; one that somebody does, or a file that
 * is no socket, is left alone: false and a sentence. */
bool admin_socket_open(struct admin_socket *made, const char *path, struct err *err);
/* Removes the file if it is still ours. The descriptor is somebody else's to close. */
void admin_socket_remove(struct admin_socket *made);

/* A TCP listener; `bound` gets its address. -1 and a sentence, without the key that names the address, when it can't be had. */
int admin_socket_listen(const struct addr *address, struct addr *bound, struct err *err);

#endif

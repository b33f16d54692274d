/* One end of a connection as a client or a backend holds it: what it said, what it heard, how it behaves. Test's thread. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_PARTY_H
#define TEAL_TESTS_FUZZ_EXCHANGE_PARTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct veil;

struct bytes {
	char *at;
	size_t length, size;
};

void bytes_add(struct bytes *bytes, const char *more, size_t length);

#define PARTY_RESTS_MAX 64u

/* How much had been heard and said at a moment when nothing moved any more. */
struct party_rest {
	size_t heard, said;
	bool said_end;
};

struct party {
	int fd;          /* -1 once closed by us */
	int near;        /* the worker's descriptor */
	ino_t inode;     /* of it, as the number may belong to another socket later */
	unsigned number; /* of the client, or of the backend */
	struct bytes said, heard;
	struct bytes waiting; /* to be said when there is room */
	struct veil *veil;    /* what all bytes pass through; NULL: they go as they are */
	size_t sealed;        /* the first ones of `waiting`: in a record that is not out yet */
	size_t served;        /* of `heard`: a backend of itself answered requests up to here */
	bool deaf;            /* reads nothing for now */
	bool slow;            /* not let in yet */
	bool said_fin;        /* wants to end behind what waits */
	bool said_end;        /* an orderly end lies behind `said`; whatever comes after it takes nothing back */
	bool said_reset;
	bool heard_fin, heard_reset;              /* the end that the worker made; a reset may come with a FIN */
	struct party_rest rests[PARTY_RESTS_MAX]; /* the first ones, each unlike the one before it */
	unsigned rest_count;
};

/* Takes one end over; the other one is the worker's. */
void party_open(struct party *party, int fd, int near, unsigned number);
/* From now on it speaks TLS, as a client or a server. What was heard and said are the bytes within; an end of the worker's that TLS does not tell of is a reset. */
void party_veil(struct party *party, bool server);
void party_say(struct party *party, const char *bytes, size_t length);
/* Moves what can be moved both ways. Whether anything was. */
bool party_pump(struct party *party);
/* Nothing moves now: a rest. */
void party_note_rest(struct party *party);
/* FIN, behind what was said. */
void party_finish(struct party *party);
/* Closes, with a reset when asked. */
void party_leave(struct party *party, bool reset);
void party_fini(struct party *party);

#endif

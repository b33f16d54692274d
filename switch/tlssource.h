/* One certificate with its key, or one file of authorities, as the configuration names it: what of it is in use, and what lies on the disk. Control thread; blocks on the disk.
 *
 * Reads, checks, and watches. Knows nothing of listeners and colors, and tells nobody. */
#ifndef TEAL_SWITCH_TLSSOURCE_H
#define TEAL_SWITCH_TLSSOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/tlsprofile.h"

enum tlssource_kind {
	TLSSOURCE_SERVER,      /* a pair that clients are shown */
	TLSSOURCE_CLIENT,      /* a pair that backends are shown */
	TLSSOURCE_AUTHORITIES, /* who is believed */
};

/* What was read: a certificate, or authorities. */
struct tlssource_content {
	struct certificate *certificate;
	struct authorities *authorities;
	uint8_t digest[TLSPROFILE_DIGEST_SIZE]; /* of all certificates, in their order */
};

/* Which file it is and how it was left, behind all links. */
struct tlssource_stamp {
	int error; /* why nothing is known of it, or 0 */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct tlssource {
	enum tlssource_kind kind;
	bool system;           /* authorities that no file is named for */
	char *path, *key_path; /* key_path: NULL of authorities */
	struct tlssource_content content;
	char *fault;                             /* why what lies on the disk is not what is in use; NULL: it is */
	uint64_t taken, refused;                 /* renewals, since the source was named first */
	unsigned told_level;                     /* of tlssource_level: the highest that was told of what is in use */
	struct tlssource_stamp read[2], seen[2]; /* of the files, when they were read last and at the last look */
	int64_t read_s;                          /* when that was; wall clock */
};

/* The texts are copied; `path` NULL: the system's authorities. Has no content yet. */
struct tlssource *tlssource_new(enum tlssource_kind kind, const char *path, const char *key_path);
/* NULL is allowed. */
void tlssource_free(struct tlssource *source);

/* Reads the files, and takes what is in them when it is good, whether its time is now or not. Once, before anything else. False: the sentence, which names the file. */
bool tlssource_load(struct tlssource *source, int64_t now_s, struct err *err);
/* Whether its time is now, which authorities' always is. */
bool tlssource_is_timely(const struct tlssource *source, int64_t now_s, struct err *err);
bool tlssource_has_same_content(const struct tlssource *a, const struct tlssource *b);
/* Both have the same content: `source` gets the other's objects, so that they are the same. */
void tlssource_swap_content(struct tlssource *source, struct tlssource *other);

enum tlssource_news {
	TLSSOURCE_NOTHING,
	TLSSOURCE_RENEWED, /* other content, in use from here on */
	TLSSOURCE_REFUSED, /* faulty: `fault` says why; what was in use stays */
	TLSSOURCE_MENDED,  /* what is in use lies on the disk again, behind a fault */
};

/* Reads the files when they are not as they were read last, and look the same for the second time in a row. What is faulty is read again after TLSSOURCE_AGAIN_S, and when the clock was set back, as its time may have come, or descriptors be free again; it is refused once. */
#define TLSSOURCE_AGAIN_S 60
enum tlssource_news tlssource_look(struct tlssource *source, int64_t now_s);

/* How near a certificate's end is: 0 (not near, or NULL) to TLSSOURCE_LEVEL_OVER. The levels begin 14, 7, 3 and 1 days before the end, of one that is good for less than 90 days at as small a part of that. Pure. */
#define TLSSOURCE_LEVEL_OVER 5u
unsigned tlssource_level(const struct certificate *certificate, int64_t now_s);

#endif

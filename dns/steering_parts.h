/* What the files of steering share: its state, and what each does for the others. Private to dns/steering*.c. Control thread. */
#ifndef TEAL_DNS_STEERING_PARTS_H
#define TEAL_DNS_STEERING_PARTS_H

#include <event2/event.h>

#include "dns/delegation.h"
#include "dns/route53.h"
#include "dns/safe_at.h"
#include "dns/steering.h"
#include "dns/steering_intent.h"
#include "dns/steering_live.h"

/* One request to Route 53 that only asks, with its own tries. */
#define STEERING_ASK_MS 15000u

struct steering_zone {
	char id[64];              /* "": not yet found */
	char name[R53_NAME_SIZE]; /* full */
	bool known;               /* what follows, and the name */
	bool is_private;
	char **name_servers;
	size_t name_server_count;
};

/* ---- steering_look.c: the zone, and the record in it ---- */

enum look_step { LOOK_IDLE, LOOK_FINDING, LOOK_ZONE, LOOK_RECORD };
struct steering_looking {
	enum look_step step;
	struct route53_call *call;
	bool wanted;        /* begins when the change under way is settled */
	const char *suffix; /* of steering.full: the zone's name that is tried */
	struct text others; /* zones that are none for us, for the sentence */
};

/* ---- steering_arm.c ---- */

enum arm_step { ARM_IDLE, ARM_KEYS, ARM_LOOK, ARM_DELEGATION, ARM_PERMISSION };
enum arm_row {
	ARM_ROW_CREDENTIALS,
	ARM_ROW_CLOCK,
	ARM_ROW_ZONE,
	ARM_ROW_DELEGATION,
	ARM_ROW_RECORD,
	ARM_ROW_PERMISSION,
	ARM_ROW_WAY_BACK,
	ARM_ROW_TTL,
	ARM_ROW_COUNT
};
struct steering_arming {
	enum arm_step step;
	enum steering_state state;
	enum color to;
	bool force;
	uint64_t need_ms, whole_ms;
	struct credentials_wait *wait;
	struct delegation *delegation;
	struct propagation *given; /* the file's name servers, instead of the delegation */
	struct event *given_limit;
	bool given_alias;
	struct route53_call *call;
	struct {
		bool passed, unsure; /* unsure: it could not be told */
		char *detail;        /* NULL: not known yet */
	} rows[ARM_ROW_COUNT];
};

/* ---- steering_change.c ---- */

enum change_step {
	CHANGE_IDLE,
	CHANGE_SENDING,
	CHANGE_SEND_PAUSE, /* nothing was done; the same again */
	CHANGE_READING,    /* the record is asked what became of it */
	CHANGE_READ_PAUSE,
};
struct steering_changing {
	enum change_step step;
	enum steering_state state;
	struct steering_intent intent; /* until it is accepted */
	struct batch batch;
	struct route53_call *call;
	struct event *timer;
	uint64_t deadline_ms, unsure_ms; /* monotonic; the latter: when the newest outcome became unknown */
	unsigned pauses;
	bool unsure; /* some sending may have been done */
	bool sent_again;
	bool superseding; /* in place of one whose outcome nobody knew */
	bool drifted;     /* refused for that */
	char *refusal;    /* of Route 53, while the record is read for what is behind it */
	char *lost;       /* what came of the newest try whose outcome is not known */
	char *sentence;
	uint64_t made_at; /* created_at of an intent of our own making that nobody can have sent yet; 0: none */
};

/* ---- steering_follow.c ---- */

struct steering_following {
	bool on;
	struct steering_intent intent; /* accepted */
	struct steering_zone zone;
	struct route53_call *call, *zone_call;
	struct event *poll, *zone_due, *safe_due;
	uint64_t poll_pause_ms, zone_pause_ms;
	uint64_t accepted_ms, insync_ms, safe_ms; /* monotonic */
	bool safe;
	bool asks_nobody; /* the servers can't tell, or can't be asked */
	bool resumed;     /* safe_at was worked out before a restart, and no server contradicted since */
	struct propagation *propagation;
	struct propagation_status status; /* the newest */
	bool has_status;
	char *poll_sentence, *server_sentence;
};

/* ---- steering_watch.c: the servers asked for people, while nothing is followed ---- */

struct steering_watching {
	struct propagation *propagation;
	struct event *end;   /* nobody asked for a minute */
	enum color old, new; /* what the answers stand for */
};

struct steering {
	struct steering_tools tools;
	const struct conf_route53 *conf;
	char full[R53_NAME_SIZE];
	struct event *news;
	struct steering_zone zone;

	struct record *records; /* as read last, or as the newest change left them */
	size_t record_count;
	uint64_t read_ms; /* 0: never */
	uint64_t read_at;
	bool has_records;
	struct steering_live_verdict verdict; /* of those */
	bool unread;                          /* the newest look failed */
	char *why;                            /* why it is not known what the record says */
	char *keyless;                        /* there were no keys for the newest call: why */

	uint64_t earlier_until; /* wall: until when something longer than the record's TTL may be cached */
	struct steering_looking look;
	struct steering_arming arm;
	struct steering_changing change;
	struct steering_following follow;
	struct steering_watching watch;
};

/* ---- steering.c ---- */

/* on_news with the next turn of the loop. */
void steering_tell(struct steering *steering);
/* Replaces a text; takes it away. */
void steering_say(char **slot, const char *format, ...) __attribute__((format(printf, 2, 3)));
void steering_say_args(char **slot, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void steering_hush(char **slot);
/* Of every call: whether there are keys, as far as that is known. */
void steering_note_keys(struct steering *steering, const struct route53_result *result);
struct event *steering_make_timer(struct steering *steering, event_callback_fn due);
/* After so long, or so many times sooner in a test. */
void steering_arm_timer(const struct steering *steering, struct event *timer, uint64_t ms);
uint64_t steering_scale(const struct steering *steering, uint64_t ms);
/* Takes the sets, of which a copy is kept, as what the record says. */
void steering_take_records(struct steering *steering, const struct record *records, size_t count);
struct record *steering_copy_records(const struct record *records, size_t count);
void steering_zone_take(struct steering_zone *zone, const struct r53_zone *from);
void steering_zone_forget(struct steering_zone *zone);

/* `example.com A 60s 192.0.2.1; …`, or "nothing". */
void steering_describe(const struct record *sets, size_t count, struct text *out);

/* ---- between the parts ---- */

void steering_look_begin(struct steering *steering);
/* Without anything said of it. True when one was under way. */
bool steering_look_drop(struct steering *steering);
/* A look that was put off begins. */
void steering_look_catch_up(struct steering *steering);

void steering_arm_drop(struct steering *steering, const char *why);
/* The look that it waits for is over: STEERING_DONE, REFUSED or FAILED, at that step, for `sentence`. */
void steering_arm_take_look(struct steering *steering, enum steering_state end, enum look_step step, const char *sentence);
void steering_arm_fini(struct steering *steering);

/* steering_given.c: the file's name servers beside the record that was read; steering_arm_take_given comes once, maybe from inside. */
void steering_given_ask(struct steering *steering);
void steering_given_stop(struct steering_arming *arm);
void steering_arm_take_given(struct steering *steering, bool passed, bool unsure, const char *sentence);

bool steering_change_is_pending(const struct steering *steering);
void steering_change_fini(struct steering *steering);
/* What a change to `to` would be, as if from the record as it was read last. False and a sentence. Ended by steering_intent_fini. */
bool steering_intend_make(struct steering *steering, enum color to, unsigned share, bool force, struct steering_intent *intent, struct err *err);

/* Takes the intent, which was accepted, in place of the one that is followed, and leaves it empty. */
void steering_follow_begin(struct steering *steering, struct steering_intent *intent);
void steering_follow_fini(struct steering *steering);
/* Until when what was before the newest change may be cached (wall), and with which TTL besides where no end is known: for the change behind it. */
void steering_follow_tell_earlier(const struct steering *steering, uint64_t *until_wall_ms, uint32_t *ttl_s);

/* The servers to ask: those of the file, else of the zone. 0 when there are none to be asked. */
size_t steering_servers_list(const struct steering *steering, const struct steering_zone *zone, struct addr servers[PROPAGATION_SERVERS_MAX]);
/* One set as propagation wants it; its texts are the set's, `values` lives as long as that. NULL: no set. */
void steering_servers_fill(const struct record *set, struct propagation_record *out);

/* What the name servers are asked to follow a change, without `earlier_until_ms`; texts are the intent's. False when several sets are answered afterwards, so that no server can tell. */
bool steering_servers_choose(const struct steering_intent *intent, struct propagation_what *what);

/* What the servers say, begun anew if it isn't asked: NULL when nobody can be. */
const struct propagation_status *steering_watch_read(struct steering *steering);
void steering_watch_stop(struct steering *steering);

#endif

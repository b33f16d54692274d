/* The stage of the shield's flow tests: blue is the new color and fails as each request says (X-Do), green is whole. What was counted meanwhile, per color. */
#ifndef TEAL_TESTS_FLOW_SHIELDED_H
#define TEAL_TESTS_FLOW_SHIELDED_H

#include "tests/flow/stage.h"

#define SHIELDED_GREEN 0 /* of the stage's backends */
#define SHIELDED_BLUE 1
#define SHIELDED_ALL (TABLE_SHIELD_FAILURES | TABLE_SHIELD_500 | TABLE_SHIELD_502 | TABLE_SHIELD_503 | TABLE_SHIELD_504)
#define SHIELDED_USUAL (SHIELDED_ALL & ~(unsigned)TABLE_SHIELD_500)

extern struct stage shielded_stage;
extern atomic_bool shielded_told;        /* what "503-told" waits for */
extern char shielded_answer[256 * 1024]; /* the last one that was asked for */
extern struct totals_sum shielded_before[COLOR_COUNT], shielded_after[COLOR_COUNT];

/* For cmocka: one worker, green, and blue live; every failure is covered; all of it ended. */
int shielded_open(void **state);
int shielded_close(void **state);
/* The same with a green that plays, too; a connection's script asks whose it is. */
void shielded_open_played(void (*script)(int fd));
bool shielded_is_green(int fd);
/* Publishes a table in which these failures are covered. */
void shielded_set(unsigned shield);

/* What blue plays; X-Do is one of the deeds listed there. */
void shielded_play_blue(int fd);
/* Asks for one answer, and returns its status. */
int shielded_ask(int fd, const char *method, const char *path, const char *deed);
/* Reads it to shielded_answer. */
int shielded_read(int fd);
/* Requests that green got. */
unsigned shielded_heard_by_green(void);

/* Begins to count. */
void shielded_begin(void);
/* Waits until nothing is in flight and nothing assists; what was counted since the beginning is known then. */
void shielded_settle(void);
#define shielded_gained(color, what) ((unsigned)(shielded_after[color].what - shielded_before[color].what))
/* Green's answers are nobody's requests. */
void shielded_assert_green_counts_nothing(void);

#endif

/* The change of a transport that may say no and takes time. Control thread; used by switch/switcher, switch/course and the files of its steps alone.
 *
 * Forward it stands between the record and the flip, or between two shares; what comes of it is decided here. The way back is in switch/back. Nothing is sent here that is not in the deployment: whoever
 * sends sees to it that the truth has it first. */
#ifndef TEAL_SWITCH_CHANGE_H
#define TEAL_SWITCH_CHANGE_H

#include "base/err.h"
#include "switch/course.h"

/* Whether the service is switched by changes. */
bool change_is_needed(const struct switcher *switcher);

/* Forward, before the record: what shall be changed becomes part of the deployment. False: it can't be, and the deployment is refused. */
bool change_prepare(struct switcher *switcher);
/* It is recorded. Enters STEP_CHANGE. */
void change_begin(struct switcher *switcher);
/* In steps, once the pause is over: that share is next; it is recorded in STEP_CHANGE itself. While what it is made of is being read the step goes on, and this is to be called again. */
void change_begin_step(struct switcher *switcher, size_t next);
/* STEP_CHANGE. */
void change_run(struct switcher *switcher);
/* A change forward was sent, and what comes of it is not known: whoever goes back waits for that. */
bool change_is_under_way(const struct switcher *switcher);

/* Makes the deployment's intent anew; it is not sent yet. As in struct actuator. False: the one from before stays. */
bool change_intend(struct switcher *switcher, enum color live, unsigned share, bool force, enum actuator_unable *unable, struct err *err);
/* The deployment has none from now on. */
void change_forget(struct switcher *switcher);
/* Sends the deployment's intent. */
void change_send(struct switcher *switcher);
/* Not pending for longer than COURSE_CHANGE_MS: then FAILED, with a sentence. Once it was made, the deployment has what became of it. */
enum actuator_change change_read(struct switcher *switcher, char *sentence, size_t size);
/* Of a change that was not made; static. */
const char *change_cause(enum actuator_change outcome);

/* Notes what became of the newest change, and writes it down. */
void change_note(struct switcher *switcher);
/* After a restart: goes on with the deployment's intent, which the truth had. */
void change_go_on(struct switcher *switcher, const struct deployment *deployment);

#endif

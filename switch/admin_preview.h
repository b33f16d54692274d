/* The admin API's part about previews. Control thread. Answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_PREVIEW_H
#define TEAL_SWITCH_ADMIN_PREVIEW_H

struct admin;
struct ask;

/* A POST though it changes nothing: a link lets whoever has it see the idle color, so it is not given out to those who may only read. */
void admin_preview_make(struct admin *admin, struct ask *ask);

#endif

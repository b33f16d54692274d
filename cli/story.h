/* A deployment's document told to a person at length: what was asked and by whom, how it ended and why, what happened when, the numbers, the gates, every event. */
#ifndef TEAL_CLI_STORY_H
#define TEAL_CLI_STORY_H

#include <jansson.h>

/* Prints on the screen. */
void story_tell(const json_t *deployment);
/* Why it ended as it did, without the outcome itself: a sentence, or a part of one; NULL while it runs. Borrowed. */
const char *story_find_why(const json_t *deployment);

#endif

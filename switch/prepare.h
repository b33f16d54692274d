/* `teal dns prepare` of one service: the TTL of its record is lowered ahead of a switch, and the old one waited out. Control thread.
 *
 * What is sent is on disk first, so that a restart goes on with it. A switch can't begin while the change is under way, nor this while a deployment is; waiting for caches hinders nobody. */
#ifndef TEAL_SWITCH_PREPARE_H
#define TEAL_SWITCH_PREPARE_H

#include <stdbool.h>
#include <jansson.h>

#include "switch/events.h"
#include "switch/keeper.h"
#include "switch/switcher.h"

struct prepare;
struct service;

/* All three outlive it. `service` needs no steering: then nothing can be started. */
struct prepare *prepare_new(struct service *service, struct keeper *keeper, struct events *events);
/* NULL is allowed. */
void prepare_free(struct prepare *prepare);

/* Begins the change of the record as it was read last; the caller has just had it read. True also when the record's TTL is the file's already: then there is nothing to change, and what is left is to wait. */
bool prepare_start(struct prepare *prepare, const char *actor, struct switcher_refusal *refusal);
/* Does what can be done now; when something was written or the steering has news, and once a second. */
void prepare_run(struct prepare *prepare);
/* From the request until the change was accepted or not. NULL is allowed. */
bool prepare_is_changing(const struct prepare *prepare);

/* {"state": "none"|"recording"|"changing"|"waiting"|"quick"|"refused"|"failed", "actor", "asked_at", "from_ttl_s", "ttl_s", "change_id", "accepted_at", "insync_at", "quick_from", "sentence"}. `quick_from` is from when on no
 * cache holds the longer TTL; null while that is not known. */
json_t *prepare_to_json(const struct prepare *prepare);
/* For the service's part of the truth: null when a restart has nothing to go on with. */
json_t *prepare_to_truth(const struct prepare *prepare);
/* Goes on with it, after the service's deployments were resumed. */
void prepare_resume(struct prepare *prepare, const json_t *truth);

#endif

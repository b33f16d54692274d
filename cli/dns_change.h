/* How far the change of a deployment by Route 53 has got, in words. Out of the deployment's document alone. */
#ifndef TEAL_CLI_DNS_CHANGE_H
#define TEAL_CLI_DNS_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

/* It is switched out of the path: it has a change, or will have one, and no figures of traffic. */
bool dns_change_is_of(const json_t *deployment);
/* Of the color that it sends nobody to any more: "" or ", caches may send users to blue for 12 s more". */
#define DNS_CHANGE_LEFT_SIZE 160
void dns_change_tell_left(const json_t *deployment, uint64_t now_ms, char out[DNS_CHANGE_LEFT_SIZE]);
/* One line on the screen: `change C…: accepted …, INSYNC …, given by every name server since …, in no cache any more since …`; nothing without a change. */
void dns_change_print(const json_t *deployment, uint64_t now_ms);

#endif

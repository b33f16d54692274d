/* What the record of a service says, who answers what, and when the old answer is gone, told to a person. Out of the admin API's document alone; prints on the screen. */
#ifndef TEAL_CLI_DNS_STATUS_H
#define TEAL_CLI_DNS_STATUS_H

#include <stdint.h>
#include <jansson.h>

/* `GET …/dns`. */
void dns_status_print(const json_t *status, uint64_t now_ms);

#endif

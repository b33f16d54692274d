/* The exact change of a switch by Route 53, told to a person. Out of the admin API's document alone; prints on the screen. */
#ifndef TEAL_CLI_DNS_PLAN_H
#define TEAL_CLI_DNS_PLAN_H

#include <jansson.h>

/* `GET …/dns/plan`: of a record, or what has to be created once for the policy health_check. */
void dns_plan_print(const json_t *plan);

#endif

/* Where Route 53 is asked and with whose keys: one struct route53 with its credentials for each (profile, region, endpoint) of the file, shared by the services that name the same. Control thread. */
#ifndef TEAL_SWITCH_DNS_ACCOUNTS_H
#define TEAL_SWITCH_DNS_ACCOUNTS_H

#include "conf/conf.h"

struct dns_accounts;
struct event_base;
struct fetch;
struct hook_tools;
struct resolver;
struct route53;

/* All of it outlives the accounts. */
struct dns_accounts_tools {
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	struct hook_tools *hooks; /* its errands and its runner */
};

/* Asks nobody yet. Keys are looked for in the environment of the process, among other places. */
struct dns_accounts *dns_accounts_new(const struct dns_accounts_tools *tools);
/* After everybody who has taken one. NULL is allowed. */
void dns_accounts_free(struct dns_accounts *accounts);

/* The one that a service's file asks for, made when it is the first to do so. To be given back; the last one to do so ends its calls, without callbacks. */
struct route53 *dns_accounts_take(struct dns_accounts *accounts, const struct conf_route53 *conf);
void dns_accounts_give(struct dns_accounts *accounts, struct route53 *route53);

#endif

/* Where Route 53 is asked and with whose keys. Control thread; looks for no key before it is needed. */
#include "switch/dns_accounts.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/memory.h"
#include "dns/credentials.h"
#include "dns/route53.h"
#include "switch/alike.h"
#include "switch/hook.h"

struct account {
	LIST_ENTRY(account) link;
	unsigned users;
	char *profile, *region, *endpoint; /* NULL: as the environment has it */
	struct credentials *credentials;
	struct route53 *route53;
};

struct dns_accounts {
	struct dns_accounts_tools tools;
	LIST_HEAD(account_list, account) list;
};

struct dns_accounts *dns_accounts_new(const struct dns_accounts_tools *tools)
{
	struct dns_accounts *accounts = memory_new(sizeof(*accounts));
	accounts->tools = *tools;
	LIST_INIT(&accounts->list);
	return accounts;
}

/* Calls wait for keys: they go first. */
static void close_account(struct account *account)
{
	LIST_REMOVE(account, link);
	route53_free(account->route53);
	credentials_free(account->credentials);
	free(account->profile);
	free(account->region);
	free(account->endpoint);
	free(account);
}

void dns_accounts_free(struct dns_accounts *accounts)
{
	struct account *account;
	if (!accounts)
		return;
	while ((account = LIST_FIRST(&accounts->list)))
		close_account(account);
	free(accounts);
}

static struct account *find(const struct dns_accounts *accounts, const struct conf_route53 *conf)
{
	struct account *account;
	LIST_FOREACH(account, &accounts->list, link)
	if (alike_text(account->profile, conf->profile) && alike_text(account->region, conf->region) && alike_text(account->endpoint, conf->endpoint))
		return account;
	return NULL;
}

static struct account *open_account(struct dns_accounts *accounts, const struct conf_route53 *conf)
{
	const struct dns_accounts_tools *tools = &accounts->tools;
	struct account *account = memory_new(sizeof(*account));
	account->profile = memory_text(conf->profile);
	account->region = memory_text(conf->region);
	account->endpoint = memory_text(conf->endpoint);
	account->credentials = credentials_new(
		&(struct credentials_tools){tools->loop, tools->fetch, tools->resolver, tools->hooks->errands, tools->hooks->runner},
		&(struct credentials_settings){
			.environment = (const char *const *)environ, .profile = account->profile, .region = account->region, .endpoint = account->endpoint});
	struct route53_tools asks = {
		.loop = tools->loop,
		.fetch = tools->fetch,
		.resolver = tools->resolver,
		.source = {credentials_get, credentials_cancel, credentials_refuse, account->credentials},
	};
	account->route53 = route53_new(&asks, &(struct route53_settings){0});
	LIST_INSERT_HEAD(&accounts->list, account, link);
	return account;
}

struct route53 *dns_accounts_take(struct dns_accounts *accounts, const struct conf_route53 *conf)
{
	struct account *account = find(accounts, conf);
	if (!account)
		account = open_account(accounts, conf);
	account->users++;
	return account->route53;
}

void dns_accounts_give(struct dns_accounts *accounts, struct route53 *route53)
{
	struct account *account;
	LIST_FOREACH(account, &accounts->list, link)
	if (account->route53 == route53)
		break;
	assert(account && account->users > 0);
	if (--account->users == 0)
		close_account(account);
}

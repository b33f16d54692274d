/* What a scene knows that the judges have to know. Test's thread. */
#include "tests/fuzz/exchange/oracle.h"
#include "tests/fuzz/exchange/scene.h"
#include "tests/fuzz/exchange/tally.h"

/* Where nothing speaks against it, it is sure what is kept from clients. */
static struct oracle_crossing read_crossing(const struct scene *scene)
{
	const struct scene_options *options = &scene->options;
	bool sure = !scene->relented && scene->call_count < SCENE_CALLS_MAX && !options->narrow_client;
	return (struct oracle_crossing){
		.shield = options->shield != 0,
		.fallback = options->fallback,
		.first_sure = !scene->flipped && !options->halves,
		.first = scene->live,
		.withheld = sure ? options->shield : 0,
		.withheld_missing = sure && options->fallback,
	};
}

static struct oracle_case describe(const struct scene *scene)
{
	return (struct oracle_case){
		.clients = scene->clients,
		.client_count = scene->client_count,
		.backends = scene->calls,
		.backend_count = scene->call_count,
		.limits = scene->worker.head_limits,
		.repeatable = ORACLE_SAFE_METHODS | scene->options.replay_methods,
		.announced = scene->options.announced,
		.crossing = read_crossing(scene),
		.announces = {scene->options.announces ? 1 : 0, scene->options.announces ? 2 : 0},
	};
}

void scene_judge(const struct scene *scene)
{
	struct oracle_case that = describe(scene);
	struct oracle_sums sums = oracle_check(&that);
	tally_check(scene->totals, &sums);
}

static bool everybody_listens(const struct scene *scene)
{
	bool listens = true;
	for (unsigned i = 0; i < scene->client_count; i++)
		listens &= !scene->clients[i]->deaf;
	for (unsigned i = 0; i < scene->call_count; i++)
		listens &= !scene->calls[i]->deaf && !scene->calls[i]->slow;
	return listens;
}

void scene_judge_delivery(const struct scene *scene)
{
	struct oracle_case that = describe(scene);
	if (everybody_listens(scene))
		oracle_check_delivered(&that);
}

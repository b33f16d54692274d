/* Sets beside the file's colors. Any thread. Asks nobody, and changes nothing. */
#include "dns/steering_live.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define WEIGHT_WHOLE 100u

const char *steering_live_type(const struct conf_route53 *conf)
{
	static const char *const TYPES[] = {[CONF_ROUTE53_A] = "A", [CONF_ROUTE53_AAAA] = "AAAA", [CONF_ROUTE53_CNAME] = "CNAME"};
	return TYPES[conf->type];
}

/* ---- sets of a color ---- */

static void make_set(const struct conf_route53 *conf, enum color color, struct record *set)
{
	const struct conf_route53_color *is = &conf->colors[color];
	char full[R53_NAME_SIZE];
	r53_name_make_full(conf->name, full, NULL); /* the file was checked */
	if (is->alias) {
		record_init_alias(set, full, steering_live_type(conf), is->alias_zone, is->alias, is->evaluate_target_health);
		return;
	}
	record_init(set, full, steering_live_type(conf), conf->ttl_s);
	for (size_t i = 0; i < is->value_count; i++)
		record_add_value(set, is->values[i]);
}

static const struct record *find_set(const struct record *sets, size_t count, const char *identifier)
{
	for (size_t i = 0; i < count; i++)
		if (identifier ? sets[i].set_identifier && strcmp(sets[i].set_identifier, identifier) == 0 : !sets[i].set_identifier)
			return &sets[i];
	return NULL;
}

/* The pair of weights whose share comes nearest; of those the smallest. Percents are what they look like. */
static void choose_weights(unsigned share, unsigned *to, unsigned *other)
{
	double wanted = (double)share / STEERING_LIVE_WHOLE, best = 2;
	*to = share / WEIGHT_WHOLE;
	*other = WEIGHT_WHOLE - *to;
	if (share % WEIGHT_WHOLE == 0)
		return;
	for (unsigned weight = 1; weight <= RECORD_WEIGHT_MAX; weight++) {
		double rest = fmin(fmax(round(weight * (1 - wanted) / wanted), 1), RECORD_WEIGHT_MAX), off = fabs(weight / (weight + rest) - wanted);
		if (off >= best)
			continue;
		best = off;
		*to = weight;
		*other = (unsigned)rest;
	}
}

static void keep_health_check(struct record *set, const struct record *present, size_t count)
{
	const struct record *before = find_set(present, count, set->set_identifier);
	if (before && before->health_check)
		record_set_health_check(set, before->health_check);
}

struct record *steering_live_make(
	const struct conf_route53 *conf, enum color to, unsigned share, const struct record *present, size_t present_count, size_t *count)
{
	struct record *sets = memory_array(COLOR_COUNT, sizeof(*sets));
	unsigned weights[COLOR_COUNT];
	*count = 0;
	choose_weights(share, &weights[to], &weights[color_other(to)]);
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		if (conf->policy != CONF_ROUTE53_WEIGHTED && color != to)
			continue;
		struct record *set = &sets[(*count)++];
		make_set(conf, color, set);
		if (conf->policy == CONF_ROUTE53_WEIGHTED)
			record_set_weight(set, color_name(color), weights[color]);
		keep_health_check(set, present, present_count);
	}
	return sets;
}

/* ---- what sets say ---- */

const struct record *steering_live_find_foreign(const struct record *sets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sets[i].foreign[0])
			return &sets[i];
	return NULL;
}

uint32_t steering_live_ttl(const struct record *sets, size_t count)
{
	uint32_t longest = count > 0 ? 0 : STEERING_LIVE_ABSENT_TTL_S;
	for (size_t i = 0; i < count; i++) {
		uint32_t ttl_s = sets[i].alias_zone ? STEERING_LIVE_ALIAS_TTL_S : sets[i].ttl;
		longest = ttl_s > longest ? ttl_s : longest;
	}
	return longest;
}

double steering_live_share(const struct record *sets, size_t count, size_t index)
{
	unsigned total = 0;
	if (!sets[index].set_identifier)
		return 1;
	for (size_t i = 0; i < count; i++)
		total += sets[i].weight;
	return total > 0 ? (double)sets[index].weight / total : 1.0 / (double)count;
}

/* Appended to the sentence, behind a semicolon where it says something already. */
static void add_note(struct steering_live_verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_note(struct steering_live_verdict *verdict, const char *format, ...)
{
	size_t length = strlen(verdict->sentence);
	va_list args;
	if (length > 0 && length + 2 < sizeof(verdict->sentence))
		length += (size_t)snprintf(verdict->sentence + length, sizeof(verdict->sentence) - length, "; ");
	va_start(args, format);
	vsnprintf(verdict->sentence + length, sizeof(verdict->sentence) - length, format, args);
	va_end(args);
}

static void add_strange(struct steering_live_verdict *verdict, const char *what, const struct record *set)
{
	struct text line;
	text_init(&line, sizeof(verdict->sentence) / 2);
	record_describe(set, &line);
	verdict->live = STEERING_NEITHER;
	add_note(verdict, "%s: %s", what, line.bytes);
	text_fini(&line);
}

static bool names_color(const struct conf_route53 *conf, const struct record *set, enum color color)
{
	struct record wanted;
	make_set(conf, color, &wanted);
	bool same = record_same_target(set, &wanted);
	record_fini(&wanted);
	return same;
}

static void judge_simple(const struct conf_route53 *conf, const struct record *sets, size_t count, struct steering_live_verdict *verdict)
{
	if (sets->set_identifier) {
		verdict->live = STEERING_NEITHER;
		add_note(verdict, "the record is weighted, of %zu sets, while the file has the policy simple", count);
		return;
	}
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		if (!names_color(conf, sets, color))
			continue;
		verdict->live = color == COLOR_BLUE ? STEERING_BLUE : STEERING_GREEN;
		verdict->share[color] = STEERING_LIVE_WHOLE;
		return;
	}
	add_strange(verdict, "the record names neither color", sets);
}

static bool check_pair(const struct conf_route53 *conf, const struct record *sets, size_t count, struct steering_live_verdict *verdict)
{
	for (size_t i = 0; i < count; i++) {
		enum color color;
		if (!sets[i].set_identifier) {
			add_strange(verdict, "the record is not weighted, while the file has the policy weighted", &sets[i]);
			return false;
		}
		if (!color_parse(sets[i].set_identifier, &color)) {
			add_strange(verdict, "the record has a set besides \"blue\" and \"green\"", &sets[i]);
			return false;
		}
		if (!names_color(conf, &sets[i], color)) {
			add_strange(verdict, "a set is called like a color and does not name it", &sets[i]);
			return false;
		}
	}
	return true;
}

static void judge_weighted(const struct conf_route53 *conf, const struct record *sets, size_t count, struct steering_live_verdict *verdict)
{
	if (!check_pair(conf, sets, count, verdict))
		return;
	const struct record *blue = find_set(sets, count, "blue"), *green = find_set(sets, count, "green");
	double share = blue ? steering_live_share(sets, count, (size_t)(blue - sets)) : 0;
	verdict->share[COLOR_BLUE] = (unsigned)lround(share * STEERING_LIVE_WHOLE);
	verdict->share[COLOR_GREEN] = STEERING_LIVE_WHOLE - verdict->share[COLOR_BLUE];
	verdict->live = share <= 0 ? STEERING_GREEN : share >= 1 ? STEERING_BLUE : STEERING_SPLIT;
	if (!blue || !green)
		add_note(verdict, "there is no set \"%s\" yet; a switch creates it", blue ? "green" : "blue");
	else if (blue->weight + green->weight == 0)
		add_note(verdict, "both sets have the weight 0, so that Route 53 gives both alike");
}

static void note_ttl(const struct conf_route53 *conf, const struct record *sets, struct steering_live_verdict *verdict)
{
	if (verdict->live == STEERING_NEITHER || sets->alias_zone || verdict->ttl_s == conf->ttl_s)
		return;
	add_note(verdict, "the record has a TTL of %" PRIu32 " s, and the file says %" PRIu32 " s", verdict->ttl_s, conf->ttl_s);
}

void steering_live_judge(const struct conf_route53 *conf, const struct record *sets, size_t count, struct steering_live_verdict *verdict)
{
	const struct record *foreign = steering_live_find_foreign(sets, count);
	*verdict = (struct steering_live_verdict){.live = STEERING_ABSENT, .ttl_s = steering_live_ttl(sets, count)};
	if (count == 0) {
		verdict->ttl_s = 0;
		add_note(verdict, "there is no %s record of %s", steering_live_type(conf), conf->name);
	} else if (foreign)
		add_strange(verdict, "the record holds what teal does not know, and so can't be changed", foreign);
	else if (conf->policy == CONF_ROUTE53_WEIGHTED)
		judge_weighted(conf, sets, count, verdict);
	else
		judge_simple(conf, sets, count, verdict);
	if (count > 0)
		note_ttl(conf, sets, verdict);
}

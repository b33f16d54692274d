/* Sentences about certificates. Control thread. Nothing of a key is in them but where it lies. */
#include "switch/tlsnews.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "switch/wire.h"

#define DAY_LENGTH 10 /* of `2026-01-31` */
#define WHOM_SIZE 320

static const char *write_day(int64_t at_s, char out[CLOCK_TEXT_SIZE])
{
	clock_format(at_s > 0 ? (uint64_t)at_s * 1000 : 0, out);
	out[DAY_LENGTH] = '\0';
	return out;
}

/* `the certificate for shop.example and 2 more names`. Names are nothing to backends; and the same pair may be both. */
static const char *write_whom(const struct tlssource *source, char out[WHOM_SIZE])
{
	const struct certificate *certificate = source->content.certificate;
	size_t more = certificate->name_count > 1 ? certificate->name_count - 1 : 0;
	if (source->kind == TLSSOURCE_CLIENT)
		snprintf(out, WHOM_SIZE, "the certificate that backends are shown");
	else if (more == 0)
		snprintf(out, WHOM_SIZE, "the certificate for %s", certificate->names[0]);
	else
		snprintf(out, WHOM_SIZE, "the certificate for %s and %zu more name%s", certificate->names[0], more, more == 1 ? "" : "s");
	return out;
}

static const char *write_left(const struct certificate *certificate, int64_t now_s, char out[48])
{
	unsigned days = certificate_days_left(certificate, now_s);
	if (now_s > certificate->last_s)
		snprintf(out, 48, "expired");
	else if (days == 0)
		snprintf(out, 48, "good for less than a day");
	else
		snprintf(out, 48, "good for %u more day%s", days, days == 1 ? "" : "s");
	return out;
}

static json_t *make_facts(const struct tlssource *source, int64_t now_s)
{
	const struct certificate *certificate = source->content.certificate;
	if (!certificate)
		return json_pack("{s:o, s:n, s:n, s:n}", "file", wire_text(source->path), "id", "not_after", "days_left");
	return json_pack("{s:o, s:s, s:o, s:i}", "file", wire_text(source->path), "id", certificate->id, "not_after",
		wire_time(certificate->last_s > 0 ? (uint64_t)certificate->last_s * 1000 : 0), "days_left", (int)certificate_days_left(certificate, now_s));
}

void tlsnews_warn(const struct tlssource *source, int64_t now_s)
{
	struct err err;
	const struct certificate *certificate = source->content.certificate;
	if (certificate && certificate->warning)
		log_warning("%s", certificate->warning);
	if (certificate && now_s < certificate->first_s && !tlssource_is_timely(source, now_s, &err))
		log_warning("%s", err.text);
}

void tlsnews_tell_renewed(struct events *events, const struct tlssource *source, int64_t now_s)
{
	const struct certificate *certificate = source->content.certificate;
	char text[1536], whom[WHOM_SIZE], day[CLOCK_TEXT_SIZE], left[48];
	if (certificate)
		snprintf(text, sizeof(text), "%s: %s is another one (%s) from now on, %s, until %s", source->path, write_whom(source, whom), certificate->id,
			write_left(certificate, now_s, left), write_day(certificate->last_s, day));
	else
		snprintf(text, sizeof(text), "%s: those who are believed are others from now on, %zu in all", source->path, source->content.authorities->count);
	events_emit(events, NULL, NULL, "certificate_renewed", make_facts(source, now_s), text);
	tlsnews_warn(source, now_s);
}

void tlsnews_tell_refused(struct events *events, const struct tlssource *source, int64_t now_s)
{
	const struct certificate *certificate = source->content.certificate;
	char text[1536], left[48];
	json_t *facts = make_facts(source, now_s);
	json_object_set_new(facts, "fault", wire_text(source->fault));
	if (certificate)
		snprintf(text, sizeof(text), "%s; the one before stays in use%s (%s, %s)", source->fault,
			source->kind == TLSSOURCE_CLIENT ? " towards backends" : "", certificate->id, write_left(certificate, now_s, left));
	else
		snprintf(text, sizeof(text), "%s; those before stay in use", source->fault);
	events_emit(events, NULL, NULL, "certificate_refused", facts, text);
}

void tlsnews_tell_mended(const struct tlssource *source)
{
	log_info("%s: what is in use lies on the disk again", source->path);
}

void tlsnews_remind(struct events *events, struct tlssource *source, int64_t now_s)
{
	const struct certificate *certificate = source->content.certificate;
	unsigned level = tlssource_level(certificate, now_s);
	char text[1536], whom[WHOM_SIZE], day[CLOCK_TEXT_SIZE], left[48];
	unsigned told = source->told_level;
	source->told_level = level; /* a lower one, too: the clock was set back, and the end is yet to come */
	if (level <= told)
		return;
	if (level == TLSSOURCE_LEVEL_OVER)
		snprintf(text, sizeof(text), "%s: %s expired on %s, and those who look at it refuse it: renew it", source->path, write_whom(source, whom),
			write_day(certificate->last_s, day));
	else
		snprintf(text, sizeof(text), "%s: %s is %s, until %s: renew it", source->path, write_whom(source, whom), write_left(certificate, now_s, left),
			write_day(certificate->last_s, day));
	events_emit(events, NULL, NULL, "certificate_expiring", make_facts(source, now_s), text);
}

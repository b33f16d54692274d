/* Version 2011-06-15 of STS's query protocol: a form, and XML back. Control thread. Knows nothing of profiles. */
#include "dns/cred_sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/url.h"
#include "dns/cred_http.h"
#include "dns/cred_json.h"
#include "dns/r53_error.h"
#include "dns/sigv4.h"
#include "dns/xml.h"

#define FORM_LIMIT ((size_t)80 * 1024) /* a token of 20,000 characters that all are escaped, and the rest */
#define TRY_MS 8000u
#define PAUSE_MS 1000u
#define TRIES 3u
#define CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

struct cred_sts {
	const struct credentials_tools *tools;
	struct cred_place place;
	struct text form;
	const struct cred_keys *signer;
	cred_sts_done *done;
	void *arg;
	struct cred_http *http;
	int64_t skew_s; /* how much its clock is ahead, once that is known */
	bool corrected;
	int64_t asked_s;
};

/* ---- forms ---- */

void cred_sts_add_field(struct text *form, const char *name, const char *value)
{
	text_addf(form, "&%s=", name);
	url_add_escaped(form, value);
}

void cred_sts_begin_form(struct text *form, const char *action, const char *role, const char *session)
{
	text_init(form, FORM_LIMIT);
	text_reserve(form);
	text_addf(form, "Action=%s&Version=2011-06-15", action);
	cred_sts_add_field(form, "RoleArn", role);
	cred_sts_add_field(form, "RoleSessionName", session);
}

bool cred_sts_check_session(const char *name, struct err *err)
{
	size_t length = strlen(name);
	if (length >= 2 && length <= 64 && name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-")] == '\0')
		return true;
	return err_set(err, "the session's name is none: expected 2 to 64 letters, digits and _+=,.@-");
}

/* The action is the word behind "Action=". */
static void read_action(const struct text *form, char *action, size_t size)
{
	snprintf(action, size, "%.*s", (int)strcspn(form->bytes + strlen("Action="), "&"), form->bytes + strlen("Action="));
}

/* ---- answers ---- */

static void explain_refusal(const struct xml_node *root, int status, char code[CRED_STS_CODE_SIZE], struct err *err)
{
	const char *said = xml_find_text(root, "Error/Code"), *message = xml_find_text(root, "Error/Message");
	char shown[400];
	size_t open = message ? r53_error_measure_public(message) : 0;
	cred_json_show(said ? said : "", code, CRED_STS_CODE_SIZE);
	cred_json_show(message ? message : "it gives no reason", shown, message && open + 1 < sizeof(shown) ? open + 1 : sizeof(shown));
	err_set(err, "STS refused with status %d%s%s: %s", status, code[0] ? ", " : "", code, shown);
}

static struct cred_keys *read_keys(const struct xml_node *root, const char *action, struct err *err)
{
	char path[80];
	snprintf(path, sizeof(path), "%.48sResult/Credentials", action);
	const struct xml_node *given = xml_find(root, path);
	struct cred_draft draft = {xml_find_text(given, "AccessKeyId"), xml_find_text(given, "SecretAccessKey"), xml_find_text(given, "SessionToken"),
		xml_find_text(given, "Expiration")};
	struct cred_keys *keys = NULL;
	if (!given)
		err_set(err, "there are no credentials in it");
	else if (!draft.token || !draft.expires)
		err_set(err, "it has no %s", draft.token ? "Expiration" : "SessionToken");
	else
		keys = cred_keys_new(&draft, err);
	if (!keys)
		err_prefix(err, "the answer of STS can't be used");
	return keys;
}

struct cred_keys *cred_sts_read(const char *action, int status, const char *body, size_t length, char code[CRED_STS_CODE_SIZE], struct err *err)
{
	enum xml_fault fault = XML_WELL;
	struct cred_keys *keys = NULL;
	struct xml *xml = xml_read(body, length, &fault);
	code[0] = '\0';
	if (status != 200)
		explain_refusal(xml ? xml_root(xml) : NULL, status, code, err);
	else if (!xml)
		err_set(err, "the answer of STS can't be used: it %s", xml_explain_fault(fault));
	else
		keys = read_keys(xml_root(xml), action, err);
	xml_free(xml);
	return keys;
}

/* ---- asking ---- */

void cred_sts_cancel(struct cred_sts *sts)
{
	if (sts->http)
		cred_http_cancel(sts->http);
	explicit_bzero(sts->form.bytes, sts->form.length);
	text_fini(&sts->form);
	cred_settings_drop(&sts->place);
	free(sts);
}

static void finish(struct cred_sts *sts, struct cred_keys *keys, const struct err *err)
{
	sts->done(sts->arg, keys, err);
	cred_sts_cancel(sts);
}

static bool ask(struct cred_sts *sts, struct err *err);

static bool is_about_clock(const char *code)
{
	return strcmp(code, "SignatureDoesNotMatch") == 0 || strcmp(code, "RequestExpired") == 0 || strcmp(code, "RequestTimeTooSkewed") == 0;
}

/* Whether the clocks differ so that another signature may do. Once. */
static bool correct_clock(struct cred_sts *sts, const struct fetch_answer *answer, const char *code)
{
	int64_t skew_s;
	if (!sts->signer || sts->corrected || !is_about_clock(code) || !sigv4_read_skew(fetch_answer_header(answer, "Date"), sts->asked_s, &skew_s))
		return false;
	sts->corrected = true;
	sts->skew_s = skew_s;
	return skew_s > 60 || skew_s < -60;
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct cred_sts *sts = arg;
	char code[CRED_STS_CODE_SIZE], action[48];
	struct err err;
	struct cred_keys *keys = NULL;
	sts->http = NULL;
	read_action(&sts->form, action, sizeof(action));
	if (answer->outcome != FETCH_ANSWERED)
		err_set(&err, "STS at %.120s gives no answer: %s", sts->place.url, answer->detail);
	else
		keys = cred_sts_read(action, answer->status, answer->body, answer->body_length, code, &err);
	if (answer->outcome == FETCH_ANSWERED && !keys && correct_clock(sts, answer, code) && ask(sts, &err))
		return;
	finish(sts, keys, &err);
}

static void post(struct cred_sts *sts, const char *const *headers)
{
	char url[2200];
	snprintf(url, sizeof(url), "%s/", sts->place.url);
	struct cred_http_request request = {
		.method = "POST", .url = url, .headers = headers, .body = sts->form.bytes, .timeout_ms = TRY_MS, .tries = TRIES, .pause_ms = PAUSE_MS};
	sts->http = cred_http_start(sts->tools, &request, on_answer, sts);
}

/* Host and path as they will be sent. */
static bool sign(struct cred_sts *sts, struct sigv4_lines *lines, struct err *err)
{
	static const struct sigv4_field fields[] = {{"Content-Type", CONTENT_TYPE}};
	const char *begin = strstr(sts->place.url, "://") + 3;
	char host[512], target[2200];
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(begin, "/"), begin);
	snprintf(target, sizeof(target), "%s/", begin + strcspn(begin, "/"));
	struct sigv4_request request = {.method = "POST",
		.host = host,
		.target = target,
		.fields = fields,
		.field_count = 1,
		.body = sts->form.bytes,
		.body_length = sts->form.length,
		.region = sts->place.region,
		.service = "sts"};
	struct sigv4_credentials signer = {sts->signer->id, sts->signer->secret, sts->signer->token};
	return sigv4_sign(&request, &signer, sts->asked_s + sts->skew_s, lines, err);
}

static bool ask(struct cred_sts *sts, struct err *err)
{
	static const char *const unsigned_headers[] = {"Content-Type: " CONTENT_TYPE, NULL};
	struct sigv4_lines lines;
	sts->asked_s = (int64_t)(clock_wall_ms() / 1000);
	if (!sts->signer) {
		post(sts, unsigned_headers);
		return true;
	}
	if (!sign(sts, &lines, err))
		return false;
	post(sts, (const char *const *)lines.lines);
	sigv4_lines_fini(&lines);
	return true;
}

struct cred_sts *cred_sts_start(
	const struct credentials_tools *tools, struct cred_place *place, struct text *form, const struct cred_keys *signer, cred_sts_done *done, void *arg)
{
	struct err err;
	struct cred_sts *sts = memory_new(sizeof(*sts));
	*sts = (struct cred_sts){.tools = tools, .place = *place, .form = *form, .signer = signer, .done = done, .arg = arg};
	/* Keys and region were checked when they were read. */
	if (!ask(sts, &err))
		abort();
	return sts;
}

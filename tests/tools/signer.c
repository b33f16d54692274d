/* Signs what it reads with dns/sigv4: a line of JSON on the standard input is a request with its credentials and time, a line on the standard output is its answer.
 *
 * usage: signer
 *
 * {"method", "host", "target", "fields": [[name, value], …], "body", "region", "service", "id", "secret", "token", "time"}, where `token` may be null, gives
 * {"canonical", "string_to_sign", "lines": […]} or {"error"}. For tests: it prints what is secret. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "dns/sigv4.h"

static const char *text_of(const json_t *from, const char *key)
{
	return json_string_value(json_object_get(from, key));
}

static struct sigv4_field *read_fields(const json_t *list)
{
	struct sigv4_field *fields = memory_array(json_array_size(list) + 1, sizeof(*fields));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *pair = json_array_get(list, i);
		fields[i].name = json_string_value(json_array_get(pair, 0));
		fields[i].value = json_string_value(json_array_get(pair, 1));
	}
	return fields;
}

static json_t *list_lines(const struct sigv4_lines *lines)
{
	json_t *list = json_array();
	for (char **line = lines->lines; *line; line++)
		json_array_append_new(list, json_string(*line));
	return list;
}

static json_t *sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials, int64_t time_s)
{
	struct sigv4_lines lines;
	struct err err;
	char date[SIGV4_DATE_SIZE];
	if (!sigv4_sign(request, credentials, time_s, &lines, &err) || !sigv4_write_date(time_s, date))
		return json_pack("{s:s}", "error", err.text);
	char *canonical = sigv4_make_canonical(request, credentials->token, date), *to_sign = sigv4_make_string_to_sign(request, date, canonical);
	json_t *answer = json_pack("{s:s, s:s, s:o}", "canonical", canonical, "string_to_sign", to_sign, "lines", list_lines(&lines));
	sigv4_lines_fini(&lines);
	sigv4_wipe(canonical);
	free(to_sign);
	return answer;
}

static void answer(const json_t *asked)
{
	struct sigv4_field *fields = read_fields(json_object_get(asked, "fields"));
	const json_t *body = json_object_get(asked, "body");
	struct sigv4_request request = {
		.method = text_of(asked, "method"),
		.host = text_of(asked, "host"),
		.target = text_of(asked, "target"),
		.fields = fields,
		.field_count = json_array_size(json_object_get(asked, "fields")),
		.body = json_string_value(body),
		.body_length = json_string_length(body),
		.region = text_of(asked, "region"),
		.service = text_of(asked, "service"),
	};
	struct sigv4_credentials credentials = {text_of(asked, "id"), text_of(asked, "secret"), text_of(asked, "token")};
	json_t *signed_one = sign(&request, &credentials, json_integer_value(json_object_get(asked, "time")));
	json_dumpf(signed_one, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(signed_one);
	free(fields);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, stdin) > 0) {
		json_error_t fault;
		json_t *asked = json_loads(line, 0, &fault);
		if (!asked) {
			fprintf(stderr, "signer: %s\n", fault.text);
			free(line);
			return 2;
		}
		answer(asked);
		json_decref(asked);
	}
	free(line);
	return 0;
}

/* TLS in the status document. Control thread; only reads. Nothing of a key is in it but where it lies. */
#include "switch/status_tls.h"

#include "switch/tlsplan.h"
#include "switch/wire.h"

static void add_use(void *arg, const char *place)
{
	json_array_append_new(arg, wire_text(place));
}

static json_t *list_uses(const struct tlsplan *plan, const struct tlssource *source)
{
	json_t *uses = json_array();
	tlsplan_list_uses(plan, source, add_use, uses);
	return uses;
}

static json_t *make_time(int64_t at_s)
{
	return wire_time(at_s > 0 ? (uint64_t)at_s * 1000 : 0);
}

static json_t *make_certificate(const struct tlsplan *plan, const struct tlssource *source, int64_t now_s)
{
	const struct certificate *certificate = source->content.certificate;
	json_t *object = json_object();
	json_object_set_new(object, "certificate", wire_text(source->path));
	json_object_set_new(object, "key", wire_text(source->key_path));
	json_object_set_new(object, "for", list_uses(plan, source));
	json_object_set_new(object, "names", wire_texts(certificate->names, certificate->name_count));
	json_object_set_new(object, "kind", wire_text(certificate->key_text));
	json_object_set_new(object, "id", json_string(certificate->id));
	json_object_set_new(object, "not_before", make_time(certificate->first_s));
	json_object_set_new(object, "not_after", make_time(certificate->last_s));
	json_object_set_new(object, "days_left", wire_count(certificate_days_left(certificate, now_s)));
	json_object_set_new(object, "expired", json_boolean(now_s > certificate->last_s));
	json_object_set_new(object, "expiring", json_boolean(tlssource_level(certificate, now_s) > 0));
	json_object_set_new(object, "fault", wire_text(source->fault));
	return object;
}

json_t *status_tls_make_certificates(const struct tlsplan *plan, int64_t now_s)
{
	json_t *array = json_array();
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i]->kind != TLSSOURCE_AUTHORITIES)
			json_array_append_new(array, make_certificate(plan, plan->sources[i], now_s));
	return array;
}

json_t *status_tls_make_authorities(const struct tlsplan *plan)
{
	json_t *array = json_array();
	for (size_t i = 0; i < plan->source_count; i++) {
		const struct tlssource *source = plan->sources[i];
		if (source->kind == TLSSOURCE_AUTHORITIES)
			json_array_append_new(array,
				json_pack("{s:o, s:b, s:o, s:o, s:o}", "file", wire_text(source->path), "system", source->system, "for",
					list_uses(plan, source), "count", wire_count(source->content.authorities->count), "fault", wire_text(source->fault)));
	}
	return array;
}

uint64_t status_tls_count_failed(const struct proxy_tls *side)
{
	uint64_t failed = 0;
	for (unsigned fault = 0; fault < SECURE_FAULT_COUNT; fault++)
		failed += side->faults[fault];
	return failed;
}

static json_t *make_side(const struct proxy_tls *side)
{
	json_t *faults = json_object();
	for (unsigned fault = SECURE_FINE + 1; fault < SECURE_FAULT_COUNT; fault++)
		json_object_set_new(faults, secure_fault_name((enum secure_fault)fault), wire_count(side->faults[fault]));
	return json_pack("{s:o, s:o, s:o, s:o}", "full", wire_count(side->full), "resumed", wire_count(side->resumed), "failed",
		wire_count(status_tls_count_failed(side)), "faults", faults);
}

json_t *status_tls_make_handshakes(const struct proxy_counters *counters)
{
	return json_pack("{s:o, s:o}", "clients", make_side(&counters->clients_tls), "backends", make_side(&counters->backends_tls));
}

json_t *status_tls_make_color(const struct conf_backend_tls *tls)
{
	if (!tls->on)
		return json_null();
	return json_pack("{s:b, s:o, s:o}", "verify", tls->verify, "name", wire_text(tls->name), "warning",
		wire_text(tls->verify ? NULL : "backends are not verified (tls.verify is off): whoever can take the address of one is believed to be it"));
}

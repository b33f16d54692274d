/* What Route 53 answers, as scripts of tests/unit/script.h write it, and keys without a search for them. */
#ifndef TEAL_TESTS_UNIT_ROUTE53_ANSWERS_H
#define TEAL_TESTS_UNIT_ROUTE53_ANSWERS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dns/route53.h"
#include "tests/unit/script.h"

#define NS " xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\""
#define ANSWER(status, fields, body) "HTTP/1.0 " status "\r\n" fields "\r\n" body
#define OK(body) \
	{ \
		ANSWER("200 OK", "x-amzn-RequestId: r-ok\r\n", "<?xml version=\"1.0\"?>\n" body), SCRIPT_CLOSES \
	}
#define ERROR(status, fields, code, message) \
	{ \
		ANSWER(status, fields, \
			"<ErrorResponse" NS "><Error><Type>Sender</Type><Code>" code "</Code><Message>" message \
			"</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"), \
			SCRIPT_CLOSES \
	}
#define SUBMITTED "<SubmittedAt>2026-01-01T00:00:00.000Z</SubmittedAt></ChangeInfo>"
#define PENDING_INFO "<ChangeInfo><Id>/change/C123</Id><Status>PENDING</Status>" SUBMITTED
#define IN_SYNC_INFO "<ChangeInfo><Id>/change/C123</Id><Status>INSYNC</Status>" SUBMITTED
#define CHANGED \
	{ \
		ANSWER("200 OK", "", "<ChangeResourceRecordSetsResponse" NS ">" PENDING_INFO "</ChangeResourceRecordSetsResponse>"), SCRIPT_CLOSES \
	}
#define IN_SYNC \
	{ \
		ANSWER("200 OK", "", "<GetChangeResponse" NS ">" IN_SYNC_INFO "</GetChangeResponse>"), SCRIPT_CLOSES \
	}
#define HANG \
	{ \
		NULL, SCRIPT_HANGS \
	}
#define RESET \
	{ \
		NULL, SCRIPT_RESETS \
	}
#define HANGUP \
	{ \
		NULL, SCRIPT_CLOSES \
	}

#define ZONE(id, name, is_private) \
	"<HostedZone><Id>/hostedzone/" id "</Id><Name>" name "</Name><Config><PrivateZone>" is_private "</PrivateZone></Config></HostedZone>"
#define ZONES(zones, rest) \
	OK("<ListHostedZonesByNameResponse" NS "><HostedZones>" zones "</HostedZones>" rest "<MaxItems>100</MaxItems></ListHostedZonesByNameResponse>")

#define SET(name, type, identifier, value) \
	"<ResourceRecordSet><Name>" name "</Name><Type>" type "</Type>" identifier "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>" value \
	"</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
#define WEIGHTED(identifier) "<SetIdentifier>" identifier "</SetIdentifier><Weight>1</Weight>"
#define PAGE(sets, rest) OK("<ListResourceRecordSetsResponse" NS "><ResourceRecordSets>" sets "</ResourceRecordSets>" rest "</ListResourceRecordSetsResponse>")
#define LAST "<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
#define NEXT(name, type, identifier) \
	"<IsTruncated>true</IsTruncated><NextRecordName>" name "</NextRecordName><NextRecordType>" type "</NextRecordType>" identifier

#define RATE ERROR("400 Bad Request", "", "Throttling", "Rate exceeded")
#define PRIOR ERROR("400 Bad Request", "", "PriorRequestNotComplete", "still busy")
#define BROKEN ERROR("500 Internal Server Error", "", "InternalFailure", "oh")

/* ---- keys, without a search for them ---- */

struct credentials {
	struct event_base *loop;
	char endpoint[96];
	unsigned given, refused;
	const char *fault; /* NULL: there are keys */
	bool silent;       /* none ever come */
	uint64_t expires_ms;
	uint64_t needed_ms;
	char last_refused[32];
};

struct credentials_wait {
	struct credentials *credentials;
	struct event *soon;
	credentials_ready *on_ready;
	void *arg;
};

static inline void end_wait(struct credentials_wait *wait)
{
	event_free(wait->soon);
	free(wait);
}

static inline void on_soon(evutil_socket_t fd, short what, void *arg)
{
	struct credentials_wait own = *(struct credentials_wait *)arg;
	struct credentials *credentials = own.credentials;
	struct err err = {""};
	char id[32];
	(void)fd, (void)what;
	end_wait(arg);
	snprintf(id, sizeof(id), "AKID%u", credentials->refused);
	struct credentials_keys keys = {.id = id,
		.secret = "SECRETKEY",
		.token = "SECRETTOKEN",
		.source = "a test",
		.endpoint = credentials->endpoint,
		.region = "us-east-1",
		.expires_ms = credentials->expires_ms};
	credentials->given++;
	if (credentials->fault)
		err_set(&err, "%s", credentials->fault);
	own.on_ready(own.arg, credentials->fault ? NULL : &keys, &err);
}

static inline struct credentials_wait *get_keys(struct credentials *credentials, uint64_t need_for_ms, credentials_ready *on_ready, void *arg)
{
	struct credentials_wait *wait = calloc(1, sizeof(*wait));
	*wait = (struct credentials_wait){credentials, evtimer_new(credentials->loop, on_soon, wait), on_ready, arg};
	credentials->needed_ms = need_for_ms;
	if (!credentials->silent)
		evtimer_add(wait->soon, &(struct timeval){0});
	return wait;
}

static inline void refuse_keys(struct credentials *credentials, const char *id)
{
	snprintf(credentials->last_refused, sizeof(credentials->last_refused), "%s", id);
	credentials->refused++;
}

#endif

"""The stand-in for Route 53 (route53/) is what it claims to be: its API's rules, its name servers, its switches. test_route53_clients.py has real clients' view."""
import concurrent.futures
import http.client
import json
import math
import random
import subprocess
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import dns.exception
import dns.rdatatype
import pytest

import daemon as rig
import route53
from route53 import answering, authority, faults, names, refusals, resolvers, shapes, zones

A, B = "192.0.2.1", "192.0.2.2"
CHANGE = "ChangeResourceRecordSets"
SPACE = refusals.NAMESPACE


@pytest.fixture
def world():
    with route53.World(delays=(0.0, 0.0)) as one:
        one.zone.put(route53.simple("www.example.test", "A", 60, A))
        one.identity = one.account.issue()
        yield one


def sign(url, identity, method="GET", body=b"", region="us-east-1", service="route53", headers=()):
    """The headers that botocore's own signer makes for a request."""
    request = botocore.awsrequest.AWSRequest(method, url, data=body, headers={"Host": urllib.parse.urlsplit(url).netloc, **dict(headers)})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(identity.key, identity.secret, identity.token), service, region).add_auth(request)
    return list(request.headers.items())


def send(authority_, method, target, headers, body=b"", timeout=30):
    """(status, body, headers) of a request whose headers are these and no others."""
    connection = http.client.HTTPConnection(authority_, timeout=timeout)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def call(world, target, method="GET", body=b"", identity=None, timeout=30):
    return send(world.api.authority, method, target, sign(world.api.url + target, identity or world.identity, method, body), body, timeout)


def code_of(answer):
    return answer[0], shapes.read_error(answer[0], answer[1])[0]


def document(*changes):
    """A change batch as XML: (action, the inside of a record set)..."""
    inner = "".join(f"<Change><Action>{action}</Action><ResourceRecordSet>{text}</ResourceRecordSet></Change>" for action, text in changes)
    return f'<ChangeResourceRecordSetsRequest xmlns="{SPACE}"><ChangeBatch><Changes>{inner}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>'.encode()


def simple_xml(address, name="www.example.test", ttl=60):
    return f"<Name>{name}</Name><Type>A</Type><TTL>{ttl}</TTL><ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>"


def swap(old, new):
    return document(("DELETE", simple_xml(old)), ("CREATE", simple_xml(new)))


def post(world, body, **more):
    return call(world, f"/2013-04-01/hostedzone/{world.zone.id}/rrset/", "POST", body, **more)


def address_of(world):
    return world.zone.find("www.example.test", "A")["ResourceRecords"][0]["Value"]


# ---- names ----

NAMES = {
    "a dot is added": ("www.example.test", "www.example.test."),
    "lower case": ("WWW.Example.TEST.", "www.example.test."),
    "a wildcard": ("*.example.test", "\\052.example.test."),
    "one that is escaped": ("\\052.example.test.", "\\052.example.test."),
    "an escaped letter": ("\\101b.example.test", "ab.example.test."),
    "a dot within a label": ("a\\056b.test", "a\\056b.test."),
    "others": ("a!b_c-d.test", "a\\041b_c-d.test."),
    "bytes above 127": ("\\303\\244.test", "\\303\\244.test."),
    "the root": (".", "."),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    given, expected = NAMES[name]
    assert names.normal(given) == expected
    assert names.normal(expected) == expected
    assert names.from_dns(names.to_dns(given)) == expected


@pytest.mark.parametrize("name", ["a..test", "x" * 64 + ".test", ".".join(["x" * 60] * 5), "a\\"])
def test_bad_names(name):
    with pytest.raises(names.BadName):
        names.normal(name)


# ---- signatures ----

def changed(headers, name, value):
    return [(key, value if key.lower() == name.lower() else old) for key, old in headers]


def edited(headers, name, old, new):
    return [(key, text.replace(old, new, 1) if key.lower() == name.lower() else text) for key, text in headers]


LIST = "/2013-04-01/hostedzone/ZONE/rrset?maxitems=5&name=%5C052.example.test&type=A"
MISMATCH = (403, "SignatureDoesNotMatch")
SPOILT = {
    "no authorization": (lambda h: [one for one in h if one[0] != "Authorization"], LIST, (403, "MissingAuthenticationToken")),
    "another host": (lambda h: changed(h, "Host", "127.0.0.1:1"), LIST, MISMATCH),
    "a later time": (lambda h: edited(h, "X-Amz-Date", "Z", "Z "), LIST, (403, "IncompleteSignature")),
    "the time twice": (lambda h: h + [one for one in h if one[0] == "X-Amz-Date"], LIST, (403, "IncompleteSignature")),
    "an x-amz header that is not signed": (lambda h: [*h, ("X-Amz-Foo", "1")], LIST, MISMATCH),
    "a token nobody issued": (lambda h: [*h, ("X-Amz-Security-Token", "1")], LIST, (403, "InvalidClientTokenId")),
    "another key": (lambda h: edited(h, "Authorization", "=AKIA", "=AKIB"), LIST, (403, "InvalidClientTokenId")),
    "a signed header that is absent": (lambda h: edited(h, "Authorization", "SignedHeaders=host", "SignedHeaders=accept;host"), LIST, MISMATCH),
    "host not signed": (lambda h: edited(h, "Authorization", "SignedHeaders=host;", "SignedHeaders="), LIST, MISMATCH),
    "another service": (lambda h: edited(h, "Authorization", "/route53/", "/route54/"), LIST, MISMATCH),
    "another region": (lambda h: edited(h, "Authorization", "/us-east-1/", "/eu-west-1/"), LIST, MISMATCH),
    "another day": (lambda h: edited(h, "Authorization", "/20", "/10"), LIST, MISMATCH),
    "a part missing": (lambda h: edited(h, "Authorization", "Signature=", "Signatur="), LIST, (403, "IncompleteSignature")),
    "another query": (lambda h: h, LIST.replace("=5", "=6"), MISMATCH),
    "a parameter more": (lambda h: h, LIST + "&x", MISMATCH),
    "another path": (lambda h: h, LIST.replace("/rrset", "/rrset/"), MISMATCH),
    "a plus for a blank": (lambda h: h, LIST.replace("%5C052", "+"), MISMATCH),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_signature(world, name):
    spoil, target, expected = SPOILT[name]
    headers = sign(world.api.url + LIST.replace("ZONE", world.zone.id), world.identity)
    assert code_of(send(world.api.authority, "GET", target.replace("ZONE", world.zone.id), spoil(headers))) == expected


SAME = {
    "as it is": LIST,
    "another order": "/2013-04-01/hostedzone/ZONE/rrset?type=A&name=%5C052.example.test&maxitems=5",
    "other letters": LIST.replace("%5C", "%5c"),
    "less encoded": LIST.replace("example", "ex%61mple"),
    "a path with empty segments": LIST.replace("/rrset", "/./rrset"),
}


@pytest.mark.parametrize("name", SAME)
def test_same_in_canonical_form(world, name):
    headers = sign(world.api.url + LIST.replace("ZONE", world.zone.id), world.identity)
    assert send(world.api.authority, "GET", SAME[name].replace("ZONE", world.zone.id), headers)[0] == 200


def test_every_byte_of_a_body_counts(world):
    body = swap(A, B)
    target = f"/2013-04-01/hostedzone/{world.zone.id}/rrset/"
    headers = sign(world.api.url + target, world.identity, "POST", body)
    for at in random.Random(7).sample(range(len(body)), 20):
        assert code_of(send(world.api.authority, "POST", target, headers, body[:at] + bytes([body[at] ^ 1]) + body[at + 1:])) == MISMATCH
    assert address_of(world) == A
    assert send(world.api.authority, "POST", target, headers, body)[0] == 200


@pytest.mark.parametrize("skew, said", [(600, b"Signature expired: "), (-600, b"Signature not yet current: ")])
def test_clock(world, skew, said):
    world.clock.skew = skew
    status, body, headers = call(world, "/2013-04-01/hostedzone")
    assert status == 403 and said in body and b"5 min.)" in body
    assert abs(time.mktime(time.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone - world.clock.now()) < 60
    world.clock.skew = skew / 5
    assert call(world, "/2013-04-01/hostedzone")[0] == 200


def test_tokens(world):
    one = world.account.issue(lifetime=3600)
    assert call(world, "/2013-04-01/hostedzone", identity=one)[0] == 200
    bare = route53.account.Identity(one.key, one.secret)
    assert code_of(call(world, "/2013-04-01/hostedzone", identity=bare)) == (403, "InvalidClientTokenId")
    world.account.expire(one)
    assert code_of(call(world, "/2013-04-01/hostedzone", identity=one)) == (403, "ExpiredToken")
    assert one.secret not in repr(one) and one.token not in repr(one)


# ---- documents ----

GOOD = document(("UPSERT", simple_xml(B)))
BODIES = {
    "no XML": (b"<", "MalformedXML"),
    "a document type": (b"<!DOCTYPE x>" + GOOD, "MalformedXML"),
    "no namespace": (GOOD.replace(b' xmlns="' + SPACE.encode() + b'"', b""), "MalformedXML"),
    "another namespace": (GOOD.replace(b"https:", b"http:"), "MalformedXML"),
    "another root": (GOOD.replace(b"SetsRequest", b"SetRequest"), "MalformedXML"),
    "an unknown element": (GOOD.replace(b"<TTL>", b"<Ttl>1</Ttl><TTL>"), "MalformedXML"),
    "an element twice": (GOOD.replace(b"<Type>A</Type>", b"<Type>A</Type>" * 2), "MalformedXML"),
    "out of order": (document(("UPSERT", "<Type>A</Type><Name>www.example.test</Name>")), "MalformedXML"),
    "text between elements": (GOOD.replace(b"<Changes>", b"<Changes>x"), "MalformedXML"),
    "a number that is none": (GOOD.replace(b"60", b"sixty"), "MalformedXML"),
    "no name": (document(("UPSERT", "<Type>A</Type>")), "InvalidInput"),
    "no changes": (document(), "InvalidInput"),
    "an unknown action": (GOOD.replace(b"UPSERT", b"REPLACE"), "InvalidInput"),
    "an unknown type": (GOOD.replace(b"<Type>A<", b"<Type>B<"), "InvalidInput"),
    "a weight of 256": (document(("UPSERT", simple_xml(B).replace("<TTL>", "<SetIdentifier>a</SetIdentifier><Weight>256</Weight><TTL>"))), "InvalidInput"),
    "an empty identifier": (document(("UPSERT", simple_xml(B).replace("<TTL>", "<SetIdentifier/><Weight>2</Weight><TTL>"))), "InvalidInput"),
    "a weight without an identifier": (document(("UPSERT", simple_xml(B).replace("<TTL>", "<Weight>2</Weight><TTL>"))), "InvalidInput"),
    "an identifier without a policy": (document(("UPSERT", simple_xml(B).replace("<TTL>", "<SetIdentifier>a</SetIdentifier><TTL>"))), "InvalidInput"),
    "neither values nor alias": (document(("UPSERT", "<Name>www.example.test</Name><Type>A</Type>")), "InvalidInput"),
    "values without a TTL": (GOOD.replace(b"<TTL>60</TTL>", b""), "InvalidInput"),
    "a TTL below zero": (GOOD.replace(b"60", b"-1"), "InvalidInput"),
    "no address": (document(("UPSERT", simple_xml("192.0.2.300"))), "InvalidChangeBatch"),
    "a bad name": (document(("UPSERT", simple_xml(B, "a..example.test"))), "InvalidChangeBatch"),
}


@pytest.mark.parametrize("name", BODIES)
def test_faulty_body(world, name):
    body, code = BODIES[name]
    world.api.batch_error = refusals.error_response
    assert code_of(post(world, body)) == (400, code)
    assert address_of(world) == A


def test_form_of_what_is_sent(world):
    assert post(world, b'<?xml version="1.0" encoding="UTF-8"?>\n' + GOOD.replace(b"><", b">\n <"))[0] == 200
    assert address_of(world) == B


PATHS = {
    "an empty id is read as another path": ("/2013-04-01/hostedzone//rrset", (404, "NoSuchHostedZone")),
    "no such zone": ("/2013-04-01/hostedzone/Z0/rrset", (404, "NoSuchHostedZone")),
    "no such change": ("/2013-04-01/change/C0", (404, "NoSuchChange")),
    "no such health check": ("/2013-04-01/healthcheck/0/status", (404, "NoSuchHealthCheck")),
    "a type without a name": ("/2013-04-01/hostedzone/ZONE/rrset?type=A", (400, "InvalidInput")),
    "an unknown parameter": ("/2013-04-01/hostedzone/ZONE/rrset?nam=a", (400, "InvalidInput")),
    "a parameter twice": ("/2013-04-01/hostedzone/ZONE/rrset?name=a&name=b", (400, "InvalidInput")),
    "no number": ("/2013-04-01/hostedzone/ZONE/rrset?maxitems=x", (400, "InvalidInput")),
    "none at all": ("/2013-04-01/hostedzone/ZONE/rrset?maxitems=0", (400, "InvalidInput")),
    "a long id": ("/2013-04-01/hostedzone/" + "Z" * 33, (400, "InvalidInput")),
    "no operation": ("/2013-04-01/hostedzones", (404, "UnknownOperationException")),
}


@pytest.mark.parametrize("name", PATHS)
def test_refused_path(world, name):
    target, expected = PATHS[name]
    assert code_of(call(world, target.replace("ZONE", world.zone.id))) == expected


def test_forms_of_errors(world):
    body = document(("DELETE", simple_xml(B)), ("CREATE", simple_xml(B, "www.other.test")))
    listed = post(world, body)
    assert listed[0] == 400 and listed[1].count(b"<Message>") == 2 and b"<InvalidChangeBatch xmlns" in listed[1] and b"<Code>" not in listed[1]
    world.api.batch_error = refusals.error_response
    code, message = shapes.read_error(400, post(world, body)[1])
    assert code == "InvalidChangeBatch" and message.startswith("[Tried to delete ") and message.endswith("]") and ", RRSet with DNS name " in message
    world.api.error = refusals.bare
    assert call(world, "/2013-04-01/hostedzone/Z0")[1] == b"<NoSuchHostedZone><Message>No hosted zone found with ID: Z0</Message></NoSuchHostedZone>"


# ---- change batches ----

Z = "example.test"


def put_of(*sets):
    return [("UPSERT", one) for one in sets]


BLUE, GREEN = (route53.weighted("w." + Z, "A", color, weight, 10, address) for color, weight, address in (("blue", 255, A), ("green", 0, B)))
WWW = route53.simple("www." + Z, "A", 60, A)
NOT_EQUAL = "values provided do not match the current values"
BATCHES = {
    # name: (sets before, changes, what a message has or None, sets of `of` afterwards)
    "create": ([], [("CREATE", WWW)], None),
    "create what exists": ([WWW], [("CREATE", WWW)], "[name='www.example.test.', type='A'] but it already exists"),
    "create what exists with an identifier": ([BLUE], [("CREATE", BLUE)], "type='A', set identifier='blue'] but it already exists"),
    "delete": ([WWW], [("DELETE", WWW)], None),
    "delete what is not there": ([], [("DELETE", WWW)], "was not found"),
    "delete in another order": ([route53.simple("m." + Z, "A", 60, A, B)], [("DELETE", route53.simple("M.example.TEST.", "A", 60, B, A))], None),
    "delete with another TTL": ([WWW], [("DELETE", {**WWW, "TTL": 61})], NOT_EQUAL),
    "delete with another value": ([WWW], [("DELETE", route53.simple("www." + Z, "A", 60, B))], NOT_EQUAL),
    "delete with a value less": ([route53.simple("m." + Z, "A", 60, A, B)], [("DELETE", route53.simple("m." + Z, "A", 60, A))], NOT_EQUAL),
    "delete with another weight": ([BLUE], [("DELETE", {**BLUE, "Weight": 254})], NOT_EQUAL),
    "delete without its health check": ([{**BLUE, "HealthCheckId": "h"}], [("DELETE", BLUE)], NOT_EQUAL),
    "swap": ([WWW], [("DELETE", WWW), ("CREATE", {**WWW, "TTL": 5})], None),
    "swap in the wrong order": ([WWW], [("CREATE", {**WWW, "TTL": 5}), ("DELETE", WWW)], "invalid set of changes"),
    "the same twice": ([], [("UPSERT", WWW), ("UPSERT", WWW)], "invalid set of changes"),
    "upsert and create": ([], [("UPSERT", WWW), ("CREATE", WWW)], "invalid set of changes"),
    "upsert over anything": ([WWW], [("UPSERT", route53.simple("www." + Z, "A", 1, B))], None),
    "both weights": ([BLUE, GREEN], put_of({**BLUE, "Weight": 0}, {**GREEN, "Weight": 255}), None),
    "weights by a swap": ([BLUE, GREEN], [("DELETE", BLUE), ("DELETE", GREEN), ("CREATE", {**BLUE, "Weight": 0}), ("CREATE", {**GREEN, "Weight": 255})], None),
    "another TTL for one sibling": ([BLUE, GREEN], put_of({**GREEN, "TTL": 20}), "must have the same TTL"),
    "another TTL for both": ([BLUE, GREEN], put_of({**BLUE, "TTL": 20}, {**GREEN, "TTL": 20}), None),
    "two values with a weight": ([], put_of({**BLUE, "ResourceRecords": [{"Value": A}, {"Value": B}]}), "may have one value only"),
    "simple beside weighted": ([BLUE], put_of(route53.simple("w." + Z, "A", 10, A)), "cannot be created as other RRSets exist with the same name and type."),
    "weighted beside simple": ([WWW], put_of(route53.weighted("www." + Z, "A", "b", 1, 60, B)), "SetIdentifier b cannot be created as other RRSets exist"),
    "simple to weighted": ([WWW], [("DELETE", WWW), ("CREATE", route53.weighted("www." + Z, "A", "b", 1, 60, B))], None),
    "failover beside weighted": ([BLUE], put_of({**route53.simple("w." + Z, "A", 10, B), "SetIdentifier": "x", "Failover": "PRIMARY"}), "as other RRSets exist"),
    "CNAME beside A": ([WWW], put_of(route53.simple("www." + Z, "CNAME", 60, "a.test.")), "RRSet of type CNAME with DNS name www.example.test. is not permitted as it conflicts"),
    "A beside CNAME": ([route53.simple("c." + Z, "CNAME", 60, "a.test.")], put_of(route53.simple("c." + Z, "A", 60, A)), "RRSet of type A with DNS name c.example.test. is not permitted"),
    "A to CNAME": ([WWW], [("DELETE", WWW), ("CREATE", route53.simple("www." + Z, "CNAME", 60, "a.test."))], None),
    "CNAME at the apex": ([], put_of(route53.simple(Z, "CNAME", 60, "a.test.")), "not permitted at apex"),
    "two CNAMEs": ([], put_of(route53.simple("c." + Z, "CNAME", 60, "a.test.", "b.test.")), "may have one value only"),
    "a value twice": ([], put_of(route53.simple("c." + Z, "A", 60, A, A)), "Duplicate Resource Record"),
    "another zone": ([], put_of(route53.simple("www.other.test", "A", 60, A)), "RRSet with DNS name www.other.test. is not permitted in zone example.test."),
    "a name that only ends alike": ([], put_of(route53.simple("wwwexample.test", "A", 60, A)), "is not permitted in zone"),
    "without NS": ([], [("DELETE", "NS")], "must contain at least one NS record"),
    "without SOA": ([], [("DELETE", "SOA")], "must contain exactly one SOA record"),
    "an alias to nothing": ([], put_of(route53.alias("a." + Z, "A", "ZONE", "www." + Z)), "that target was not found"),
    "an alias to another type": ([WWW], put_of(route53.alias("a." + Z, "AAAA", "ZONE", "www." + Z)), "that target was not found"),
    "an alias": ([WWW], put_of(route53.alias("a." + Z, "A", "ZONE", "WWW." + Z)), None),
    "an alias to a load balancer": ([], put_of(route53.alias("a." + Z, "A", "Z35", "lb.elb.test")), None),
    "an alias to that of another zone": ([], put_of(route53.alias("a." + Z, "A", "Z36", "lb.elb.test")), "does not lie within the target zone"),
    "the target in the same batch": ([], [("CREATE", route53.alias("a." + Z, "A", "ZONE", "www." + Z)), ("CREATE", WWW)], None),
    "1,001 values": ([], put_of(*(route53.simple(f"n{at}." + Z, "A", 60, A) for at in range(501))), "Number of records limit of 1000 exceeded."),
    "32,001 characters": ([], [("CREATE", route53.simple(f"n{at}." + Z, "TXT", 60, f'"{at:03}' + "x" * 317 + '"')) for at in range(100)], "Number of characters limit of 32000"),
    "one that is wrong among many": ([WWW], [*put_of(*(route53.simple(f"n{at}." + Z, "A", 60, A) for at in range(20))), ("CREATE", WWW)], "already exists"),
}


def resolved(zone, one):
    """What a table has, for this zone."""
    if isinstance(one, str):
        return zone.find(Z, one)
    if one.get("AliasTarget", {}).get("HostedZoneId") == "ZONE":
        return {**one, "AliasTarget": {**one["AliasTarget"], "HostedZoneId": zone.id}}
    return one


@pytest.mark.parametrize("name", BATCHES)
def test_batch(name):
    before, changes, fault = BATCHES[name]
    zone = route53.Zone(Z)
    zone.put(*before)
    changes = [{"Action": action, "ResourceRecordSet": resolved(zone, one)} for action, one in changes]
    sets, versions = zone.sets, list(zone.versions)
    if fault:
        with pytest.raises(refusals.Refusal) as refused:
            zone.change(changes, 0.0, None, targets={"lb.elb.test.": "Z35"})
        assert refused.value.code == "InvalidChangeBatch" and any(fault in one for one in refused.value.messages), refused.value.messages
        assert zone.sets is sets and zone.versions == versions
        return
    zone.change(changes, 0.0, None, targets={"lb.elb.test.": "Z35"})
    for one in changes:
        expected = zones.tidy(one["ResourceRecordSet"])
        if one["Action"] != "DELETE":
            assert zone.sets[zones.key(expected)] == expected
        elif not any(other["Action"] != "DELETE" for other in changes):
            assert zones.key(expected) not in zone.sets
    assert versions[-1].sets is sets, "former versions stay as they were"


def test_every_message_is_told():
    zone = route53.Zone(Z)
    with pytest.raises(refusals.Refusal) as refused:
        zone.change([{"Action": "DELETE", "ResourceRecordSet": route53.simple(f"n{at}." + Z, "A", 60, A)} for at in range(3)], 0.0, None)
    assert len(refused.value.messages) == 3


def test_swaps_at_the_same_time(world):
    """Of those who swap the same record, one wins each time."""
    world.api.limit(1000, 1000)
    everybody = threading.Barrier(6)

    def contend(old, new):
        everybody.wait()
        return post(world, swap(old, new))[0]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for turn in range(5):
            new = [f"198.51.100.{10 * turn + number}" for number in range(6)]
            codes = list(pool.map(contend, [address_of(world)] * 6, new))
            assert sorted(codes) == [200] + [400] * 5
            assert address_of(world) == new[codes.index(200)]


# ---- listings ----

def test_order_and_pages(world):
    many = [route53.simple(f"{label}.{Z}", "A", 60, A) for label in ("b", "a", "*", "a.b", "z", "ab", "a-b")]
    world.zone.put(*many, BLUE, GREEN, route53.simple("a." + Z, "AAAA", 60, "2001:db8::1"), route53.simple("a." + Z, "TXT", 60, '"x"'))
    every = world.zone.listed()
    listed = [(one["Name"].removesuffix(Z + "."), one["Type"], one.get("SetIdentifier")) for one in every]
    assert listed == [("", "NS", None), ("", "SOA", None), ("\\052.", "A", None), ("a-b.", "A", None), ("a.", "A", None), ("a.", "AAAA", None), ("a.", "TXT", None), ("ab.", "A", None),
                      ("b.", "A", None), ("a.b.", "A", None), ("w.", "A", "blue"), ("w.", "A", "green"), ("www.", "A", None), ("z.", "A", None)]
    for size in (1, 3, 300):
        found, start = [], ()
        while True:
            page, following = zones.page(world.zone, size, *start)
            found += page
            if not following:
                break
            start = zones.key(following)
        assert found == every
    assert zones.page(world.zone, 1, "W.example.test", "A", "c")[0] == [zones.tidy(GREEN)]


def test_zones_by_name(world):
    private = world.add_zone("example.test", private=True)
    nested = world.add_zone("sub.example.test")
    other = world.add_zone("a.test", served=False)
    listed = call(world, "/2013-04-01/hostedzonesbyname?dnsname=example.test&maxitems=2")[1].decode()
    assert listed.count("<HostedZone>") == 2 and "<PrivateZone>true<" in listed and "<PrivateZone>false<" in listed and other.id not in listed
    assert f"<NextDNSName>{nested.name}</NextDNSName><NextHostedZoneId>{nested.id}</NextHostedZoneId>" in listed
    assert b"<VPCId>" in call(world, f"/2013-04-01/hostedzone/{private.id}")[1]
    assert code_of(call(world, f"/2013-04-01/testdnsanswer?hostedzoneid={private.id}&recordname=example.test&recordtype=A")) == (400, "InvalidInput")


# ---- how often, and what goes wrong ----

def test_buckets(world):
    now = [100.0]
    bucket = faults.Bucket(3, 2, lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] += 1
    assert [bucket.take(2), bucket.take(), bucket.take(5)] == [True, False, False]
    now[0] += 60
    assert bucket.take(4) is False and bucket.take(3) is True
    world.api.buckets["ListHostedZones"] = bucket
    assert code_of(call(world, "/2013-04-01/hostedzone")) == (400, "Throttling")
    assert call(world, f"/2013-04-01/hostedzone/{world.zone.id}")[0] == 200


def test_costs_of_changes(world):
    world.api.change_bucket = faults.Bucket(3, 0)
    assert post(world, GOOD)[0] == 200
    assert code_of(post(world, swap(B, A))) == (400, "Throttling")
    assert address_of(world) == B
    assert post(world, document(("DELETE", simple_xml(B))))[0] == 200


def test_one_at_a_time(world):
    world.api.one_at_a_time, world.zone.insync_after = True, math.inf
    assert post(world, GOOD)[0] == 200
    assert code_of(post(world, GOOD)) == (400, "PriorRequestNotComplete")
    world.zone.insync_after = 0
    assert post(world, GOOD)[0] == 200


def test_denied(world):
    world.identity.denied.add(CHANGE)
    status, body, _ = post(world, swap(A, B))
    assert (status, address_of(world)) == (403, A)
    assert f"perform: route53:{CHANGE} on resource: arn:aws:route53:::hostedzone/{world.zone.id} because".encode() in body


@pytest.mark.parametrize("when, after", [("before", A), ("after", B)])
def test_errors_before_and_after(world, when, after):
    world.api.faults.fail("InternalFailure", 500, operation=CHANGE, when=when)
    assert call(world, "/2013-04-01/hostedzone")[0] == 200
    assert code_of(post(world, swap(A, B))) == (500, "InternalFailure")
    assert address_of(world) == after
    assert world.api.of(CHANGE)[-1].status == 500


@pytest.mark.parametrize("when, after", [("before", A), ("after", B)])
def test_hangs(world, when, after):
    fault = world.api.faults.hang(CHANGE, when)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post, world, swap(A, B))
        assert fault.met.wait(30)
        with pytest.raises(concurrent.futures.TimeoutError):
            asked.result(0.2)
        rig.wait_until("the change", lambda: address_of(world) == after, 30)
        fault.release()
        assert isinstance(asked.exception(30), (http.client.HTTPException, OSError))
    assert world.api.of(CHANGE)[-1].status is None
    assert post(world, GOOD)[0] == 200, "only one hangs"


def test_other_faults(world):
    world.api.faults.hang_up(times=2)
    for _ in range(2):
        with pytest.raises((http.client.HTTPException, OSError)):
            call(world, "/2013-04-01/hostedzone")
    world.api.faults.reply(502, b"<html>Bad gateway", operation="GetHostedZone")
    assert call(world, f"/2013-04-01/hostedzone/{world.zone.id}")[:2] == (502, b"<html>Bad gateway")
    world.api.faults.throttle(2, status=429)
    assert [code_of(call(world, "/2013-04-01/hostedzone")) for _ in range(2)] == [(429, "Throttling")] * 2
    world.api.faults.prior()
    assert code_of(post(world, swap(A, B))) == (400, "PriorRequestNotComplete")
    assert call(world, "/2013-04-01/hostedzone")[0] == 200 and address_of(world) == A


def test_drift(world):
    """Somebody else changes the record between our listing and our change."""
    drifted = world.api.faults.meanwhile(lambda: world.change(("UPSERT", route53.simple("www." + Z, "A", 60, "192.0.2.9"))), CHANGE, times=3)
    status, body, _ = post(world, swap(A, B))
    assert status == 400 and b"the values provided do not match the current values" in body
    assert drifted.left == 2 and address_of(world) == "192.0.2.9"


def test_it_ends_whatever_hangs():
    before = set(threading.enumerate())
    with route53.World() as world:
        world.identity = world.account.issue()
        fault = world.api.faults.hang()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(call, world, "/2013-04-01/hostedzone")
            assert fault.met.wait(30)
            world.stop()
            assert isinstance(asked.exception(30), (http.client.HTTPException, OSError))
    rig.wait_until("its threads", lambda: not set(threading.enumerate()) - before, 30)


# ---- name servers ----

class Fixed(random.Random):
    """Weights as they are: the first of the highest."""

    def choices(self, population, weights):
        return [max(zip(weights, population), key=lambda one: one[0])[1]]

    def choice(self, sequence):
        return sequence[-1]


ZONE_SETS = [
    WWW, BLUE, GREEN, route53.simple("*." + Z, "A", 5, "192.0.2.9"), route53.simple("c." + Z, "CNAME", 7, "www." + Z), route53.simple("out." + Z, "CNAME", 8, "www.other.test."),
    route53.simple("a.deep." + Z, "A", 5, A), route53.simple("sub." + Z, "NS", 9, "ns.sub." + Z + "."), route53.simple("ns.sub." + Z, "A", 9, "192.0.2.53"),
    route53.alias("al." + Z, "A", "ZONE", "w." + Z), route53.alias("lb." + Z, "A", "Z35", "lb.elb.test"),
    route53.weighted("z." + Z, "A", "1", 0, 5, A), route53.weighted("z." + Z, "A", "2", 0, 5, B),
    route53.weighted("h." + Z, "A", "1", 9, 5, A, HealthCheckId="sick"), route53.weighted("h." + Z, "A", "2", 1, 5, B),
    route53.weighted("h0." + Z, "A", "1", 9, 5, A, HealthCheckId="sick"), route53.weighted("h0." + Z, "A", "2", 0, 5, B, HealthCheckId="well"),
    route53.weighted("hh." + Z, "A", "1", 9, 5, A, HealthCheckId="sick"), route53.weighted("hh." + Z, "A", "2", 0, 5, B, HealthCheckId="sick"),
    {**route53.simple("f." + Z, "A", 5, A), "SetIdentifier": "1", "Failover": "PRIMARY", "HealthCheckId": "sick"},
    {**route53.simple("f." + Z, "A", 5, B), "SetIdentifier": "2", "Failover": "SECONDARY"},
]
ANSWERS = {
    "simple": ("www", "A", "NOERROR", True, [("A", 60, A)]),
    "no data": ("www", "AAAA", "NOERROR", True, []),
    "weighted": ("w", "A", "NOERROR", True, [("A", 10, A)]),
    "all weights 0: all are answered": ("z", "A", "NOERROR", True, [("A", 5, B)]),
    "a sick one is not answered": ("h", "A", "NOERROR", True, [("A", 5, B)]),
    "a weight of 0 where the others are sick": ("h0", "A", "NOERROR", True, [("A", 5, B)]),
    "all sick: all are healthy": ("hh", "A", "NOERROR", True, [("A", 5, A)]),
    "failover": ("f", "A", "NOERROR", True, [("A", 5, B)]),
    "wildcard": ("x", "A", "NOERROR", True, [("A", 5, "192.0.2.9")]),
    "wildcard, two labels": ("y.x", "A", "NOERROR", True, [("A", 5, "192.0.2.9")]),
    "wildcard, no data": ("x", "TXT", "NOERROR", True, []),
    "an empty name stops a wildcard": ("deep", "A", "NOERROR", True, []),
    "below one too": ("b.deep", "A", "NXDOMAIN", True, []),
    "CNAME": ("c", "CNAME", "NOERROR", True, [("CNAME", 7, f"www.{Z}.")]),
    "CNAME followed": ("c", "A", "NOERROR", True, [("CNAME", 7, f"www.{Z}."), ("A", 60, A)]),
    "CNAME out of the zone": ("out", "A", "NOERROR", True, [("CNAME", 8, "www.other.test.")]),
    "alias": ("al", "A", "NOERROR", True, [("A", 10, A)]),
    "alias to a load balancer": ("lb", "A", "NOERROR", True, [("A", 60, "192.0.2.80"), ("A", 60, "192.0.2.81")]),
    "delegation": ("www.sub", "A", "NOERROR", False, []),
}


@pytest.fixture(scope="module")
def served():
    with route53.World(delays=(0.0,)) as world:
        world.health.update(sick=route53.Health(False), well=route53.Health())
        world.balancers["lb.elb.test."] = route53.Balancer("Z35", {"A": ["192.0.2.80", "192.0.2.81"]})
        world.view.random = Fixed()
        world.change(*(("CREATE", resolved(world.zone, one)) for one in ZONE_SETS))
        yield world


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("name", ANSWERS)
def test_answer(served, name, tcp):
    label, kind, rcode, authoritative, expected = ANSWERS[name]
    server, since = served.servers[0], time.monotonic()
    said, _, _, reply = resolvers.ask(server.address, server.port, f"{label}.{Z}", kind, tcp=tcp, recursive=False)
    found = [(dns.rdatatype.to_text(one.rdtype), one.ttl, text) for one in reply.answer for text in sorted(item.to_text() for item in one)]
    assert (said, bool(reply.flags & 0x400), found) == (rcode, authoritative, expected)
    told = served.recorder.of(f"{label}.{Z}", kind, since=since)
    assert [(one.records, one.rcode, one.over) for one in told] == [(tuple(expected), rcode, "tcp" if tcp else "udp")]
    if name == "delegation":
        assert [one.to_text() for one in reply.authority] == [f"sub.{Z}. 9 IN NS ns.sub.{Z}."] and reply.additional[0].to_text() == f"ns.sub.{Z}. 9 IN A 192.0.2.53"
    elif not expected:
        assert reply.authority[0].to_text().startswith(f"{Z}. 900 IN SOA ")


def test_misbehaviour(served):
    server = served.servers[0]

    def asked(name=f"www.{Z}", **more):
        return resolvers.ask(server.address, server.port, name, "A", recursive=False, **more)

    assert asked("www.other.test")[0] == "REFUSED"
    try:
        server.lame = True
        assert not asked()[3].flags & 0x400
        server.lame, server.truncates, since = False, True, time.monotonic()
        assert asked()[2] == [A]
        assert [one.over for one in served.recorder.of(f"www.{Z}", since=since)] == ["udp", "tcp"]
        server.truncates, server.refuses = False, True
        assert asked()[0] == "REFUSED"
        server.refuses, server.silent = False, True
        with pytest.raises(dns.exception.Timeout):
            asked(seconds=0.3)
    finally:
        server.lame = server.truncates = server.refuses = server.silent = False


def test_long_answers_go_by_tcp(served):
    server = served.servers[0]
    served.change(("UPSERT", route53.simple("long." + Z, "A", 5, *(f"198.51.100.{at}" for at in range(100)))))
    since = time.monotonic()
    assert len(resolvers.ask(server.address, server.port, f"long.{Z}", "A")[2]) == 100
    assert [(one.over, len(one.records)) for one in served.recorder.of(f"long.{Z}", since=since)] == [("udp", 0), ("tcp", 100)]


def test_weights(served):
    """By chance, and in proportion."""
    view = answering.View(random.Random(11))
    sets = {zones.key(one): one for one in map(zones.tidy, (route53.weighted("w." + Z, "A", "b", 200, 5, A), route53.weighted("w." + Z, "A", "g", 50, 5, B)))}
    given = [answering.Responder(f"{Z}.", sets, view).data(list(sets.values()))[1][0] for _ in range(2000)]
    assert 300 < given.count(B) < 500


def test_servers_take_a_change_one_after_another():
    with route53.World(delays=(0, 10, 20, 1000)) as world:
        world.zone.put(WWW)
        start = time.monotonic() + 3600
        change = world.zone.change([{"Action": "UPSERT", "ResourceRecordSet": route53.simple("www." + Z, "A", 60, B)}], start, None)

        def have(seconds):
            return [server.serial(world.zone, start + seconds) for server in world.servers], world.zone.is_in_sync(change, start + seconds)

        assert have(-1) == ([1, 1, 1, 1], False)
        assert have(0) == ([2, 1, 1, 1], False)
        world.servers[2].stay_behind()
        assert have(25) == ([2, 2, 1, 1], False)
        world.servers[3].delay = 24
        assert have(26) == ([2, 2, 1, 2], False)
        world.servers[2].catch_up()
        assert have(26) == ([2, 2, 2, 2], True)
        assert have(0)[0] == [2, 2, 2, 2], "none goes back"
        world.zone.insync_after = math.inf
        assert have(1e9)[1] is False
        world.zone.insync_after = 5
        assert (have(4)[1], have(5)[1]) == (False, True)


def test_what_was_told_when():
    with route53.World(delays=(0.0, 0.0)) as world:
        world.zone.put(WWW)
        world.servers[1].stay_behind()
        world.change(("UPSERT", route53.simple("www." + Z, "A", 60, B)))
        for server in world.servers:
            resolvers.ask(server.address, server.port, "www." + Z, "A")
        assert world.recorder.values(name="www." + Z) == {"ns-1.standin.test.": {B}, "ns-2.standin.test.": {A}}
        last = world.recorder.last("www." + Z, A)
        assert last == world.recorder.of(server="ns-2.standin.test.")[-1].at and world.recorder.last("www." + Z, "192.0.2.3") is None


# ---- servers from Debian ----

def changes_to(world, value, ttl=1):
    world.change(("UPSERT", route53.simple("www." + Z, "A", ttl, value)))


def test_resolver(world):
    changes_to(world, A)
    with route53.Unbound(world.servers) as resolver:
        assert resolver.ask("www." + Z, "A")[2] == [A]
        assert resolver.ask("no." + Z, "A")[0] == "NXDOMAIN"
        assert resolver.ask("www.other.test", "A")[2] == []
        changes_to(world, B)
        rig.wait_until("the new answer", lambda: resolver.ask("www." + Z, "A")[2] == [B], 60)


def test_resolver_with_a_floor(world):
    changes_to(world, A)
    with route53.Unbound(world.servers, cache_min_ttl=3600) as resolver:
        assert resolver.ask("www." + Z, "A")[1:3] == (3600, [A])
        changes_to(world, B)
        assert resolver.ask("www." + Z, "A")[2] == [A]


def test_resolver_that_serves_what_is_expired(world):
    changes_to(world, A)
    with route53.Unbound(world.servers, serve_expired="yes") as resolver:
        assert resolver.ask("www." + Z, "A")[2] == [A]
        changes_to(world, B)
        time.sleep(2.5)  # the TTL of 1 s is over, by any clock
        assert resolver.ask("www." + Z, "A")[1:3] == (30, [A]), "once more, as RFC 8767 allows"
        rig.wait_until("the new answer", lambda: resolver.ask("www." + Z, "A")[2] == [B], 60)


def test_knot_as_another_server(world):
    with route53.Knot(world.zone) as knot:
        rcode, ttl, values, reply = knot.ask("www." + Z, "A", recursive=False)
        assert (rcode, ttl, values) == ("NOERROR", 60, [A]) and reply.flags & 0x400
        assert knot.ask("no." + Z, "A")[3].authority[0].rdtype == dns.rdatatype.SOA
        for server in world.servers:
            server.silent = True
        with route53.Unbound([*world.servers, knot]) as resolver:
            knot.replace(route53.simple("www." + Z, "A", 7, B))
            assert knot.ask("www." + Z, "A", recursive=False)[1:3] == (7, [B])
            found = rig.wait_until("the answer of the one that speaks", lambda: ask_patiently(resolver, "www." + Z), 120)
            assert found[1] <= 7 and found[2] == [B]


def ask_patiently(resolver, name):
    try:
        found = resolver.ask(name, "A", seconds=5.0)
    except dns.exception.Timeout:
        return None
    return found if found[0] == "NOERROR" else None


def test_delegation_by_a_parent(world):
    """A resolver that knows the parent alone finds the zone's servers, those that the parent names; they are on another port, so that they are only named here."""
    parent = route53.Zone("test", ["ns.test"])
    parent.put(route53.simple("ns.test", "A", 60, "127.0.53.9"), route53.simple(Z, "NS", 60, *world.zone.servers))
    with route53.NameServer("ns.test", "127.0.53.9", [parent], world.view, world.recorder) as server, route53.Unbound([server]) as resolver:
        reply = resolvers.ask(server.address, server.port, "www." + Z, "A", recursive=False)[3]
        assert not reply.flags & 0x400 and not reply.answer
        assert {item.to_text() for item in reply.authority[0]} == set(world.zone.servers)
        assert resolver.ask("ns.test", "A")[2] == ["127.0.53.9"]


def test_client_that_obeys(world):
    """It uses the old address while its answer lasts, and never after."""
    changes_to(world, A, 2)
    with route53.Unbound(world.servers) as resolver, route53.Follower(resolver, "www." + Z) as client:
        rig.wait_until("its first answer", lambda: client.since(0) == {A}, 60)
        world.servers[1].stay_behind()
        changes_to(world, B, 2)
        rig.wait_until("the new address", lambda: client.last(B), 60)
        world.servers[1].catch_up()
        caught_up = time.monotonic()
        rig.wait_until("the resolver to ask again", lambda: world.recorder.last("www." + Z, B) > caught_up, 60)
        asked = time.monotonic()
        rig.wait_until("its next use", lambda: client.last(B) > asked, 60)
        end = time.monotonic()
        rig.wait_until("more lookups", lambda: world.recorder.last("www." + Z, B) > end, 60)
        assert client.since(end) == {B} and not client.failed
        assert client.last(A) < world.recorder.last("www." + Z, A) + 2 + 10, "as of the last time that a server gave it"


def test_health_checker(small, world):
    backend = small("green")
    with route53.Checker(f"http://{backend.address}/", 0.02, 2) as seen, route53.Checker(f"http://{backend.address}/", 0.02, 2, inverted=True) as inverted:
        world.health.update(seen=seen, inverted=inverted)
        world.zone.put(*(route53.weighted("h." + Z, "A", one, 1, 5, value, HealthCheckId=one) for one, value in (("seen", A), ("inverted", B))))
        server = world.servers[0]
        rig.wait_until("two looks", lambda: seen.asked > 2 and inverted.asked > 2)
        assert resolvers.ask(server.address, server.port, "h." + Z, "A")[2] == [A]
        backend.kill()
        rig.wait_until("both to turn", lambda: (seen.healthy, inverted.healthy) == (False, True))
        assert resolvers.ask(server.address, server.port, "h." + Z, "A")[2] == [B]
        assert [good for _, good in seen.turned] == [False] and [good for _, good in inverted.turned] == [True]


def test_by_itself():
    """What is tried by hand."""
    with subprocess.Popen(["/usr/bin/python3", "-m", "route53", "sub." + Z, "0"], cwd=rig.ROOT / "tests" / "e2e", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = json.loads(process.stdout.readline())
        address, port = said["resolver"].split(":")
        assert resolvers.ask(address, int(port), "sub." + Z, "NS")[2] == ["ns-1.standin.test."] and len(said["name_servers"]) == 1
        one = route53.account.Identity(said["environment"]["AWS_ACCESS_KEY_ID"], said["environment"]["AWS_SECRET_ACCESS_KEY"])
        target = "/2013-04-01/hostedzone/" + said["zone"]
        assert send(said["endpoint"].removeprefix("http://"), "GET", target, sign(said["endpoint"] + target, one))[0] == 200
        process.stdin.close()
        assert process.wait(60) == 0


def test_free_ports():
    with authority.Tcp(("127.0.0.1", 0), None) as taken:
        assert not authority.is_free(*taken.server_address)
    assert authority.is_free("127.0.0.1", resolvers.find_port("127.0.0.1"))

"""The API of the stand-in for Route 53 (route53/): signatures, documents, how often one may ask, and what goes wrong on purpose. test_route53_clients.py has real
clients' view of it, test_route53_batches.py the rules of changes, test_route53_servers.py the name servers.
"""
import concurrent.futures
import datetime
import http.client
import math
import random
import threading
import time

import pytest

import daemon as rig
import route53
from route53 import faults, refusals, shapes
from route53.asking import call, code_of, document, post, send, sign, simple_xml, swap

A, B = "192.0.2.1", "192.0.2.2"
CHANGE = "ChangeResourceRecordSets"
SPACE = refusals.NAMESPACE
Z = "example.test"


@pytest.fixture
def world():
    with route53.World(delays=(0.0, 0.0)) as one:
        one.zone.put(route53.simple("www.example.test", "A", 60, A))
        one.identity = one.account.issue()
        yield one


def address_of(world):
    return world.zone.find("www.example.test", "A")["ResourceRecords"][0]["Value"]


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


def test_replies_are_proven():
    """One that botocore would read otherwise is our bug, and is not sent."""
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 6789, datetime.timezone.utc)
    info = {"Id": "/change/C1", "Status": "INSYNC", "SubmittedAt": moment.replace(microsecond=6000)}
    assert b"<SubmittedAt>2026-01-02T03:04:05.006Z</SubmittedAt>" in shapes.write_reply("GetChange", {"ChangeInfo": info})
    for name, wrong in (("SubmittedAt", moment), ("Comment", "a\rb"), ("Comments", "x")):
        with pytest.raises(AssertionError):
            shapes.write_reply("GetChange", {"ChangeInfo": {**info, name: wrong}})


# ---- changes and zones ----

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
    world.api.faults.throttle(1000)
    world.api.faults.clear()
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

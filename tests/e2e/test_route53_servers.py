"""The name servers of the stand-in for Route 53 (route53/), and what stands in front of them: resolvers and a name server from Debian, clients, health checkers."""
import json
import math
import random
import subprocess
import time

import dns.exception
import dns.rdatatype
import pytest

import daemon as rig
import route53
from route53 import answering, asking, authority, resolvers, zones

A, B = "192.0.2.1", "192.0.2.2"
Z = "example.test"
WWW = route53.simple("www." + Z, "A", 60, A)
BLUE, GREEN = (route53.weighted("w." + Z, "A", color, weight, 10, address) for color, weight, address in (("blue", 255, A), ("green", 0, B)))


@pytest.fixture
def world():
    with route53.World(delays=(0.0, 0.0)) as one:
        one.zone.put(route53.simple("www.example.test", "A", 60, A))
        yield one


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


def of_zone(zone, one):
    """What the table has, for this zone."""
    if one.get("AliasTarget", {}).get("HostedZoneId") == "ZONE":
        return {**one, "AliasTarget": {**one["AliasTarget"], "HostedZoneId": zone.id}}
    return one


@pytest.fixture(scope="module")
def served():
    with route53.World(delays=(0.0,)) as world:
        world.health.update(sick=route53.Health(False), well=route53.Health())
        world.balancers["lb.elb.test."] = route53.Balancer("Z35", {"A": ["192.0.2.80", "192.0.2.81"]})
        world.view.random = Fixed()
        world.change(*(("CREATE", of_zone(world.zone, one)) for one in ZONE_SETS))
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
        assert asking.send(said["endpoint"].removeprefix("http://"), "GET", target, asking.sign(said["endpoint"] + target, one))[0] == 200
        process.stdin.close()
        assert process.wait(60) == 0


def test_free_ports():
    with authority.Tcp(("127.0.0.1", 0), None) as taken:
        assert not authority.is_free(*taken.server_address)
    assert authority.is_free("127.0.0.1", resolvers.find_port("127.0.0.1"))

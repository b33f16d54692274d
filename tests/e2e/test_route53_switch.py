"""Switches by Route 53 from end to end: four name servers that take a change one after another, unbound, two nginx, and a client that looks the name up as its TTL demands."""
import json
import time

import backends
import daemon as rig
import dnsing
import route53
from dnsing import HOSTS, NAME, Site, simple
from route53 import resolvers


def switched(site, result):
    """The document at the end of `teal switch --json`."""
    assert result.code == 0, result
    document = json.loads(result.out.splitlines()[-1])
    assert document["outcome"] == "promoted", document
    return document


def test_forth_and_back():
    """Twice, the second time back before the switch is safe: nobody is sent to the color that was left after the moment that was promised for it."""
    found, visits = dnsing.run_site(2, seed=1, slowest_s=1.5)
    assert len(found) == 2 and visits > 100
    for last, safe in (one[way] for one in found for way in ("forth", "back") if way in one):
        assert safe >= last and safe >= dnsing.TTL


def test_documents():
    """What a switch is told as: its change, the armed check's rows, no figures of traffic."""
    with Site(bake="300ms") as site:
        document = switched(site, site.teal.run("switch", "--json"))
        change, gates = document["change"], {one["name"]: one for one in document["gates"]}
        assert (change["from"], change["to"], change["zone"], change["old_ttl_s"]) == ("blue", "green", site.world.zone.id, 1)
        moments = [dnsing.parse(change[name]) for name in ("submitted_at", "accepted_at", "agreed_at", "insync_at", "safe_at")]
        assert all(moments) and moments[:2] == sorted(moments[:2]) and max(moments[1:4]) + 2.9 <= moments[4] + 0.1
        assert [one["name"] for one in gates["armed"]["results"]] == ["credentials", "clock", "zone", "delegation", "record", "permission", "way_back", "ttl"]
        assert set(document["receipt"].values()) == {None} and document["inflight"] is None and document["flip_us"] > 0
        service = site.service()
        assert (service["via"], service["live"], service["split"], service["readiness"]) == ("route53", "green", {"blue": 0, "green": 100}, "ready")
        assert all(color[name] is None for color in service["colors"].values() for name in ("inflight", "requests", "error_rate", "latency_ms"))
        assert service["route53"]["safe"] and service["route53"]["record"] == "green" and service["route53"]["change_id"] == change["change_id"]
        assert site.sets() == simple("green")
        again = site.teal.run("switch", "green")
        assert again.code == 3 and "green is already the live color" in again.err, again
        site.check_record()


def test_without_waiting():
    """--no-wait ends with the acceptance; while the switch spreads another is refused, and a rollback is not."""
    with Site() as site:
        result = site.teal.run("switch", "--no-wait")
        assert result.code == 0 and site.sets() == simple("green"), result
        assert site.service()["phase"] == "draining" and not site.service()["route53"]["safe"]
        refused = site.teal.run("switch", "blue")
        assert refused.code == 3 and "is under way" in refused.err, refused
        back = site.teal.run("rollback", "--reason", "a hunch")
        assert back.code == 0 and site.live() == "blue" and site.sets() == simple("blue"), back
        document = site.teal.deployment(site.teal.newest()["id"])
        assert (document["outcome"], document["cause"], document["exit"]) == ("rolled_back", "rollback", 4)
        assert site.service()["route53"]["safe"]
        site.check_record()


def alone(site, *words, code=0):
    result = site.teal.run(*words, "--standalone", "-c", str(site.teal.file))
    assert result.code == code, result
    return result


def test_without_a_daemon():
    """A switch and its rollback, each by a process of its own that ends with the outcome; what the visitors see is the same."""
    with Site(real=True, start=False, bake="300ms") as site:
        document = switched(site, alone(site, "switch", "--json"))
        site.check_left("blue", document)
        alone(site, "rollback", "--reason", "a hunch")
        assert site.sets() == simple("blue")
        back = rig.wait_until("the visitor is back", lambda: site.visitor.seen[-1][1] == "blue", 20)
        assert back and not site.visitor.unanswered()
        site.check_record()


def test_rollback_without_history():
    """In another runner's state directory nothing is known: the other color becomes live, if the one that is named is the one that is live."""
    with Site(start=False) as site:
        refused = alone(site, "rollback", code=3)
        assert "--expect-live" in refused.err
        assert "blue is live" in alone(site, "rollback", "--expect-live", "green", code=3).err
        assert site.sets() == simple("blue")
        alone(site, "rollback", "--expect-live", "blue", "--reason", "green it is")
        assert site.sets() == simple("green")
        site.check_record()


def test_one_at_a_time():
    """A daemon holds the state directory: a process beside it is refused, and nothing is sent."""
    with Site() as site:
        for words in (("switch",), ("rollback", "--expect-live", "blue")):
            assert "in use by process" in alone(site, *words, code=3).err
        assert not site.world.api.of("ChangeResourceRecordSets") and site.sets() == simple("blue")


def test_serve_expired():
    """What no moment can cover: a resolver that serves expired answers (RFC 8767) hands the old address out once more, long after it was safe to forget it."""
    with Site() as site, route53.Unbound(site.world.servers, serve_expired="yes") as resolver:
        assert resolver.ask(NAME, "A")[2] == [HOSTS["blue"]]
        document = site.switch()
        assert document["outcome"] == "promoted" and dnsing.parse(document["change"]["safe_at"]) <= time.time()
        assert resolver.ask(NAME, "A")[2] == [HOSTS["blue"]]
        rig.wait_until("it has looked anew", lambda: resolver.ask(NAME, "A")[2] == [HOSTS["green"]], 30)


PAIR = [route53.weighted(NAME, "A", "blue", 255, 1, HOSTS["blue"]), route53.weighted(NAME, "A", "green", 0, 1, HOSTS["green"])]


def test_in_steps():
    """Weighted: both weights in one change each, 20 % and then all of the answers, and back."""
    with Site(sets=PAIR, record={"policy": "weighted"}) as site:
        before = site.sets()
        id = site.begin(steps=[20, 100], pause_s="manual")
        site.await_step(id, "the first step is made", lambda one: one["steps"]["in_force"])
        share = site.sets()
        assert share["green"][0] and share["blue"][0] and abs(share["green"][0] / (share["green"][0] + share["blue"][0]) - 0.2) < 0.01
        assert site.live() == "blue"
        site.teal.must("promote")
        document = site.teal.deployment(id)
        assert document["outcome"] == "promoted" and site.live() == "green", document
        after = site.sets()
        assert after["green"][0] > 0 and after["blue"][0] == 0
        assert site.go_back()["live"] == "blue"
        assert site.sets()["green"][0] == 0 and site.sets()["blue"][0] > 0
        site.check_record(before, share, after, site.sets())


def test_aliases():
    """Load balancers: their addresses are the answer, their 60 s count; no TTL of the file's."""
    names = {color: f"{color}-1.eu-central-1.elb.amazonaws.com" for color in HOSTS}
    targets = {color: {"alias": name, "zone": "Z215JYRZR1TBD5"} for color, name in names.items()}
    with Site(start=False, record={**targets, "ttl": None}) as site:
        for color, name in names.items():
            site.world.balancers[name + "."] = route53.Balancer("Z215JYRZR1TBD5", {"A": [HOSTS[color]]})
        site.world.zone.put(route53.alias(NAME, "A", "Z215JYRZR1TBD5", names["blue"]))
        site.start()
        id = site.begin()
        document = site.await_accepted(id)
        assert "AliasTarget" in document["change"]["new"][0] and names["green"] in document["change"]["new"][0]
        assert site.world.zone.find(NAME, "A")["AliasTarget"]["DNSName"] == names["green"] + "."
        assert site.go_back()["live"] == "blue"
        assert site.world.zone.find(NAME, "A")["AliasTarget"]["DNSName"] == names["blue"] + "."


def test_ttl_ahead_of_time():
    """`teal dns prepare`: the TTL is lowered, the longer one waited out; a switch in between is not refused, and says how long others may keep the old answer."""
    with Site(ttl=3, record={"ttl": 1}) as site:
        plan = site.teal.must("dns", "plan", "--json").json()
        assert plan["changes"] == [f"DELETE {NAME} A 3s {HOSTS['blue']}", f"CREATE {NAME} A 1s {HOSTS['green']}"] and plan["quick_after_s"] == 3
        began = time.time()
        assert "a switch is quick now" in site.teal.must("dns", "prepare").out
        assert time.time() - began >= 3 and site.sets() == simple("blue", 1)
        status = site.teal.must("dns", "status", "--json").json()
        assert (status["live"], status["ttl_s"], status["quick_from"], status["prepare"]["state"]) == ("blue", 1, None, "quick")
        made = len(site.world.zone.versions)
        site.teal.must("dns", "prepare")
        assert len(site.world.zone.versions) == made
        assert [one["answer"] for one in rig.wait_until("all four answer", lambda: [one for one in [site.teal.must("dns", "status", "--json").json()["servers"]]
                                                                                    if all(server["answer"] for server in one)])[0]] == ["new"] * 4
        site.check_record(simple("blue", 1))


CHECK_S = 0.1


def checked(site):
    """The health checks and records that `teal dns plan` asks for, made in the stand-in, quicker than Route 53's are."""
    plan = site.teal.must("dns", "plan", "--json").json()
    for row in plan["health_checks"]:
        config = row["config"]
        assert (config["Type"], config["RequestInterval"], config["FailureThreshold"]) == ("HTTP", 30, 3)
        url = f"http://{config['IPAddress']}:{config['Port']}{config['ResourcePath']}"
        site.world.health[row["color"]] = site.opened.enter_context(route53.Checker(url, CHECK_S, config["FailureThreshold"], config["Inverted"]))
    for row in plan["records"]:
        site.world.change(("CREATE", {**row["record"], "HealthCheckId": row["color"]}))


def answer(site):
    server = site.world.servers[0]
    return resolvers.ask(server.address, server.port, NAME, "A", recursive=False)[2]


def test_health_check():
    """No key, no call: the record hangs on what teal answers. Silence is blue."""
    with Site(start=False, sets=[route53.simple("other.example.test", "A", 60, "192.0.2.1")], identity=False,
              record={"policy": "health_check", "health_listen": f"127.0.0.1:{backends.free_port('127.0.0.1')}", "name_servers": None, "endpoint": None}) as site:
        site.start()
        checked(site)
        rig.wait_until("blue is answered", lambda: answer(site) == [HOSTS["blue"]])
        assert site.service()["route53"]["silence"] == "blue" and site.live() == "blue"
        switched = site.teal.must("switch", "--no-wait").out
        assert "api: green is live, " in switched and "Route 53" not in switched  # which was asked for nothing
        document = site.teal.newest()
        assert 80 < dnsing.parse(document["change"]["safe_at"]) - time.time() < 100
        rig.wait_until("green is answered", lambda: answer(site) == [HOSTS["green"]])
        site.teal.kill()
        rig.wait_until("silence is blue", lambda: answer(site) == [HOSTS["blue"]])
        site.start()
        rig.wait_until("green is answered again", lambda: answer(site) == [HOSTS["green"]])
        assert site.live() == "green"
        assert "api: blue is live again; deployment " in site.teal.must("rollback").out
        assert site.live() == "blue"
        rig.wait_until("blue is answered again", lambda: answer(site) == [HOSTS["blue"]])
        assert not site.world.api.calls

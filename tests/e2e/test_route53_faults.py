"""What goes wrong around a change, and how each of it ends: in an outcome that docs/route53.md names, with the record old or new, never gone or mixed."""
import concurrent.futures
import contextlib
import math
import os
import socketserver
import subprocess
import threading
import time

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

import daemon as rig
import dnsing
import route53
from dnsing import HOSTS, NAME, Site, simple

CHANGE = "ChangeResourceRecordSets"
STRANGE = {None: (None, 60, ("192.0.2.99",))}


def somebody_else(site, now="blue"):
    """Another hand changes the record."""
    site.world.change(("DELETE", route53.simple(NAME, "A", site.ttl, HOSTS[now])), ("CREATE", route53.simple(NAME, "A", 60, "192.0.2.99")))


def gate(document, name="armed"):
    return next(one for one in document["gates"] if one["name"] == name)


def row(document, name):
    return next(one for one in gate(document)["results"] if one["name"] == name)


# ---- what only takes longer ----


def plan_throttling(site):
    return site.behind_the_check(site.world.api.faults.throttle(3, CHANGE))


def plan_429(site):
    return site.behind_the_check(site.world.api.faults.throttle(2, CHANGE, status=429))


def plan_prior(site):
    """The real rule: not before the change of the armed check is on every server."""
    site.world.api.one_at_a_time = True


def plan_error_before(site):
    return site.behind_the_check(site.world.api.faults.fail("InternalFailure", 500, operation=CHANGE))


def plan_hang_up(site):
    return site.behind_the_check(site.world.api.faults.hang_up(CHANGE, times=2))


def plan_proxy_page(site):
    return site.behind_the_check(site.world.api.faults.reply(502, b"<html>bad gateway</html>", operation=CHANGE))


def plan_clock_ahead(site):
    site.world.clock.skew = 600


def plan_clock_behind(site):
    site.world.clock.skew = -600


COMES_THROUGH = [plan_throttling, plan_429, plan_prior, plan_error_before, plan_hang_up, plan_proxy_page, plan_clock_ahead, plan_clock_behind]


@pytest.mark.parametrize("plan", COMES_THROUGH, ids=lambda plan: plan.__name__.removeprefix("plan_"))
def test_comes_through(plan):
    with Site() as site:
        fault = plan(site)
        document = site.switch()
        assert (document["outcome"], document["exit"]) == ("promoted", 0), document
        assert fault is None or fault.reached.is_set()
        assert site.sets() == simple("green") and dnsing.parse(document["change"]["safe_at"]) <= time.time()
        if site.world.clock.skew:
            assert "this clock is 600 s" in row(document, "clock")["detail"] or "this clock is 599 s" in row(document, "clock")["detail"], row(document, "clock")
        site.check_record()


def test_hang_before():
    """No answer, and nothing was done: after 10 s the record is read, and the change sent anew."""
    with Site() as site:
        site.behind_the_check(site.world.api.faults.hang(CHANGE))
        document = site.switch()
        assert document["outcome"] == "promoted" and document["flip_us"] > 9e6, document
        site.check_record()


@pytest.mark.parametrize("how", ["hang", "error"])
def test_applied_without_an_answer(how):
    """It is found made, by reading the record; without its id a minute stands for INSYNC. The way back has one of its own."""
    with Site() as site:
        faults = site.world.api.faults
        site.behind_the_check(faults.hang(CHANGE, "after") if how == "hang" else faults.fail("InternalFailure", 500, operation=CHANGE, when="after"))
        id = site.begin()
        document = site.await_accepted(id)
        assert document["change"]["change_id"] is None and site.sets() == simple("green")
        rig.wait_until("green is live", lambda: site.live() == "green")
        assert "its id with it" in site.service()["route53"]["hindrance"]
        assert len(site.world.api.of(CHANGE)) == 2  # the check's, and one
        site.go_back()
        assert site.sets() == simple("blue")
        ended = site.teal.deployment(id)
        assert ended["outcome"] == "rolled_back" and ended["change"]["change_id"], ended
        site.check_record()


# ---- what is refused ----


def check_refused(site, document, cause, *words, sets=None):
    assert (document["outcome"], document["cause"], document["exit"]) == ("refused", cause, 3), document
    assert all(word in document["detail"] for word in words), document["detail"]
    assert site.sets() == (sets or simple("blue")) and site.service()["phase"] == "steady"
    site.check_record(*([sets] if sets else []))


def test_not_permitted():
    """Found by the armed check, with the action and the resource that the policy must name."""
    with Site() as site:
        site.identity.denied.add(CHANGE)
        document = site.switch()
        check_refused(site, document, "armed", "route53:ChangeResourceRecordSets", f"arn:aws:route53:::hostedzone/{site.world.zone.id}")
        assert not row(document, "permission")["passed"] and row(document, "record")["passed"]
        site.identity.denied.clear()
        assert site.await_accepted(site.begin())


def with_keys_for(site, seconds):
    site.identity = site.world.account.issue(lifetime=seconds)
    site.teal.environment.update(site.identity.environment(), AWS_CREDENTIAL_EXPIRATION=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)))
    return site.start()


def test_keys_that_end_too_soon():
    """For the change and its way back, which are given two minutes."""
    with Site(start=False) as site:
        document = with_keys_for(site, 100).switch()
        check_refused(site, document, "armed")
        assert not row(document, "credentials")["passed"]


def test_keys_of_a_short_session():
    """They end before the switch can be over: that is said, and is no reason against it."""
    with Site(start=False) as site:
        document = with_keys_for(site, 900).await_accepted(site.begin())
        found = row(document, "credentials")
        assert found["passed"] and "may be before the switch is over" in found["detail"], found


def test_drifted_before():
    """The record names neither color: nobody knows what is live, and a switch is refused, unless it is forced."""
    with Site() as site:
        somebody_else(site)
        refused = site.teal.run("switch", "green")
        assert refused.code == 3 and "192.0.2.99" in refused.err + refused.out, refused
        assert site.live() is None and site.service()["route53"]["record"] == "neither"
        assert site.sets() == STRANGE
        forced = site.teal.run("switch", "green", "--force", "--no-wait")
        assert forced.code == 0 and site.live() == "green", forced
        site.check_record(STRANGE)


def test_drifted_in_between():
    """Between the armed check and the change: the batch as a whole is refused, and both versions are shown."""
    with Site() as site:
        site.behind_the_check(site.world.api.faults.meanwhile(lambda: somebody_else(site), CHANGE))
        document = site.switch()
        check_refused(site, document, "drifted", HOSTS["blue"], "192.0.2.99", sets=STRANGE)
        assert site.live() is None


def test_drifted_on_the_way_back():
    """The way back takes nothing of somebody else's away either; --force does."""
    with Site() as site:
        id = site.begin()
        site.await_accepted(id)
        rig.wait_until("green is live", lambda: site.live() == "green")
        somebody_else(site, "green")
        refused = site.teal.run("rollback")
        document = site.teal.deployment(id)
        assert refused.code != 0 and (document["outcome"], document["cause"], document["exit"]) == ("failed", "drifted", 1), (refused, document)
        assert HOSTS["green"] in document["detail"] and "192.0.2.99" in document["detail"] and "--force" in document["detail"]
        assert site.sets() == STRANGE
        forced = site.teal.run("rollback", "--force")
        assert forced.code == 0 and site.sets() == simple("blue") and site.live() == "blue", forced
        site.check_record(STRANGE)


def test_zone_that_has_not_the_name():
    with Site(start=False) as site:
        other = site.world.add_zone("example.org")
        site.teal.conf["services"]["api"]["route53"]["zone"] = other.id
        site.teal.write_file()
        site.teal.start()
        refused = site.teal.run("switch", "green")
        assert refused.code == 3 and "example.org" in refused.err + refused.out, refused
        assert not site.world.api.of(CHANGE)


def test_two_zones_of_the_name():
    """Without an id nobody can tell which one the world sees."""
    with Site(start=False, record={"zone": None}) as site:
        other = site.world.add_zone("example.test", served=False)
        site.teal.start()
        refused = site.teal.run("switch", "green")
        assert refused.code == 3 and other.id in refused.err + refused.out and site.world.zone.id in refused.err + refused.out, refused
        assert not site.world.api.of(CHANGE)


# ---- the world is sent elsewhere ----


class Parent:
    """The system's resolver and the name server of `test` in one, on port 53 of an address of the loopback: example.test is delegated to `names`."""

    ADDRESS = "127.0.53.53"

    def __init__(self, names):
        parent = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                reply = parent.answer(dns.message.from_wire(self.request[0]))
                self.request[1].sendto(reply.to_wire(), self.client_address)

        self.names = names
        self.server = socketserver.ThreadingUDPServer((self.ADDRESS, 53), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def answer(self, query):
        name, kind = query.question[0].name.to_text().lower(), dns.rdatatype.to_text(query.question[0].rdtype)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name == "test." and kind == "NS":
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "NS", "a.parent.test."))
        elif name == "a.parent.test." and kind == "A":
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", self.ADDRESS))
        elif name.endswith("example.test.") and not query.flags & dns.flags.RD:
            reply.authority.append(dns.rrset.from_text("example.test.", 60, "IN", "NS", *self.names))
        return reply

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextlib.contextmanager
def delegated(site, folder, *names):
    """teal is started where the resolver of the system is the one above."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can have port 53 and a resolv.conf of its own")
    (folder / "resolv.conf").write_text(f"nameserver {Parent.ADDRESS}\n")
    wrapped = folder / "teal"
    wrapped.write_text(f"""#!/bin/sh
exec unshare --mount sh -c 'mount --bind {folder}/resolv.conf /etc/resolv.conf && exec "$0" "$@"' {site.teal.binary} "$@"
""")
    wrapped.chmod(0o755)
    site.teal.binary = str(wrapped)
    parent = Parent(names)
    try:
        yield site.start()
    finally:
        parent.stop()


def test_zone_that_nobody_is_sent_to(tmp_path):
    """Its parent delegates the name to others: the change would be accepted and go INSYNC, and nobody would see it. With the right ones it goes on."""
    with Site(start=False, record={"name_servers": None}) as site, contextlib.ExitStack() as stack:
        stack.enter_context(delegated(site, tmp_path, "ns1.elsewhere.test.", "ns2.elsewhere.test."))
        document = site.switch()
        check_refused(site, document, "armed", "ns1.elsewhere.test", "ns-1.standin.test")
        assert not row(document, "delegation")["passed"]


def test_zone_that_the_world_is_sent_to(tmp_path):
    with Site(start=False, record={"name_servers": None}) as site, contextlib.ExitStack() as stack:
        stack.enter_context(delegated(site, tmp_path, *(server.name for server in site.world.servers)))
        document = site.await_accepted(site.begin())
        assert row(document, "delegation")["passed"] and "left out" not in row(document, "delegation")["detail"]
        site.go_back()
        assert site.sets() == simple("blue")


def test_other_zone_of_the_name():
    """With `name_servers` the delegation is not asked about, but those servers are: they never say what was changed, so nobody is told that it is safe. The way back is open."""
    with Site(start=False) as site:
        other = site.world.add_zone("example.test", served=False)
        other.put(route53.simple(NAME, "A", site.ttl, HOSTS["blue"]))
        site.teal.conf["services"]["api"]["route53"]["zone"] = other.id
        site.teal.write_file()
        site.start()
        id = site.begin()
        site.await_step(id, "INSYNC", lambda one: (one["change"] or {}).get("insync_at"))
        time.sleep(1.5)
        found = site.service()["route53"]
        assert found["servers"] == {"count": 4, "agreeing": 0} and found["safe_at"] is None and not found["safe"]
        assert site.teal.deployment(id, until="switched")["outcome"] == "running"
        site.go_back()
        assert dnsing.show(other.sets) == simple("blue")
        assert site.teal.deployment(id)["outcome"] == "rolled_back"
        assert len(site.world.zone.versions) == 1


# ---- what does not come to its end ----


def test_insync_never_comes():
    """All servers have it, and Route 53 does not say so: it is not safe, and says why; the way back is open."""
    with Site(delays=(0, 0, 0, 0)) as site:
        site.world.zone.insync_after = math.inf
        id = site.begin()
        site.await_step(id, "the servers agree", lambda one: (one["change"] or {}).get("agreed_at"))
        rig.wait_until("GetChange was asked twice", lambda: len(site.world.api.of("GetChange")) >= 2, 20)
        found, document = site.service()["route53"], site.teal.api("GET", f"/v1/deployments/{id}")[1]
        assert found["servers"] == {"count": 4, "agreeing": 4} and found["insync_at"] is None and found["safe_at"] is None
        assert (document["outcome"], document["phase"]) == ("running", "draining")
        site.world.zone.insync_after = None
        site.go_back()
        assert site.teal.deployment(id)["outcome"] == "rolled_back" and site.service()["route53"]["safe"]
        site.check_record()


def test_one_server_stays_behind():
    """INSYNC came, and one server still gives the old answer, and then none at all: it is not safe before it agrees."""
    with Site() as site:
        late = site.world.servers[2]
        late.stay_behind()
        site.world.zone.insync_after = 0.2
        id = site.begin()
        site.await_step(id, "INSYNC", lambda one: (one["change"] or {}).get("insync_at"))
        rig.wait_until("the other three agree", lambda: site.service()["route53"]["servers"] == {"count": 4, "agreeing": 3})
        server = site.teal.must("dns", "status", "--json").json()["servers"][2]
        assert (server["color"], server["agrees"]) == ("blue", False)
        late.silent = True
        rig.wait_until("its silence is told", lambda: site.teal.must("dns", "status", "--json").json()["servers"][2]["fault"] == "silent", 20)
        assert site.service()["route53"]["safe_at"] is None and site.service()["phase"] == "draining"
        late.silent = False
        late.catch_up()
        document = site.teal.deployment(id)
        last = site.world.recorder.last(NAME, HOSTS["blue"], server=late.name)
        assert document["outcome"] == "promoted" and dnsing.parse(document["change"]["safe_at"]) >= dnsing.wall(last) + site.ttl, document
        site.check_record()


def test_way_back_is_tried_on():
    """Route 53 is busy just then: `teal rollback` says so after 3 s, and that it goes on; nobody has to ask again."""
    with Site() as site:
        id = site.begin()
        site.await_accepted(id)
        rig.wait_until("green is live", lambda: site.live() == "green")
        site.world.api.faults.throttle(1000, CHANGE)
        result = site.teal.run("rollback")
        assert result.code == 6 and "has not accepted the change back yet, and green is live until then" in result.err, result
        assert site.service()["phase"] == "rolling_back" and site.sets() == simple("green")
        site.world.api.faults.clear()
        assert site.teal.deployment(id)["outcome"] == "rolled_back" and site.live() == "blue"
        site.check_record()


def make_busy(site):
    site.behind_the_check(site.world.api.faults.throttle(1000, CHANGE))
    return "Rate exceeded"


def make_silent(site):
    site.behind_the_check(site.world.api.faults.hang(CHANGE, times=1000))
    return "was not made in time"


def make_unreachable(site):
    faults = site.world.api.faults
    site.behind_the_check(faults.meanwhile(lambda: faults.hang_up(times=100000), CHANGE))
    return "it is not known whether it was made"


def make_expired(site):
    """Those of the environment can't be renewed."""
    site.world.api.faults.meanwhile(lambda: site.world.account.expire(site.identity), CHANGE)
    return "AWS refused the credentials from the environment as expired or unknown"


@pytest.mark.long
def test_patience_has_an_end():
    """For a minute Route 53 is busy; does not answer what it is sent; can't be reached at all any more; calls the keys expired: the switch has failed, and the record is as it was."""

    def run(make):
        with Site(start=False) as site:
            site.identity = site.world.account.issue(lifetime=7200)
            site.teal.environment.update(site.identity.environment())
            words = make(site.start())
            document = site.teal.deployment(site.begin(), seconds=300)
            assert (document["outcome"], document["cause"], document["exit"]) == ("failed", "change_failed", 1) and words in document["detail"], document
            site.identity.expires = None
            site.world.api.faults.clear()
            rig.wait_until("blue is live", lambda: site.live() == "blue", 80)
            assert site.sets() == simple("blue")
            site.check_record()

    makes = (make_busy, make_silent, make_unreachable, make_expired)
    with concurrent.futures.ThreadPoolExecutor(len(makes)) as pool:
        list(pool.map(run, makes))

"""teal dns, and the words of the other verbs where Route 53 switches: as a person at a terminal, in a pipe and in a CI job sees them."""
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import time
import xml.etree.ElementTree

import pytest

import daemon as rig
import dnsing
import route53
from dnsing import HOSTS, NAME, Site, simple

CHANGE = "ChangeResourceRecordSets"
PAIR = [route53.weighted(NAME, "A", "blue", 255, 1, HOSTS["blue"]), route53.weighted(NAME, "A", "green", 0, 1, HOSTS["green"])]
NAMESPACE = "{https://route53.amazonaws.com/doc/2013-04-01/}"


@pytest.fixture(scope="module")
def site():
    """A daemon beside a record with a TTL of 30 s, where the file says 2 s. Nothing here changes it."""
    with Site(ttl=2, sets=[route53.simple(NAME, "A", 30, HOSTS["blue"])]) as found:
        yield found


def say(result, *parts):
    """Every part is in what was printed."""
    for part in parts:
        assert part in result.out, (part, result)
    return result


# ---- plan ----


def test_plan(site):
    result = say(site.teal.must("dns", "plan"), f"a switch from blue to green changes {NAME} A (policy simple)", f"DELETE {NAME} A 30s {HOSTS['blue']}",
                 f"CREATE {NAME} A 2s {HOSTS['green']}", "costs 2 changes", "at most 30s")
    assert result.err == "" and "\x1b" not in result.out
    back = result.out.split("back", 1)[1]
    assert f"CREATE {NAME} A 30s {HOSTS['blue']}" in back and f"DELETE {NAME} A 2s {HOSTS['green']}" in back
    document = site.teal.must("dns", "plan", "api", "green", "--json").json()
    assert (document["from"], document["to"], document["cost"], document["back_cost"], document["quick_after_s"]) == ("blue", "green", 2, 2, 30)
    assert document["changes"] == [f"DELETE {NAME} A 30s {HOSTS['blue']}", f"CREATE {NAME} A 2s {HOSTS['green']}"]


def test_plan_xml(site):
    """What is sent, and nothing else."""
    root = xml.etree.ElementTree.fromstring(site.teal.must("dns", "plan", "--xml").out)
    assert root.tag == NAMESPACE + "ChangeResourceRecordSetsRequest"
    changes = [(one.find(NAMESPACE + "Action").text, one.find(f".//{NAMESPACE}TTL").text, one.find(f".//{NAMESPACE}Value").text) for one in root.iter(NAMESPACE + "Change")]
    assert changes == [("DELETE", "30", HOSTS["blue"]), ("CREATE", "2", HOSTS["green"])]
    assert not site.world.api.of(CHANGE)


def test_plan_of_the_live_color(site):
    """Here it would lower the TTL, which is for `prepare`."""
    result = site.teal.run("dns", "plan", "blue")
    assert result.code in (0, 3) and (result.out if result.code == 0 else result.err)


def test_plan_of_the_switch(site):
    """`teal plan` beside it: no figures that nobody has."""
    result = say(site.teal.run("plan"), "armed", "planned", "teal dns plan api")
    assert result.code == 0 and "in flight" not in result.out


# ---- status ----


def test_status(site):
    result = say(site.teal.must("dns", "status"), "blue is live, TTL 30 s", f"{NAME} A 30s {HOSTS['blue']}", "the file says 2 s")
    rows = [line.split() for line in result.out.splitlines() if line.strip().startswith("127.0.53.")]
    assert [row[1:] for row in rows] == [["blue", "30", "s"]] * 4
    document = site.teal.must("dns", "status", "--json").json()
    assert (document["live"], document["record"], document["ttl_s"], document["change"], document["prepare"]["state"]) == ("blue", "blue", 30, None, "none")
    assert [one["color"] for one in document["servers"]] == ["blue"] * 4 and all(one["ttl_s"] == 30 for one in document["servers"])


def test_status_of_a_service(site):
    say(site.teal.must("status"), "api: blue (1) is live, steady", f"Route 53: {NAME} A, policy simple, TTL 30 s")
    row = next(line.split() for line in site.teal.must("status").out.splitlines() if line.split()[:2] == ["blue", "live"])
    assert row[3:] == ["100%", "healthy", "-", "-", "-", "-", "-"]


def test_watch(site):
    """Until Ctrl-C; a document a line in a pipe."""
    process = subprocess.Popen([site.teal.binary, "dns", "status", "--watch", "--json"], env=rig.environment(TEAL_ADMIN=site.teal.socket), stdout=subprocess.PIPE, text=True)
    try:
        assert [json.loads(process.stdout.readline())["live"] for _ in range(2)] == ["blue"] * 2
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(10) in (-signal.SIGINT, -signal.SIGPIPE)


# ---- what can't be ----


@pytest.mark.parametrize(
    "words,sentence",
    [
        (["dns"], "say what is asked for"),
        (["dns", "plna"], "did you mean teal dns plan"),
        (["dns", "nothing"], "there are plan, prepare and status"),
        (["dns", "status", "--xml"], "--xml is for `teal dns plan`"),
        (["dns", "plan", "--watch"], "--watch is for `teal dns status`"),
        (["dns", "status", "--no-wait"], "--no-wait is for `teal dns prepare`"),
        (["dns", "prepare", "green"], "takes no color"),
        (["dns", "plan", "api", "other"], "one service is enough"),
        (["dns", "status", "apu"], "did you mean api?"),
        (["switch", "--standalone", "--admin", "/tmp/x"], "--admin has no place beside it"),
        (["switch", "--standalone", "--no-wait"], "--no-wait has no place beside it"),
        (["switch", "--standalone", "--confirm-within", "5m"], "--confirm-within has no place beside it"),
        (["switch", "--standalone", "--steps", "10,100", "--pause", "manual"], "give --pause a time"),
        (["rollback", "--expect-live", "blue"], "--expect-live goes with --standalone"),
        (["deploy", "--standalone", "--backend", "127.0.0.1:1"], "--standalone is for `teal switch` and `teal rollback`"),
    ],
)
def test_wrong_usage(site, words, sentence):
    result = site.teal.run(*words)
    assert result.code == 2 and sentence in result.err and result.out == "", result


def test_help(site):
    say(site.teal.must("dns", "--help"), "usage: teal dns plan|prepare|status [SERVICE] [COLOR]", "--xml", "--watch", "--no-wait", "--json", "Exit code")
    say(site.teal.must("help"), "dns ")
    say(site.teal.must("switch", "--help"), "--standalone", "takes a record that somebody else has changed as it is")
    say(site.teal.must("rollback", "--help"), "--standalone", "--expect-live")


def test_in_the_path():
    """Where nothing is switched by Route 53 there is nothing to ask of it."""
    small = rig.Small("blue")
    try:
        colors = {color: {"backends": [small.address]} for color in HOSTS}
        with rig_teal({"shop": colors}) as teal:
            for words in (("dns", "plan"), ("dns", "status"), ("dns", "prepare")):
                result = teal.run(*words)
                assert result.code == 2 and "no service is switched by Route 53" in result.err
                result = teal.run(*words, "shop")
                assert result.code == 2 and "is switched in the path" in result.err
            assert teal.api("GET", "/v1/services/shop/dns")[1]["code"] == "not_route53"
            result = teal.run("switch", "shop", "--standalone", "-c", str(teal.file))
            assert result.code == 2 and "--standalone is for services via: route53" in result.err
            result = teal.run("rollback", "--standalone", "-c", str(teal.file))
            assert result.code == 2 and "there is none" in result.err
    finally:
        small.stop()


class rig_teal:
    def __init__(self, services):
        self.teal = rig.Teal(services)

    def __enter__(self):
        return self.teal.start()

    def __exit__(self, kind, *_):
        if not kind:
            self.teal.end()
        self.teal.clean()


def test_unread():
    """Keys that Route 53 does not take: each verb says so in a sentence, and none of them hangs."""
    with Site(start=False) as site:
        site.teal.environment["AWS_SECRET_ACCESS_KEY"] = "x" * 40
        site.teal.start()
        rig.wait_until("the look has failed", lambda: site.service()["route53"].get("sentence"), 30)
        status = say(site.teal.must("dns", "status"), "which color is live is not known")
        assert "403" in status.out or "signature" in status.out.lower(), status
        plan = site.teal.run("dns", "plan")
        assert plan.code in (1, 3) and plan.err.startswith("teal: ") and plan.out == "", plan
        say(site.teal.must("status"), "api: no color is live")
        refused = site.teal.run("dns", "prepare")
        assert refused.code == 3 and "could not be read" in refused.err, refused


# ---- prepare ----


def test_prepare():
    """The TTL is lowered, the old one waited out; the second time there is nothing to do."""
    with Site(ttl=2, sets=[route53.simple(NAME, "A", 4, HOSTS["blue"])]) as site:
        began = time.time()
        result = say(site.teal.must("dns", "prepare"), "accepted a TTL of 2 s instead of 4 s (change C", "INSYNC", "api: a switch is quick now")
        assert time.time() - began >= 4 and "\x1b" not in result.out
        assert site.sets() == {None: (None, 2, (HOSTS["blue"],))}
        document = site.teal.must("dns", "status", "--json").json()["prepare"]
        assert (document["state"], document["from_ttl_s"], document["ttl_s"]) == ("quick", 4, 2)
        accepted, quick = dnsing.parse(document["accepted_at"]), dnsing.parse(document["quick_from"])
        assert quick - accepted >= 4 and quick <= time.time()
        calls = len(site.world.api.of(CHANGE))
        say(site.teal.must("dns", "prepare"), "a switch is quick now")
        assert site.teal.must("dns", "prepare", "--json").json()["state"] == "quick"
        assert len(site.world.api.of(CHANGE)) == calls
        document = json.loads(site.teal.must("switch", "--json").out.splitlines()[-1])
        assert document["change"]["old_ttl_s"] == 2


def test_prepare_survives():
    """What was begun before a kill is gone on with: the moment is the same."""
    with Site(ttl=2, delays=(0.0, 0.2), sets=[route53.simple(NAME, "A", 8, HOSTS["blue"])]) as site:
        say(site.teal.must("dns", "prepare", "--no-wait"), "a switch is quick from")
        before = rig.wait_until("the moment is known", lambda: status(site)["prepare"]["quick_from"], 30)
        rig.wait_until("what it follows from is on disk", lambda: '"insync_at": "' in site.truth())
        site.teal.kill()
        site.start()
        after = rig.wait_until("the moment is known again", lambda: status(site)["prepare"]["quick_from"], 30)
        assert abs(dnsing.parse(after) - dnsing.parse(before)) < 2
        rig.wait_until("it is quick", lambda: status(site)["prepare"]["state"] == "quick", 30)
        assert time.time() >= dnsing.parse(before) - 0.1


def status(site):
    return site.teal.api("GET", "/v1/services/api/dns")[1]


def test_prepare_and_switch_exclude_each_other():
    with Site(ttl=2, bake="30s", sets=[route53.simple(NAME, "A", 4, HOSTS["blue"])]) as site:
        hang = site.world.api.faults.hang(CHANGE)
        code, answer = site.teal.api("POST", "/v1/services/api/dns/prepare", {})
        assert code == 202 and answer["prepare"]["state"] == "recording", answer
        refused = site.teal.run("switch")
        assert refused.code == 3 and "is being lowered right now" in refused.err, refused
        assert site.teal.api("POST", "/v1/services/api/dns/prepare", {})[1]["code"] == "prepare_running"
        hang.release()
        rig.wait_until("accepted", lambda: status(site)["prepare"]["accepted_at"], 60)
        site.teal.must("switch", "--no-wait")
        refused = site.teal.run("dns", "prepare")
        assert refused.code == 3 and "is under way" in refused.err, refused
        site.teal.must("rollback")


def test_prepare_refused():
    """Somebody changed the record in between: nothing is overwritten."""
    with Site(ttl=2, sets=[route53.simple(NAME, "A", 4, HOSTS["blue"])]) as site:
        other = route53.simple(NAME, "A", 5, HOSTS["blue"])
        site.world.api.faults.meanwhile(lambda: site.world.change(("UPSERT", other)), CHANGE)
        result = site.teal.run("dns", "prepare")
        assert result.code == 3 and "the TTL of api was not lowered" in result.err, result
        assert site.sets() == {None: (None, 5, (HOSTS["blue"],))}


# ---- a switch in words ----


def test_switch_in_words():
    """One line for each thing that happens, the change's id and times at the end, and no invented zeros."""
    with Site(delays=(0.0, 0.8), bake="300ms") as site:
        result = say(site.teal.must("switch"), "armed: the change to green could be made now", "the change is sent that gives green 100 %", "green is live, ",
                     "1 of 2 authoritative servers give the new answer alone", "caches may have the old answer until", "blue is drained", "promoted: green (2) is live",
                     "blue can be stopped safely since")
        assert re.search(r"^change C\w+, accepted .*, INSYNC .*, given by every name server since .*, the old answer in no cache since ", result.out, re.M), result.out
        assert "in flight" not in result.out and "receipt" not in result.out and "workers" not in result.out
        back = say(site.teal.must("rollback"), "api: blue is live again, by change C", "keep it up until `teal dns status api` says")
        assert "worker" not in back.out
        rig.wait_until("the way back is at its end", lambda: site.service()["phase"] == "steady", 60)
        say(site.teal.must("explain"), "rolled back", "no cache that honours TTL sends anybody to green", "way_back", "change C")
        say(site.teal.must("history"), "rolled_back")


def terminal(site, *words, columns=100):
    """Everything that a terminal gets to see."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(site.teal.binary, [site.teal.binary, *words], rig.environment(TEAL_ADMIN=site.teal.socket, TERM="xterm"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    seen = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_countdown():
    """A terminal has a live line with what is left until the old color may go."""
    with Site(ttl=2, delays=(0.0, 0.3)) as site:
        code, seen = terminal(site, "switch")
        assert code == 0 and re.search(r"caches may send users to blue for \d\S* s more", seen), seen
        assert "\r" in seen and "\x1b[K" in seen and "\x1b[32m" in seen


def test_prepare_at_a_terminal():
    with Site(ttl=1, delays=(0.0, 0.3), sets=[route53.simple(NAME, "A", 3, HOSTS["blue"])]) as site:
        code, seen = terminal(site, "dns", "prepare")
        assert code == 0 and re.search(r"caches may hold the longer TTL until \S+, \S+ s left", seen), seen


# ---- without a daemon ----


def take_sigint():
    """A test that runs in the background was told to leave it alone, and what it starts would be, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Alone:
    """`teal … --standalone` that is told to end in the middle."""

    def __init__(self, site, *words):
        self.process = subprocess.Popen([site.teal.binary, *words, "--standalone", "-c", str(site.teal.file)], env={**site.teal.environment, "TMPDIR": str(site.teal.folder)},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=take_sigint)
        self.said = ""

    def await_line(self, part):
        while part not in self.said:
            line = self.process.stdout.readline()
            assert line, (self.said, self.process.stderr.read())
            self.said += line

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return rig.Result(self.process.returncode, self.said + out, err)


def left_behind(site):
    return list(pathlib.Path(site.teal.folder).glob("teal-alone-*"))


def alone(site, *words):
    return site.teal.run(*words, "--standalone", "-c", str(site.teal.file))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_before_the_change(number):
    """The switch is stopped: nothing was changed, nothing is left."""
    with Site(start=False) as site:
        site.backends["green"].fall_sick()
        one = Alone(site, "switch")
        one.await_line("waiting")
        result = one.end(number)
        assert result.code == 1 and "interrupted: the switch is stopped" in result.err and "aborted: blue (1) stays live" in result.out, result
        assert site.sets() == simple("blue") and not left_behind(site)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_before_the_record_is_read(number):
    """Route 53 is silent: there is no deployment yet that could be stopped, and nothing that is worth waiting for."""
    with Site(start=False) as site:
        fault = site.world.api.faults.hang(operation="ListResourceRecordSets", times=1000)
        one = Alone(site, "switch")
        assert fault.met.wait(30)
        result = one.end(number)
        fault.release()
        assert result.code == 1 and "interrupted" in result.err and "nothing was changed" in result.err, result
        assert "has not said" not in result.err and site.sets() == simple("blue") and not left_behind(site), result


def test_ended_behind_the_change():
    """What is and how it goes on is said; the next run takes it to its end, and another one back."""
    with Site(start=False, bake="2s", delays=(0.0, 2.0)) as site:
        one = Alone(site, "switch")
        one.await_line("green is live, ")
        result = one.end()
        assert result.code == -signal.SIGTERM, result
        file = f" -c {site.teal.file}"
        for part in ("interrupted: green is live by change C", f"teal switch api green --standalone{file}", f"teal rollback api --standalone{file}"):
            assert part in result.err, result
        assert site.sets() == simple("green") and not left_behind(site)
        result = alone(site, "switch")
        assert result.code == 0 and "was begun by an earlier run" in result.err and "promoted: green (2) is live" in result.out, result
        assert site.sets() == simple("green")
        result = alone(site, "rollback", "--reason", "a hunch")
        assert result.code == 0 and "rolled back: blue (1) is live again" in result.out, result
        assert site.sets() == simple("blue") and not left_behind(site)
        site.check_record()


def test_ended_on_the_way_back():
    """While Route 53 has not accepted that, nobody is told that it is so."""
    with Site(start=False, delays=(0.0, 1.0)) as site:
        one = Alone(site, "switch", "--bake", "60s")
        one.await_line("green is live, ")
        one.end()
        site.world.api.faults.throttle(1000, CHANGE)
        two = Alone(site, "rollback")
        two.await_line("the change back to blue is sent")
        result = two.end()
        assert result.code == -signal.SIGTERM and "is on its way back to blue, which Route 53 has not accepted yet" in result.err, result
        assert "blue is live" not in result.out + result.err and f"teal rollback api --standalone -c {site.teal.file}" in result.err, result
        assert site.sets() == simple("green")
        site.world.api.faults.clear()
        result = alone(site, "rollback")
        assert result.code == 0 and site.sets() == simple("blue"), result
        site.check_record()


def test_killed_behind_the_change():
    """kill -9 of all of it: the state directory knows, the way back is taken to its end."""
    with Site(start=False, delays=(0.0, 1.0)) as site:
        one = Alone(site, "switch", "--bake", "60s")
        one.await_line("green is live, ")
        one.process.kill()
        one.process.communicate()
        rig.wait_until("its child has noticed", lambda: not left_behind(site), 30)
        result = alone(site, "rollback")
        assert result.code == 0 and "rolled back: blue (1) is live again" in result.out, result
        assert site.sets() == simple("blue")
        site.check_record()


def test_killed_with_its_process():
    """kill -9 of both, so that nobody takes the folder away: the next run does."""
    with Site(start=False, delays=(0.0, 1.0)) as site:
        one = Alone(site, "switch", "--bake", "60s")
        one.await_line("green is live, ")
        (child,) = pathlib.Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text().split()
        (folder,) = left_behind(site)
        os.kill(one.process.pid, signal.SIGSTOP)
        os.kill(int(child), signal.SIGKILL)
        one.process.kill()
        one.process.communicate()
        rig.wait_until("their end", lambda: not rig.is_alive(child))
        assert left_behind(site) == [folder]
        os.utime(folder, (1, 1))
        two = Alone(site, "rollback")
        out, err = two.process.communicate(timeout=60)
        assert two.process.returncode == 0 and "rolled back: blue (1) is live again" in out, (out, err)
        assert not left_behind(site)


@pytest.mark.parametrize("number,why", [(signal.SIGKILL, "it was killed by signal 9"), (signal.SIGTERM, "somebody told it to")])
def test_its_process_is_ended(number, why):
    """The one that does it, not the verb: said at once, with what is and how it goes on, and gone on with by the next run."""
    with Site(start=False, delays=(0.0, 1.0)) as site:
        one = Alone(site, "switch", "--bake", "60s")
        one.await_line("green is live, ")
        time.sleep(2)  # until the verb has asked
        (child,) = pathlib.Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text().split()
        os.kill(int(child), number)
        out, err = one.process.communicate(timeout=60)
        assert one.process.returncode == 1 and f"the process that did it has ended: {why}" in err and not left_behind(site), (out, err)
        file = f" -c {site.teal.file}"
        for part in ("green is live by change C", "keep blue up", f"teal switch api green --standalone{file}", f"teal rollback api --standalone{file}"):
            assert part in err, err
        result = alone(site, "rollback")
        assert result.code == 0 and site.sets() == simple("blue"), result


def test_its_process_is_killed_before_the_change():
    with Site(start=False) as site:
        site.backends["green"].fall_sick()
        one = Alone(site, "switch")
        one.await_line("waiting")
        (child,) = pathlib.Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        out, err = one.process.communicate(timeout=60)
        assert one.process.returncode == 1 and "is live" not in err and f"teal rollback api --standalone -c {site.teal.file}" in err, (out, err)


def is_connected(folder):
    """The listening socket and an accepted one bear its name."""
    return pathlib.Path("/proc/net/unix").read_text().count(f" {folder}/") > 1


def test_its_folder_is_cleared_away():
    """By whoever cleans /tmp: nothing hangs on it once the process is there, no connection that is opened later either."""
    with Site(start=False, bake="300ms", delays=(0.0, 1.0)) as site:
        fault = site.world.api.faults.hang(operation="ListResourceRecordSets", times=1)
        one = Alone(site, "switch")
        assert fault.met.wait(30)
        (folder,) = rig.wait_until("it has a folder", lambda: left_behind(site), 30)
        rig.wait_until("it was asked for the switch", lambda: is_connected(folder), 30)
        shutil.rmtree(folder)
        fault.release()
        out, err = one.process.communicate(timeout=90)
        assert one.process.returncode == 0 and "promoted: green (2) is live" in out and not err, (out, err)
        site.check_record()


def test_steps_that_wait():
    """For somebody who promotes: nobody can, so nothing is begun."""
    with Site(start=False, sets=PAIR, record={"policy": "weighted"}, steps={"shares": [20, 100], "pause": "manual"}) as site:
        result = alone(site, "switch")
        assert result.code == 2 and "give --pause a time" in result.err, result
        assert not site.world.api.of(CHANGE) and not left_behind(site)
        result = say(alone(site, "switch", "--pause", "300ms"), "the change is sent that gives green 20 %", "promoted: green (2) is live")
        assert result.code == 0


def test_other_services_are_left_alone():
    """What the state directory has of a service in the path outlasts a run that knows nothing of it."""
    with Site() as site:
        site.teal.end()
        shop = {color: {"backends": [one.address]} for color, one in site.backends.items()}
        site.teal.conf["services"]["shop"] = {**shop, "bake": "0s", "rollback": {"verify": "0s"}}
        site.teal.conf["listen"] = [{"address": "127.0.0.1:0"}]
        site.teal.write_file()
        site.start()
        site.teal.must("switch", "shop", "green")
        site.teal.must("lock", "shop", "--reason", "hands off")
        site.teal.end()
        assert alone(site, "switch", "api").code == 0
        site.start()
        shop = site.teal.service("shop")
        assert (shop["live"], shop["locked"]["reason"], shop["undo"] is not None) == ("green", "hands off", True)
        assert site.live() == "green"

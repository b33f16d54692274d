"""Exclusive switches from outside: what the backends themselves saw, what clients waited for, and what becomes of a command that fails, hangs or outlives the daemon."""
import contextlib
import http.client
import http.server
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

import daemon as rig


class Noting:
    """A backend that notes from when to when it had each request, by the clock of this process. The end is noted before the answer goes out: so the proxy can't know of it any sooner."""

    def __init__(self, color, delay=0.0, size=2):
        noting, body = self, b"ok".ljust(size, b".")
        self.color, self.delay, self.spans, self.lock = color, delay, [], threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                begin = time.monotonic_ns()
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path != "/health":
                    time.sleep(noting.delay)
                    with noting.lock:
                        noting.spans.append((begin, time.monotonic_ns()))
                self.send_response(200)
                self.send_header("X-Color", noting.color)
                self.send_header("Content-Length", str(size))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:  # cut off
                    self.close_connection = True

            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Crowd:
    """Clients that ask again and again, GET and POST by turns, and note every answer."""

    def __init__(self, port, count=6):
        self.port, self.over, self.answers, self.lock = port, False, [], threading.Lock()
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        turn = 0
        while not self.over:
            began, turn = time.monotonic(), turn + 1
            try:
                connection.request("POST" if turn % 2 else "GET", "/", b"x" * 20 if turn % 2 else None)
                answer = connection.getresponse()
                answer.read()
                said = answer.status, answer.getheader("X-Color")
            except (OSError, http.client.HTTPException) as fault:
                said = repr(fault), None
                connection.close()
            with self.lock:
                self.answers.append((said[0], said[1], time.monotonic() - began))
            time.sleep(0.002)
        connection.close()

    def finish(self):
        """All answers: (status, color, seconds)."""
        self.over = True
        for thread in self.threads:
            thread.join()
        return self.answers


@pytest.fixture
def noting():
    started = []

    def start(color, delay=0.0, size=2):
        started.append(Noting(color, delay, size))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def start_switch(teal, **body):
    status, document = teal.api("POST", "/v1/services/shop/switch", {"exclusive": True, "bake_s": 0, **body})
    assert status == 202, document
    return document["deployment"]


def switch(teal, **body):
    return teal.deployment(start_switch(teal, **body))


def overlaps(blue, green):
    """Pairs of requests that both colors had at the same time."""
    marks = sorted([(at, end, color) for color, one in (("blue", blue), ("green", green)) for begin, end_ in one.spans for at, end in ((begin, 1), (end_, 0))])
    inside, found = {"blue": 0, "green": 0}, 0
    for _, begins, color in marks:
        inside[color] += 1 if begins else -1
        found += inside["blue"] > 0 and inside["green"] > 0
    return found


def script(teal, name, *lines):
    path = pathlib.Path(teal.folder) / name
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ---- as it should be ----


def test_never_both(noting, teal):
    """Back and forth under load: the backends' own spans never overlap, and the command ran while neither had anything."""
    blue, green = noting("blue", 0.01), noting("green", 0.01)
    one = teal(rig.colors([blue], [green]))
    crowd = Crowd(one.port)
    run = [script(one, "migrate", "date +%s >>" + str(one.folder / "ran"), "sleep 0.2")]
    for to in ("green", "blue", "green"):
        time.sleep(0.3)
        document = switch(one, to=to, hold_max_s=20, run=run)
        assert (document["outcome"], document["receipt"]["cut"]) == ("promoted", 0), document
    time.sleep(0.3)
    answers = crowd.finish()
    assert {status for status, _, _ in answers} == {200}
    assert {color for _, color, _ in answers} == {"blue", "green"}
    assert len(blue.spans) > 50 and len(green.spans) > 50
    assert overlaps(blue, green) == 0
    assert len((one.folder / "ran").read_text().split()) == 3


def test_tunnels_are_no_obstacle(shop):
    tunnel = socket.create_connection(("127.0.0.1", shop.port), 30)
    tunnel.sendall(b"GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    assert tunnel.recv(4096).startswith(b"HTTP/1.1 101")
    document = switch(shop, hold_max_s=20, run=["/bin/true"])
    assert document["outcome"] == "promoted", document
    while tunnel.recv(4096):
        pass
    tunnel.close()


def test_without_a_command(shop):
    document = switch(shop, hold_max_s=5)
    assert (document["outcome"], document["exclusive"]["run_at"]) == ("promoted", None)
    assert shop.get()[1]["x-color"] == "green"


# ---- as it should not ----


def assert_stayed(teal, document, cause):
    assert (document["outcome"], document["cause"], document["exit"]) == ("failed", cause, 1), document
    assert "blue is live as before" in document["detail"]
    assert teal.service()["live"] == "blue"
    assert teal.get()[1]["x-color"] == "blue"


def test_a_command_that_hangs(noting, teal):
    blue, green = noting("blue"), noting("green")
    one = teal(rig.colors([blue], [green]))
    pid = one.folder / "pid"
    run = [script(one, "hang", f"sleep 600 & echo $! >{pid}.more", f"echo $$ >{pid}", "wait")]
    crowd = Crowd(one.port)
    time.sleep(0.2)
    document = switch(one, hold_max_s=3, run=run)
    assert_stayed(one, document, "exclusive_time")
    answers = crowd.finish()
    assert {(status, color) for status, color, _ in answers} == {(200, "blue")}
    assert green.spans == []
    assert max(seconds for _, _, seconds in answers) > 1  # some were held
    assert not is_running(read_pid(pid)) and not is_running(read_pid(f"{pid}.more"))


def read_pid(path):
    return rig.wait_until("the command's number", lambda: os.path.exists(path) and pathlib.Path(path).read_text().strip())


STUBBORN = ("trap '' TERM", "(trap '' TERM; echo $$ >%s; while :; do sleep 0.1; done) &", "while :; do sleep 0.1; done")


def stubborn(teal, name="stubborn"):
    """A command that does not end when it is told to, with a child that does not, either; and where its process group is written."""
    pid = teal.folder / (name + ".pid")
    return [script(teal, name, *(line % pid if "%s" in line else line for line in STUBBORN))], pid


def group_lives(group):
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if its == group and state not in "ZX":
            return True
    return False


def test_a_command_that_ignores_sigterm(noting, teal):
    """When the old color has its traffic again nothing of the command is alive, so that the next one is alone, too."""
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = stubborn(one)
    for _ in range(2):
        document = switch(one, hold_max_s=3, run=run)
        assert not group_lives(read_pid(pid))
        assert_stayed(one, document, "exclusive_time")
        assert "it was told to end before the hold's limit" in document["detail"]
    assert switch(one, hold_max_s=20, run=["/bin/true"])["outcome"] == "promoted"


def test_a_command_that_fails(shop):
    document = switch(shop, hold_max_s=20, run=[script(shop, "fail", "echo beginning", "echo column missing >&2", "exit 3"), "secret"])
    assert_stayed(shop, document, "exclusive_run")
    assert "column missing" in document["detail"] and "secret" not in str(document)


class Probes:
    """A Noting's health check as somebody says: its status, and how often it was asked."""

    def __init__(self, one):
        self.status, self.asked = 200, 0
        handler = one.server.RequestHandlerClass
        usual = handler.do_GET

        def do_GET(this):
            if this.path != "/health":
                return usual(this)
            self.asked += 1
            this.send_response(self.status)
            this.send_header("Content-Length", "0")
            this.end_headers()

        handler.do_GET = do_GET


def test_a_command_that_breaks_the_new_color(noting, teal):
    """Regular probes are an hour apart: only a fresh one finds it."""
    blue, green = noting("blue"), noting("green")
    probes = Probes(green)
    one = teal(rig.colors([blue], [green], probe={"path": "/health", "interval": "1h", "timeout": "2s"}))
    flag = one.folder / "broken"
    run = [script(one, "migrate", f"touch {flag}", f"while [ -e {flag} ]; do sleep 0.02; done")]

    def run_it(status, **more):
        id = start_switch(one, run=run, **more)
        rig.wait_until("the command", flag.exists)
        probes.status = status
        flag.unlink()
        return one.deployment(id)

    asked = probes.asked
    document = run_it(500, hold_max_s=6)
    assert_stayed(one, document, "exclusive_health")
    assert "green was not well again behind the command: " + green.address in document["detail"] and "500" in document["detail"]
    assert document["exclusive"]["ran_at"] and not document["exclusive"]["probed_at"]
    assert green.spans == [] and probes.asked > asked + 1  # it had more than one chance
    asked = probes.asked
    document = run_it(200, hold_max_s=60)
    assert document["outcome"] == "promoted" and document["exclusive"]["probed_at"], document
    assert probes.asked > asked


def test_a_command_that_is_not_there(shop):
    assert_stayed(shop, switch(shop, hold_max_s=20, run=["/nonexistent/migrate"]), "exclusive_run")


def test_a_request_that_takes_longer(noting, teal):
    blue, green = noting("blue", 3), noting("green")
    one = teal(rig.colors([blue], [green]))
    crowd = Crowd(one.port, 1)
    rig.wait_until("a request in flight", lambda: one.service()["colors"]["blue"]["inflight"] == 1)
    document = switch(one, hold_max_s=1, run=["/bin/true"])
    assert (document["cause"], document["exclusive"]["run_at"]) == ("exclusive_drain", None)
    answers = crowd.finish()
    assert {(status, color) for status, color, _ in answers} == {(200, "blue")}


def test_given_up_but_not_ended(noting, teal):
    """The proxy has nothing under way any more, but the backend is still at work: the deployment says that it may be."""
    blue, green = noting("blue", 2), noting("green")
    one = teal(rig.colors([blue], [green]))
    client = socket.create_connection(("127.0.0.1", one.port))
    client.sendall(b"POST /pay HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    inflight = lambda: one.service()["colors"]["blue"]["inflight"]
    rig.wait_until("a request in flight", lambda: inflight() == 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    rig.wait_until("that it is given up", lambda: inflight() == 0)
    said = "1 request of blue was given up in the last 1m, by a timeout, by the client or in a rehearsal: blue may still be at work on it"
    id = start_switch(one, hold_max_s=20, run=["/bin/true"])
    document = one.deployment(id)
    assert document["outcome"] == "promoted" and said in document["warnings"], document
    quiet = [event for event in one.api("GET", f"/v1/deployments/{id}?events=1")[1]["events"] if event["event"] == "quiet"]
    assert quiet[0]["given_up"] == 1 and said in quiet[0]["text"], quiet
    assert not any("given up" in warning for warning in switch(one, hold_max_s=20)["warnings"])  # green has given up nothing


def test_aborted(noting, teal):
    blue, green = noting("blue"), noting("green")
    one = teal(rig.colors([blue], [green]))
    crowd = Crowd(one.port)
    run, pid = stubborn(one)
    id = start_switch(one, hold_max_s=60, run=run)
    read_pid(pid)
    one.must("abort")
    assert not group_lives(read_pid(pid))
    document = one.deployment(id)
    assert (document["outcome"], document["cause"], document["exit"]) == ("aborted", "abort", 1)
    answers = crowd.finish()
    assert {(status, color) for status, color, _ in answers} == {(200, "blue")}


def test_stopped_in_the_middle(noting, teal):
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = stubborn(one)
    id = start_switch(one, hold_max_s=60, run=run)
    read_pid(pid)
    one.end()
    assert not group_lives(read_pid(pid))
    one.start()
    assert one.deployment(id)["outcome"] == "aborted"


def test_killed_in_the_middle(noting, teal):
    """Nobody is there to end the command: the next daemon does."""
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = stubborn(one)
    id = start_switch(one, hold_max_s=60, run=run)
    group = read_pid(pid)
    one.kill()
    try:
        assert group_lives(group)
        one.start()
        rig.wait_until("the orphan's end", lambda: not group_lives(group))
    finally:
        if group_lives(group):
            os.killpg(int(group), 9)
    document = one.deployment(id)
    assert_stayed(one, document, "interrupted")
    assert run[0] + " was begun and was killed in the middle of its work" in document["detail"]
    assert "had outlived the daemon and was killed" in document["warnings"][0]
    assert "had outlived the daemon and was killed" in one.read_log()
    assert switch(one, hold_max_s=20, run=["/bin/true"])["outcome"] == "promoted"


def test_killed_behind_the_command(noting, teal):
    """What the command has left for good, in a session of its own, is nobody's orphan."""
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    pid = one.folder / "stays.pid"
    run = [script(one, "migrate", f"setsid sh -c 'echo $$ >{pid}; exec sleep 600' >/dev/null 2>&1 &", "sleep 600")]
    id = start_switch(one, hold_max_s=60, run=run)
    stays = read_pid(pid)
    try:
        one.kill()
        one.start()
        assert_stayed(one, one.deployment(id), "interrupted")
        assert is_running(stays)
    finally:
        os.kill(int(stays), 9)


def test_killed_before_the_command(noting, teal):
    blue, green = noting("blue", 5), noting("green")
    one = teal(rig.colors([blue], [green]))
    crowd = Crowd(one.port, 1)
    rig.wait_until("a request in flight", lambda: one.service()["colors"]["blue"]["inflight"] == 1)
    id = start_switch(one, hold_max_s=60, run=["/bin/true"])
    rig.wait_until("the hold", lambda: one.service()["deployment"]["exclusive"]["held_at"])
    one.kill()
    crowd.finish()
    one.start()
    assert "/bin/true was not begun" in one.deployment(id)["detail"]


# ---- a command that is more than its process group ----


def in_a_group_of_its_own(teal, *lines):
    """A command of these lines, with a program INNER that does not end; and where the number of INNER is written."""
    pid = teal.folder / "escaped.pid"
    inner = script(teal, "inner", f"echo $$ >{pid}.new; mv {pid}.new {pid}", "while :; do sleep 0.1; done")
    return [script(teal, "migrate", *(line.replace("INNER", inner) for line in lines))], pid


@contextlib.contextmanager
def killed_at_last(path):
    """Whatever becomes of the test."""
    try:
        yield
    finally:
        pid = path.read_text().strip() if path.exists() else ""
        if pid and is_running(pid):
            os.killpg(os.getpgid(int(pid)), 9)


@pytest.mark.parametrize("how", ["limit", "abort", "stop"])
def test_nothing_of_it_goes_on_in_another_group(noting, teal, how):
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = in_a_group_of_its_own(one, "timeout 600 INNER")
    with killed_at_last(pid):
        id = start_switch(one, hold_max_s=3 if how == "limit" else 60, run=run)
        process = read_pid(pid)
        if how == "stop":
            one.end()
        else:
            how == "abort" and one.must("abort")
            document = one.deployment(id)
            assert document["outcome"] == ("failed" if how == "limit" else "aborted"), document
        assert not is_running(process)


def test_a_part_that_does_not_end_when_it_is_told(noting, teal):
    """Nor does what made its group."""
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = in_a_group_of_its_own(one, "exec bash -c 'set -m; trap \"\" TERM; INNER & wait; wait; sleep 600'")
    with killed_at_last(pid):
        document = switch(one, hold_max_s=3, run=run)
        assert not is_running(read_pid(pid))
        assert_stayed(one, document, "exclusive_time")


def test_a_part_in_the_background_is_waited_for(noting, teal):
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = in_a_group_of_its_own(one, "timeout 600 INNER >/dev/null 2>&1 &", f"while [ ! -e {one.folder}/escaped.pid ]; do sleep 0.01; done")
    with killed_at_last(pid):
        document = switch(one, hold_max_s=4, run=run)
        assert not is_running(read_pid(pid))
        assert_stayed(one, document, "exclusive_time")
    begun, done = one.folder / "begun", one.folder / "done"
    slow = script(one, "slow", f"touch {begun}", "sleep 1", f"touch {done}")
    document = switch(one, hold_max_s=30, run=[script(one, "quick", f"timeout 600 {slow} >/dev/null 2>&1 &", f"while [ ! -e {begun} ]; do sleep 0.01; done")])
    assert document["outcome"] == "promoted" and done.exists(), document


def test_what_it_left_in_a_session_of_its_own_stays(noting, teal):
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = in_a_group_of_its_own(one, "setsid sh -c 'timeout 600 INNER; true' >/dev/null 2>&1 &", "sleep 600")
    with killed_at_last(pid):
        id = start_switch(one, hold_max_s=60, run=run)
        process = read_pid(pid)
        one.kill()
        one.start()
        assert_stayed(one, one.deployment(id), "interrupted")
        assert is_running(process)


def test_killed_without_a_record(noting, teal):
    """With --force it goes on though the state can't be written; so the next daemon can't know how far it came."""
    one = teal(rig.colors([noting("blue")], [noting("green")]))
    run, pid = stubborn(one)
    obstacle = one.folder / "state" / "teal.state.new"
    begun = f'until grep -qs "$TEAL_DEPLOYMENT" {one.folder}/state/teal.state; do sleep 0.05; done'
    one.conf["services"]["shop"].setdefault("gates", {})["hooks"] = [{"run": [script(one, "hook", begun, f"until mkdir {obstacle}; do sleep 0.01; done")]}]
    one.write_file()
    one.must("reload")
    id = start_switch(one, hold_max_s=60, run=run, force=True)
    group = read_pid(pid)
    one.await_history(id)
    one.kill()
    obstacle.rmdir()
    try:
        one.start()
        rig.wait_until("the history is read, and what it has is killed", lambda: not group_lives(group), 30)
    finally:
        if group_lives(group):
            os.killpg(int(group), 9)
    document = one.deployment(id)
    assert_stayed(one, document, "interrupted")
    assert run[0] + " was begun and was killed" in document["detail"]


def test_one_of_an_earlier_run_is_in_the_way(shop):
    """By what it was born with."""
    marks = {"TEAL_EVENT": "exclusive", "TEAL_DEPLOYMENT": switch(shop, hold_max_s=20, run=["/bin/true"])["id"]}
    shop.end()
    shop.start()
    other = subprocess.Popen(["/bin/sleep", "600"], env=marks, process_group=0)
    try:
        status, problem = shop.api("POST", "/v1/services/shop/switch", {"exclusive": True, "bake_s": 0})
        assert (status, problem["code"]) == (409, "command_remains"), problem
    finally:
        other.kill()
        other.wait()
    assert switch(shop, hold_max_s=20)["outcome"] == "promoted"


def test_a_rehearsal_gives_way(noting, teal):
    """Its copies are requests, too: the new color's take long, and are waited for."""
    blue, green = noting("blue", 0.002), noting("green", 1.0)
    one = teal(rig.colors([blue], [green]))
    crowd = Crowd(one.port, 3)
    status, report = one.api("POST", "/v1/services/shop/rehearse", {"share": 1, "for_s": 3600})
    assert status == 202, report
    rig.wait_until("copies", lambda: one.api("GET", "/v1/services/shop/rehearsal")[1]["compared"] > 2, 60)
    times = one.folder / "times"
    now = f"{sys.executable} -c 'import time; print(time.monotonic_ns())' >>{times}"
    document = switch(one, hold_max_s=30, run=[script(one, "migrate", now, "sleep 1", now)])
    crowd.finish()
    time.sleep(1.5)  # what was given up without being waited for would end by then
    began, ended = map(int, times.read_text().split())
    assert [span for span in blue.spans + green.spans if span[0] < ended and span[1] > began] == []
    assert document["outcome"] == "promoted", document
    report = one.api("GET", "/v1/services/shop/rehearsal")[1]
    assert report["state"] == "ended" and "it ended early: a deployment began" in report["text"]


def test_copies_that_were_cut_off(noting, teal):
    """Whoever wrote the rest of their answers may still be at it: the deployment says so."""
    blue, green = noting("blue", 0, 1 << 20), noting("green")
    one = teal(rig.colors([blue], [green]))
    crowd = Crowd(one.port, 2)
    status, report = one.api("POST", "/v1/services/shop/rehearse", {"share": 1, "for_s": 3600})
    assert status == 202, report
    rig.wait_until("copies", lambda: one.api("GET", "/v1/services/shop/rehearsal")[1]["compared"] > 2, 60)
    crowd.finish()
    assert one.api("POST", "/v1/services/shop/rehearsal/stop", {})[0] == 200
    document = switch(one, hold_max_s=20, run=["/bin/true"])
    assert document["outcome"] == "promoted", document
    assert [True for warning in document["warnings"] if "of blue were given up" in warning], document["warnings"]


# ---- who may ask for what ----


@pytest.mark.parametrize("body", [
    {"exclusive": True, "steps": [5, 100]},
    {"exclusive": True, "pause_s": 5},
    {"exclusive": True, "hold_max_s": 0},
    {"exclusive": True, "run": []},
    {"exclusive": True, "run": ["migrate"]},
    {"run": ["/bin/true"]},
    {"hold_max_s": 5},
    {"pause_s": "manual"},
    {"steps": [5, 25], "pause_s": 1},
    {"steps": [25, 5, 100]},
    {"steps": [0, 100]},
    {"steps": 5},
    {"steps": [5, 100], "pause_s": "forever"},
    {"steps": [5, 100], "pause_s": 0},
], ids=str)
def test_what_makes_no_sense(shop, body):
    status, problem = shop.api("POST", "/v1/services/shop/switch", body)
    assert (status, problem["code"]) == (400, "bad_request"), problem
    assert shop.newest() is None


def test_no_command_over_tcp(small, teal, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    os.chmod(token, 0o600)
    one = teal(rig.colors([small("blue")], [small("green", "2")]))
    one.end()
    one.conf["admin"].update(listen="127.0.0.1:0", token_file=str(token))
    one.write_file()
    one.start()
    host, port = one.status()["admin_listen"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("POST", "/v1/services/shop/switch", '{"exclusive": true, "run": ["/bin/true"]}',
                       {"Authorization": "Bearer " + token.read_text().strip(), "Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, "admin socket" in answer.read().decode()) == (403, True)
    connection.close()
    assert one.newest() is None

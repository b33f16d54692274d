"""The command line against a real daemon: every sentence and exit code that an operator meets."""
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

import pytest

import daemon as rig

TEAL = rig.BINARY
NOBODY = 65534


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TEAL_") and k not in ("NO_COLOR",)}
    return {**kept, **more}


def teal(*words, cwd="/", **variables):
    return Result(subprocess.run([TEAL, *words], cwd=cwd, env=environment(**variables), capture_output=True, text=True, timeout=60))


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = self.server.status
        body = f"{self.server.version}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def backend(version, status=200):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    server.version, server.status = version, status
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    server.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_file(folder, services, listen='"127.0.0.1:0"'):
    file = folder / "teal.yaml"
    file.write_text(
        f'admin: {{socket: "{folder}/admin.sock"}}\nstate: "{folder}/state"\nworkers: 2\nlisten: [{{address: {listen}}}]\nservices:\n{services}'
    )
    return file


def service(name, blue, green, more="", paths="/"):
    return (
        f"  {name}:\n    paths: [{paths}]\n    blue: {{version: v1, backends: [{blue}]}}\n    green: {{version: v2, backends: [{green}]}}\n"
        f"    probe: {{path: /health, interval: 100ms, timeout: 500ms}}\n    bake: 300ms\n{more}"
    )


class Daemon:
    def __init__(self, file):
        self.file, self.folder = file, file.parent
        self.socket = str(self.folder / "admin.sock")
        self.log = open(self.folder / "serve.log", "wb")
        self.process = subprocess.Popen([TEAL, "serve", "-c", str(file)], cwd="/", env=environment(), stdout=self.log, stderr=self.log)

    def run(self, *words, **options):
        return teal(*words, TEAL_ADMIN=self.socket, **options)

    def await_healthy(self):
        for _ in range(200):
            got = self.run("status", "--json")
            if got.code == 0 and all(
                color["health"] == "healthy" for s in got.json()["services"].values() for color in s["colors"].values() if color["backends"]
            ):
                return
            assert self.process.poll() is None, (self.folder / "serve.log").read_text()
            time.sleep(0.05)
        raise AssertionError((self.folder / "serve.log").read_text())

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


@contextlib.contextmanager
def daemon(file, healthy=True):
    running = Daemon(file)
    try:
        if healthy:
            running.await_healthy()
        yield running
    finally:
        running.end()


@pytest.fixture
def shop(tmp_path):
    """One service with a healthy backend for each color."""
    with backend("v1") as blue, backend("v2") as green:
        with daemon(write_file(tmp_path, service("shop", f'"{blue.address}"', f'"{green.address}"'))) as running:
            running.blue, running.green = blue, green
            yield running


@pytest.fixture
def market(tmp_path):
    """Two services."""
    with backend("v1") as blue, backend("v2") as green:
        services = service("shop", f'"{blue.address}"', f'"{green.address}"') + service("api", f'"{blue.address}"', f'"{green.address}"', paths="/api")
        with daemon(write_file(tmp_path, services)) as running:
            yield running


FAULTY = """lissten: []
services:
  shop:
    blue: {versoin: v1, backends: ["127.0.0.1:1"]}
    bake: soon
"""


def test_check_prints_every_fault(tmp_path):
    file = tmp_path / "teal.yaml"
    file.write_text(FAULTY)
    got = teal("check", "-c", str(file))
    assert got.code == 2
    lines = got.out.splitlines()
    assert all(re.match(rf"{re.escape(str(file))}:\d+:\d+: \S", line) for line in lines), got.out
    assert any("lissten" in line and "listen" in line for line in lines)
    assert any("versoin" in line and "version" in line for line in lines)
    assert any("soon" in line for line in lines)
    document = teal("check", "-c", str(file), "--json").json()
    assert document["ok"] is False and document["faults"] == lines


def test_check_of_a_right_file(tmp_path):
    file = write_file(tmp_path, service("shop", '"127.0.0.1:1"', '"127.0.0.1:2"'))
    got = teal("check", "-c", str(file))
    assert (got.code, got.out, got.err) == (0, f"{file}: ok (1 service, 2 backends, 1 listener)\n", "")


def test_check_without_a_file(tmp_path):
    if os.path.exists("/etc/teal/teal.yaml"):
        pytest.skip("this machine has a configuration of its own")
    got = teal("check", cwd=tmp_path)
    assert got.code == 2 and "there is no configuration" in got.err
    got = teal("check", "-c", str(tmp_path / "none.yaml"))
    assert got.code == 2 and "none.yaml" in got.out


def test_serve_refuses_a_faulty_file(tmp_path):
    file = tmp_path / "teal.yaml"
    file.write_text(FAULTY)
    got = teal("serve", "-c", str(file))
    assert got.code == 2 and "versoin" in got.err and "nothing was started" in got.err


def test_serve_refuses_a_taken_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = write_file(tmp_path, service("shop", '"127.0.0.1:1"', '"127.0.0.1:2"'), listen=f'"127.0.0.1:{port}"')
        got = teal("serve", "-c", str(file))
    assert got.code == 1
    assert f"127.0.0.1:{port}" in got.err and "in use" in got.err


def test_serve_refuses_a_state_directory_without_rights(tmp_path):
    (tmp_path / "state").write_text("a file, where a folder should be")
    file = write_file(tmp_path, service("shop", '"127.0.0.1:1"', '"127.0.0.1:2"'))
    got = teal("serve", "-c", str(file))
    assert got.code == 1 and "state" in got.err
    assert got.err.count("teal: ") == 1


def test_serve_refuses_a_second_daemon(shop, tmp_path):
    got = teal("serve", "-c", str(shop.file))
    assert got.code == 1
    assert shop.run("status").code == 0


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["stauts"], "did you mean `teal status`?"),
        (["frobnicate"], "there is no verb"),
        ([], "a verb is missing"),
        (["--json", "status"], "the verb comes first"),
        (["switch", "--forse"], "did you mean --force?"),
        (["switch", "--reason"], "--reason needs a value"),
        (["switch", "--steps", "5,25"], "--steps must end with 100"),
        (["switch", "--steps", "25,5,100"], '--steps must rise, as in 5,25,100; "5" does not'),
        (["switch", "--steps", "5,1.234,100"], '"1.234" is none'),
        (["switch", "--steps", "5,101"], '"101" is none'),
        (["switch", "--pause", "soon"], '--pause wants a duration such as 30s or 5m, or manual; not "soon"'),
        (["switch", "--exclusive", "--steps", "5,100"], "--exclusive and --steps exclude each other"),
        (["deploy", "--backend", "x:1", "--exclusive", "--pause", "5s"], "--exclusive and --pause exclude each other"),
        (["switch", "--run", "/bin/true"], "--run goes with --exclusive"),
        (["switch", "--hold-max", "5s"], "--hold-max goes with --exclusive"),
        (["switch", "--exclusive", "--hold-max", "1h"], "--hold-max is 100ms to 10m"),
        (["switch", "--exclusive", "--run", "nosuchprogram --to 12"], '--run: there is no program "nosuchprogram" in $PATH'),
        (["switch", "--exclusive", "--run", "./nosuchprogram"], '--run: there is no program "./nosuchprogram" (see'),
        (["switch", "--exclusive", "--run", "/bin/a && /bin/b"], "--run: '&' means something to a shell only, and there is none here"),
        (["switch", "--exclusive", "--run", "/bin/a 'b"], "--run: a quote (') is not closed"),
        (["hold", "--max", "1ms"], "--max is 100ms to 10m"),
        (["hold", "green"], "takes no color"),
        (["preview", "--expires", "10ms"], "--expires is 1s to 720h"),
        (["rehearse", "--share", "0"], '--share is 0.01% to 100%, such as 10%, not "0"'),
        (["rehearse", "--share", "101%"], "--share is 0.01% to 100%"),
        (["rehearse", "--for", "0s"], '--for is 1s to 24h, not "0s"'),
        (["rehearse", "--for", "2d"], '--for is 1s to 24h, not "2d"'),
        (["rehearse", "--for", "48h"], '--for is 1s to 24h, not "48h"'),
        (["rehearse", "--stop", "--report"], "leave --report out"),
        (["rehearse", "--report", "--for", "5m"], "--for is for a rehearsal that begins"),
        (["approve", "shop", "2026"], '"2026" is no id of a deployment; `teal history` lists them'),
        (["reject", "2026", "shop"], '"2026" is no id of a deployment'),
        (["approve", "shop", "market", "20260131-120000-4f2a9c"], "one service is enough"),
        (["confirm", "shop", "market"], "one service is enough"),
        (["switch", "shop", "gren"], '"gren" is no color; did you mean green?'),
        (["plan", "bleu", "shop"], '"bleu" is no color; did you mean blue?'),
        (["switch", "shop", "market"], 'one service is enough: "shop" and "market" are both named; the colors are blue and green'),
        (["switch", "--standalone"], "name one with -c FILE"),
        (["switch", "blue", "green"], "one color is enough"),
        (["rollback", "blue"], "takes no color"),
        (["deploy", "--version", "v3"], "--backend"),
        (["history", "-n", "0"], "--number"),
        (["serve", "--blue", "127.0.0.1:1"], "--listen is missing"),
        (["reload", "shop"], "takes no words"),
        (["status", "--admin", "ftp://x"], "is no address of a daemon"),
        (["switch", "--idempotency-key", "k\r\nX-More: 1"], "--idempotency-key wants 1 to 128 visible ASCII characters"),
        (["rollback", "--idempotency-key", "two words"], "--idempotency-key wants 1 to 128 visible ASCII characters"),
    ]
    + [([verb], "is not supported by this version") for verb in ("upgrade",)],
)
def test_wrong_usage(words, sentence):
    got = teal(*words)
    assert got.code == 2
    assert got.err.startswith("teal: ") and sentence in got.err
    assert got.out == ""


@pytest.mark.parametrize("words", ["switch --version", "switch --reason", "deploy --backend", "deploy --backend x:1 --version", "rollback --reason", "abort --reason", "lock --reason", "hold --reason",
                                   "approve --reason", "reject --reason", "preview --base", "rehearse --share", "switch --steps", "switch --expect-live", "status", "explain", "history"])
def test_texts_are_utf8(words):
    got = teal(*words.split(), b"caf\xe9")
    assert (got.code, got.out) == (2, "") and " is not UTF-8 (see `teal " in got.err, got.err


def test_names_in_a_path(shop):
    """Whatever a service is called here, it is one piece of the path that is asked for."""
    for name in ("..", ".", "a/b", "../../v1/status", "shop/lock", "sh%6fp", "shop?x=1", "shop#", "a b", "a\r\nX: y", "\u00fc"):
        got = shop.run("lock", name)
        assert got.code == 2 and "no service is called" in got.err, (name, got.err)
    assert "locked" not in shop.run("status").out


@pytest.mark.parametrize("verb", "serve check status plan switch deploy rollback confirm abort promote probe history explain lock unlock hold resume approve reject preview rehearse reload stop demo version".split())
def test_help_of_every_verb(verb):
    got = teal(verb, "--help")
    assert got.code == 0 and f"usage: teal {verb}" in got.out and got.err == ""
    assert f"\n  {verb} " in teal("help").out


def test_help_tells_every_exit_code():
    """Those that the verb can give besides 0, and no others. Of `deploy` what is not as of `switch`."""
    codes = {"switch": "123456", "deploy": "1256", "plan": "1235", "rollback": "12356", "reload": "1235", "stop": "1256", "abort": "1235", "confirm": "1235",
             "promote": "1235", "approve": "1235", "reject": "1235", "hold": "1235", "resume": "1235", "preview": "1235", "rehearse": "1235", "status": "125",
             "lock": "125", "unlock": "125", "history": "125", "explain": "125", "probe": "125", "check": "2", "serve": "12", "demo": "1"}
    for verb, wanted in codes.items():
        text = " ".join(teal(verb, "--help").out.split())
        told = " ".join(re.findall(r"Exit codes? .*?(?:\.(?= |$)|$)", text))
        assert set(re.findall(r"\b[1-9]\b", told)) == set(wanted), (verb, told)
    text = teal("switch", "--help").out
    assert "Smoke requests and hooks run all the same" in text and "nobody is asked for an approval" in text


def test_version():
    assert re.fullmatch(r"teal \d+\.\d+\.\d+\n", teal("version").out)
    assert teal("--version").out == teal("version").out
    assert "version" in teal("version", "--json").json()


def test_no_daemon(tmp_path):
    missing = tmp_path / "admin.sock"
    got = teal("status", "--admin", str(missing))
    assert got.code == 5 and str(missing) in got.err and "teal serve" in got.err
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(missing))
    got = teal("switch", "--admin", str(missing))
    assert got.code == 5 and "nobody listens" in got.err
    got = teal("status", "--admin", str(missing / "below"))
    assert got.code == 5 and "admin.socket set to this path?" in got.err and "admin.listen" not in got.err
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        got = teal("status", "--admin", url)
    assert got.code == 5 and url in got.err and "admin.listen set to this address?" in got.err


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, unlike pytest's own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="teal-e2e-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_no_rights_on_the_socket(open_folder):
    file = write_file(open_folder, service("shop", '"127.0.0.1:1"', '"127.0.0.1:2"'))
    with daemon(file, healthy=False) as running:
        for _ in range(100):
            if running.run("status").code == 0:
                break
            time.sleep(0.05)
        binary, prefix = TEAL, ()
        if os.getuid() == 0:
            binary = shutil.copy(TEAL, open_folder / "teal")
            prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        else:
            os.chmod(running.socket, 0)
        done = subprocess.run([*prefix, str(binary), "status", "--admin", running.socket], cwd="/", env=environment(), capture_output=True, text=True)
        got = Result(done)
    assert got.code == 5
    assert "no rights on the socket" in got.err and running.socket in got.err


def test_services_by_name(market):
    assert market.run("status").code == 0
    assert market.run("history").code == 0
    got = market.run("switch")
    assert got.code == 2 and "shop" in got.err and "api" in got.err
    got = market.run("switch", "shpo")
    assert got.code == 2 and "did you mean shop" in got.err
    got = market.run("plan", "gren")
    assert got.code == 2 and "did you mean the color green" in got.err
    assert market.run("rollback", "nothing-like-it").code == 2
    assert market.run("lock", "--reason", "frozen").out.count("locked") == 2
    assert market.run("switch", "api").code == 3
    assert market.run("unlock").code == 2
    assert market.run("unlock", "--all").code == 0
    assert market.run("switch", "api", "green").code == 0
    status = market.run("status", "--json").json()["services"]
    assert (status["shop"]["live"], status["api"]["live"]) == ("blue", "green")


def test_history_of_a_service(market):
    """None yet is an answer, no such service is none; what was removed can be read on."""
    for option in ([], ["--json"]):
        got = market.run("history", "shpo", *option)
        assert got.code == 2 and 'no service is called "shpo"; did you mean shop?' in got.err, (got.out, got.err)
    got = market.run("history", "api")
    assert got.code == 0 and "no deployment yet" in got.out
    assert market.run("switch", "api").code == 0
    file = market.file.read_text()
    market.file.write_text(file[: file.index("  api:")])
    assert market.run("reload").code == 0
    got = market.run("history", "api")
    assert got.code == 0 and "promoted" in got.out, got.err


def test_a_switch_and_the_way_back(shop):
    plan = shop.run("plan")
    assert plan.code == 0 and "would go through" in plan.out
    done = shop.run("switch", "--reason", "release 2")
    assert done.code == 0, done.err
    assert "green" in done.out and "promoted" in done.out and "receipt" in done.out
    assert "\033" not in done.out
    assert shop.run("switch", "green").code == 3
    assert shop.run("plan", "green").code == 3
    assert shop.run("switch", "--expect-live", "blue").code == 3
    history = shop.run("history")
    assert "release 2" in history.out and "promoted" in history.out
    deployment = shop.run("history", "--json").json()["deployments"][0]
    told = shop.run("explain", deployment["id"])
    assert told.code == 0 and deployment["id"] in told.out and "release 2" in told.out
    assert shop.run("explain").out == told.out
    moments = [int(ms.replace(",", "")) for ms in re.findall(r"^  \d\d:\d\d:\d\d +\+([\d,]+) ms  ", told.out, re.MULTILINE)]
    assert len(moments) >= 4 and moments == sorted(moments)
    assert shop.run("explain", "20000101-000000-000000").code == 1
    back = shop.run("rollback")
    assert back.code == 0 and "blue is live again" in back.out
    assert shop.run("rollback").code == 3
    assert shop.run("status", "--json").json()["services"]["shop"]["live"] == "blue"


def test_switch_in_json(shop):
    lines = [json.loads(line) for line in shop.run("switch", "--json").out.splitlines()]
    assert [line["event"] for line in lines[:-1]][0] == "deployment_started"
    assert "switched" in [line["event"] for line in lines[:-1]]
    assert lines[-1]["outcome"] == "promoted" and lines[-1]["exit"] == 0
    refused = shop.run("switch", "green", "--json")
    assert refused.code == 3 and refused.json()["code"] == "already_live"


def test_no_wait_returns_at_the_flip(shop):
    got = shop.run("switch", "--no-wait", "--bake", "1h", "--json")
    assert got.code == 0
    assert got.json()["in_force"] is True and got.json()["outcome"] == "running"
    second = shop.run("switch", "blue")
    assert second.code == 3 and got.json()["id"] in second.err
    assert shop.run("confirm").code == 3
    assert shop.run("promote").code == 0
    for verb in ("abort", "promote"):
        time.sleep(0.5)
        assert shop.run(verb).code == 3


def test_abort_after_the_flip(shop):
    following = subprocess.Popen(
        [TEAL, "switch", "--bake", "1h"], env=environment(TEAL_ADMIN=shop.socket), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(100):
        if shop.run("status", "--json").json()["services"]["shop"]["phase"] == "baking":
            break
        time.sleep(0.05)
    assert shop.run("abort", "--reason", "not today").code == 0
    out, err = following.communicate(timeout=20)
    assert following.returncode == 4, err
    assert "rolled back" in out


def test_interrupt_detaches(shop):
    following = subprocess.Popen(
        [TEAL, "switch", "--bake", "1h"], env=environment(TEAL_ADMIN=shop.socket), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(100):
        if shop.run("status", "--json").json()["services"]["shop"]["phase"] == "baking":
            break
        time.sleep(0.05)
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=10)
    assert following.returncode == -signal.SIGINT
    assert "detached" in err and "teal abort shop" in err
    assert shop.run("status", "--json").json()["services"]["shop"]["phase"] == "baking"


def test_a_switch_is_followed_over_a_crash_of_the_daemon(shop):
    following = subprocess.Popen(
        [TEAL, "switch", "--bake", "3s"], env=environment(TEAL_ADMIN=shop.socket), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(100):
        if shop.run("status", "--json").json()["services"]["shop"]["phase"] == "baking":
            break
        time.sleep(0.05)
    shop.process.kill()
    shop.process.wait()
    with daemon(shop.file) as again:
        out, err = following.communicate(timeout=30)
        assert following.returncode == 0, out + err
        assert "promoted" in out
        assert again.run("status", "--json").json()["services"]["shop"]["live"] == "green"


class Ending(http.server.BaseHTTPRequestHandler):
    """A daemon that tells of a deployment's end, and is gone before it is asked for more."""
    def do_POST(self):
        self.answer(202, {"deployment": "20260131-120000-4f2a9c"})

    def do_GET(self):
        if self.path.startswith("/v1/events"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.server.looked.wait(30)
            event = {"id": 7, "at": "2026-01-31T12:00:01.000Z", "event": self.server.event, "text": "shop: as it was", "exit": self.server.exit}
            self.wfile.write(b"data: %s\n\n" % json.dumps(event).encode())
        elif not self.server.looked.is_set():
            self.answer(200, {"id": "20260131-120000-4f2a9c", "outcome": "running", "phase": "shifting", "events": []})
            self.server.looked.set()

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Returning(http.server.BaseHTTPRequestHandler):
    """A daemon by Route 53 whose change back is not accepted yet; which color is live it knows or not."""
    def do_POST(self):
        self.answer(200, {"deployment": "20260131-120000-4f2a9c", "live": self.server.live, "in_force": False, "durable": True, "warning": None})

    def do_GET(self):
        self.answer(200, {"id": "20260131-120000-4f2a9c", "from": "blue", "to": "green", "outcome": "running", "phase": "rolling_back", "change": {"safe_at": None}})

    answer, log_message = Ending.answer, Ending.log_message


@pytest.mark.parametrize("live", ["green", None])
@pytest.mark.parametrize("verb", ["rollback", "abort"])
def test_a_way_back_that_takes_longer(tmp_path, verb, live):
    """Asked for is not done: neither by the words nor by the exit code."""
    place = str(tmp_path / "admin.sock")
    with socketserver.ThreadingUnixStreamServer(place, Returning) as server:
        server.daemon_threads, server.live = True, live
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            got = teal(verb, "shop", TEAL_ADMIN=place)
        finally:
            server.shutdown()
            thread.join()
    assert got.code == 6 and "teal status shop" in got.err and "live again" not in got.out and "before its flip" not in got.out, got


@pytest.mark.parametrize("event, code", [("aborted", 1), ("rolled_back", 4), ("promoted", 0), ("refused", 3)])
def test_a_daemon_that_ends_behind_the_deployment(tmp_path, event, code):
    """What it said last counts, not that it is gone."""
    place = str(tmp_path / "admin.sock")
    with socketserver.ThreadingUnixStreamServer(place, Ending) as server:
        server.daemon_threads, server.looked, server.event, server.exit = True, threading.Event(), event, code
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            got = teal("switch", "shop", TEAL_ADMIN=place)
        finally:
            server.shutdown()
            thread.join()
    assert got.code == code and "as it was" in got.out and "there is no receipt: " in got.err, (got.code, got.out, got.err)


class Stranger(http.server.BaseHTTPRequestHandler):
    """An application that has an answer to everything."""
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, kind, body = self.server.says
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_):
        pass


STRANGE_VERBS = ["status", "status shop", "plan shop", "switch shop", "deploy shop --backend 127.0.0.1:1", "rollback shop", "abort shop", "promote shop", "confirm shop",
                 "approve shop", "reject shop", "lock shop", "unlock shop", "hold shop", "resume shop", "preview shop", "rehearse shop", "rehearse shop --report",
                 "rehearse shop --stop", "dns status shop", "dns plan shop", "dns prepare shop", "history", "explain", "explain 20260131-120000-4f2a9c", "reload", "stop",
                 "stop --no-wait"]


@pytest.mark.parametrize("says", [(200, "application/json", b'{"ok": true, "status": "fine"}'), (202, "application/json", b"[]"), (204, "text/plain", b""),
                                  (200, "text/html", b"<html></html>"), (404, "text/html", b"<h1>Not Found</h1>"), (501, "text/plain", b"no such method"),
                                  (404, "application/json", b'{"detail": "Not Found", "exit": 3}'), (401, "text/html", b"who are you?")], ids=str)
def test_a_url_that_leads_to_another_server(says):
    """What it says is neither a success nor a refusal."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        server.daemon_threads, server.says = True, says
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            for verb in STRANGE_VERBS:
                for option in ([], ["--json"]):
                    got = teal(*verb.split(), *option, TEAL_ADMIN=url, TEAL_TOKEN="open-sesame-of-the-cave")
                    sentence = f"teal: what answers at {url} is not the admin API of teal (status {says[0]}); look at admin.listen in the daemon's configuration\n"
                    assert (got.code, got.out, got.err) == (5, "", sentence), verb
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def admin_by_url(tmp_path):
    """(the daemon, the URL of its admin API)"""
    token = tmp_path / "token"
    token.write_text("open-sesame-of-the-cave\n")
    token.chmod(0o600)
    with backend("v1") as blue, backend("v2") as green:
        file = write_file(tmp_path, service("shop", f'"{blue.address}"', f'"{green.address}"'))
        file.write_text(file.read_text().replace("admin.sock\"}", f'admin.sock", listen: "127.0.0.1:0", token_file: "{token}"}}'))
        with daemon(file) as running:
            url = "http://" + running.run("status", "--json").json()["admin_listen"]
            yield running, url


def test_admin_by_url(tmp_path):
    with admin_by_url(tmp_path) as (running, url):
        assert teal("status", "--admin", url).code == 0
        refused = teal("switch", "--admin", url)
        assert refused.code == 1 and "token" in refused.err
        assert teal("switch", "--admin", url, TEAL_TOKEN="wrong").code == 1
        for bad in ("two words", "line\r\nX-More: 1", "t\u00f6ken", "x" * 4097):
            refused = teal("switch", "--admin", url, TEAL_TOKEN=bad)
            assert refused.code == 2 and "is not 1 to 4096 visible ASCII characters" in refused.err and bad not in refused.err
        assert teal("switch", "--admin", url, TEAL_TOKEN="open-sesame-of-the-cave").code == 0
        assert teal("rollback", "--admin", url, "-c", str(running.file)).code == 0


def test_lock(shop):
    assert shop.run("lock", "--reason", "database work").code == 0
    refused = shop.run("switch")
    assert refused.code == 3 and "database work" in refused.err
    assert "database work" in shop.run("status").out
    assert shop.run("plan").code == 3
    assert shop.run("unlock").code == 0
    assert shop.run("switch").code == 0


def test_deploy(shop):
    with backend("v3") as third:
        done = shop.run("deploy", "--backend", third.address, "--version", "v3")
        assert done.code == 0, done.err
        green = shop.run("status", "--json").json()["services"]["shop"]["colors"]["green"]
        assert green["version"] == "v3" and [b["address"] for b in green["backends"]] == [third.address]


def test_deploy_of_what_never_gets_healthy(shop):
    with backend("v3", status=503) as third:
        done = shop.run("deploy", "--backend", third.address, "--version", "v3", "--wait", "500ms")
    assert done.code == 6 and f"{third.address} is down: status 503" in done.out + done.err
    status = shop.run("status", "--json").json()["services"]["shop"]
    assert status["live"] == "blue" and status["colors"]["green"]["version"] == "v2"


def test_probe_with_and_without_a_daemon(shop):
    asked = shop.run("probe")
    assert asked.code == 0 and shop.blue.address in asked.out and shop.green.address in asked.out
    direct = teal("probe", "-c", str(shop.file), "green")
    assert direct.code == 0 and shop.green.address in direct.out and shop.blue.address not in direct.out
    shop.green.status = 503
    for got in (shop.run("probe", "--json"), teal("probe", "-c", str(shop.file), "--json")):
        assert got.code == 1
        assert got.json()["ok"] is False
        assert [b["ok"] for b in got.json()["colors"]["blue"]["backends"]] == [True]
        assert "503" in got.json()["colors"]["green"]["backends"][0]["detail"]


def test_reload(shop):
    before = shop.run("status", "--json").json()["services"]
    right = shop.file.read_text()
    shop.file.write_text(right.replace("version: v2", "versoin: v2"))
    got = shop.run("reload")
    assert got.code == 2 and "versoin" in got.err
    after = shop.run("status", "--json").json()["services"]
    assert after["shop"]["colors"]["green"]["version"] == before["shop"]["colors"]["green"]["version"] == "v2"
    shop.file.write_text(right.replace("version: v2", "version: v9"))
    assert shop.run("reload").code == 0
    assert shop.run("status", "--json").json()["services"]["shop"]["colors"]["green"]["version"] == "v9"
    assert "nothing differs" in shop.run("reload").out


def test_reload_says_it_once(shop):
    """The one fault that is found only when the files are opened is the whole sentence."""
    right = shop.file.read_text()
    shop.file.write_text(right + f'access_log: {{path: "{shop.folder}/missing/access.log"}}\n')
    got = shop.run("reload")
    assert got.code == 2 and got.err.count("missing/access.log") == 1 and got.err.count("\n") == 1 and "nothing has changed" in got.err, got.err
    shop.file.write_text(right)


def test_stop(shop):
    got = shop.run("stop")
    assert got.code == 0 and "has ended" in got.out, got.err
    assert shop.process.wait(5) == 0
    assert not os.path.exists(shop.socket)
    assert shop.run("status").code == 5


def test_stop_waits_for_the_process(shop):
    """The next daemon may start at once: the one that ended has let go of its state directory."""
    for _ in range(5):
        got = shop.run("stop")
        assert got.code == 0 and "has ended" in got.out, got.err
        waited = os.waitid(os.P_PID, shop.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert waited is not None, "the process still lives"
        shop.process.wait()
        shop.log.close()
        shop.__init__(shop.file)
        shop.await_healthy()


def test_stop_by_url(tmp_path):
    """Only the end of the API can be seen, and no more is said."""
    with admin_by_url(tmp_path) as (running, url):
        got = teal("stop", "--admin", url, TEAL_TOKEN="open-sesame-of-the-cave")
        assert got.code == 0 and "answers no more" in got.out and "has ended" not in got.out, (got.out, got.err)
        assert running.process.wait(10) == 0


def test_serve_by_options(tmp_path):
    with backend("v1") as blue, backend("v2") as green:
        process = subprocess.Popen(
            [TEAL, "serve", "--listen", "127.0.0.1:0", f"--blue={blue.address}", "--green", green.address, "--probe", "/health"]
            + ["--state", str(tmp_path / "state"), "--admin", str(tmp_path / "admin.sock")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        try:
            for _ in range(100):
                got = teal("status", "--json", "--admin", str(tmp_path / "admin.sock"))
                if got.code == 0:
                    break
                time.sleep(0.05)
            assert list(got.json()["services"]) == ["default"]
            assert got.json()["services"]["default"]["live"] == "blue"
        finally:
            process.terminate()
            process.wait(10)


def test_demo(tmp_path):
    got = teal("demo", TMPDIR=str(tmp_path))
    assert got.code == 0, got.out + got.err
    assert "The switches lost no request" in got.out
    assert list(tmp_path.iterdir()) == []


def test_demo_interrupted(tmp_path):
    process = subprocess.Popen([TEAL, "demo"], env=environment(TMPDIR=str(tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 1
    assert list(tmp_path.iterdir()) == []

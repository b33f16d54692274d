"""Real servers as backends: nginx, Caddy, Apache and Node, each in a temporary folder, on a free port of the loopback, in the foreground.

    with backends.start("nginx", "blue", "1") as blue:
        teal(..., backends=[blue.address])

Every answer carries X-Color and X-Version, and X-Id as the request had it. All serve `/` (the color and the version), `/health` ("ok") and
`/file.bin` (FILE_SIZE bytes of the pattern of daemon.py); Node serves more, see backends/server.js. Besides this their settings are their
defaults, since those are what teal meets: Node closes an idle connection after 5 s, Apache one after 100 requests.

They run as the user of the tests, as `nobody` when that is root. A backend that was stopped leaves no process and no
file; tests that are killed leave no process either.
"""
import ctypes
import http.client
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PATTERN = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(65536))
FILE_SIZE = 1024 * 1024
START_S = 20.0
END_S = 5.0
ATTEMPTS = 5
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Fault(AssertionError):
    """A server did not start or did not end."""


# ---- what each is started with: (files by name, command, environment) ----


def configure_nginx(folder, at, color, version):
    conf = f"""
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    server {{
        listen {at.nginx};
        root {folder}/www;
        add_header X-Color "{color}" always;
        add_header X-Version "{version}" always;
        add_header X-Id $http_x_id always;
    }}
}}
"""
    return {"nginx.conf": conf}, ["/usr/sbin/nginx", "-e", "stderr", "-p", folder, "-c", f"{folder}/nginx.conf"], {}


def configure_caddy(folder, at, color, version):
    conf = f"""
{{
    admin off
    auto_https off
}}
{at.caddy_site} {{
    bind {at.caddy_bind}
    root * {folder}/www
    header X-Color "{color}"
    header X-Version "{version}"
    @named header X-Id *
    header @named X-Id {{http.request.header.X-Id}}
    file_server
}}
"""
    command = ["/usr/bin/caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]
    return {"Caddyfile": conf}, command, {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}


def configure_apache(folder, at, color, version):
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in ("mpm_event", "authz_core", "dir", "headers", "mime"))
    conf = f"""
{modules}
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
Mutex file:{folder} default
ErrorLog {folder}/log
ServerName localhost
TypesConfig /dev/null
Listen {at.text}
DocumentRoot {folder}/www
DirectoryIndex index.html
Header always set X-Color "{color}"
Header always set X-Version "{version}"
Header always set X-Id "expr=%{{req:X-Id}}" "expr=-n req('X-Id')"
"""
    return {"apache.conf": conf}, ["/usr/sbin/apache2", "-f", f"{folder}/apache.conf", "-DFOREGROUND"], {}


def configure_node(folder, at, color, version):
    script = (HERE / "backends" / "server.js").read_text()  # a copy, because `nobody` may not be allowed into the checkout
    place = {"SOCKET": at.path} if at.path else {"HOST": at.host, "PORT": str(at.port)}
    return {"server.js": script}, ["node", f"{folder}/server.js"], {"COLOR": color, "VERSION": version, "HOME": folder, **place}


KINDS = {"nginx": configure_nginx, "caddy": configure_caddy, "apache": configure_apache, "node": configure_node}
KINDS_ON_UNIX_SOCKETS = ("nginx", "caddy", "node")


class Place:
    """Where to listen, as each server spells it."""

    def __init__(self, host, port, path=None):
        self.host, self.port, self.path = host, port, path
        self.text = f"unix:{path}" if path else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.nginx = self.text
        self.caddy_site = "http://" if path else f"http://:{port}"
        self.caddy_bind = f"unix/{path}" if path else host

    def connect(self, timeout):
        if not self.path:
            return socket.create_connection((self.host, self.port), timeout)
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout)
        made.connect(self.path)
        return made


def free_port(host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


# ---- processes ----


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def unprivileged():
    """What Popen needs to become somebody without rights."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def give_away(folder):
    if os.geteuid() != 0:
        return
    nobody = pwd.getpwnam("nobody")
    for place, _, files in os.walk(folder):
        for path in (place, *(os.path.join(place, name) for name in files)):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


def processes(group):
    """The pids of a process group. The dead don't count, whom nobody may have collected yet."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = place.read_text().split(" (", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _, its_group = rest.rsplit(") ", 1)[1].split(" ")[:3]
        if int(its_group) == group and state not in "ZX":
            found.append(int(pid))
    return found


class Backend:
    """One server under way. `address` is what teal.yaml wants."""

    def __init__(self, kind, color, version, host, port, unix):
        self.kind, self.color, self.version = kind, color, version
        self.folder = tempfile.mkdtemp(prefix=f"teal-{kind}-")
        os.chmod(self.folder, 0o755)
        self.place = Place(host, port or free_port(host), f"{self.folder}/socket" if unix else None)
        self.address, self.port = self.place.text, None if unix else self.place.port
        self.process = None
        try:
            self._launch()
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _launch(self):
        files, command, environment = KINDS[self.kind](self.folder, self.place, self.color, self.version)
        www = pathlib.Path(self.folder, "www")
        www.mkdir()
        (www / "index.html").write_text(f"{self.color} {self.version}\n")
        (www / "health").write_text("ok\n")
        (www / "file.bin").write_bytes(PATTERN * (FILE_SIZE // len(PATTERN)))
        for name, text in files.items():
            pathlib.Path(self.folder, name).write_text(text)
        with open(f"{self.folder}/log", "ab") as log:
            give_away(self.folder)
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                                            preexec_fn=end_with_parent, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment}, **unprivileged())

    def _await_answer(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Fault(f"{self.kind} ended with {self.process.returncode}: {self.log()}")
            try:
                answer = self.get("/health", timeout=0.5)
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
                continue
            # Another process may have taken the port a moment before: then this one is not ours.
            if (answer.status, answer.headers["X-Color"], answer.headers["X-Version"]) == (200, self.color, self.version):
                return
            raise Fault(f"{self.kind}: somebody else answers at {self.address}")
        raise Fault(f"{self.kind} does not answer within {START_S} s: {self.log()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<{self.kind} {self.color} {self.version} at {self.address}>"

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        try:
            return pathlib.Path(self.folder, "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def connection(self, timeout=10.0):
        """An http.client connection straight to the server."""
        made = http.client.HTTPConnection("localhost", timeout=timeout)
        made.sock = self.place.connect(timeout)
        made.auto_open = 0
        return made

    def get(self, path="/", method="GET", body=None, headers=None, timeout=10.0):
        """One request straight to the server. The answer has `status`, `headers` and `body`."""
        made = self.connection(timeout)
        try:
            made.request(method, path, body, headers or {})
            answer = made.getresponse()
            answer.body = answer.read()
            return answer
        finally:
            made.close()

    def signal(self, number):
        """To the server and all of its own processes; SIGSTOP makes a backend that hangs."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def _gone(self):
        return self.process.poll() is not None and not processes(self.process.pid)

    def _await_end(self, seconds):
        end = time.monotonic() + seconds
        while not self._gone() and time.monotonic() < end:
            time.sleep(0.005)
        return self._gone()

    def kill(self):
        """As a crash ends it."""
        self.signal(signal.SIGKILL)
        if not self._await_end(END_S):
            raise Fault(f"{self.kind} can't be killed")

    def stop(self):
        """Ends it and removes its folder. Any number of times."""
        try:
            if self.process and not self._gone():
                self.signal(signal.SIGTERM)
                self.signal(signal.SIGCONT)
                if not self._await_end(END_S):
                    self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def start(kind, color="blue", version="1", host="127.0.0.1", port=0, unix=False):
    """Starts a server and waits until it answers. `port` 0 is any free one; `unix` listens on a socket in its folder (not Apache)."""
    if unix and kind not in KINDS_ON_UNIX_SOCKETS:
        raise ValueError(f"{kind} has no unix sockets")
    for attempt in range(ATTEMPTS):
        try:
            return Backend(kind, color, version, host, port, unix)
        except Fault:
            # The port that was free may have been taken since.
            if port or unix or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError


def nginx(color="blue", version="1", **where):
    return start("nginx", color, version, **where)


def caddy(color="blue", version="1", **where):
    return start("caddy", color, version, **where)


def apache(color="blue", version="1", **where):
    return start("apache", color, version, **where)


def node(color="blue", version="1", **where):
    return start("node", color, version, **where)

"""The programs that are compared, each with the settings that are best for it, and how to start and stop them.

Everything listens on loopback at a free port and writes only into the folder of the run. What holds for all:
- one worker or thread, unless the line is about two; pinned as the line says;
- connections to the backends are kept alive and shared by all clients, and no connection ends by its age or by its number of requests;
- no log, unless the line is about the log;
- the features that teal has on always are on: X-Forwarded-For, -Proto and -Host, X-Request-Id and Via, and a probe of each backend every second (nginx, h2o and
  Caddy as they are here don't probe). Setup.fields = False leaves the fields out, as a peer may do;
- what holds for TLS is in tls.py.
"""
import argparse
import contextlib
import ctypes
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import flips
import tls

ALL_CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE, LOAD_CORE = set(ALL_CORES[:1]), set(ALL_CORES[1:2] or ALL_CORES[:1])
MOST_BACKENDS = 200
PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True)
class Setup:
    """How the proxies are configured; each one as far as it can."""
    services: int = 0  # told apart by host (s1.bench.example, s2...); 0 is one for every host
    backends: int = 1  # of each service
    workers: int = 1
    connections: int = 64  # that clients open, at most
    log: bool = False  # an access log in a file
    probe_interval: str = "1s"
    fields: bool = True  # the fields of forwarding
    rehearsal: str = ""  # of teal: a tenth of the requests are copied to the other color, which is "well" or "hangs"
    tls: str = ""  # "ecdsa" or "rsa": clients speak TLS, and see a certificate of this kind
    tls_behind: bool = False  # TLS is spoken to the origin
    shared_cores: bool = False  # the proxy and the load on the same two cores, so that one worker can be compared with two

    def hosts(self):
        return [f"s{number}.bench.example" for number in range(1, self.services + 1)]

    def scheme(self):
        return "https" if self.tls else "http"

    def addresses(self, origin):
        """Of the backends: all of them are the origin, which has as many addresses."""
        return [f"127.0.0.1:{origin}"] if self.backends == 1 else [f"127.1.0.{number}:{origin}" for number in range(1, self.backends + 1)]

    def proxy_cores(self):
        return set(ALL_CORES[:2]) if self.shared_cores else PROXY_CORE

    def load_cores(self):
        return set(ALL_CORES[2:4] or ALL_CORES[:2]) if self.shared_cores else LOAD_CORE


# One origin for all: small answers from memory, files from the page cache, connections that never end by themselves. It reads an upload to its end before it answers:
# a request to itself, without the body, is the one way by which nginx does so.
ORIGIN = """
daemon off; pid {folder}/origin.pid; error_log {folder}/origin.log error; worker_processes 1;
events {{ worker_connections 19000; }}
http {{
    access_log off; default_type text/plain; etag off;
    client_body_temp_path {folder}/o1; proxy_temp_path {folder}/o2; fastcgi_temp_path {folder}/o3; uwsgi_temp_path {folder}/o4; scgi_temp_path {folder}/o5;
    sendfile on; tcp_nopush on; tcp_nodelay on; open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
    keepalive_timeout 1h; keepalive_requests 1000000000;
    upstream self {{ server unix:{folder}/origin.sock; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }}
    server {{
        listen unix:{folder}/origin.sock;
        location / {{ return 200 "{small}"; }}
    }}
    {tls}
    server {{
        {listen}
        root {folder}/files;
        location = /64B {{ return 200 "{small}"; }}
        location = /upload {{
            client_max_body_size 0; client_body_buffer_size 2m;
            proxy_pass http://self; proxy_http_version 1.1; proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_set_header Connection "";
        }}
    }}
}}
"""

# nginx.
# - proxy_http_version 1.1 and an empty Connection: it keeps no connection to a backend alive otherwise. The pool has room for as many as there can be.
# - Eight buffers of 64 KiB: with the default ones of 4 KiB a body of 64 KiB or 1 MiB costs it half as much again. No temporary files.
# - Uploads are passed on as they come (proxy_request_buffering off), through a buffer of 64 KiB, not gathered first.
# - multi_accept: all connections that are there at a wake-up, for the line with a new connection for each request.
# - worker_connections: two for each client, and room for the pools; each costs some memory from the start.
# - least_conn, as teal has it. No reuseport: with one worker it changes nothing; with two it is what spreads connections evenly, so it is on there.
NGINX = """
daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log error; worker_processes {workers};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log {log}; tcp_nodelay on; server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
    client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3; uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
    keepalive_timeout 1h; keepalive_requests 1000000000; client_max_body_size 0; client_body_buffer_size 64k;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; {fields}
    {tls}
    proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0; proxy_request_buffering off;
    {upstreams}
    {servers}
}}
"""
NGINX_FIELDS = """
    proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Request-Id $request_id; proxy_set_header Via "1.1 nginx"; add_header Via "1.1 nginx";
"""

# HAProxy, twice.
# - http-reuse always: connections to a backend are shared by all clients at once; a pool without a limit that is not purged.
# - Services are found in a map by their host, which is a tree: not by a list of rules.
# - Its log goes to a file as its standard output, the shortest way it has to a file. Lines are those of option httplog.
# - no strict-limits: it starts where the system gives it fewer descriptors than two for each of maxconn, too.
# - As `haproxy` its buffers are the default ones of 16 KiB, the best for small bodies and those of 64 KiB; as `haproxy-splice` they are of 64 KiB and bodies are
#   spliced, the best for long ones. A ratio is to the better of the two and nginx, line by line.
HAPROXY = """
global
    nbthread {workers}
    maxconn 12000
    no strict-limits
    {log}
    {tune}
defaults
    mode http
    {log_lines}
    http-reuse {reuse}
    balance leastconn
    {splice}
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    timeout http-keep-alive 1h
    default-server {check} pool-max-conn -1 pool-purge-delay 1h
frontend front
    bind 127.0.0.1:{port} backlog 4096{tls}
    {fields}
    {choice}
{backends}
"""
HAPROXY_FIELDS = """
    option forwardfor
    http-request set-header X-Forwarded-Proto {scheme}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header Via "1.1 haproxy"
    http-response set-header Via "1.1 haproxy"
    unique-id-format %{{+X}}o\\ %ci%cp%Ts%rt
    unique-id-header X-Request-Id
"""

# h2o. Connections to the backend live on (its default is 2 s). It adds X-Forwarded-For and -Proto and Via by itself; Host is passed on as it came.
H2O = """
listen: {{host: 127.0.0.1, port: {port}}}
user: {user}
num-threads: {workers}
max-connections: 19000
http1-request-timeout: 3600
limit-request-body: 1073741824
error-log: {folder}/h2o.log
proxy.preserve-host: ON
proxy.timeout.keepalive: 3600000
hosts:
  "*":
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:{origin}/"
"""

# Caddy. GOMAXPROCS is the number of workers, and GOGC 400 makes its garbage collector run a quarter as often, for some memory. Its pool has room for all connections;
# it asks the backend for no compression of its own. It adds X-Forwarded-For, -Proto and -Host by itself.
CADDY = """
{{
    admin off
    auto_https off
    servers {{
        protocols h1
        timeouts {{
            idle 1h
        }}
    }}
    log {{
        output discard
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{origin} {{
        transport http {{
            compression off
            keepalive 1h
            keepalive_idle_conns 19000
            keepalive_idle_conns_per_host 19000
        }}
    }}
}}
"""

# teal, as it is when it is used: its probes on (a TCP connect to each backend), limits and accounting on. With one backend a service has both colors, as it does
# between two switches; with more only the live one, so that all proxies have the same number of them.
TEAL = """
admin: {{socket: {folder}/{name}.sock}}
state: {folder}/{name}.state
workers: {workers}
access_log: {log}
listen: [{{address: "127.0.0.1:{port}"{tls}}}]
timeouts: {{idle: 1h}}
services:
"""
TEAL_SERVICE = """
  {name}:
    {hosts}
    probe: {{interval: {interval}}}
    blue: {{version: "1", backends: [{blue}]{tls}}}
    green: {{version: "2", backends: [{green}]{tls}}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"bench: {process.args[0]} did not begin to listen on port {port}")


def end_with_parent():
    """A program that is started here ends with this process, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Program:
    """A server of the comparison: its port, and the CPU time and memory of all its processes and threads."""

    admin = None  # of teal: its admin socket
    secure_port = None  # of the origin: the other port, where it speaks TLS
    hanging = None  # of teal: its other color's socket, where that hangs

    def __init__(self, name, command, port, cores, output=None, environment=None):
        def prepare():
            os.sched_setaffinity(0, cores)
            end_with_parent()

        self.name, self.port = name, port
        with contextlib.ExitStack() as files:
            said = files.enter_context(tempfile.TemporaryFile())
            log = files.enter_context(open(output, "w")) if output else subprocess.DEVNULL
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=said, start_new_session=True, env={**os.environ, **(environment or {})},
                                            preexec_fn=prepare)
            try:
                wait_for_port(port, self.process)
            except BaseException:
                self.stop()
                said.seek(0)
                sys.stderr.write(said.read().decode(errors="replace"))
                raise

    def pids(self):
        found = [self.process.pid]
        for pid in found:
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as children:
                        found += [int(child) for child in children.read().split()]
            except OSError:
                pass
        return found

    def cpu_seconds(self, named=""):
        """Of all threads, or of those whose name begins so."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/comm") as comm:
                    if not comm.read().startswith(named):
                        continue
                with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                    total += int(stat.read().split()[0])
        return total / 1e9

    def rss_bytes(self):
        """Resident memory, by the exact count (the one in /proc/PID/status may be some pages behind on each core)."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))
        return total * 1024

    def forget_peak(self):
        for pid in self.pids():
            with open(f"/proc/{pid}/clear_refs", "w") as clear:
                clear.write("5")

    def peak_bytes(self):
        """The most resident memory since forget_peak()."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as status:
                total += next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        return total * 1024

    def wait_until_quiet(self, seconds=10):
        """Until its start is over: a hundred probes, or a garbage collector."""
        end = time.monotonic() + seconds
        before = self.cpu_seconds()
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.cpu_seconds()
            if now - before < 0.005:
                return
            before = now

    def stop(self):
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def start_origin(folder, sizes=(("10K", 10 << 10), ("64K", 64 << 10), ("1M", 1 << 20), ("100M", 100 << 20)), secure=False):
    """At one port in clear, and if wanted at another one over TLS."""
    files = os.path.join(folder, "files")
    os.makedirs(files)
    os.chmod(folder, 0o755)
    for name, size in sizes:
        write(os.path.join(files, name), "x" * size)
    port = free_port()
    addresses = Setup().addresses(port) + Setup(backends=MOST_BACKENDS).addresses(port)
    listen, secure_port = " ".join(f"listen {address} backlog=8192;" for address in addresses), free_port() if secure else None
    if secure:
        listen += f" listen 127.0.0.1:{secure_port} ssl backlog=8192;"
    path = write(os.path.join(folder, "origin.conf"), ORIGIN.format(folder=folder, listen=listen, tls=tls.origin(folder) if secure else "", small="x" * 64))
    program = Program("direct", [tool("nginx"), "-c", path, "-e", f"{folder}/origin.log"], port, LOAD_CORE)
    program.secure_port = secure_port
    return program


def tool(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        raise SystemExit(f"bench: {name} is not installed; run script/setup bench test")
    return path


def start_floor(folder, build, origin, setup=Setup()):
    port = free_port()
    return Program("floor", [f"{build}/tools/floor", str(port), str(origin)], port, setup.proxy_cores())


def nginx_server(port, name, host, options, scheme):
    named = f"server_name {host};" if host else ""
    return f"server {{ listen 127.0.0.1:{port}{options}; {named} location / {{ proxy_pass {scheme}://{name}; }} }}"


def start_nginx(folder, build, origin, setup=Setup()):
    port, servers = free_port(), " ".join(f"server {address};" for address in setup.addresses(origin))
    names = {f"origin{number}": host for number, host in enumerate(setup.hosts() or [None])}
    room = max(256, 2 * setup.connections) if len(names) == 1 else 16
    upstream = f"least_conn; keepalive {room}; keepalive_requests 1000000000; keepalive_time 1d; keepalive_timeout 1h;"
    listen = (" ssl" if setup.tls else "") + " backlog=4096" + (" reuseport" if setup.workers > 1 else "")  # the first one says it for all
    scheme = "https" if setup.tls_behind else "http"
    text = NGINX.format(folder=folder, name=f"nginx{port}", workers=setup.workers, connections=2 * setup.connections + 2000, log=f"{folder}/nginx-access.log combined buffer=64k flush=1s" if setup.log else "off",
                        fields=NGINX_FIELDS if setup.fields else "", tls=tls.front(tls.NGINX_FRONT, folder, setup.tls) + tls.behind(tls.NGINX_BEHIND, folder, setup.tls_behind),
                        upstreams="\n    ".join(f"upstream {name} {{ {servers} {upstream} }}" for name in names),
                        servers="\n    ".join(nginx_server(port, name, host, "" if number else listen, scheme) for number, (name, host) in enumerate(names.items())))
    path = write(os.path.join(folder, f"nginx{port}.conf"), text)
    return Program("nginx", [tool("nginx"), "-c", path, "-e", f"{folder}/nginx{port}.log"], port, setup.proxy_cores())


def haproxy_choice(folder, port, setup):
    """The rule that finds a request's backend."""
    if not setup.services:
        return "default_backend origin0"
    path = write(os.path.join(folder, f"haproxy{port}.map"), "".join(f"{host} origin{number}\n" for number, host in enumerate(setup.hosts())))
    return f"use_backend %[req.hdr(host),lower,map_str({path})]"


def start_haproxy(folder, build, origin, setup=Setup(), name="haproxy", tune="", splice="", reuse="always"):
    port = free_port()
    secure = tls.behind(tls.HAPROXY_BEHIND, folder, setup.tls_behind)
    servers = "".join(f"    server one{number} {address}{secure}\n" for number, address in enumerate(setup.addresses(origin)))
    if setup.tls:
        tune += f"\n    {tls.HAPROXY_GLOBAL}"
    text = HAPROXY.format(port=port, tls=tls.front(tls.HAPROXY_FRONT, folder, setup.tls), tune=tune, splice=splice, reuse=reuse, workers=setup.workers, check=f"check inter {setup.probe_interval}",
                          log="log stdout format raw local0" if setup.log else "", log_lines="log global\n    option httplog" if setup.log else "",
                          fields=HAPROXY_FIELDS.format(scheme=setup.scheme()) if setup.fields else "", choice=haproxy_choice(folder, port, setup),
                          backends="".join(f"backend origin{number}\n{servers}" for number in range(max(1, setup.services))))
    path = write(os.path.join(folder, f"haproxy{port}.conf"), text)
    return Program(name, [tool("haproxy"), "-db", "-f", path], port, setup.proxy_cores(), output=f"{folder}/haproxy-access.log" if setup.log else None)


def start_haproxy_splice(folder, build, origin, setup=Setup()):
    return start_haproxy(folder, build, origin, setup, "haproxy-splice", "tune.bufsize 65536", "option splice-response\n    option splice-request")


def start_haproxy_safe(folder, build, origin):
    """As it is by default: the first request of a client's connection has a backend connection of its own."""
    return start_haproxy(folder, build, origin, name="haproxy-safe", reuse="safe")


def start_h2o(folder, build, origin, setup=Setup()):
    port, user = free_port(), "root" if os.getuid() == 0 else os.environ.get("USER", "nobody")
    path = write(os.path.join(folder, "h2o.yaml"), H2O.format(folder=folder, port=port, origin=origin, workers=setup.workers, user=user))
    return Program("h2o", [tool("h2o"), "-c", path], port, setup.proxy_cores())


def start_caddy(folder, build, origin, setup=Setup()):
    port = free_port()
    path = write(os.path.join(folder, "Caddyfile"), CADDY.format(port=port, origin=origin))
    environment = {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder, "GOMAXPROCS": str(setup.workers), "GOGC": "400"}
    return Program("caddy", [tool("caddy"), "run", "--config", path, "--adapter", "caddyfile"], port, setup.proxy_cores(), environment=environment)


def start_hanging():
    """A port at which connections are taken and nothing is ever said, for as long as the socket is kept."""
    hanging = socket.create_server(("127.0.0.1", 0), backlog=4096)
    return hanging, f'"127.0.0.1:{hanging.getsockname()[1]}"'


def start_teal(folder, build, origin, setup=Setup()):
    port, hanging = free_port(), None
    blue = ", ".join(f'"{address}"' for address in setup.addresses(origin))
    green = blue if setup.backends == 1 and setup.services == 0 else ""
    if setup.rehearsal == "hangs":
        hanging, green = start_hanging()
    text = TEAL.format(folder=folder, name=f"teal{port}", port=port, tls=tls.front(tls.TEAL_FRONT, folder, setup.tls), workers=setup.workers,
                       log=f"{{path: {folder}/teal-access.log, format: json}}" if setup.log else "off")
    for number, host in enumerate(setup.hosts() or [None]):
        text += TEAL_SERVICE.format(name=f"bench{number}", hosts=f"hosts: [{host}]" if host else "", interval=setup.probe_interval, blue=blue,
                                    green=green, tls=tls.behind(tls.TEAL_BEHIND, folder, setup.tls_behind))
    path = write(os.path.join(folder, f"teal{port}.yaml"), text)
    program = Program("teal", [f"{build}/teal", "serve", "-c", path], port, setup.proxy_cores())
    program.admin, program.hanging = os.path.join(folder, f"teal{port}.sock"), hanging
    if setup.rehearsal:
        flips.rehearse(program.admin, 0.1)
    return program


STARTERS = {"floor": start_floor, "haproxy": start_haproxy, "haproxy-splice": start_haproxy_splice, "nginx": start_nginx, "h2o": start_h2o, "caddy": start_caddy,
            "teal": start_teal}
PEERS = ("haproxy", "haproxy-splice", "nginx")


def list_of(known):
    """Reads an option that is a list of known names."""
    def parse(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names
    return parse

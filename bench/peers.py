"""The programs that are compared, each with the settings that are best for it, and how to start and stop them.

Everything listens on 127.0.0.1 at a free port, writes only into the folder of the run, and logs nothing while it is measured.
"""
import argparse
import os
import shutil
import signal
import socket
import subprocess
import time

PROXY_CORE, LOAD_CORE = {0}, {1}

# One origin for all: small answers from memory, files from the page cache, connections that never end by themselves.
ORIGIN = """
daemon off; pid {folder}/origin.pid; error_log {folder}/origin.log error; worker_processes 1;
events {{ worker_connections 8000; }}
http {{
    access_log off; default_type text/plain; etag off;
    client_body_temp_path {folder}/o1; proxy_temp_path {folder}/o2; fastcgi_temp_path {folder}/o3; uwsgi_temp_path {folder}/o4; scgi_temp_path {folder}/o5;
    sendfile on; tcp_nopush on; tcp_nodelay on; open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
    keepalive_timeout 1h; keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096; root {folder}/files;
        location = /64B {{ return 200 "{small}"; }}
    }}
}}
"""

# nginx. One worker; keep-alive to the origin (it needs HTTP/1.1 and an empty Connection); connections never end by count; no log.
# Eight buffers of 64 KiB: with the default ones of 4 KiB a body of 64 KiB or 1 MiB costs it half as much again. No temporary files.
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log error; worker_processes 1;
events {{ worker_connections 12000; }}
http {{
    access_log off; tcp_nodelay on;
    client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3; uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
    keepalive_timeout 1h; keepalive_requests 1000000000;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; keepalive_time 1d; keepalive_timeout 1h; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;
        }}
    }}
}}
"""

# HAProxy, twice. One thread; connections to the origin shared by all clients (http-reuse always); no log. It starts where the system gives it fewer descriptors than
# two for each of maxconn, too.
# As `haproxy` its buffers are the default ones of 16 KiB, the best for small answers and those of 64 KiB; as `haproxy-splice` they are of 64 KiB and answers are
# spliced, the best for long bodies. A ratio is to the better of the two and nginx, line by line.
HAPROXY = """
global
    nbthread 1
    maxconn 12000
    no strict-limits
    {tune}
defaults
    mode http
    http-reuse {reuse}
    {splice}
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    timeout http-keep-alive 1h
frontend front
    bind 127.0.0.1:{port} backlog 4096
    default_backend origin
backend origin
    server one 127.0.0.1:{origin} pool-max-conn -1 pool-purge-delay 1h
"""

# teal: one worker, no log, its probes on (a TCP connect a second), as it is when it is used.
TEAL = """
admin: {{socket: {folder}/admin.sock}}
state: {folder}/state
workers: 1
listen: [{{address: "127.0.0.1:{port}"}}]
timeouts: {{idle: 1h}}
services:
  bench:
    blue: {{version: "1", backends: ["127.0.0.1:{origin}"]}}
    green: {{version: "2", backends: ["127.0.0.1:{origin}"]}}
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


class Program:
    """A server of the comparison: its port, and the CPU time of all its processes and threads."""

    def __init__(self, name, command, port, cores):
        self.name, self.port = name, port
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        wait_for_port(port, self.process)

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

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
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

    def stop(self):
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


def start_origin(folder):
    files = os.path.join(folder, "files")
    os.makedirs(files)
    os.chmod(folder, 0o755)
    for name, size in (("10K", 10 << 10), ("64K", 64 << 10), ("1M", 1 << 20)):
        write(os.path.join(files, name), "x" * size)
    port = free_port()
    path = write(os.path.join(folder, "origin.conf"), ORIGIN.format(folder=folder, port=port, small="x" * 64))
    return Program("origin", [tool("nginx"), "-c", path, "-e", f"{folder}/origin.log"], port, LOAD_CORE)


def tool(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        raise SystemExit(f"bench: {name} is not installed; run script/setup bench test")
    return path


def start_floor(folder, build, origin):
    port = free_port()
    return Program("floor", [f"{build}/tools/floor", str(port), str(origin)], port, PROXY_CORE)


def start_nginx(folder, build, origin):
    port = free_port()
    path = write(os.path.join(folder, "nginx.conf"), NGINX.format(folder=folder, port=port, origin=origin))
    return Program("nginx", [tool("nginx"), "-c", path, "-e", f"{folder}/nginx.log"], port, PROXY_CORE)


def start_haproxy(folder, build, origin, name="haproxy", tune="", splice="", reuse="always"):
    port = free_port()
    path = write(os.path.join(folder, name + ".conf"), HAPROXY.format(port=port, origin=origin, tune=tune, splice=splice, reuse=reuse))
    return Program(name, [tool("haproxy"), "-q", "-db", "-f", path], port, PROXY_CORE)


def start_haproxy_splice(folder, build, origin):
    return start_haproxy(folder, build, origin, "haproxy-splice", "tune.bufsize 65536", "option splice-response")


def start_haproxy_safe(folder, build, origin):
    """As it is by default: the first request of a client's connection has a backend connection of its own."""
    return start_haproxy(folder, build, origin, "haproxy-safe", reuse="safe")


def start_teal(folder, build, origin):
    port = free_port()
    path = write(os.path.join(folder, "teal.yaml"), TEAL.format(folder=folder, port=port, origin=origin))
    return Program("teal", [f"{build}/teal", "serve", "-c", path], port, PROXY_CORE)


STARTERS = {"floor": start_floor, "haproxy": start_haproxy, "haproxy-splice": start_haproxy_splice, "nginx": start_nginx, "teal": start_teal}
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

"""Real HAProxy and nginx in front of teal and behind it, where the PROXY protocol is spoken: each in a temporary folder, on a free port of the loopback.

They run as the user of the tests, nginx as `nobody` when that is root. Whatever was stopped leaves no process and no file.
"""
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import backends
import daemon as rig

ATTEMPTS = 5
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"  # a PROXY protocol header that says nothing


class Peer:
    """A server from a text with {folder} and {port}; `command` names its program and the name of that file."""

    def __init__(self, name, command, text, host="127.0.0.1", greeting=b""):
        self.name, self.host, self.greeting = name, host, greeting
        for attempt in range(ATTEMPTS):  # the port that was free may have been taken since
            self.folder = tempfile.mkdtemp(prefix=f"teal-{name}-")
            os.chmod(self.folder, 0o755)
            self.port = backends.free_port(host)
            try:
                self._launch(command, text)
                return
            except rig.Fault:
                self.stop()
                if attempt == ATTEMPTS - 1:
                    raise

    def _launch(self, command, text):
        file = pathlib.Path(self.folder, "conf")
        file.write_text(text.replace("{folder}", self.folder).replace("{port}", str(self.port)))
        with open(f"{self.folder}/log", "ab") as log:
            backends.give_away(self.folder)
            self.process = subprocess.Popen([word.replace("{folder}", self.folder) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            start_new_session=True, preexec_fn=backends.end_with_parent, **backends.unprivileged())
        rig.wait_until(f"{self.name} to listen", self._listens)

    def _listens(self):
        if self.process.poll() is not None:
            raise rig.Fault(f"{self.name} ended with {self.process.returncode}: {self.read('log')}")
        try:
            with socket.create_connection((self.host, self.port), 1) as one:
                one.sendall(self.greeting)
        except ConnectionRefusedError:
            return False
        return self.name != "haproxy" or os.path.exists(f"{self.folder}/stats")  # which has its name a moment after the ports are bound

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def read(self, name):
        return pathlib.Path(self.folder, name).read_text(errors="replace")

    def stop(self):
        if getattr(self, "process", None) and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- behind teal: they answer with what they know of the client ----

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events { worker_connections 1024; }
http {
    log_format seen "$proxy_protocol_addr $request_uri";
    access_log {folder}/access.log seen;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    server {
        listen 127.0.0.1:{port}LISTEN;
        listen unix:{folder}/socketLISTEN;
        location /health { access_log off; return 200 "ok"; }
        location / { return 200 "NAME\\n$connection\\n$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port\\n$http_x_forwarded_for\\n$http_forwarded\\n"; }
    }
}
"""


def nginx(name="nginx", announced=True):
    """Answers its name, a number of the connection, what the PROXY protocol said, X-Forwarded-For and Forwarded, a line each."""
    text = NGINX.replace("NAME", name).replace("LISTEN", " proxy_protocol" if announced else "")
    return Peer("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-p", "{folder}", "-c", "{folder}/conf"], text, greeting=LOCAL if announced else b"")


HAPROXY = """
global
    noreuseport  # or a port that was taken since would be shared
    stats socket {folder}/stats mode 600 level admin
defaults
    timeout connect 5s
    timeout client 20s
    timeout server 20s
"""


def haproxy_behind():
    """Takes nothing but the PROXY protocol, and answers as nginx does."""
    return Peer("haproxy", ["/usr/sbin/haproxy", "-db", "-f", "{folder}/conf"], HAPROXY + """
frontend behind
    mode http
    bind 127.0.0.1:{port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "haproxy\\n%[fc_pp_unique_id]\\n%[src] %[src_port] %[dst] %[dst_port]\\n%[req.hdr(X-Forwarded-For)]\\n%[req.hdr(Forwarded)]\\n"
""")


# ---- in front of teal ----


def haproxy_in_front(port, options, host="127.0.0.1", mode="tcp", more=""):
    return Peer("haproxy", ["/usr/sbin/haproxy", "-db", "-f", "{folder}/conf"], HAPROXY + f"""
frontend front
    mode {mode}
    bind {f"[{host}]" if ":" in host else host}:{{port}}
    default_backend teal
backend teal
    mode {mode}
    {more}
    server teal 127.0.0.1:{port} {options}
""", host)


def server_state(peer):
    """What HAProxy says of the server in its backend `teal`: the fields of `show stat` by their names."""
    with socket.socket(socket.AF_UNIX) as stats:
        stats.connect(f"{peer.folder}/stats")
        stats.sendall(b"show stat\n")
        lines = stats.makefile().read().splitlines()
    names = lines[0].lstrip("# ").split(",")
    return next(row for row in (dict(zip(names, line.split(","))) for line in lines[1:]) if (row.get("pxname"), row.get("svname")) == ("teal", "teal"))


# ---- a client with an address of its own ----


class Client:
    """A kept-alive connection from any address of the loopback."""

    def __init__(self, port, source="127.0.0.1", host="127.0.0.1"):
        self.connection = http.client.HTTPConnection(host, port, timeout=20, source_address=(source, 0))
        self.connection.connect()
        self.source, self.own_port = self.connection.sock.getsockname()[:2]

    def get(self, path="/", **headers):
        """The lines of the answer's body."""
        self.connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, (answer.status, body)
        return body.split("\n")

    def close(self):
        self.connection.close()

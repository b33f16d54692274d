"""Servers that speak TLS, as backends: nginx, Apache, Caddy and Node, each a process in a folder of its own, and Python's ssl on threads of the tests.

    with tlspeers.start("nginx", pair, "1.3") as peer: ...

All answer `/health`, LARGE_PATHS[kind] (tlsing.LARGE bytes of the pattern of daemon.py), `/once` (and close the connection then), and say in X-Tls what they know of TLS: see `Seen`.
"""
import contextlib
import hashlib
import http.server
import json
import pathlib
import socketserver
import ssl
import threading

import backends
import daemon as rig
import proxying
import tlsing

LARGE_PATTERN = rig.pattern(tlsing.LARGE)
LARGE_DIGEST = hashlib.sha256(LARGE_PATTERN).hexdigest()
KINDS = ("nginx", "apache", "caddy", "node", "python")
LARGE_PATHS = {kind: "/file.bin" if kind != "node" else f"/bytes?n={tlsing.LARGE}" for kind in KINDS}
UPLOAD_PATHS = {"node": "/upload", "python": "/"}  # of those that take one, and answer with its SHA-256


class Seen:
    """X-Tls, in the words of each server: VERSION|NAME|RESUMED|SUBJECT. What is not there is None or False."""

    def __init__(self, text):
        words = [None if word in ("(null)", "-", "") or word.startswith("{") else word for word in text.split("|")]
        self.version = "1." + words[0][-1]
        self.name = words[1]
        self.resumed = words[2] in ("r", "Resumed", "true")
        self.subject = words[3]

    def __repr__(self):
        return f"<TLS {self.version}, asked for {self.name}, resumed: {self.resumed}, client: {self.subject}>"


# ---- processes ----

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    server {
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/site.pem;
        ssl_certificate_key {folder}/site.key;
        ssl_protocols TLSvVERSION;
        ssl_session_cache shared:sessions:1m;
        CLIENTS
        root {folder}/www;
        add_header X-Tls "$ssl_protocol|$ssl_server_name|$ssl_session_reused|$ssl_client_s_dn" always;
        location /once { keepalive_timeout 0; return 200 "once"; }
    }
}
"""
NGINX_CLIENTS = "ssl_verify_client on; ssl_client_certificate {folder}/clients.pem;"

APACHE = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in ("mpm_event", "authz_core", "dir", "headers", "mime", "setenvif", "socache_shmcb", "ssl")) + """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
Mutex file:{folder} default
ErrorLog {folder}/log
ServerName localhost
TypesConfig /dev/null
Listen 127.0.0.1:{port}
DocumentRoot {folder}/www
SSLEngine on
SSLProtocol -all +TLSvVERSION
SSLCertificateFile {folder}/site.pem
SSLCertificateKeyFile {folder}/site.key
SSLSessionCache shmcb:{folder}/sessions(65536)
SetEnvIf Request_URI ^/once once
Header set Connection close env=once
Header always set X-Tls "%{SSL_PROTOCOL}s|%{SSL_TLS_SNI}s|%{SSL_SESSION_RESUMED}s|%{SSL_CLIENT_S_DN}s"
CLIENTS
"""
APACHE_CLIENTS = "SSLVerifyClient require\nSSLCACertificateFile {folder}/clients.pem"

CADDY = """
{
    admin off
    auto_https off
}
https://:{port} {
    bind 127.0.0.1
    tls {folder}/site.pem {folder}/site.key {
        protocols tlsVERSION tlsVERSION
        CLIENTS
    }
    root * {folder}/www
    header X-Tls "{http.request.tls.version}|{http.request.tls.server_name}|{http.request.tls.resumed}|{http.request.tls.client.subject}"
    header /once Connection close
    file_server
}
"""
CADDY_CLIENTS = "client_auth {\n mode require_and_verify\n trusted_ca_cert_file {folder}/clients.pem\n }"


class Process(proxying.Peer):
    """One of the above, its certificate and files copied beside its configuration, as its user may not be allowed to read others."""

    def __init__(self, name, command, text, files):
        self.files = files
        super().__init__(name, command, text)

    def _launch(self, command, text):
        for name, data in self.files.items():
            path = pathlib.Path(self.folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        super()._launch([word.replace("{port}", str(self.port)) for word in command], text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_nginx(files, version, clients):
    text = NGINX.replace("VERSION", version).replace("CLIENTS", NGINX_CLIENTS if clients else "")
    return Process("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-p", "{folder}", "-c", "{folder}/conf"], text, files)


def start_apache(files, version, clients):
    text = APACHE.replace("VERSION", version).replace("CLIENTS", APACHE_CLIENTS if clients else "")
    return Process("apache", ["/usr/sbin/apache2", "-f", "{folder}/conf", "-DFOREGROUND"], text, files)


def start_caddy(files, version, clients):
    text = CADDY.replace("VERSION", version).replace("CLIENTS", CADDY_CLIENTS if clients else "")
    command = ["/usr/bin/env", "HOME={folder}", "XDG_DATA_HOME={folder}", "XDG_CONFIG_HOME={folder}", "/usr/bin/caddy", "run", "--config", "{folder}/conf", "--adapter", "caddyfile"]
    return Process("caddy", command, text, files)


def start_node(files, version, clients):
    settings = ["HOME={folder}", "PORT={port}", "TLS={folder}/site", f"TLS_VERSION=TLSv{version}", *(["TLS_CLIENTS={folder}/clients.pem"] if clients else [])]
    return Process("node", ["/usr/bin/env", *settings, "node", "{folder}/conf"], (backends.HERE / "backends" / "server.js").read_text(), files)


# ---- Python ----


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self):
        super().setup()
        self.tls = isinstance(self.request, ssl.SSLSocket)
        if self.tls:
            subject = dict(entry[0] for entry in (self.request.getpeercert() or {}).get("subject", ()))
            self.said = f"{self.request.version()}|{self.request.asked_for or ''}|{'r' if self.request.session_reused else '.'}|{subject.get('commonName', '')}"

    def answer(self, body):
        if self.path.startswith("/once"):
            self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Strict-Transport-Security", "max-age=1")
        if self.tls:
            self.send_header("X-Tls", self.said)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.answer({"/health": b"ok\n", "/file.bin": LARGE_PATTERN}.get(self.path) or json.dumps({"path": self.path, "fields": self.headers.items()}).encode())

    def do_POST(self):
        found, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            found.update(piece)
            left -= len(piece)
        self.answer(found.hexdigest().encode())

    do_HEAD = do_GET

    def handle(self):
        with contextlib.suppress(OSError):
            super().handle()

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()
            if self.tls:
                self.request.settimeout(2)
                self.request.unwrap()

    def log_message(self, *_):
        pass


class Named(ssl.SSLSocket):
    asked_for = None


class Python(socketserver.ThreadingTCPServer):
    """GET: {"path", "fields"} of the request as JSON; POST: the SHA-256 of the body, in hexadecimal. Without a pair it is in clear. `failures`: what handshakes failed by."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, pair=None, version=None, clients=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address, self.port, self.failures = f"127.0.0.1:{self.server_address[1]}", self.server_address[1], []
        self.made = pair and self._make(pair, version, clients)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @staticmethod
    def _make(pair, version, clients):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.sslsocket_class = Named
        made.load_cert_chain(pair.certificate, pair.key)
        if version:
            made.minimum_version = made.maximum_version = tlsing.VERSIONS[version]
        if clients:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(clients)

        def note(connection, name, _):
            connection.asked_for = name

        made.sni_callback = note
        return made

    def process_request_thread(self, request, client_address):
        """The handshake is this thread's: one that does not end keeps nobody waiting."""
        try:
            request.settimeout(tlsing.PATIENCE_S)
            if self.made:
                request = self.made.wrap_socket(request, server_side=True)
        except OSError as error:
            self.failures.append(str(error))
            self.shutdown_request(request)
            return
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request):
        with contextlib.suppress(OSError):
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        self.failures.append("a fault of the test's own server")

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()

    def __exit__(self, *_):
        self.stop()


# ---- all ----


def start(kind, pair, version="1.3", clients=None):
    """A server with this pair that speaks this version alone; `clients`: the file of those who sign for its clients, who must show a certificate then."""
    if kind == "python":
        return Python(pair, version, clients)
    files = {"site.pem": pair.certificate.read_bytes(), "site.key": pair.key.read_bytes()}
    if clients:
        files["clients.pem"] = pathlib.Path(clients).read_bytes()
    if kind != "node":
        files.update({"www/index.html": b"index\n", "www/health": b"ok\n", "www/once": b"once\n", "www/file.bin": LARGE_PATTERN})
    return {"nginx": start_nginx, "apache": start_apache, "caddy": start_caddy, "node": start_node}[kind](files, version, clients)

"""Servers of the DNS from Debian on free ports of the loopback, each in a temporary folder, without rights, ended with the tests: unbound, the resolver that
clients ask, and knot, an authoritative server that is none of ours.

    with Unbound(world.servers, serve_expired="yes") as resolver:
        resolver.ask("www.example.test", "A")     # (rcode, TTL, values)
"""
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update

import backends
import daemon as rig

from . import answering, names
from .authority import is_free

START_S = 30.0
END_S = 30.0
TRIES = 20
LOOPBACK = "127.0.0.1"


def ask(address, port, name, kind, tcp=False, recursive=True, seconds=10.0):
    """(rcode, least TTL or None, values of that type, the message)"""
    query = dns.message.make_query(names.to_dns(name), kind, flags=dns.flags.RD if recursive else 0)
    query.use_edns(0, 0, 1232)
    reply = dns.query.tcp(query, address, seconds, port) if tcp else dns.query.udp_with_fallback(query, address, seconds, port)[0]
    found = [one for one in reply.answer if one.rdtype == dns.rdatatype.from_text(kind)]
    return dns.rcode.to_text(reply.rcode()), min((one.ttl for one in reply.answer), default=None), sorted(item.to_text() for one in found for item in one), reply


class Program:
    """A subclass has write_configuration() -> the command. The port is chosen until the program can have it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="teal-dns-"))
        self.folder.chmod(0o755)
        self.process, self.address, self.port = None, LOOPBACK, 0
        try:
            self.start()
        except BaseException:
            self.clean()
            raise

    def start(self):
        for _ in range(TRIES):
            self.port = find_port(self.address)
            if self._run():
                return
        raise rig.Fault(f"{type(self).__name__} does not start: {self.log()}")

    def _run(self):
        """Whether it answers; it ends by itself where somebody else took the port in the meantime."""
        command = self.write_configuration()
        backends.give_away(self.folder)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                                            preexec_fn=backends.end_with_parent, env={"PATH": "/usr/sbin:/usr/bin:/bin"}, **backends.unprivileged())
        end = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < end:
            if self.is_ready():
                return True
            time.sleep(0.05)
        self.end()
        return False

    def is_ready(self):
        """It answers, and it is this one that does: its version is the name of the folder."""
        try:
            query = dns.message.make_query("version.server.", "TXT", "CH")
            reply = dns.query.tcp(query, self.address, 2.0, self.port)
        except (OSError, EOFError, dns.exception.DNSException):
            return False
        return any(self.folder.name in item.to_text() for one in reply.answer for item in one)

    def ask(self, name, kind, **more):
        return ask(self.address, self.port, name, kind, **more)

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def clean(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write_configuration(self):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clean()


def find_port(address):
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.bind((address, 0))
            port = one.getsockname()[1]
        if is_free(address, port):
            return port


class Unbound(Program):
    """Asks `servers` (anything with zones or zone names, address and port) for their zones, and nobody for anything else. Options are unbound.conf's, with _ for -."""

    def __init__(self, servers, **options):
        self.stubs, self.options = {}, {name.replace("_", "-"): value for name, value in options.items()}
        for server in servers:
            for zone in server.zones:
                self.stubs.setdefault(zone.name, []).append(f"{server.address}@{server.port}")
        super().__init__()

    def write_configuration(self):
        lines = ["server:", f"interface: {self.address}@{self.port}", "do-daemonize: no", 'username: ""', 'chroot: ""', f'directory: "{self.folder}"', 'pidfile: ""',
                 "use-syslog: no", 'logfile: ""', "num-threads: 1", "do-ip6: no", "do-not-query-localhost: no", 'module-config: "iterator"', "access-control: 127.0.0.0/8 allow",
                 f'version: "{self.folder.name}"', "hide-version: no", "minimal-responses: no", "msg-cache-size: 1m", "rrset-cache-size: 1m", "so-reuseport: no"]
        lines += [f"{name}: {value}" for name, value in self.options.items()]
        lines += [f'local-zone: "{top}" nodefault' for top in sorted({names.text(names.labels(zone)[-1:]) for zone in self.stubs})]
        for zone, addresses in self.stubs.items():
            lines += ["stub-zone:", f'name: "{zone}"', *(f"stub-addr: {one}" for one in addresses)]
        (self.folder / "unbound.conf").write_text("\n".join(lines) + "\n")
        return ["/usr/sbin/unbound", "-d", "-p", "-c", str(self.folder / "unbound.conf")]


class Knot(Program):
    """Serves what a zone has when it starts; later changes are dynamic updates. Simple record sets only."""

    def __init__(self, zone):
        self.zones = [zone]
        super().__init__()

    def write_configuration(self):
        zone = self.zones[0]
        sets = [answering.rrset(one["Name"], one["TTL"], one["Type"], [record["Value"] for record in one["ResourceRecords"]]) for one in zone.listed()]
        (self.folder / "zone").write_text("\n".join(one.to_text() for one in sets) + "\n")
        (self.folder / "knot.conf").write_text(
            f'server:\n    rundir: "{self.folder}"\n    listen: {self.address}@{self.port}\n    version: "{self.folder.name}"\n    udp-workers: 1\n    tcp-workers: 1\n'
            f'    background-workers: 1\nlog:\n  - target: stderr\n    any: info\ndatabase:\n    storage: "{self.folder}"\n    journal-db-max-size: 8M\n'
            '    kasp-db-max-size: 8M\n    timer-db-max-size: 8M\n'
            f'acl:\n  - id: here\n    address: 127.0.0.0/8\n    action: update\ntemplate:\n  - id: default\n    storage: "{self.folder}"\n'
            f'zone:\n  - domain: {zone.name}\n    file: zone\n    acl: here\n')
        return ["/usr/sbin/knotd", "-c", str(self.folder / "knot.conf")]

    def replace(self, one):
        """Takes a simple record set in place of the one that it has."""
        update = dns.update.UpdateMessage(names.to_dns(self.zones[0].name))
        sets = answering.rrset(one["Name"], one["TTL"], one["Type"], [record["Value"] for record in one["ResourceRecords"]])
        update.replace(sets.name, sets)
        code = dns.query.tcp(update, self.address, 10.0, self.port).rcode()
        if code != dns.rcode.NOERROR:
            raise rig.Fault(f"knot refused an update: {dns.rcode.to_text(code)}")

"""Authoritative name servers on the loopback, UDP and TCP, that take the versions of their zones one after another; and a record of what each answered when.

A server has version n of a zone `delay` seconds after it was made. `stay_behind()` keeps what it has now, until `catch_up()`.
"""
import contextlib
import dataclasses
import socket
import socketserver
import struct
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from . import answering, names

PLAIN_UDP = 512
TRIES = 50


@dataclasses.dataclass(frozen=True)
class Told:
    """One answer, or the lack of one (`rcode` is None)."""
    at: float  # monotonic
    server: str
    client: tuple
    over: str  # "udp" or "tcp"
    name: str
    kind: str
    rcode: str
    serial: int
    recursion_desired: bool
    records: tuple  # (type, TTL, value) of the answer section; () where it went truncated


class Recorder:
    def __init__(self):
        self.lock, self.told = threading.Lock(), []

    def add(self, one):
        with self.lock:
            self.told.append(one)

    def of(self, name=None, kind=None, server=None, since=0.0):
        with self.lock:
            return [one for one in self.told if one.at >= since and (name is None or one.name == names.normal(name)) and kind in (None, one.kind)
                    and server in (None, one.server)]

    def values(self, **which):
        """{server: the values of its last answer}"""
        return {one.server: {value for _, _, value in one.records} for one in self.of(**which)}

    def last(self, name, value, **which):
        """When any server last gave this value for the name (monotonic), or None."""
        return max((one.at for one in self.of(name, **which) if any(found == value for _, _, found in one.records)), default=None)


class Udp(socketserver.UDPServer):
    max_packet_size = 65535

    def handle_error(self, request, client_address):
        pass


class Tcp(socketserver.ThreadingTCPServer):
    daemon_threads, block_on_close, allow_reuse_address = True, False, True

    def handle_error(self, request, client_address):
        pass


class NameServer:
    """Beside `delay`, how it misbehaves: `silent` (nothing is answered), `refuses`, `lame` (without AA), `truncates` (whatever came by UDP), `slow_s`."""

    def __init__(self, name, address, zones, view, recorder, delay=0.0):
        self.name, self.zones, self.view, self.recorder, self.delay = names.normal(name), [], view, recorder, delay
        self.silent = self.refuses = self.lame = self.truncates = False
        self.slow_s, self.lock, self.have, self.kept, self.failures = 0.0, threading.Lock(), {}, False, []
        self.udp, self.tcp = self._bind(address)
        self.address, self.port = self.udp.server_address[:2]
        self.threads = [threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True) for one in (self.udp, self.tcp)]
        for zone in zones:
            self.serve(zone)
        for thread in self.threads:
            thread.start()

    def _bind(self, address):
        """A port of which both UDP and TCP are free."""
        server = self

        class OverUdp(socketserver.BaseRequestHandler):
            def handle(self):
                reply = server._reply(self.request[0], self.client_address, "udp")
                if reply:
                    self.request[1].sendto(reply, self.client_address)

        class OverTcp(socketserver.StreamRequestHandler):
            timeout = 30.0

            def handle(self):
                while len(head := self.rfile.read(2)) == 2:
                    reply = server._reply(self.rfile.read(struct.unpack("!H", head)[0]), self.client_address, "tcp")
                    if reply:
                        self.wfile.write(struct.pack("!H", len(reply)) + reply)

        for _ in range(TRIES):
            tcp = Tcp((address, 0), OverTcp)
            try:
                return Udp(tcp.server_address, OverUdp), tcp
            except OSError:
                tcp.server_close()
        raise OSError(f"no port of {address} is free for both UDP and TCP")

    @property
    def at(self):
        """Address and port, as configurations have them."""
        return f"{self.address}:{self.port}"

    def serve(self, zone):
        self.zones.append(zone)
        zone.served.append(self)

    def version(self, zone, now=None):
        """What it has of a zone. It never goes back, whatever becomes of `delay`."""
        now = time.monotonic() if now is None else now
        with self.lock, zone.lock:
            had = self.have.get(zone.id, zone.versions[0].serial)
            if not self.kept:
                had = max([had, *(one.serial for one in zone.versions if one.at + self.delay <= now)])
            self.have[zone.id] = had
            return next(one for one in zone.versions if one.serial == had)

    def serial(self, zone, now=None):
        return self.version(zone, now).serial

    def stay_behind(self):
        for zone in self.zones:
            self.version(zone)
        self.kept = True

    def catch_up(self):
        self.kept = False

    def _zone(self, name):
        """The closest one."""
        found = [zone for zone in self.zones if names.is_within(name, zone.name)]
        return max(found, key=lambda zone: len(names.labels(zone.name)), default=None)

    def _reply(self, data, client, over):
        at = time.monotonic()
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        try:
            return self._answer(query, client, over, at)
        except Exception as error:
            self.failures.append(error)
            raise

    def _answer(self, query, client, over, at):
        name, kind = names.from_dns(query.question[0].name), dns.rdatatype.to_text(query.question[0].rdtype)
        reply, serial = dns.message.make_response(query), None
        zone = None if self.refuses else self._zone(name)
        if query.opcode() != dns.opcode.QUERY or query.question[0].rdclass != dns.rdataclass.IN or kind == "ANY":
            reply.set_rcode(dns.rcode.NOTIMP)
        elif not zone:
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            version = self.version(zone)
            serial = version.serial
            self._fill(reply, answering.respond(zone.name, version.sets, self.view, name, kind))
        if self.slow_s:
            time.sleep(self.slow_s)
        wire = self._wire(reply, query, over)
        records = tuple((dns.rdatatype.to_text(one.rdtype), one.ttl, item.to_text()) for one in reply.answer for item in one)
        rcode = None if self.silent else dns.rcode.to_text(reply.rcode())
        self.recorder.add(Told(at, self.name, client, over, name, kind, rcode, serial, bool(query.flags & dns.flags.RD), () if self.silent else records))
        return None if self.silent else wire

    def _fill(self, reply, sections):
        reply.set_rcode(sections.rcode)
        reply.answer, reply.authority, reply.additional = sections.answer, sections.authority, sections.additional
        if sections.authoritative and not self.lame:
            reply.flags |= dns.flags.AA

    def _wire(self, reply, query, over):
        wire = reply.to_wire(max_size=65535)
        room = max(PLAIN_UDP, query.payload) if query.edns >= 0 else PLAIN_UDP
        if over == "tcp" or (len(wire) <= room and not self.truncates):
            return wire
        reply.answer, reply.authority, reply.additional = [], [], []
        reply.flags |= dns.flags.TC
        return reply.to_wire()

    def stop(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def is_free(address, port):
    """Whether both UDP and TCP of a port can be had just now."""
    with contextlib.ExitStack() as opened:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            one = opened.enter_context(socket.socket(socket.AF_INET, kind))
            try:
                one.bind((address, port))
            except OSError:
                return False
    return True

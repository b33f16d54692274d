"""A client and a backend that speak in raw bytes, and read what they get as strictly as RFC 9112 allows.

Both follow steps: bytes to send, and the marks below. Neither repairs anything: what is malformed or incomplete is said to be so.
The backend plays the script that was set for the case; requests for /after/NAME it answers with NAME, whatever the script.
"""
import enum
import socket
import struct
import threading
import time

from rawmessage import Answer, Malformed, Reader, Request, visible

PATIENCE_S = 10.0  # until something that must come is given up; long, as machines are busy
SHORT_S = 0.002  # between two pieces that are to arrive apart
LEFT_S = 0.5  # for what an earlier case left

# ---- steps ----


class Step(enum.Enum):
    FIN = "half-close"
    CLOSE = "close"
    RESET = "close with a reset"
    AWAIT = "a client's: go on when an answer has come, interim or final"
    HEAD = "a backend's: begin when the request's head is there; scripts without it begin with BODY"
    BODY = "a backend's: go on when all of the request is there"
    SEEN = "a backend's: go on when the client has got something"
    ECHO = "a backend's: send back what comes, until there is no more"


FIN, CLOSE, RESET, AWAIT, HEAD, BODY, SEEN, ECHO = Step


class Pause(float):
    """Seconds in which nothing is sent."""


PAUSE = Pause(0.03)


# ---- sending ----


def end_by_reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def no_delay(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def say(sock, step, cut):
    """Does one step that both sides know. `cut` cuts bytes into the pieces to be sent. False when the peer is gone."""
    try:
        if isinstance(step, bytes):
            for piece, pause in cut(step):
                sock.sendall(piece)
                if pause:
                    time.sleep(pause)
        elif isinstance(step, Pause):
            time.sleep(step)
        elif step == FIN:
            sock.shutdown(socket.SHUT_WR)
        elif step == RESET:
            end_by_reset(sock)
        else:
            assert step == CLOSE, step
    except OSError:
        return False
    return True


def whole(data):
    return [(data, 0)]


def by_byte(data):
    return [(data[i : i + 1], 0) for i in range(len(data))]


def in_two(data, point):
    return [(data[:point], SHORT_S), (data[point:], 0)] if 0 < point < len(data) else whole(data)


def at(share):
    """Cuts in two, at this share of the bytes."""
    return lambda data: in_two(data, max(int(len(data) * share), 1))


def behind(count):
    """Cuts in two, behind so many bytes."""
    return lambda data: in_two(data, count)


class Client:
    """One client connection."""

    def __init__(self, port, source=None):
        """`source` is an address to come from; without one, ports may be used again while their last use is not forgotten."""
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0) if source else None)
        no_delay(self.sock)
        self.reader = Reader(self.sock)
        self.answers = []  # in the order in which they came, interim ones too

    def play(self, steps, cut=whole):
        for step in steps:
            if step == AWAIT:
                if self.read_answer() is None:
                    return
            elif not say(self.sock, step, cut):
                return  # reading tells why

    def read_answer(self, to_head=False):
        """The next answer, appended to `answers`; None when the connection ended instead."""
        answer = self.reader.head(Answer)
        if answer is None:
            return None
        if not (to_head or answer.status < 200 or answer.status in (204, 304)):
            self.reader.body(answer, to_the_end=True)
        self.answers.append(answer)
        return answer

    def read_final(self, to_head=False):
        while (answer := self.read_answer(to_head)) is not None and answer.status < 200 and answer.status != 101:
            pass
        return answer

    def ends(self):
        """Whether the proxy ends the connection, and nothing more comes before. Waits for it."""
        try:
            while self.reader.more():
                pass
        except TimeoutError:
            return False
        return not self.reader.buffer

    def close(self):
        """By a reset: thousands of connections that end by FIN would use up the machine's ports for a minute."""
        if self.sock.fileno() >= 0:
            end_by_reset(self.sock)
            self.sock.close()


class Backend:
    """Listens on 127.0.0.1:`port`. Set `scripts` before a case: one for each request that comes, the last one for all further ones."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.changed = threading.Condition()
        self.connections, self.busy = [], 0
        self.seen = threading.Event()  # set by whoever plays the client
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        self.begin([], whole)

    def begin(self, scripts, cut):
        """A new case. What is left of one that failed is cut."""
        self._accept_all()
        if self.busy and not self.settle(LEFT_S):
            self.cut_all()
            self.settle()
        with self.changed:
            self.scripts, self.cut = scripts, cut
            self.requests, self.faults = [], []
        self.seen.clear()

    def _accept_all(self):
        """What connected before is counted in `busy` on return, though it may have hung up again: connections are accepted in the order in which they came."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as last:
            last.sendall(b"GET /after/all HTTP/1.1\r\nHost: a\r\n\r\n")
            last.recv(1)
            end_by_reset(last)

    def settle(self, seconds=PATIENCE_S):
        """Waits until no request is half read and no script half played."""
        with self.changed:
            return self.changed.wait_for(lambda: self.busy == 0, seconds)

    def cut_all(self):
        for sock in self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut_all()
        self.thread.join(PATIENCE_S)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            no_delay(sock)
            self.connections = [one for one in self.connections if one.fileno() >= 0] + [sock]
            self._note(1)  # until its first request is over: whoever connects has something to say
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = Reader(sock)
        try:
            with sock:
                while self._exchange(sock, reader):
                    if not reader.buffer:
                        self._await_next(reader)
        finally:
            self._note(-1)

    def _await_next(self, reader):
        """Between two requests the connection is idle."""
        self._note(-1)
        reader.more()
        self._note(1)

    def _fault(self, text):
        with self.changed:
            self.faults.append(f"the backend got {text}")

    def _note(self, change):
        with self.changed:
            self.busy += change
            self.changed.notify_all()

    def _exchange(self, sock, reader):
        """One request and what the script says to it. False when the connection is over."""
        try:
            request = reader.head(Request)
            if request is None:
                if reader.buffer:
                    self._fault(f"a part of a head: {visible(reader.buffer)}")
                return False
            return self._mark(sock, request) if request.target.startswith("/after/") else self._play(sock, reader, request)
        except Malformed as malformed:
            self._fault(f"malformed {malformed}")
            return False
        except OSError:
            return False

    def _mark(self, sock, request):
        name = request.target.removeprefix("/after/").encode()
        return say(sock, b"HTTP/1.1 200 OK\r\nX-After: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(name), name), whole)

    def _play(self, sock, reader, request):
        with self.changed:
            script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
            self.requests.append(request)
        has_body = False
        steps = script if HEAD in script else [BODY, *script]
        for step in steps:
            if step == HEAD:
                continue
            if step == BODY:
                has_body = True
                reader.body(request)
                if not request.complete:
                    return False
            elif step == SEEN:
                self.seen.wait(PATIENCE_S)
            elif step == ECHO:
                self._echo(sock, reader)
                return False
            elif not say(sock, step, self.cut) or step in (CLOSE, RESET):
                return False
        if not has_body:
            reader.body(request)
        if FIN in steps:
            while reader.more():
                pass
        return request.complete and FIN not in steps

    def _echo(self, sock, reader):
        while reader.buffer or reader.more():
            data, reader.buffer = reader.buffer, b""
            if not say(sock, data, whole):
                return
        say(sock, FIN, whole)

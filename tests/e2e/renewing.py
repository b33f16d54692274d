"""Renewals of certificates under load: clients that connect all the time, with whole handshakes and resumed ones, and clients that stay, while pairs are replaced on the disk, one in five of them by a faulty one.

No handshake and no request may fail; new handshakes get the newest good certificate; each faulty pair is refused with the sentence that fits. Every other pair is taken by `teal reload`, the others by watching alone.

usage: script/renewals [COUNT]     (default 100)
"""
import re
import statistics
import tempfile
import time

import daemon as rig
import proof
import tlsing

RATE = 60        # requests a second of each client
SOON_S = 20      # in which a pair must be taken or refused where nobody says that it has changed
RSA_EVERY = 7    # keys of the other kind
NAMES = (tlsing.NAME, "www.shop.example")


# ---- faulty pairs: each puts its files in place, and returns what the sentence must say ----


class Faults:
    def __init__(self, authority, middle):
        self.authority, self.middle = authority, middle
        self.kinds = [self.other_key, self.expired, self.cut_certificate, self.no_names, self.wrong_order, self.open_key, self.cut_key, self.for_clients, self.nothing, self.too_early]

    def put(self, certificate, key, mode=0o600):
        """The key first: so that what is there in between is no good pair of anything."""
        tlsing.put(self.authority.folder / "site.key", key, mode)
        tlsing.put(self.authority.folder / "site.pem", certificate)

    def make(self, **how):
        """(certificate, key) of a pair beside the one in use."""
        pair = self.authority.issue("beside", how.pop("names", NAMES), **how)
        return pair.certificate.read_bytes(), pair.key.read_bytes()

    def other_key(self):
        certificate, _ = self.make()
        self.put(certificate, self.make()[1])
        return "is not the one of the certificate in .*site.pem"

    def expired(self):
        self.put(*self.make(days=(-90, -1)))
        return "site.pem: the certificate expired"

    def too_early(self):
        self.put(*self.make(days=(2, 90)))
        return "site.pem: the certificate is good only from"

    def cut_certificate(self):
        certificate, key = self.make()
        self.put(certificate[: len(certificate) // 2], key)
        return "site.pem can't be understood: it is garbled or cut off|site.pem holds no certificate"

    def cut_key(self):
        certificate, key = self.make()
        self.put(certificate, key[: len(key) // 2])
        return "site.key can't be understood: it is garbled or cut off|site.key holds no private key"

    def no_names(self):
        self.put(*self.make(names=()))
        return "site.pem: .*name"

    def wrong_order(self):
        pair = self.middle.issue("beside", NAMES)
        parts = pair.certificate.read_bytes().split(b"-----END CERTIFICATE-----\n")[:-1]
        self.put(b"".join(part + b"-----END CERTIFICATE-----\n" for part in reversed(parts)), pair.key.read_bytes())
        return "the key in .*site.key is that of certificate 2 of the file, which must be the first"

    def open_key(self):
        self.put(*self.make(), mode=0o644)
        return r"site.key may be used by others than its owner \(mode 0644\)"

    def for_clients(self):
        self.put(*self.make(use="client"))
        return "site.pem: the certificate is not for servers"

    def nothing(self):
        self.put(b"", self.make()[1])
        return "site.pem holds no certificate"


# ---- what is shown, and what is said ----


def shown(port, context):
    with tlsing.connect(port, context) as connection:
        return connection.getpeercert(binary_form=True)


def await_shown(teal, context, leaf, seconds):
    """Milliseconds until a new handshake got it."""
    began = time.monotonic()
    rig.wait_until("the newest certificate", lambda: shown(teal.port, context) == leaf, seconds)
    return (time.monotonic() - began) * 1000


def await_said(teal, pattern, since, seconds):
    rig.wait_until(f"the log to say {pattern!r}", lambda: re.search(pattern, teal.read_log()[since:]), seconds)


class Renewals:
    """Pairs, one after another, and what teal made of them."""

    def __init__(self, teal, authority, middle, pair):
        self.teal, self.authority, self.middle, self.leaf = teal, authority, middle, pair.der()
        self.context, self.faults = tlsing.context(authority), Faults(authority, middle)
        self.taken = {"reload": [], "watch": []}  # milliseconds
        self.refused, self.bad = 0, []

    def renew(self, number, by):
        signer = self.middle if number % 3 == 0 else self.authority
        pair = signer.issue("site", NAMES, kind="rsa" if number % RSA_EVERY == 0 else "ecdsa")
        if by == "reload":
            self.teal.must("reload")
        self.taken[by].append(await_shown(self.teal, self.context, pair.der(), SOON_S))
        self.leaf = pair.der()

    def refuse(self, number, by):
        since = len(self.teal.read_log())
        pattern = self.faults.kinds[number % len(self.faults.kinds)]()
        if by == "reload":
            result = self.teal.run("reload")
            if result.code == 0 or not re.search(pattern, result.err + result.out):
                self.bad.append(f"{pattern!r} by reload: {result!r}")
        else:
            await_said(self.teal, pattern, since, SOON_S)
        self.refused += 1
        if shown(self.teal.port, self.context) != self.leaf:
            self.bad.append(f"{pattern!r}: another certificate is shown")

    def go_on(self, count, say):
        for number in range(1, count + 1):
            faulty, by = number % 5 == 0, ("reload", "watch")[(number // 5 if number % 5 == 0 else number) % 2]
            try:
                (self.refuse if faulty else self.renew)(number // 5 if faulty else number, by)
            except rig.Fault as fault:
                self.bad.append(f"number {number}, by {by}: {fault}")
            if number % 10 == 0:
                say(f"{number} pairs")


LOADS = {"kept": (), "fresh": ("--fresh",), "resumed": ("--fresh", "--resume"), "old": ("--fresh", "--tls-1.2"), "old_resumed": ("--fresh", "--resume", "--tls-1.2")}


def spread(values):
    return {"median": round(statistics.median(values), 1), "worst": round(max(values), 1)} if values else None


def run(count, rate=RATE, say=lambda text: None):
    with tempfile.TemporaryDirectory(prefix="teal-renewals-") as folder:
        return run_in(folder, count, rate, say)


def run_in(folder, count, rate, say):
    authority = tlsing.Authority(folder)
    middle, pair = tlsing.Authority(folder, "middle", authority), authority.issue("site", NAMES)
    backends = [rig.Small("blue", "1", "--vary", "--body", "3000"), rig.Small("green", "2", "--vary", "--body", "3000")]
    teal, clients = rig.Teal(rig.colors(backends[:1], backends[1:]), listen=[tlsing.listener(pair)]), {}
    try:
        teal.start()
        for name, options in LOADS.items():
            clients[name] = rig.Strict(teal.port, "--tls", authority.file, "--host", tlsing.NAME, "--connections", 4, "--seconds", 86400, "--rate", rate, "--methods", "get,post,head",
                                       "--body-max", 8000, "--timeout", 30, *options)
        time.sleep(0.5)
        before_kib = proof.rss_kib(teal.process.pid)
        renewals = Renewals(teal, authority, middle, pair)
        renewals.go_on(count, say)
        result = {"pairs": count, "refused": renewals.refused, "bad": renewals.bad, "taken_ms": {by: spread(values) for by, values in renewals.taken.items()},
                  "memory_kib": [before_kib, proof.rss_kib(teal.process.pid)], "clients": {name: client.finish() for name, client in clients.items()}}
        teal.end()
        return result
    finally:
        for one in (*clients.values(), *backends):
            one.stop()
        teal.clean()


def faults_of(result):
    found = {}
    for name, summary in result["clients"].items():
        found.update({f"{name}_{kind}": value for kind, value in rig.faults_of(summary).items()})
        if "resumed" in name and summary["resumed"] * 2 < summary["handshakes"]:
            found[f"{name}_resumed"] = f"{summary['resumed']} of {summary['handshakes']}"
    if result["bad"]:
        found["bad"] = result["bad"][:10]
    return found


def sentence(result):
    clients = result["clients"].values()
    handshakes, resumed, sent = (sum(one[name] for one in clients) for name in ("handshakes", "resumed", "sent"))
    times = ", ".join(f"{spread['median']} ms by {by} (worst {spread['worst']})" for by, spread in result["taken_ms"].items() if spread)
    return (f"{result['pairs']} pairs, {result['refused']} of them faulty and refused with the sentence that fits, under {handshakes:,} handshakes ({resumed:,} resumed) and {sent:,} requests: "
            f"{sum(one['unshaken'] for one in clients)} failed handshakes, {sum(one['failed'] + one['non_2xx'] for one in clients)} failed requests. A good pair was shown after {times}; "
            f"memory {result['memory_kib'][0] / 1024:.1f} MiB before, {result['memory_kib'][1] / 1024:.1f} after")


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second of each of the five clients")
    arguments = parser.parse_args()
    result = run(arguments.count, arguments.rate, proof.say)
    proof.finish(arguments, result, sentence(result), faults_of(result))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Counts the instructions that a worker needs for each request of a fixed script, and compares them with the numbers in bench/instructions.json.

The same on any machine, so that a regression is seen without a clock. What makes it so:
- bench/guard.c runs one worker in its only thread, over unix sockets, with a clock that goes on by steps; only the worker's turns are counted, after a warm-up.
- callgrind counts instructions of the program, not of the kernel, and shows it a processor of its own.
- libc has functions of its own for many processors; GLIBC_TUNABLES holds it to those that every x86-64 runs. OPENSSL_ia32cap holds OpenSSL to those of every one with AES (SSE to SSSE3, AES-NI, PCLMULQDQ).
  libc, libevent and OpenSSL are counted, too: what teal makes them do is teal's cost. The environment is empty otherwise, because its size moves the stack.
The numbers belong to a compiler, a libc, a libevent and an OpenSSL: Debian 12's. Calls of the system, of the clock and for memory are counted by name; none may be
added, where they are so many that one does not tell, as OpenSSL's for memory, no more than the tolerance.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = {"LD_BIND_NOW": "1", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3,-SSE4_1,-SSE4_2,-BMI2",
               "OPENSSL_ia32cap": "0x0200020307808000:0"}
CALLS = {"accept4", "bind", "clock_gettime", "close", "connect", "epoll_ctl", "epoll_wait", "fcntl", "getpeername", "getsockname", "getsockopt", "ioctl", "listen",
         "open", "pipe2", "poll", "read", "readv", "recv", "recvfrom", "recvmsg", "send", "sendfile", "sendmsg", "sendto", "setsockopt", "shutdown", "socket", "splice",
         "tee", "timerfd_settime", "write", "writev",
         "aligned_alloc", "calloc", "free", "malloc", "posix_memalign", "realloc"}
MANY_CALLS = 10  # of one name, for a request: the tolerance is for them, too
LEAST_SHARE = 1000  # a function with less than one in so many instructions is not listed: OpenSSL has hundreds
GROWN_SHOWN = 8
# The keys of callgrind's format that give a name to a number or repeat the number: of an object, a file or a function; c... are those of what is called.
KINDS = {"ob": "ob", "cob": "ob", "fl": "fl", "fi": "fl", "fe": "fl", "cfi": "fl", "cfl": "fl", "fn": "fn", "cfn": "fn"}


# ---- counting ----


class Profile:
    """What callgrind wrote: instructions by (object, file, function), and calls by function."""

    def __init__(self, text):
        self.costs, self.calls = collections.Counter(), collections.Counter()
        self.called = ""
        self.names = {"ob": {}, "fl": {}, "fn": {}}
        self.at = {"ob": "", "fl": "", "fn": ""}
        inclusive = False  # the next line's cost is the called function's
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if key in KINDS:
                self.name(key, value)
            elif key == "calls":
                self.calls[self.called] += int(value.split()[0])
                inclusive = True
            elif re.match(r"[+\-*\d]", line):
                if not inclusive:
                    self.costs[self.at["ob"], self.at["fl"], self.at["fn"]] += int(line.split()[1])
                inclusive = False

    def name(self, key, value):
        names = self.names[KINDS[key]]
        number, text = re.fullmatch(r"\((\d+)\)(?: (.*))?", value).groups()
        if text is not None:
            names[number] = text
        name = names[number]
        if key in self.at:  # not the files of what was inlined: that is its caller's cost
            self.at[key] = name
        elif key == "cfn":
            self.called = name


def name_of(library, path, function):
    """As a reader looks for it: the file and the function; the library where it is none of teal's."""
    function = re.sub(r"(\.(lto_priv|constprop|isra|part|cold)(\.\d+)?)+|'\d+|@.*", "", function)
    if library.endswith("/guard"):
        return f"{os.path.basename(path)} {function}" if path.endswith(".c") else function
    library = re.sub(r"[-.].*", "", os.path.basename(library))
    return f"{library} {function if not function.startswith('0x') else '(others)'}"


def calls_of(profile, requests):
    """How often each of CALLS is called for a request."""
    calls = collections.Counter()
    for name, count in profile.calls.items():
        calls[name.split("@")[0]] += count
    return {name: round(calls[name] / requests, 2) for name in sorted(CALLS) if calls[name] >= requests / 100}


def measure(build, line, requests):
    """The numbers of one line, for each request."""
    folder = build / "instructions"
    folder.mkdir(exist_ok=True)
    out, begun = folder / f"{line}.out", folder / f"{line}.out.{os.getpid()}"
    command = ["/usr/bin/valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no", f"--callgrind-out-file={begun}",
               build / "tools" / "guard", line]
    done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"instructions: {line} did not end well:\n{done.stdout}{done.stderr}")
    profile = Profile(begun.read_text())
    begun.replace(out)
    functions = collections.Counter()
    for key, cost in profile.costs.items():
        functions[name_of(*key)] += cost
    total = sum(functions.values())
    costs = {name: round(cost / requests) for name, cost in functions.items() if cost * LEAST_SHARE >= total}
    return {
        "instructions": round(total / requests),
        "calls": calls_of(profile, requests),
        "functions": {name: cost for name, cost in sorted(costs.items(), key=lambda item: (-item[1], item[0]))},
    }


def versions():
    compiler = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    packages = subprocess.run(["dpkg-query", "-W", "-f", ", ${Package} ${Version}", "libc6", "libevent-2.1-7", "libssl3"], capture_output=True, text=True, check=True).stdout
    return f"gcc {compiler}{packages}"


# ---- judging ----


def percent(now, kept):
    return (now / kept - 1) * 100


def grown(now, kept):
    """(name, now, kept) of the entries that grew most; first the largest growth."""
    names = set(now) | set(kept)
    rows = [(name, now.get(name, 0), kept.get(name, 0)) for name in names]
    return sorted((row for row in rows if row[1] > row[2]), key=lambda row: (row[2] - row[1], row[0]))


def grown_calls(now, kept, tolerance):
    """The same, where it counts."""
    return [row for row in grown(now, kept) if row[2] < MANY_CALLS or percent(row[1], row[2]) > tolerance]


def judge(line, now, kept, tolerance):
    """(what is wrong, what should be kept) as sentences, both may be empty. The tolerance is in percent."""
    if kept is None:
        return [f"{line}: no number is kept"], []
    wrong, better = [], []
    change = percent(now["instructions"], kept["instructions"])
    if change > tolerance:
        wrong.append(f"{line}: {change:+.1f} % instructions")
    elif change < -tolerance:
        better.append(f"{line}: {change:+.1f} % instructions")
    for name, count, before in grown_calls(now["calls"], kept["calls"], tolerance):
        wrong.append(f"{line}: {name} is called {count:g} times a request, not {before:g}")
    fewer = grown_calls(kept["calls"], now["calls"], tolerance)
    if fewer:
        better.append(f"{line}: fewer calls of {', '.join(row[0] for row in fewer)}")
    return wrong, better


# ---- showing ----


def print_table(lines, now, kept):
    print(f"{'instructions for each request':66} {'now':>8} {'kept':>8} {'change':>8}")
    for line, what in lines.items():
        before = kept.get(line)
        change = f"{percent(now[line]['instructions'], before['instructions']):+.1f} %" if before else ""
        print(f"{line:10} {what:55} {now[line]['instructions']:8} {before['instructions'] if before else '-':>8} {change:>8}")


def print_growth(line, now, kept, build):
    print(f"\n{line}: the functions that grew most")
    for name, count, before in grown(now["functions"], kept["functions"])[:GROWN_SHOWN]:
        print(f"  {name:50} {count:8} {before:8} {count - before:+8}")
    print(f"  by line of source: callgrind_annotate {os.path.relpath(build)}/instructions/{line}.out")


def print_profile(line, numbers):
    print(f"\n{line}: {numbers['instructions']} instructions for each request; calls: {', '.join(f'{name} {count:g}' for name, count in numbers['calls'].items())}")
    for name, count in numbers["functions"].items():
        print(f"  {name:50} {count:8} {count / numbers['instructions'] * 100:6.1f} %")


def write_kept(path, now, before):
    """One function a line, so that a difference reads well."""
    document = {**before, "made_with": versions(), "lines": {**before["lines"], **now}}
    path.write_text(json.dumps(document, indent=1) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="script/instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="*", metavar="LINE", help="of the script; default: all")
    parser.add_argument("--keep", action="store_true", help="write the numbers to bench/instructions.json instead of comparing them")
    parser.add_argument("--profile", action="store_true", help="show every function")
    parser.add_argument("--kept", type=pathlib.Path, default=ROOT / "bench" / "instructions.json", help="another file to compare with")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(os.environ.get("TEAL_BUILD", ROOT / "build" / "release")), help="another build folder")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    build = arguments.build.resolve()
    listed = subprocess.run([build / "tools" / "guard"], capture_output=True, text=True, check=True).stdout
    rows = [row.split("\t") for row in listed.splitlines()]
    lines, requests = {name: what for name, _, what in rows}, {name: int(count) for name, count, _ in rows}
    unknown = set(arguments.lines) - set(lines)
    if unknown:
        raise SystemExit(f"instructions: no such line: {', '.join(sorted(unknown))}; there are {', '.join(lines)}")
    kept = json.loads(arguments.kept.read_text()) if arguments.kept.exists() else {"tolerance_percent": 3, "made_with": "", "lines": {}}
    wanted = {line: what for line, what in lines.items() if not arguments.lines or line in arguments.lines}
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        now = dict(zip(wanted, pool.map(lambda line: measure(build, line, requests[line]), wanted)))
    print_table(wanted, now, kept["lines"])
    if arguments.profile:
        for line in wanted:
            print_profile(line, now[line])
    if arguments.keep:
        kept["lines"] = {line: row for line, row in kept["lines"].items() if line in lines}
        write_kept(arguments.kept, now, kept)
        return 0
    return report(wanted, now, kept, build)


def report(wanted, now, kept, build):
    wrong, better = [], []
    for line in wanted:
        before = kept["lines"].get(line)
        more_wrong, more_better = judge(line, now[line], before, kept["tolerance_percent"])
        wrong += more_wrong
        better += more_better
        if more_wrong and before:
            print_growth(line, now[line], before, build)
    if (wrong or better) and kept["made_with"] != versions():
        print(f"\nThe numbers are kept for {kept['made_with']}; here is {versions()}.")
    if better:
        print("\nBetter than kept; script/instructions --keep holds on to it:\n  " + "\n  ".join(better))
    if wrong:
        print("\nWorse than kept; where it is worth it, script/instructions --keep says so:\n  " + "\n  ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

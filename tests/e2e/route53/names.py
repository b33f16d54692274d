"""Names of the DNS as the API writes them: lower case, a dot at the end, everything but a-z 0-9 - _ as three octal digits behind a backslash.

Within the stand-in a name is its text in that form; `labels` has the bytes.
"""
import re

import dns.name

PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
ESCAPED = re.compile(rb"\\([0-3][0-7][0-7])|\\(.)|([^\\])", re.S)


class BadName(ValueError):
    pass


def labels(name):
    """The labels, without the root's, as bytes in lower case. `name` may be of any form that requests may have."""
    found, label = [], b""
    data = name.encode()
    if ESCAPED.sub(b"", data):
        raise BadName(f"{name}: a backslash at its end")
    for octal, escaped, plain in ESCAPED.findall(data):
        if plain == b".":
            found.append(label)
            label = b""
        else:
            label += bytes([int(octal, 8)]) if octal else escaped or plain
    if label:
        found.append(label)
    if found == [b""]:
        found = []
    if not all(1 <= len(one) <= 63 for one in found) or sum(len(one) + 1 for one in found) > 254:
        raise BadName(f"{name}: an empty label, one of more than 63 bytes, or more than 255 in all")
    return tuple(one.lower() for one in found)


def text(parts):
    return "".join("".join(chr(byte) if byte in PLAIN else f"\\{byte:03o}" for byte in label) + "." for label in parts) or "."


def normal(name):
    return text(labels(name))


def order(name):
    """What record sets are sorted by: the labels reversed, each with its dot."""
    return b"".join(label + b"." for label in reversed(labels(name)))


def is_within(name, zone):
    parts, top = labels(name), labels(zone)
    return not top or parts[-len(top):] == top


def parent(name):
    return text(labels(name)[1:])


def wildcard(name):
    """The wildcard right below `name`."""
    return text((b"*", *labels(name)))


def to_dns(name):
    return dns.name.Name((*labels(name), b""))


def from_dns(name):
    return text(tuple(label.lower() for label in name.labels if label))

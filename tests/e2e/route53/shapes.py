"""The API's documents by botocore's model of it: requests are read by the shapes of their operation, and refused where they differ; replies are written by
theirs, and read back by botocore's own parser before they are sent.
"""
import functools
import re
import urllib.parse
import xml.etree.ElementTree as tree

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.validate

from . import refusals
from .account import stamp
from .refusals import Refusal

OPERATIONS = ("ChangeResourceRecordSets", "GetChange", "ListResourceRecordSets", "ListHostedZonesByName", "ListHostedZones", "GetHostedZone", "TestDNSAnswer",
              "GetHealthCheckStatus", "GetHostedZoneLimit")


@functools.cache
def model(service):
    return botocore.model.ServiceModel(botocore.loaders.create_loader().load_service_model(service, "service-2"), service)


def operation(name, service="route53"):
    return model(service).operation_model(name)


@functools.cache
def routes():
    """(method, pattern of the path, names of its groups, operation's name)"""
    found = []
    for name in OPERATIONS:
        http = operation(name).http
        path = http["requestUri"].rstrip("/")
        pattern = re.sub(r"\{\w+\}", "([^/]+)", path) + "/?"
        found.append((http["method"], re.compile(pattern), re.findall(r"\{(\w+)\}", path), name))
    return found


def squeeze(path):
    """Without empty and dot segments, as the service reads it."""
    kept = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept)


def find_operation(request):
    """(name, what the path says by the names of the model's URI)"""
    for method, pattern, names, name in routes():
        found = pattern.fullmatch(squeeze(request.path))
        if found and method == request.method:
            return name, dict(zip(names, map(urllib.parse.unquote, found.groups())))
    raise Refusal("UnknownOperationException", f"{request.method} {request.path} is no operation", status=404)


# ---- requests ----


def read_request(name, in_path, request):
    """The parameters, as the caller of a client library would give them."""
    shape, params, left = operation(name).input_shape, {}, request.query
    for member, of in shape.members.items():
        place, wire = of.serialization.get("location"), of.serialization.get("name", member)
        if place == "uri":
            params[member] = in_path[wire].rsplit("/", 1)[-1]
        elif place == "querystring":
            given = [value for key, value in left if key == wire]
            left = [(key, value) for key, value in left if key != wire]
            if len(given) > 1:
                raise Refusal("InvalidInput", f"{wire} is given {len(given)} times")
            if given and given[0]:
                params[member] = scalar(of, given[0], wire)
    if left:
        raise Refusal("InvalidInput", f"unknown parameters: {', '.join(sorted({key for key, _ in left}))}")
    if operation(name).http["method"] == "POST":
        params.update(read_body(shape, request.body))
    check_params(shape, params)
    return params


def malformed(text):
    raise Refusal("MalformedXML", text)


def read_body(shape, body):
    space = shape.serialization["xmlNamespace"]["uri"]
    if b"<!DOCTYPE" in body:
        malformed("a document type is not allowed")
    try:
        root = tree.fromstring(body)
    except tree.ParseError as error:
        malformed(f"the body can't be parsed: {error}")
    if root.tag != "{%s}%s" % (space, shape.serialization["name"]):
        malformed(f"the root is {root.tag}")
    inner = {name: of for name, of in shape.members.items() if "location" not in of.serialization}
    return read_structure(root, inner, space)


def read_structure(element, members, space):
    """Children in the order of the model, each once."""
    if (element.text or "").strip() or element.attrib:
        malformed(f"{element.tag} has text or attributes")
    names = {"{%s}%s" % (space, of.serialization.get("name", name)): name for name, of in members.items()}
    order, last, found = list(names), -1, {}
    for child in element:
        if child.tag not in names:
            malformed(f"{child.tag} has no place in {element.tag}")
        if order.index(child.tag) <= last:
            malformed(f"{child.tag} is a second time, or out of its order, in {element.tag}")
        last = order.index(child.tag)
        found[names[child.tag]] = read_element(child, members[names[child.tag]], space)
    return found


def read_element(element, shape, space):
    if shape.type_name == "structure":
        return read_structure(element, shape.members, space)
    if shape.type_name == "list":
        inner = "{%s}%s" % (space, shape.member.serialization.get("name", "member"))
        if (element.text or "").strip() or any(child.tag != inner for child in element):
            malformed(f"{element.tag} has something that is no {inner}")
        return [read_element(child, shape.member, space) for child in element]
    if len(element) or element.attrib:
        malformed(f"{element.tag} has children or attributes")
    return scalar(shape, element.text or "", element.tag)


def scalar(shape, text, where):
    if shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?\d{1,18}", text):
            malformed(f"{where}: {text!r} is no number")
        return int(text)
    if shape.type_name == "boolean":
        if text not in ("true", "false"):
            malformed(f"{where}: {text!r} is neither true nor false")
        return text == "true"
    return text


def check_params(shape, params):
    """Required members by botocore's validator; enumerations, lengths, ranges and patterns, which it leaves to the service."""
    report = botocore.validate.ParamValidator().validate(params, shape)
    if report.has_errors():
        raise Refusal("InvalidInput", report.generate_report())
    faults = list(breaches(shape, params, ""))
    if faults:
        raise Refusal("InvalidInput", f"{len(faults)} validation error{'s' * (len(faults) > 1)} detected: " + "; ".join(faults))


def breaches(shape, value, where):
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from breaches(shape.members[name], inner, f"{where}.{name[0].lower()}{name[1:]}".lstrip("."))
    elif shape.type_name == "list":
        yield from limits(shape, len(value), value, where)
        for at, inner in enumerate(value, 1):
            yield from breaches(shape.member, inner, f"{where}.{at}.member")
    elif shape.type_name in ("integer", "long"):
        yield from limits(shape, value, value, where)
    elif shape.type_name == "string":
        yield from limits(shape, len(value), value, where)
        known, pattern = getattr(shape, "enum", []), shape._shape_model.get("pattern")
        if known and value not in known:
            yield f"Value '{value}' at '{where}' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(known)}]"
        if pattern and "\\u" not in pattern and not re.fullmatch(pattern, value):
            yield f"Value '{value}' at '{where}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"


def limits(shape, size, value, where):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"Value '{value}' at '{where}' failed to satisfy constraint: Member must be from {low} to {high} in size"


# ---- replies ----


def without_none(value):
    if isinstance(value, dict):
        return {name: without_none(inner) for name, inner in value.items() if inner is not None}
    return [without_none(inner) for inner in value] if isinstance(value, list) else value


def write_reply(name, value):
    """The document, proven: botocore reads `value` out of it."""
    shape, value = operation(name).output_shape, without_none(value)
    root = tree.Element(shape.name, xmlns=refusals.NAMESPACE)
    fill(root, shape, value)
    body = refusals.written(root)
    found = botocore.parsers.create_parser("rest-xml").parse({"status_code": 200, "headers": {}, "body": body}, shape)
    found.pop("ResponseMetadata")
    if found != value:
        raise AssertionError(f"{name}: botocore reads {found} instead of {value}")
    return body


def fill(element, shape, value):
    if shape.type_name == "structure":
        assert not set(value) - set(shape.members), f"{shape.name} has no {set(value) - set(shape.members)}"
        for name, of in shape.members.items():
            if name in value:
                fill(refusals.add(element, of.serialization.get("name", name)), of, value[name])
    elif shape.type_name == "list":
        for inner in value:
            fill(refusals.add(element, shape.member.serialization.get("name", "member")), shape.member, inner)
    elif shape.type_name == "timestamp":
        element.text = stamp(value)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def read_error(status, body, service="route53"):
    """(code, message) as botocore's parser has them."""
    found = botocore.parsers.create_parser(model(service).metadata["protocol"]).parse({"status_code": status, "headers": {}, "body": body}, None)["Error"]
    return found["Code"], found["Message"]

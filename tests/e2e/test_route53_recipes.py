"""docs/recipes for services by Route 53: the policies allow what teal asks for and nothing that it does not need; the workflows, as GitHub's runner runs them."""
import fnmatch
import json
import re

import pytest

import daemon as rig
import recipes
from dnsing import NAME, Site, simple

POLICIES = recipes.FOLDER / "aws"


def read_policy(site, *names):
    """The statements of these files, for the zone and the record of the site."""
    found = []
    for name in names:
        text = (POLICIES / name).read_text().replace("Z1D633PJN98FT9", site.world.zone.id).replace("api.example.com", NAME)
        found += json.loads(text)["Statement"]
    return found


def listed(value):
    return value if isinstance(value, list) else [value]


def keys_of(call):
    """What the conditions of a policy are compared with."""
    sets = [(one["Action"], one["ResourceRecordSet"]) for one in call.params["ChangeBatch"]["Changes"]] if "ChangeBatch" in call.params else []
    return {"route53:ChangeResourceRecordSetsNormalizedRecordNames": {one["Name"].rstrip(".").lower() for _, one in sets},
            "route53:ChangeResourceRecordSetsRecordTypes": {one["Type"] for _, one in sets}, "route53:ChangeResourceRecordSetsActions": {action for action, _ in sets}}


def resource_of(call):
    if call.operation == "GetChange":
        return f"arn:aws:route53:::change/{call.params['Id']}"
    zone = call.params.get("Id") or call.params.get("HostedZoneId")
    return f"arn:aws:route53:::hostedzone/{zone}" if call.operation != "ListHostedZonesByName" else "*"


def is_allowed(statement, call):
    assert statement["Effect"] == "Allow" and set(statement.get("Condition", {})) <= {"ForAllValues:StringEquals"}
    wanted, keys = statement.get("Condition", {}).get("ForAllValues:StringEquals", {}), keys_of(call)
    return (f"route53:{call.operation}" in listed(statement["Action"]) and any(fnmatch.fnmatchcase(resource_of(call), one) for one in listed(statement["Resource"]))
            and all(keys[name] <= set(listed(values)) for name, values in wanted.items()))


@pytest.mark.parametrize("files, record", [(["dns-policy.json"], {}), (["dns-policy.json", "dns-policy-find-zone.json"], {"zone": None})], ids=["zone", "no_zone"])
def test_policy(files, record):
    """Every call of a switch, its rollback, a plan and a status is allowed, and every statement is needed for one of them."""
    with Site(record=record) as site:
        site.teal.must("dns", "plan")
        assert site.switch()["outcome"] == "promoted" and site.go_back()["live"] == "blue"
        site.teal.must("dns", "status")
        statements, calls = read_policy(site, *files), list(site.world.api.calls)
        assert {one.operation for one in calls} >= {"ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets"}
        allowed = [{at for at, statement in enumerate(statements) if is_allowed(statement, call)} for call in calls]
        assert all(allowed), [call for call, by in zip(calls, allowed) if not by]
        assert set.union(*allowed) == set(range(len(statements)))
        actions = {action for statement in statements for action in listed(statement["Action"])}
        assert actions == {f"route53:{one.operation}" for one in calls}


def test_policy_of_the_manual():
    """docs/route53.md has the statements of the file."""
    text = (rig.ROOT / "docs" / "route53.md").read_text()
    shown = re.search(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]
    assert json.loads(f"[{shown}]") == json.loads((POLICIES / "dns-policy.json").read_text())["Statement"]


@pytest.fixture
def runner(tmp_path):
    """A checkout with teal.yaml in it, and a runner with teal and keys: (site, run(workflow, **inputs))."""
    stands = recipes.Stands(tmp_path / "bin")
    stands.link("teal", rig.BINARY)
    work = tmp_path / "work"
    work.mkdir()
    with Site(start=False, bake="300ms") as site:
        (work / "teal.yaml").write_text(json.dumps({**site.teal.conf, "state": "state"}))

        def run(name, **inputs):
            environment = {name: value for name, value in site.teal.environment.items() if name.startswith("AWS_")}
            return recipes.run_workflow(recipes.FOLDER / "ci" / name, {f"inputs.{key}": value for key, value in inputs.items()}, folder=work, PATH=stands.path, **environment)

        yield site, run, work
        site.check_record()


def test_github(runner):
    """Forth, and back by a runner that knows nothing of it: it is told which color is live, and does nothing when that is wrong."""
    site, run, work = runner
    code, said = run("github-dns-switch.yml", to="green", reason='it\'s "new"; $(exit)')
    assert code == 0 and "promoted" in said and site.sets() == simple("green"), said
    code, said = run("github-dns-switch.yml", to="green", reason="once more")
    assert code == 3 and site.sets() == simple("green"), said
    for path in sorted((work / "state").rglob("*"), reverse=True):
        path.unlink() if path.is_file() or path.is_socket() else path.rmdir()
    code, said = run("github-dns-rollback.yml", live="blue", reason="wrong")
    assert code == 3 and "green is live" in said and site.sets() == simple("green"), said
    code, said = run("github-dns-rollback.yml", live="green", reason="slow")
    assert code == 0 and site.sets() == simple("blue"), said

"""What a switch by Route 53 waits for in vain, at the real limits: three sites at once, each with a wait of its own that has no end, or a late one.

insync  Route 53 never says INSYNC, though every name server has the change: after 5 minutes teal says so, after 15 and the old TTL it waits no longer.
server  Route 53 says INSYNC, and one name server keeps the old answer: after 15 minutes and the old TTL it waits no longer.
late    INSYNC comes after 5 minutes and a half: teal had said so, and then the switch ends as any other.

Once it is not waited for any longer, the deployment ends with a warning to keep the old color; the rest comes then, and `safe` follows.
usage: script/dns-limits     (16 minutes)
"""
import concurrent.futures
import math
import time

import daemon as rig
import dnsing
import proof

LATE_S, DRAIN_S = 5 * 60, 15 * 60 + dnsing.TTL
SLACK_S = 60  # of a machine that does something else, too, and of the pauses between two questions


def demand(holds, what):
    if not holds:
        raise rig.Fault(f"not as promised: {what}")


def hindrance(site):
    return site.service()["route53"].get("hindrance") or ""


def await_hindrance(site, accepted, words):
    """How long after the acceptance it was said."""
    rig.wait_until(f"it says {words}", lambda: words in hindrance(site), LATE_S + SLACK_S)
    return time.time() - accepted


def check_given_up(site, document):
    """Ended by its verdict, with a warning; the record is the new one, and nothing is called safe."""
    drained_s = dnsing.parse(document["drained_at"]) - dnsing.parse(document["change"]["accepted_at"])
    demand(document["outcome"] == "promoted" and document["change"]["safe_at"] is None, document)
    demand(any("keep it up until teal dns status says that it is safe" in one for one in document["warnings"]), document["warnings"])
    demand(DRAIN_S <= drained_s <= DRAIN_S + SLACK_S, f"drained after {drained_s} s")
    demand(not site.service()["route53"]["safe"], site.service()["route53"])
    return drained_s


def await_safe(site):
    rig.wait_until("it is safe after all", lambda: site.service()["route53"]["safe"], SLACK_S)
    site.check_record()


def begin(site):
    id = site.begin()
    return id, dnsing.parse(site.await_accepted(id)["change"]["accepted_at"])


def run_insync():
    with dnsing.Site() as site:
        site.world.zone.insync_after = math.inf
        id, accepted = begin(site)
        said_s = await_hindrance(site, accepted, "has not said in 5 minutes")
        demand(LATE_S <= said_s, f"said after {said_s} s")
        drained_s = check_given_up(site, site.teal.deployment(id, seconds=DRAIN_S + SLACK_S))
        site.world.zone.insync_after = 0
        await_safe(site)
        return {"said_s": said_s, "given_up_s": drained_s}


def run_server():
    with dnsing.Site() as site:
        site.world.servers[2].stay_behind()
        site.world.zone.insync_after = 1
        id, _ = begin(site)
        drained_s = check_given_up(site, site.teal.deployment(id, seconds=DRAIN_S + SLACK_S))
        site.world.servers[2].catch_up()
        await_safe(site)
        return {"given_up_s": drained_s}


def run_late():
    with dnsing.Site() as site:
        site.world.zone.insync_after = LATE_S + 30
        id, accepted = begin(site)
        said_s = await_hindrance(site, accepted, "has not said in 5 minutes")
        document = site.teal.deployment(id, seconds=LATE_S + SLACK_S)
        safe_s = dnsing.parse(document["change"]["safe_at"]) - accepted
        demand(document["outcome"] == "promoted" and safe_s > LATE_S + 30, document)
        demand(not hindrance(site) and site.service()["route53"]["safe"], site.service()["route53"])
        site.check_record()
        return {"said_s": said_s, "safe_s": safe_s}


def main():
    arguments = proof.parser(__doc__).parse_args()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = {name: pool.submit(run) for name, run in (("insync", run_insync), ("server", run_server), ("late", run_late))}
        found = {name: run.result() for name, run in runs.items()}
    sentence = (f"INSYNC that never came was told after {found['insync']['said_s']:.0f} s and given up after {found['insync']['given_up_s']:.0f} s; "
                f"a server that stayed behind was given up after {found['server']['given_up_s']:.0f} s; INSYNC that came late was told after {found['late']['said_s']:.0f} s "
                f"and the switch was safe after {found['late']['safe_s']:.0f} s; the record was always whole")
    proof.finish(arguments, found, sentence, {})


if __name__ == "__main__":
    main()

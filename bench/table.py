"""From samples to medians, ratios and the table that is printed."""
import random
import statistics

import peers


def medians_of(runs):
    """{figure: median} of a proxy's samples, and how far the rounds lie apart."""
    row = {key: statistics.median(sample[key] for sample in runs if key in sample) for key in sorted(set().union(*runs))}
    if "us_per_request" in row:
        costs = [sample["us_per_request"] for sample in runs]
        row["least_us"], row["most_us"] = min(costs), max(costs)
    return row


def add_ratios(rows):
    """To the better of HAProxy and nginx, and to the floor, of one point."""
    cost = {name: row["us_per_request"] for name, row in rows.items() if "us_per_request" in row}
    best = min((cost[name] for name in peers.PEERS if name in cost), default=None)
    for name in cost:
        if name == "direct":
            continue
        if best:
            rows[name]["to_better_peer"] = cost[name] / best
        if "floor" in cost:
            rows[name]["to_floor"] = cost[name] / cost["floor"]


def add_added(rows):
    """How much longer than without a proxy it takes, at one point."""
    for name, row in rows.items():
        if "direct" in rows and name != "direct":
            row.update({f"added_{key}": row[key] - rows["direct"][key] for key in ("p50_us", "p99_us", "p99_quiet_us") if key in row})


def add_growth(points):
    """How much more a request costs than at the first point; where the floor was measured too, how much more than it grew."""
    first = next(iter(points.values()))
    for rows in points.values():
        for name, row in rows.items():
            key = "to_floor" if "floor" in rows else "us_per_request"
            if name in first and key in first[name]:
                row["growth"] = row[key] / first[name][key]


def quarter_of(values):
    """What a quarter of them are not above."""
    return sorted(values)[len(values) // 4]


def interval_of(values, base, figure, times=1000):
    """Between which two ratios of this figure to that of `base` 95 of 100 lie, when windows are drawn anew from those there are; one of each in turn."""
    dice, ratios = random.Random(1), []
    for _ in range(times):
        drawn = dice.choices(range(len(values)), k=len(values))
        ratios.append(figure([values[i] for i in drawn]) / figure([base[i] for i in drawn]))
    ratios.sort()
    return [ratios[times // 40], ratios[times - 1 - times // 40]]


def add_quiet(rows, samples):
    """The p99 of the quiet quarter of windows. What disturbs the machine for some milliseconds lifts the p99 of the window in which it happens, often by more than what is looked for; what a program
    does in each window is in those that nothing disturbed, too."""
    for point, by_proxy in samples.items():
        for proxy, runs in by_proxy.items():
            rows[point][proxy]["p99_quiet_us"] = quarter_of([sample["p99_us"] for sample in runs])


def compare_windows(rows, samples):
    """p99s beside those of the first point: of the median window, and of the quiet quarter."""
    base = next(iter(samples.values()))
    for point, by_proxy in samples.items():
        for proxy, runs in by_proxy.items():
            p99s, first = ([sample["p99_us"] for sample in some] for some in (runs, base[proxy]))
            for name, figure in (("p99_growth", statistics.median), ("p99_quiet_growth", quarter_of)):
                rows[point][proxy][name] = figure(p99s) / figure(first)
                rows[point][proxy][f"{name}_interval"] = interval_of(p99s, first, figure)


def summarise(samples, lines):
    """{line: {point: {proxy: medians}}}"""
    summary = {}
    for name, points in samples.items():
        summary[name] = {point: {proxy: medians_of(runs) for proxy, runs in by_proxy.items()} for point, by_proxy in points.items()}
        if lines[name].windows:
            add_quiet(summary[name], points)
        for rows in summary[name].values():
            add_ratios(rows)
            add_added(rows)
        if lines[name].grows:
            add_growth(summary[name])
        if lines[name].windows and lines[name].grows:
            compare_windows(summary[name], points)
    return summary


def number(row, key, form, scale=1):
    return format(row[key] / scale, form) if row.get(key) is not None else ""


COLUMNS = (  # heading, width, text of a row
    ("us/request", 10, lambda row: number(row, "us_per_request", ".1f")),
    ("least..most", 15, lambda row: f"{row['least_us']:.1f}..{row['most_us']:.1f}" if "least_us" in row else ""),
    ("x better", 8, lambda row: number(row, "to_better_peer", ".2f")),
    ("x floor", 7, lambda row: number(row, "to_floor", ".2f")),
    ("growth", 6, lambda row: number(row, "growth", ".2f")),
    ("workers us", 10, lambda row: number(row, "workers_us_per_request", ".1f")),
    ("p50 us", 8, lambda row: number(row, "p50_us", ".0f")),
    ("p99 us", 8, lambda row: number(row, "p99_us", ".0f")),
    ("requests/s", 10, lambda row: number(row, "requests_per_s", ".0f")),
    ("peak MiB", 8, lambda row: number(row, "peak_bytes", ".1f", 1 << 20) or number(row, "rss", ".1f", 1 << 20)),
    ("B/idle", 6, lambda row: number(row, "bytes_per_connection", ".0f")),
)


def print_table(summary):
    print(f"{'line':11} {'point':6} {'proxy':14} " + " ".join(f"{heading:>{width}}" for heading, width, _ in COLUMNS))
    for name, points in summary.items():
        for point, rows in points.items():
            for proxy, row in rows.items():
                print(f"{name:11} {point:6} {proxy:14} " + " ".join(f"{text(row):>{width}}" for _, width, text in COLUMNS))
    for proxy, row in summary.get("latency", {}).get("", {}).items():
        if "added_p50_us" in row:
            print(f"latency: {proxy} adds {row['added_p50_us']:.0f} us at p50, {row['added_p99_us']:.0f} us at the p99 of the median window, {row['added_p99_quiet_us']:.0f} us at that of the quiet quarter")


def window_notes(summary):
    """A line for each point that is compared with the first one of its line, in windows."""
    for name, points in summary.items():
        for point, rows in points.items():
            for proxy, row in rows.items():
                if "p99_quiet_growth" in row:
                    low, high = row["p99_quiet_growth_interval"]
                    most = row["p99_growth_interval"]
                    yield (f"{name} {point}, {proxy}: p99 of the quiet quarter of windows {row['p99_quiet_us']:.0f} us, {row['p99_quiet_growth']:.3f} x the first ({low:.3f} to {high:.3f}); "
                           f"of the median one {row['p99_us']:.0f} us, {row['p99_growth']:.2f} x ({most[0]:.2f} to {most[1]:.2f}); CPU {row['growth']:.3f} x")


def notes(summary):
    """What must be known to read the table."""
    yield "us/request: CPU time of all the proxy's threads for each request, the median of the rounds; x better: beside the better of HAProxy and nginx."
    if any(name.startswith("tls") for name in summary):
        yield "tls...: one cipher suite and one group are offered, the same to all, but on tls-default; on tls-new and tls-resumed the load's core is full before the proxy's."
    if "services" in summary or "backends" in summary:
        yield "services, backends: with a probe an hour, as the cost of probes grows with backends and seconds, not with requests."
    if "workers" in summary:
        yield "workers: proxy and load are on the same two cores unless there are four; what scales is seen in the CPU per request at the same rate."
    yield from window_notes(summary)
    if "features" in summary:
        yield ("features: accounting (counts, error rates and latencies for the judge) can't be switched off, as switches are judged by it; it is in every figure of "
               "teal. What it costs is in the instructions that script/instructions counts.")

"""Events to decisions, one event after the other: sorted, without duplicates, plain Python.

Of events with one id the first by time counts, and where all else is equal the first by the text of its body.
"""

from __future__ import annotations

import json


def join(events, windows, kinds, *, as_of=None, skew_us=300_000_000):
    """(rows, used, dropped): rows map (user, period, scope) to {"sends_made", outcome: value or None}.

    ``events`` are dictionaries; ``windows`` and ``kinds`` go by outcome.
    """
    dropped, used = {}, {"decision": 0, "outcome": 0, "send": 0}

    def drop(reason):
        dropped[reason] = dropped.get(reason, 0) + 1

    now = max(e["at_us"] for e in events) if as_of is None else as_of
    seen, once = set(), []
    key = ("at_us", "id", "kind", "user", "period", "scope")
    for e in sorted(events, key=lambda e: [(e[k] is not None, e[k]) for k in key] + [json.dumps(e["body"])]):
        if e["id"] in seen:
            drop("duplicate id")
            continue
        seen.add(e["id"])
        once.append(e)
    erased = {}
    for e in once:
        if e["kind"] == "erase" and e["at_us"] <= now:
            erased[e["user"]] = max(e["at_us"], erased.get(e["user"], e["at_us"]))
    kept = []
    for e in once:
        if e["at_us"] > now:
            drop("after the time of the log")
        elif e["kind"] in ("consent", "erase"):
            drop("consent and erasure")
        elif e["at_us"] <= erased.get(e["user"], e["at_us"] - 1):
            drop("of a user who was erased")
        else:
            kept.append(e)
    decisions, by_id = {}, {}
    for e in kept:
        if e["kind"] == "decision":
            place = (e["user"], e["period"], e["scope"])
            if place in decisions:
                drop("second decision of a user, period and scope")
            else:
                decisions[place] = e
                by_id[e["id"]] = place
    scopes = {place[2] for place in decisions}
    rows = {place: {"sends_made": 0, **dict.fromkeys(windows, 0.0)} for place in decisions}

    def places(e, window):
        named = e["body"].get("decision")
        if named is not None:
            if named not in by_id:
                return "names a decision that is not there"
            age = e["at_us"] - decisions[by_id[named]]["at_us"]
            if age < -skew_us:
                return "before the decision that it names"
            return [by_id[named]] if age < window else "after the window"
        found, before = [], False
        for scope in [e["scope"]] if e["scope"] else scopes:
            mine = [d for p, d in decisions.items() if p[0] == e["user"] and p[2] == scope and d["at_us"] <= e["at_us"]]
            if mine:
                before = True
                last = max(mine, key=lambda d: (d["at_us"], d["period"]))
                if e["at_us"] - last["at_us"] < window:
                    found.append((last["user"], last["period"], scope))
        return found or ("after the window" if before else "no decision before it")

    for e in kept:
        if e["kind"] == "decision":
            continue
        name = e["body"].get("name")
        if e["kind"] == "outcome" and name not in windows:
            drop("outcome that the spec does not name")
            continue
        at = places(e, windows[name] if e["kind"] == "outcome" else max(windows.values()))
        if isinstance(at, str):
            drop(at)
            continue
        used[e["kind"]] += 1
        for place in at:
            if e["kind"] == "send":
                rows[place]["sends_made"] += 1
            elif kinds[name] == "binary":
                rows[place][name] = max(rows[place][name], float(e["body"].get("value", 1) > 0))
            else:
                rows[place][name] += e["body"].get("value", 1)
    for place, row in rows.items():
        for name, window in windows.items():
            if now - decisions[place]["at_us"] < window:
                row[name] = None
    used["decision"] = len(decisions)
    return rows, used, dropped

"""The tables of the study of ``check``, from health.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from health_logs import ACTIONS


def fragment(result: Mapping[str, Any]) -> str:
    """Markdown of the results."""
    s, world = result["settings"], result["world"]
    size, count = f"{world['decisions']:,}", world["logs"]
    logs, alarms = (sum(x[key] for x in result["sound"].values()) for key in ("logs", "with an alarm"))
    lines = [
        f"Logs of {s['users']:,} users × {s['periods']} weeks over {ACTIONS.k} actions, four segments, two arms, with "
        f"masks and opt-outs; seed {s['seed']}. All tests of `check` together may raise an alarm on "
        f"{1000 * result['false_alarm']:g} of 1,000 sound logs. Faults and the thresholds of survivorship were tried "
        "on another seed; these logs were made once, afterwards.",
        "",
        "| sound logs | logs | with any alarm |",
        "|---|---|---|",
        *(f"| {kind} | {x['logs']:,} | {x['with an alarm']} |" for kind, x in result["sound"].items()),
        f"| **all** | **{logs:,}** | **{alarms}** |",
        "| overrides and calibration alone, more logs | "
        f"{result['overrides alone']['logs']:,} | {result['overrides alone']['with an alarm']} |",
        f"| the world, {size} decisions | {count} | {count - world['sound and quiet']} |",
        "",
        "| fault | decisions | found |",
        "|---|---|---|",
        *(f"| {name} | {x['decisions']:,} | {x['found']} of {x['logs']} |" for name, x in result["faults"].items()),
        f"| the world, opted-out users dropped | {size} | {world['dropped and found']} of {count} |",
    ]
    return "\n".join(lines) + "\n"

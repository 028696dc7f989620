"""One page of HTML that stands alone: figures, what the log can say, and the table of estimates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import count
from typing import NamedTuple

from tactful import __version__
from tactful.core.outcomes import OBJECTIVE
from tactful.evaluation.results import EstimateRow, Evaluation

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2.2rem }
p.lead, figcaption, .note { color: #52606d }
figure { margin: 1rem 0 } figure svg { max-width: 100%; height: auto }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; white-space: nowrap }
th { font-weight: 600; color: #6b7785; border-bottom: 1px solid #d5dbe1 } td { border-bottom: 1px solid #eef1f4 }
td.n, th.n { text-align: right } .weak, .in-sample { color: #a3632b } .refused { color: #9aa5b1 }
.wide { overflow-x: auto }
"""


class Picture(NamedTuple):
    """A figure as SVG, with what it shows in words."""

    svg: str
    caption: str


class Section(NamedTuple):
    """A heading with pictures, sentences and rows of text."""

    heading: str
    pictures: Sequence[Picture] = ()
    said: Sequence[str] = ()
    body: str = ""


def page(title: str, lead: str, sections: Iterable[Section]) -> str:
    """The whole document; nothing in it is fetched from anywhere."""
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="lead">{escape(lead)}</p>']
    number = count()
    for section in sections:
        parts.append(f"<h2>{escape(section.heading)}</h2>")
        parts += [f"<p>{escape(text)}</p>" for text in section.said]
        parts += [
            f'<figure role="img" aria-label="{escape(p.caption)}">{_apart(p.svg, next(number))}'
            f"<figcaption>{escape(p.caption)}</figcaption></figure>"
            for p in section.pictures
        ]
        parts.append(section.body)
    parts.append(f'<p class="note">tactful {escape(__version__)}</p>')
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n' + "\n".join(
        [*parts, "</body></html>\n"]
    )


def estimates_table(result: Evaluation, policy: str, baseline: str) -> str:
    """Every outcome by every estimator: both sides, the paired difference, and the verdict with its reason."""
    by = {(e.policy, e.outcome, e.estimator): e for e in result.estimates}
    pairs = dict.fromkeys((e.outcome, e.estimator) for e in result.estimates)
    rows: list[list[str]] = []
    for outcome, name in sorted(pairs, key=lambda pair: pair[0] != OBJECTIVE):
        target, base, difference = (by[role, outcome, name] for role in ("target", "baseline", "difference"))
        cells = [_cell(outcome), _cell(name), *(_cell(_value(e), "n") for e in (target, base, difference))]
        grade = escape(difference.verdict)
        verdict = f'<td class="{grade}" title="{escape(difference.why)}">{grade}</td>'
        rows.append([*cells, _cell(f"{target.ess:,.0f}", "n"), verdict])
    heads = ["outcome", "estimator", policy, baseline, "difference", "effective", "verdict"]
    numeric = range(2, 6)
    head = "".join(f'<th class="{"n" if i in numeric else ""}">{escape(h)}</th>' for i, h in enumerate(heads))
    return _table(head, rows)


def plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Texts in rows."""
    return _table("".join(f"<th>{escape(h)}</th>" for h in heads), [[_cell(x) for x in row] for row in rows])


def listed(items: Iterable[str]) -> str:
    """Sentences as a list."""
    return "<ul>" + "".join(f"<li>{escape(x)}</li>" for x in items) + "</ul>"


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _value(e: EstimateRow) -> str:
    if e.value is None:
        return "–"
    digits = 5 if abs(e.value) < 0.1 else 4
    if e.low is None or e.high is None:
        return f"{e.value:.{digits}f}"
    return f"{e.value:.{digits}f} [{e.low:.{digits}f}, {e.high:.{digits}f}]"


def _apart(svg: str, number: int) -> str:
    """With ids that no other picture of the page has."""
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>p{number}-", svg)

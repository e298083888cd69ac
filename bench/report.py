"""RESULTS.md: the table of the newest figures with method and machine; history.jsonl: one line a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.figures import NO_AIM, Figure, number

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
HISTORY = HERE / "history.jsonl"
_HEAD = """\
Written by `make bench`; compare only runs on the same machine. Medians of interleaved rounds, the spread of the rounds
in brackets; a ratio says how many times better than the peer measured beside it."""
_MARK = {True: "met", False: "**missed**", None: "–"}


@dataclass(frozen=True)
class Measured:
    """One measurement: its figures, or why there are none."""

    name: str
    method: str
    figures: Sequence[Figure]
    seconds: float
    trouble: str = ""


def write(measured: Sequence[Measured], facts: Mapping[str, str], *, quick: bool) -> None:
    """RESULTS.md anew; only of a whole run is the history worth keeping."""
    RESULTS.write_text(page(measured, facts, quick=quick), encoding="utf-8")


def renew(measured: Sequence[Measured], facts: Mapping[str, str]) -> None:
    """Put these measurements in the place of their older ones; the rest of RESULTS.md stays as it was measured."""
    old = RESULTS.read_text(encoding="utf-8")
    head, rows, methods = _parts(old)
    for one in measured:
        rows = [row for row in rows if not row.startswith(f"| {one.name} |")]
        rows += list(_table([one]))[2:]
        when = f"- measured by itself: {'; '.join(f'{name} {value}' for name, value in facts.items())}"
        methods[one.name] = f"{_method(one)}\n{when}"
    table = "\n".join([*_table([]), *rows])
    page = [head.strip(), table, "## How each was measured", *(text.strip() for text in methods.values())]
    RESULTS.write_text("\n\n".join(page) + "\n", encoding="utf-8")


def _parts(page: str) -> tuple[str, list[str], dict[str, str]]:
    """What stands above the table, its rows, and the text on each measurement by its name."""
    head, _, rest = page.partition("| | Figure |")
    table, _, texts = rest.partition("## How each was measured")
    rows = [line for line in table.splitlines()[2:] if line.startswith("| ")]
    sections = texts.split("\n### ")[1:]
    return head, rows, {text.partition("\n")[0]: f"### {text}" for text in sections}


def remember(measured: Sequence[Measured], facts: Mapping[str, str], *, quick: bool) -> None:
    entry = {**facts, "quick": quick, "figures": [_entry(m, f) for m in measured for f in m.figures]}
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _entry(measured: Measured, figure: Figure) -> dict[str, Any]:
    return {
        "measure": measured.name,
        "name": figure.name,
        "unit": figure.unit,
        "ours": round(figure.ours.middle, 5),
        "peer": round(figure.peer.middle, 5) if figure.peer else None,
        "peer_name": figure.peer_name,
        "ratio": round(figure.ratio, 3) if figure.ratio is not None else None,
        "aim": {k: v for k, v in asdict(figure.aim).items() if v is not None},
        "met": figure.met,
    }


def page(measured: Sequence[Measured], facts: Mapping[str, str], *, quick: bool) -> str:
    parts = [
        "# Figures",
        _HEAD,
        *(["**A quick run: too few rounds to publish.**"] if quick else []),
        _facts(facts),
        "\n".join(_table(measured)),
        "## How each was measured",
        *(_method(m) for m in measured),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _table(measured: Sequence[Measured]) -> Iterable[str]:
    yield "| | Figure | Ours | Peer | Ratio | Aim | |"
    yield "|---|---|--:|--:|--:|---|---|"
    for m in measured:
        if m.trouble:
            yield f"| {m.name} | not measured: {m.trouble} | | | | | **missed** |"
        for figure in m.figures:
            yield _row(m.name, figure)


def _row(name: str, figure: Figure) -> str:
    ours = _cell(number(figure.ours.middle), figure.unit, figure.ours.spread)
    peer = ""
    if figure.peer is not None:
        middle = _cell(number(figure.peer.middle), figure.unit, figure.peer.spread)
        peer = f"{middle}<br>{figure.peer_name}"
    ratio = f"{number(figure.ratio)}×" if figure.ratio is not None else ""
    aim = figure.aim.text(figure.unit) if figure.aim != NO_AIM else ""
    return f"| {name} | {figure.name} | {ours} | {peer} | {ratio} | {aim} | {_MARK[figure.met]} |"


def _cell(middle: str, unit: str, spread: str) -> str:
    return f"{middle} {unit}" + (f" ({spread})" if spread else "")


def _method(measured: Measured) -> str:
    lines = [f"### {measured.name}", "", measured.method.strip(), ""]
    lines += [f"- {figure.name}: {figure.note}" for figure in measured.figures if figure.note]
    lines += [f"- took {measured.seconds:.0f} s"]
    return "\n".join(lines)

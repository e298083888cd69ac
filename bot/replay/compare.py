"""Two outcomes of one day side by side: what is not the same, named line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from bot.replay.items import Item, Items
from bot.replay.players import Strange
from bot.replay.recording import Outcome

_SENDS = frozenset({"send_text", "send_card", "send_file", "update_card"})


@dataclass(frozen=True)
class Difference:
    """`lines` as in a unified diff: `-` as recorded, `+` as it is now. `subject`, `trace`: whom to ask about it."""

    kind: str
    name: str
    subject: str
    trace: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """`counted`: how many things of each kind the recording has; `differences` in the order of the day."""

    counted: Mapping[str, int]
    differences: tuple[Difference, ...] = ()
    events: int = 0
    recorded_seconds: float = 0.0
    seconds: float = field(default=0.0, compare=False)

    @property
    def same(self) -> bool:
        return not self.differences

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        return {"same": self.same, **asdict(self)}


def compare(recorded: Outcome, replayed: Outcome, strange: Sequence[Strange] = ()) -> Report:
    """Things of one kind and name belong together, those of one name in their order; the rest was only there before, or
    is only there now."""
    known = frozenset(str(row["trace_id"]) for row in recorded.inbox)
    before, after = _grouped(Items(recorded, known)), _grouped(Items(replayed, known))
    found: list[Difference] = []
    for name in dict.fromkeys((*before, *after)):
        found += _aligned(before.get(name, []), after.get(name, []))
    found += [_call(one) for one in strange if not (one.far.startswith("chat ") and one.name in _SENDS)]
    counted = Counter(item.kind for items in before.values() for item in items)
    return Report(dict(counted), tuple(found))


def _grouped(items: Items) -> dict[tuple[str, str], list[Item]]:
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items.all():
        groups.setdefault((item.kind, item.name), []).append(item)
    return groups


def _aligned(before: list[Item], after: list[Item]) -> Iterator[Difference]:
    """One more in the middle does not make those behind it different."""
    matcher = SequenceMatcher(
        a=[item.lines for item in before], b=[item.lines for item in after], autojunk=False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        for place, (old, new) in enumerate(zip_longest(before[a:b], after[c:d]), a + 1):
            item = old or new
            assert item is not None
            name = f"{item.name} #{place}" if max(len(before), len(after)) > 1 else item.name
            lines = _lines(old.lines if old else None, new.lines if new else None)
            yield Difference(item.kind, name, item.subject, item.trace, tuple(lines))


def _call(one: Strange) -> Difference:
    """A call to a far side that only one of the two made."""
    sign = "-" if "没有做" in one.why else "+"
    return Difference(
        "外部", f"{one.far} {one.name} {one.key}".strip(), one.far, one.trace, (f"{sign} {one.why}",)
    )


def _lines(before: Sequence[str] | None, after: Sequence[str] | None) -> list[str]:
    if before is None or after is None:
        there = before if before is not None else after or ()
        sign, word = ("-", "这次没有") if before is not None else ("+", "录像里没有")
        return [f"{sign} （{word}）", *(f"{sign} {line}" for line in there)]
    if tuple(before) == tuple(after):
        return []
    told: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if tag != "equal":
            told += [f"- {line}" for line in before[a:b]]
            told += [f"+ {line}" for line in after[c:d]]
    return told

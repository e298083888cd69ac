"""What a measurement finds: our figure, the peer's beside it, what we aim at, and whether that is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Aim:
    """Limits a figure must keep, all of them. `ratio`: how many times better than the peer at least."""

    at_most: float | None = None
    at_least: float | None = None
    ratio: float | None = None

    def text(self, unit: str) -> str:
        parts = []
        if self.at_most is not None:
            parts.append(f"≤ {number(self.at_most)} {unit}")
        if self.at_least is not None:
            parts.append(f"≥ {number(self.at_least)} {unit}")
        if self.ratio is not None:
            parts.append(f"≥ {number(self.ratio)}× the peer")
        return ", ".join(parts)

    def met(self, ours: float, ratio: float | None) -> bool:
        return (
            (self.at_most is None or ours <= self.at_most)
            and (self.at_least is None or ours >= self.at_least)
            and (self.ratio is None or (ratio is not None and ratio >= self.ratio))
        )


NO_AIM = Aim()


@dataclass(frozen=True)
class Rounds:
    """The same thing measured several times; the median counts, the spread tells how quiet it was."""

    values: Sequence[float]

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> str:
        if len(self.values) < 2:
            return ""
        return f"{number(min(self.values))}–{number(max(self.values))}"


@dataclass(frozen=True)
class Figure:
    """One line of the table. `less_is_better` says which way the ratio reads; it is never turned round."""

    name: str
    unit: str
    ours: Rounds
    peer: Rounds | None = None
    peer_name: str = ""
    aim: Aim = NO_AIM
    less_is_better: bool = True
    note: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; below 1 the peer is better."""
        if self.peer is None or not self.ours.middle or not self.peer.middle:
            return None
        if self.less_is_better:
            return self.peer.middle / self.ours.middle
        return self.ours.middle / self.peer.middle

    @property
    def met(self) -> bool | None:
        """None when nothing is aimed at."""
        return None if self.aim == NO_AIM else self.aim.met(self.ours.middle, self.ratio)

    def line(self) -> str:
        """For the terminal."""
        peer = f", {self.peer_name} {number(self.peer.middle)} {self.unit}" if self.peer else ""
        ratio = f", ratio {number(self.ratio)}×" if self.ratio is not None else ""
        met = {True: "  met", False: "  MISSED", None: ""}[self.met]
        aim = f"  (aim {self.aim.text(self.unit)})" if self.aim != NO_AIM else ""
        return f"{self.name}: {number(self.ours.middle)} {self.unit}{peer}{ratio}{aim}{met}"


def one(value: float) -> Rounds:
    """Measured once."""
    return Rounds([value])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    rank = min(len(ordered) - 1, max(0, -(-int(share * len(ordered) * 1e6) // 1_000_000) - 1))
    return ordered[rank]


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    digits = 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:.{digits}f}"

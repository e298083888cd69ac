"""Faults a person or a test plants into a simulated far system."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field


@dataclass
class Fault:
    """One planted fault: fires `count` times, or at `rate` (0..1) until cleared.

    `kind` is understood by the system it is planted in (429, 5xx, token_revoked,
    lost_answer, duplicate, late, reorder, half_dead …); `args` carries its details.
    """

    system: str
    kind: str
    rate: float = 0.0
    count: int = 0
    args: dict[str, str] = field(default_factory=dict)
    fired: int = 0


class Faults:
    """All planted faults; each system asks at the places where a fault can strike."""

    def __init__(self, seed: int = 1) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)

    def plant(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self, system: str | None = None) -> None:
        self._faults = [f for f in self._faults if system is not None and f.system != system]

    def take(self, system: str, kind: str, where: str = "", *, named_only: bool = False) -> Fault | None:
        """Return the fault that strikes now, using up one of its counts, or None.

        A fault planted with `args={"path": …}` strikes only where that text is part of `where`;
        with `named_only` no other fault strikes.
        """
        for fault in self._faults:
            path = fault.args.get("path", "")
            if (fault.system, fault.kind) != (system, kind) or path not in where or (named_only and not path):
                continue
            if fault.count > 0:
                fault.count -= 1
            elif fault.rate <= 0 or self._random.random() >= fault.rate:
                continue
            fault.fired += 1
            return fault
        return None

    def listing(self) -> list[dict[str, object]]:
        return [asdict(f) for f in self._faults if f.count > 0 or f.rate > 0]

"""Who may take which row in hand (storage/inbox_claim.py, storage/outbox.py)."""

from __future__ import annotations

from tests.model.state import (
    Action,
    Guard,
    Item,
    Row,
    Scene,
    State,
    Step,
    Worker,
    idle,
    put,
)

LANES = {"pay": "effect", "card": "chat", "draw": "card", "draw!": "card"}
JOBS = {"pay": "pay", "card": "card", "draw": "draw", "draw!": "draw"}


def steps(scene: Scene, s: State) -> list[Step]:
    found: list[Step] = []
    for w, worker in enumerate(s.crew):
        if worker.up != "up" or worker.job:
            continue
        for n in range(len(s.inbox)):
            if _free_item(scene, s, n, w):
                found.append(_look(s, w, n) if scene.split else _take(s, w, n))
        for n, row in enumerate(s.outbox):
            if _free_row(scene, s, n, w):
                out = put(s.outbox, n, row._replace(state="running", owner=w, tried=row.kind == "pay"))
                taken = Worker(job=JOBS[row.kind], stage="begin", row=n, note=_note(row), again=row.tried)
                found.append(
                    Step(
                        Action(f"claims {row.kind}", w, n), s._replace(outbox=out, crew=put(s.crew, w, taken))
                    )
                )
    return found


def take_steps(scene: Scene, s: State, w: int) -> list[Step]:
    """The second half of a claim that takes time: its UPDATE sees what became of the row since its SELECT."""
    n = s.crew[w].row
    if _due(scene, s.inbox[n], w) or not scene.has(Guard.STILL_DUE):
        return [_take(s, w, n)]
    return [Step(Action("finds no longer due message", w, n), idle(s, w))]


def _look(s: State, w: int, n: int) -> Step:
    seen = Worker(job="claim", stage="take", row=n)
    return Step(Action("sees message", w, n), s._replace(crew=put(s.crew, w, seen)))


def _take(s: State, w: int, n: int) -> Step:
    rows = put(s.inbox, n, s.inbox[n]._replace(state="running", owner=w))
    taken = Worker(job="inbox", stage="begin", row=n)
    return Step(Action("claims message", w, n), s._replace(inbox=rows, crew=put(s.crew, w, taken)))


def _note(row: Row) -> str:
    return "force" if row.kind == "draw!" else ""


def _takes_from_the_living(scene: Scene, row: Item | Row, w: int) -> bool:
    return row.state == "running" and row.owner != w and not scene.has(Guard.ONLY_DEAD)


def _due(scene: Scene, row: Item | Row, w: int) -> bool:
    return row.state in ("ready", "later", "freed") or _takes_from_the_living(scene, row, w)


def _free_item(scene: Scene, s: State, n: int, w: int) -> bool:
    item = s.inbox[n]
    if not _due(scene, item, w) or any(worker.job == "claim" for worker in s.crew):
        return False  # claims of all processes follow each other
    if not scene.has(Guard.ONE_AT_A_TIME):
        return True
    for other, row in enumerate(s.inbox):
        if other == n or not related(scene, item, row):
            continue
        if row.state == "running" and not (row.owner == w or _takes_from_the_living(scene, row, w)):
            return False
        if other < n and row.state == "ready":
            return False
        if other < n and row.state == "freed" and scene.has(Guard.IN_ORDER):
            return False
    return True


def related(scene: Scene, one: Item, other: Item) -> bool:
    """Of one sender, or taps on cards about the same thing."""
    a, b = scene.wishes[one.call], scene.wishes[other.call]
    return a.who == b.who or (a.tap and b.tap)


def _free_row(scene: Scene, s: State, n: int, w: int) -> bool:
    """The head of its lane, with nothing of the lane in anybody's hands. A row that an open transaction has its eye
    on is not handed out (FOR UPDATE, SKIP LOCKED)."""
    row = s.outbox[n]
    if not _due(scene, row, w):
        return False
    if s.tx >= 0 and row.kind.startswith("draw") and row.state == "ready" and "waiting" in s.crew[s.tx].note:
        return False
    for other, ahead in enumerate(s.outbox):
        if other == n or LANES[ahead.kind] != LANES[row.kind]:
            continue
        if ahead.state == "running" and not _takes_from_the_living(scene, ahead, w):
            return False
        if other < n and ahead.state in ("ready", "freed"):
            return False
    return True

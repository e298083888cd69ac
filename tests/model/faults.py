"""What may strike between any two steps, and how the fleet gets over it."""

from __future__ import annotations

from tests.model.state import (
    DEAD,
    NOBODY,
    Action,
    Guard,
    Item,
    Row,
    Scene,
    State,
    Step,
    Worker,
    may,
    put,
    spend,
    tidy,
    to_worker,
)

HARMS = ("crash", "pause")


def strikes(s: State) -> list[Step]:
    found: list[Step] = []
    for w, worker in enumerate(s.crew):
        if worker.up == "up" and worker.job:
            if may(s, "crash"):
                found.append(Step(Action("is killed", w, fault="SIGKILL"), _kill(s, w)))
            if may(s, "pause"):
                found.append(
                    Step(
                        Action("is stopped", w, fault="SIGSTOP"), spend(to_worker(s, w, up="paused"), "pause")
                    )
                )
    if may(s, "withdraw") and s.shop.application == "open" and s.refund.bound:
        closed = spend(s._replace(shop=s.shop._replace(application="closed")), "withdraw")
        found.append(Step(Action("buyer withdraws", fault="at the shop"), closed))
    if may(s, "hand") and s.shop.application == "open" and s.refund.bound:
        agreed = spend(s._replace(shop=s.shop._replace(application="done", paid=s.shop.paid + 1)), "hand")
        found.append(Step(Action("shop's people agree by hand", fault="at the shop"), agreed))
    return found


def recoveries(scene: Scene, s: State) -> list[Step]:
    found: list[Step] = []
    for w, worker in enumerate(s.crew):
        if worker.up == "paused":
            found.append(Step(Action("goes on", w), to_worker(s, w, up="up")))
            if scene.fleet and scene.has(Guard.BURIAL) and _has(s, w):
                dead = to_worker(_free(s, w), w, buried=True)
                found.append(Step(Action("is taken for dead", w), dead))
            if worker.job == "claim" or s.tx == w:
                found.append(Step(Action("has its transaction ended", w), _rolled_back(s, w)))
        if worker.up == "down":
            fresh = s._replace(crew=put(s.crew, w, Worker()))
            # Who works alone frees at its start what it left behind (Inbox.recover).
            found.append(
                Step(Action("starts anew", w), fresh if scene.fleet else _free(fresh, DEAD, state="ready"))
            )
    if scene.fleet and scene.has(Guard.BURIAL) and _has(s, DEAD):
        found.append(Step(Action("the dead are buried"), _free(s, DEAD)))
    found.extend(_leases(s))
    return found


def _kill(s: State, w: int) -> State:
    """Nobody will ever have its name again. An open transaction is rolled back."""
    s = spend(s._replace(crew=put(s.crew, w, Worker(up="down")), tx=NOBODY if s.tx == w else s.tx), "crash")
    inbox = tuple(item._replace(owner=DEAD) if item.owner == w else item for item in s.inbox)
    outbox = tuple(row._replace(owner=DEAD) if row.owner == w else row for row in s.outbox)
    return tidy(s._replace(inbox=inbox, outbox=outbox))


def _rolled_back(s: State, w: int) -> State:
    """The database does not wait for who is frozen in a transaction; he learns of it when he wakes up."""
    crew = put(s.crew, w, Worker(up="paused"))
    return tidy(s._replace(crew=crew, tx=NOBODY if s.tx == w else s.tx))


def _has(s: State, owner: int) -> bool:
    rows: tuple[Item | Row, ...] = (*s.inbox, *s.outbox)
    return any(row.state == "running" and row.owner == owner for row in rows)


def _free(s: State, owner: int, state: str = "freed") -> State:
    def freed(row: Item | Row) -> bool:
        return row.state in ("running", "freed") and row.owner == owner

    back = NOBODY if state == "ready" else owner
    inbox = tuple(item._replace(state=state, owner=back) if freed(item) else item for item in s.inbox)
    outbox = tuple(row._replace(state=state, owner=back) if freed(row) else row for row in s.outbox)
    return s._replace(inbox=inbox, outbox=outbox)


def _leases(s: State) -> list[Step]:
    """A row that nobody works on, though its owner lives: the lease brings it back. What is worked on is cut off long
    before its lease ends (bot/pump.py)."""
    found: list[Step] = []
    for n, item in enumerate(s.inbox):
        if item.state == "running" and 0 <= item.owner < len(s.crew):
            owner = s.crew[item.owner]
            if owner.up == "up" and (owner.job, owner.row) != ("inbox", n):
                rows = put(s.inbox, n, item._replace(state="freed"))
                found.append(Step(Action("lease of message ends", arg=n), s._replace(inbox=rows)))
    for n, row in enumerate(s.outbox):
        if row.state == "running" and 0 <= row.owner < len(s.crew):
            owner = s.crew[row.owner]
            if owner.up == "up" and (owner.job in ("", "inbox") or owner.row != n):
                out = put(s.outbox, n, row._replace(state="freed"))
                found.append(Step(Action("lease of row ends", arg=n), s._replace(outbox=out)))
    return found

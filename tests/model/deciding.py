"""A message in a worker's hands: read, decide, commit all at once (bot/dispatch.py, domain/refund_decision.py)."""

from __future__ import annotations

from tests.model.state import (
    NOBODY,
    Action,
    Card,
    Guard,
    Item,
    Refund,
    Scene,
    State,
    Step,
    add_row,
    change_card,
    change_refund,
    draw_for_sure,
    drawing_waits,
    idle,
    in_hand,
    may,
    put,
    spend,
    to_worker,
    touch,
)


def steps(scene: Scene, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    action = Action(f"{worker.stage} message", w, worker.row)
    match worker.stage:
        case "begin":
            return [Step(Action("reads for message", w, worker.row), _read(scene, s, w))]
        case "look":
            return [Step(Action("looks for the card of message", w, worker.row), _look(scene, s, w))]
        case "postpone":
            return [Step(action, _postpone(scene, s, w))]
        case "commit":
            return _commit(scene, s, w)
        case "seal":
            return [Step(action, _seal(scene, s, w))]
        case "effect":
            return [Step(action, idle(_effect(s), w))]
        case other:
            raise AssertionError(other)


def _read(scene: Scene, s: State, w: int) -> State:
    """What the handler reads; a tap on a card that is not on record needs a second look."""
    tap = scene.wishes[s.inbox[s.crew[w].row].call].tap
    return to_worker(s, w, stage="look") if tap and not s.card.kept else _decide(s, w)


def _look(scene: Scene, s: State, w: int) -> State:
    """Is the card on its way? Then the tap is early. If not, it may have come on record since the first look."""
    if any(row.kind == "card" and row.state != "done" for row in s.outbox):
        return to_worker(s, w, stage="postpone")
    if s.card.kept and scene.has(Guard.LOOK_TWICE):
        return _decide(s, w)
    return to_worker(s, w, stage="commit", word="", note="foreign")


def _decide(s: State, w: int) -> State:
    note = "stepped" if s.card.stepped else ""
    return to_worker(
        s, w, stage="commit", word=s.refund.word, fresh=True, card=s.card.kept, card_fresh=True, note=note
    )


def _postpone(scene: Scene, s: State, w: int) -> State:
    n = s.crew[w].row
    if in_hand(s.inbox[n], w, scene.has(Guard.OWNER)):
        s = s._replace(inbox=put(s.inbox, n, s.inbox[n]._replace(state="later", owner=NOBODY)))
    return idle(s, w)


def _commit(scene: Scene, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    action = Action("commits message", w, worker.row)
    if s.tx >= 0:  # the rows we are about to change are locked until that transaction ends
        return []
    item = s.inbox[worker.row]
    ours = in_hand(item, w, scene.has(Guard.OWNER))
    if not ours and (scene.has(Guard.DONE_ONCE) or item.state != "done"):
        return [Step(Action("loses message", w, worker.row), idle(s, w))]
    if _conflict(scene, s, w):
        return [Step(Action("decides again on message", w, worker.row), _read(scene, s, w))]
    if scene.split and worker.word == "asked":
        waiting = drawing_waits(s)
        seen = ("card" if s.card.kept and s.card.kept not in ("paid", "refused", "failed") else "") + (
            " waiting" if waiting else ""
        )
        return [
            Step(
                Action("opens commit of message", w, worker.row),
                to_worker(s, w, stage="seal", note=seen)._replace(tx=w),
            )
        ]
    done = _apply(scene, s, w, sees_card=bool(s.card.kept))
    found = [Step(action, done)]
    if may(s, "cut"):
        found.append(
            Step(action._replace(fault="committed, the answer is lost"), spend(idle(done, w), "cut"))
        )
        found.append(
            Step(action._replace(fault="the database is gone, nothing is written"), spend(idle(s, w), "cut"))
        )
    return found


def _conflict(scene: Scene, s: State, w: int) -> bool:
    worker = s.crew[w]
    if not scene.has(Guard.REVISION):
        return False
    decides = worker.word == "asked"
    return (decides and not worker.fresh) or (_notes_tap(scene, s, w) and not worker.card_fresh)


def _notes_tap(scene: Scene, s: State, w: int) -> bool:
    """A first tap leaves its mark on the card's record."""
    worker = s.crew[w]
    tap = scene.wishes[s.inbox[worker.row].call].tap
    return tap and bool(worker.card) and worker.note != "stepped"


def _seal(scene: Scene, s: State, w: int) -> State:
    seen = s.crew[w].note
    s = to_worker(s, w, note="stepped")._replace(tx=NOBODY)
    return _apply(scene, s, w, sees_card="card" in seen, waits="waiting" in seen)


def _apply(scene: Scene, s: State, w: int, *, sees_card: bool, waits: bool = False) -> State:
    worker = s.crew[w]
    wish = scene.wishes[s.inbox[worker.row].call]
    if worker.note == "foreign":
        return idle(_outcome(s, w, "F"), w)
    if _notes_tap(scene, s, w):
        s = change_card(s, w, Card(s.card.kept, stepped=True))
    if worker.word != "asked":  # late: told so, and a tapped card is drawn again
        s = _outcome(s, w, "L")
        return idle(draw_for_sure(s) if wish.tap and worker.card else s, w)
    letter = "A" if wish.verb == "approve" else "R"
    word = "agreed" if wish.verb == "approve" else "refused"
    s = change_refund(s, w, Refund(word, s.refund.bound))
    s = s._replace(verdicts=s.verdicts + letter)
    if not scene.has(Guard.ONE_COMMIT):
        s = _outcome(s, w, letter)
        return to_worker(s, w, stage="effect") if letter == "A" else idle(s, w)
    if letter == "A":
        s = _effect(s)
    s = s if waits else touch(s, sees_card=sees_card)
    return idle(_outcome(s, w, letter), w)


def _effect(s: State) -> State:
    """Its key is there once, for ever."""
    return s if any(row.kind == "pay" for row in s.outbox) else add_row(s, "pay")


def _outcome(s: State, w: int, letter: str) -> State:
    n = s.crew[w].row
    item = s.inbox[n]
    return s._replace(inbox=put(s.inbox, n, Item(item.call, "done", NOBODY, item.outcomes + letter)))

"""An approved refund in a worker's hands (domain/refund_execution.py, integrations/commerce/taobao/agreeing.py).

Between any two of these steps others may act: read, find, bind, ask, pay, ask again, write it down.
"""

from __future__ import annotations

from tests.model.state import (
    NOBODY,
    Action,
    Guard,
    Refund,
    Row,
    Scene,
    State,
    Step,
    change_refund,
    close,
    finish_row,
    finishes,
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
    action = Action(f"{worker.stage} (refund)", w, worker.row)
    match worker.stage:
        case "begin":
            return [Step(Action("reads the refund", w, worker.row), _read(scene, s, w))]
        case "nothing":
            return [Step(action, close(scene, s, w))]
        case "find":
            return _with_busy(
                action, s, w, to_worker(s, w, stage="bind" if s.shop.application == "open" else "retry")
            )
        case "bind":
            return _commit(scene, action, s, w, Refund(s.refund.word, bound=True), then="ask")
        case "ask":
            return _with_busy(action, s, w, to_worker(s, w, stage=_answer(scene, s)))
        case "pay":
            return _pay(scene, action, s, w)
        case "confirm":
            return _confirm(scene, action, s, w)
        case "doubt":
            return _commit(scene, action, s, w, Refund("unknown", worker.bound), then="retry")
        case "book paid" | "book failed":
            word = worker.stage.removeprefix("book ")
            return _commit(scene, action, s, w, Refund(word, worker.bound), then="", ends=True)
        case "retry":
            return [Step(action, retry(scene, s, w))]
        case other:
            raise AssertionError(other)


def retry(scene: Scene, s: State, w: int) -> State:
    """Ready again, if it is still ours."""
    n = s.crew[w].row
    if in_hand(s.outbox[n], w, scene.has(Guard.OWNER)):
        s = s._replace(outbox=put(s.outbox, n, Row(s.outbox[n].kind, "ready", NOBODY)))
    return idle(s, w)


def _read(scene: Scene, s: State, w: int) -> State:
    refund = s.refund
    if refund.word not in ("agreed", "unknown"):
        stage = "nothing"
    elif scene.shop == "agree" and not refund.bound:
        stage = "find"
    else:
        stage = "ask" if scene.has(Guard.ASK_FIRST) else "pay"
    return to_worker(s, w, stage=stage, word=refund.word, bound=refund.bound, fresh=True)


def _answer(scene: Scene, s: State) -> str:
    """What the shop's present state leads to."""
    if scene.shop == "create":
        return "book paid" if s.shop.paid else "pay"
    return {"open": "pay", "done": "book paid", "closed": "book failed"}[s.shop.application]


def _with_busy(action: Action, s: State, w: int, done: State) -> list[Step]:
    found = [Step(action, done)]
    if may(s, "busy"):
        found.append(Step(action._replace(fault="5xx"), to_worker(spend(s, "busy"), w, stage="retry")))
    return found


def _pay(scene: Scene, action: Action, s: State, w: int) -> list[Step]:
    """The one step that moves money. An application is agreed to once; a key is paid once."""
    shop, accepted = s.shop, True
    if scene.shop == "agree":
        accepted = shop.application == "open"
        paid = shop._replace(application="done", paid=shop.paid + 1) if accepted else shop
        then = "confirm"
    else:
        known = shop.paid > 0 and scene.has(Guard.FAR_KEY)
        paid = shop if known else shop._replace(paid=shop.paid + 1)
        then = "book paid"
    done = s._replace(shop=paid)
    found = [Step(action, to_worker(done, w, stage=then, note="done" if accepted else "refused"))]
    if may(s, "lost"):
        lost = _in_doubt(scene, spend(done, "lost"), w)
        found.append(Step(action._replace(fault="the answer is lost"), lost))
    if may(s, "busy"):
        found.append(Step(action._replace(fault="5xx"), to_worker(spend(s, "busy"), w, stage="retry")))
    return found


def _in_doubt(scene: Scene, s: State, w: int) -> State:
    worker = s.crew[w]
    if not scene.has(Guard.DOUBT):
        return to_worker(s, w, stage="book failed")
    noted = worker.fresh and worker.word == "unknown"
    return to_worker(s, w, stage="retry" if noted else "doubt")


def _confirm(scene: Scene, action: Action, s: State, w: int) -> list[Step]:
    """Only the application's own state counts, whatever the call answered."""
    refused = s.crew[w].note == "refused"
    # Refused and still not paid: the buyer changed it meanwhile, so everything is looked at anew.
    then = "book paid" if s.shop.application == "done" else "retry"
    found = [Step(action, to_worker(s, w, stage=then))]
    if may(s, "busy"):
        blind = spend(s, "busy")
        if refused and not scene.has(Guard.ASK_AFTER_REFUSAL):
            found.append(Step(action._replace(fault="5xx"), to_worker(blind, w, stage="book failed")))
        else:
            found.append(Step(action._replace(fault="5xx"), _in_doubt(scene, blind, w)))
    return found


def _commit(
    scene: Scene, action: Action, s: State, w: int, refund: Refund, *, then: str, ends: bool = False
) -> list[Step]:
    worker = s.crew[w]
    if s.tx >= 0:
        return []
    over = ends and not finishes(scene, s.outbox[worker.row], w)
    if over or (not worker.fresh and scene.has(Guard.REVISION)):
        return [Step(action._replace(fault="somebody was first"), to_worker(s, w, stage="retry"))]
    done = change_refund(s, w, refund)
    if refund.word != s.refund.word:
        done = touch(done, sees_card=bool(s.card.kept))
    if ends:
        return committed(action, s, finish_row(done, worker.row), w, then="")
    done = to_worker(done, w, word=refund.word, bound=refund.bound)
    return committed(action, s, done, w, then=then)


def committed(action: Action, s: State, written: State, w: int, *, then: str) -> list[Step]:
    """From `s` to `written`, and on to the next stage (none: the worker is free). When the answer of the database
    is lost nobody knows which of the two it is: the row is settled as one that failed."""
    done = to_worker(written, w, stage=then) if then else idle(written, w)
    found = [Step(action, done)]
    if may(s, "cut"):
        for state, fault in ((written, "committed, the answer is lost"), (s, "the database is gone")):
            cut = to_worker(spend(state, "cut"), w, stage="retry")
            found.append(Step(action._replace(fault=fault), cut))
    return found

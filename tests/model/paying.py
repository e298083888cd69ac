"""An approved refund in a worker's hands (domain/refund_execution.py, integrations/commerce/taobao/agreeing.py).

Between any two of these steps others may act: read, find, bind, ask, pay, ask again, write it down.
"""

from __future__ import annotations

from tests.model.state import (
    NOBODY,
    Action,
    Guard,
    Refund,
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

BEATEN = "somebody was first"


def steps(scene: Scene, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    action = Action(f"{worker.stage} (refund)", w, worker.row)
    match worker.stage:
        case "begin":
            return [Step(Action("reads the refund", w, worker.row), _read(scene, s, w))]
        case "find":
            # Bound already: it went on without us.
            found = to_worker(s, w, stage="retry" if s.refund.bound else "bind")
            return [Step(action, found), *_busy(action, s, w)]
        case "ask":
            return [Step(action, to_worker(s, w, stage=_answer(scene, s))), *_busy(action, s, w)]
        case "pay":
            return _pay(scene, action, s, w)
        case "confirm":
            return _confirm(scene, action, s, w)
        case "nothing":
            if not finishes(scene, s.outbox[worker.row], w):
                return [Step(action._replace(fault=BEATEN), to_worker(s, w, stage="retry"))]
            return [Step(action, close(scene, s, w))]
        case "retry":
            return [Step(action, retry(scene, s, w))]
        case _:
            return _writes(scene, action, s, w)


def _writes(scene: Scene, action: Action, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    match worker.stage:
        case "bind":
            word = "agreed" if worker.word == "waits" else worker.word
            return _commit(scene, action, s, w, Refund(word, bound=True), then="ask", touches=False)
        case "wait":
            return _commit(scene, action, s, w, Refund("waits", worker.bound), then="retry")
        case "doubt":
            return _commit(scene, action, s, w, Refund("unknown", worker.bound), then="retry")
        case "book paid" | "book failed":
            word = worker.stage.removeprefix("book ")
            return _commit(scene, action, s, w, Refund(word, worker.bound), then="")
        case other:
            raise AssertionError(other)


def retry(scene: Scene, s: State, w: int) -> State:
    """Ready again, if it is still ours."""
    n = s.crew[w].row
    if in_hand(s.outbox[n], w, scene.has(Guard.OWNER)):
        s = s._replace(outbox=put(s.outbox, n, s.outbox[n]._replace(state="ready", owner=NOBODY)))
    return idle(s, w)


def _read(scene: Scene, s: State, w: int) -> State:
    refund = s.refund
    if refund.word not in ("agreed", "waits", "unknown"):
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


def _busy(action: Action, s: State, w: int) -> list[Step]:
    if not may(s, "busy"):
        return []
    return [Step(action._replace(fault="5xx"), _out_of_reach(spend(s, "busy"), w))]


def _out_of_reach(s: State, w: int) -> State:
    """The shop cannot be reached, nothing was done. From the second try on people are told, by what stands now."""
    if s.crew[w].again and s.refund.word == "agreed":
        return to_worker(s, w, stage="wait", word="agreed", bound=s.refund.bound, fresh=True)
    return to_worker(s, w, stage="retry")


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
    return found + _busy(action, s, w)


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
    paid = s.shop.application == "done"
    found = [Step(action, to_worker(s, w, stage="book paid") if paid else _out_of_reach(s, w))]
    if may(s, "busy"):
        blind = spend(s, "busy")
        if refused and not scene.has(Guard.ASK_AFTER_REFUSAL):
            found.append(Step(action._replace(fault="5xx"), to_worker(blind, w, stage="book failed")))
        else:
            found.append(Step(action._replace(fault="5xx"), _in_doubt(scene, blind, w)))
    return found


def _commit(
    scene: Scene, action: Action, s: State, w: int, refund: Refund, *, then: str, touches: bool = True
) -> list[Step]:
    """Without a further stage the row is done with it."""
    worker = s.crew[w]
    if s.tx >= 0:
        return []
    over = not then and not finishes(scene, s.outbox[worker.row], w)
    if over or (not worker.fresh and scene.has(Guard.REVISION)):
        return [Step(action._replace(fault=BEATEN), to_worker(s, w, stage="retry"))]
    done = change_refund(s, w, refund)
    if touches and refund.word != s.refund.word:
        done = touch(done, sees_card=bool(s.card.kept))
    if not then:
        return committed(action, s, finish_row(done, worker.row), w, then="")
    return committed(action, s, to_worker(done, w, word=refund.word, bound=refund.bound), w, then=then)


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

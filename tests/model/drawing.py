"""Cards: sent once, put on record, drawn again until they show what is so (bot/card_delivery.py)."""

from __future__ import annotations

from tests.model.paying import committed, retry
from tests.model.state import (
    Action,
    Card,
    Guard,
    Scene,
    State,
    Step,
    add_row,
    change_card,
    close,
    draw_for_sure,
    drawing_waits,
    finish_row,
    finishes,
    idle,
    in_hand,
    may,
    spend,
    to_worker,
)


def send_steps(scene: Scene, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    action = Action(f"{worker.stage} (card)", w, worker.row)
    match worker.stage:
        case "begin":
            stage = "close" if s.card.kept else "send"
            return [
                Step(
                    Action("draws the card", w, worker.row), to_worker(s, w, stage=stage, word=s.refund.word)
                )
            ]
        case "close":
            return [Step(action, close(scene, s, w))]
        case "send":
            return _send(scene, action, s, w)
        case "keep":
            return _keep_sent(scene, action, s, w)
        case "retry":
            return [Step(action, retry(scene, s, w))]
        case other:
            raise AssertionError(other)


def _send(scene: Scene, action: Action, s: State, w: int) -> list[Step]:
    """Under the same card id the platform shows the first one and says that it is there."""
    repeat = bool(s.chat) and scene.has(Guard.CARD_KEY)
    shown = s if repeat else s._replace(chat=s.crew[w].word, copies=s.copies + 1)
    found = [Step(action, to_worker(shown, w, stage="keep", note="repeat" if repeat else ""))]
    if may(s, "lost"):
        found.append(
            Step(
                action._replace(fault="the answer is lost"), to_worker(spend(shown, "lost"), w, stage="retry")
            )
        )
    if may(s, "busy"):
        found.append(Step(action._replace(fault="5xx"), to_worker(spend(s, "busy"), w, stage="retry")))
    return found


def _keep_sent(scene: Scene, action: Action, s: State, w: int) -> list[Step]:
    """Record, check and done are one transaction."""
    worker = s.crew[w]
    if s.tx >= 0 and scene.has(Guard.SUBJECT_LOCK):
        return []
    if not finishes(scene, s.outbox[worker.row], w) or s.card.kept:
        return [Step(action._replace(fault="somebody was first"), to_worker(s, w, stage="retry"))]
    doubtful = worker.note == "repeat" and scene.has(Guard.REPEAT_IS_DOUBT)
    done = change_card(s, w, Card("?" if doubtful else worker.word, stepped=False))
    if scene.has(Guard.CHECK_AFTER_SEND):
        done = done if drawing_waits(done) else add_row(done, "draw")
    return committed(action, s, finish_row(done, worker.row), w, then="")


def draw_steps(scene: Scene, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    action = Action(f"{worker.stage} (drawing)", w, worker.row)
    match worker.stage:
        case "begin":
            return [Step(Action("draws again", w, worker.row), _look(s, w))]
        case "close":
            return [Step(action, close(scene, s, w))]
        case "update":
            return _update(action, s, w)
        case "keep":
            return _keep_drawn(scene, action, s, w)
        case "redress":
            return [Step(action, _redress(s, w))]
        case "retry":
            return [Step(action, _retry_drawing(scene, s, w))]
        case other:
            raise AssertionError(other)


def _look(s: State, w: int) -> State:
    worker = s.crew[w]
    same = s.card.kept == s.refund.word and worker.note != "force"
    stage = "close" if not s.card.kept or same else "update"
    return to_worker(s, w, stage=stage, word=s.refund.word, card=s.card.kept, card_fresh=True)


def _update(action: Action, s: State, w: int) -> list[Step]:
    """The last update to arrive is what people see, whoever sent it."""
    shown = s._replace(chat=s.crew[w].word)
    found = [Step(action, to_worker(shown, w, stage="keep"))]
    if may(s, "lost"):
        lost = to_worker(spend(shown, "lost"), w, stage="retry", note="lost")
        found.append(Step(action._replace(fault="the answer is lost"), lost))
    if may(s, "busy"):
        found.append(Step(action._replace(fault="5xx"), to_worker(spend(s, "busy"), w, stage="retry")))
    return found


def _keep_drawn(scene: Scene, action: Action, s: State, w: int) -> list[Step]:
    worker = s.crew[w]
    if not finishes(scene, s.outbox[worker.row], w):
        # While we drew, another took it over, perhaps with a newer drawing.
        late = (
            to_worker(s, w, stage="redress", card_fresh=True)
            if scene.has(Guard.REDRAW_WHEN_LATE)
            else idle(s, w)
        )
        return [Step(action._replace(fault="it was taken over"), late)]
    if not worker.card_fresh:  # a tap was noted meanwhile: merged
        return [Step(action._replace(fault="somebody was first"), to_worker(s, w, card_fresh=True))]
    done = change_card(s, w, s.card._replace(kept=worker.word))
    return committed(action, s, finish_row(done, worker.row), w, then="")


def _redress(s: State, w: int) -> State:
    if not s.crew[w].card_fresh:
        return to_worker(s, w, card_fresh=True)
    done = change_card(s, w, s.card._replace(kept="?"))
    return idle(draw_for_sure(done), w)


def _retry_drawing(scene: Scene, s: State, w: int) -> State:
    """A drawing whose answer was lost may stand over a newer one: when the row is not ours any more, nobody else
    would look again."""
    gone = not in_hand(s.outbox[s.crew[w].row], w, scene.has(Guard.OWNER))
    if gone and scene.has(Guard.REDRAW_WHEN_LATE):
        return to_worker(s, w, stage="redress", card_fresh=True)
    return retry(scene, s, w)

"""What must never be, and what must be in the end. Each law returns what is wrong, "" when nothing is."""

from __future__ import annotations

from tests.model.state import FINAL, Item, Row, Scene, State, Worker


def broken(scene: Scene, s: State) -> str:
    """In every state, however it was reached."""
    return _calls(s) or _handled_once(scene, s) or _money(s) or _one_at_a_time(scene, s)


def _calls(s: State) -> str:
    for n, call in enumerate(s.calls):
        if call.acked and s.web != ("told", n) and not any(item.call == n for item in s.inbox):
            return f"callback {n} was acknowledged and is lost"
    return ""


def _handled_once(scene: Scene, s: State) -> str:
    if scene.card != "none" and any("F" in item.outcomes for item in s.inbox):
        return "a tap on our own card was taken for one on a foreign card"
    for n in range(len(scene.wishes)):
        outcomes = "".join(item.outcomes for item in s.inbox if item.call == n)
        if len(outcomes) > 1:
            return f"callback {n} was handled twice: {outcomes}"
    if len(s.verdicts) > 1:
        return f"the refund was decided twice: {s.verdicts}"
    for later, item in enumerate(s.inbox):
        for earlier in s.inbox[:later]:
            one, other = scene.wishes[earlier.call], scene.wishes[item.call]
            # A tap on a card that is not on record yet is put off, and overtaken.
            if one.who == other.who and not one.tap and item.outcomes and not earlier.outcomes:
                return f"callback {item.call} was handled before {earlier.call} of the same person"
    return ""


def _money(s: State) -> str:
    if s.shop.paid > 1:
        return f"paid {s.shop.paid} times"
    if s.shop.paid and s.refund.word not in ("agreed", "waits", "unknown", "paid"):
        return f"paid although {s.refund.word}"
    if s.shop.paid and "A" not in s.verdicts:
        return "paid without an approval"
    if s.refund.word == "paid" and not s.shop.paid:
        return "booked as paid, but no money moved"
    return ""


def _one_at_a_time(scene: Scene, s: State) -> str:
    """Two processes never work at once on one subject, one sender or one lane of the outbox, unless one of them was
    taken for dead: it may wake up, think that it still has its row, and finish what another has taken over."""
    at_work = [
        (w, worker)
        for w, worker in enumerate(s.crew)
        if worker.job not in ("", "claim") and not _void(s, worker)
    ]
    for n, (w, worker) in enumerate(at_work):
        for v, other in at_work[:n]:
            if worker.job == other.job and _meet(scene, s, worker, other):
                return f"workers {v} and {w} are at the same {worker.job} at once"
    return ""


def _void(s: State, worker: Worker) -> bool:
    rows: tuple[Item, ...] | tuple[Row, ...] = s.inbox if worker.job == "inbox" else s.outbox
    return worker.buried or rows[worker.row].state == "done"


def _meet(scene: Scene, s: State, worker: Worker, other: Worker) -> bool:
    if worker.job != "inbox":
        return True  # one refund, one card
    one, two = (scene.wishes[s.inbox[each.row].call] for each in (worker, other))
    return one.who == two.who or (one.tap and two.tap)


def unfinished(scene: Scene, s: State) -> str:
    """In a state where nothing is left to do."""
    for n, call in enumerate(s.calls):
        if not call.acked and call.tries:
            return f"callback {n} is neither acknowledged nor given up"
        if call.acked and not any(item.call == n and len(item.outcomes) == 1 for item in s.inbox):
            return f"callback {n} has no outcome"
    if any(item.state != "done" for item in s.inbox):
        return "a message is left in the inbox"
    if any(row.state != "done" for row in s.outbox):
        return "a row is left in the outbox"
    if any(worker.up != "up" or worker.job for worker in s.crew):
        return "a worker hangs"
    return _wrong_end(scene, s)


def _wrong_end(scene: Scene, s: State) -> str:
    word = s.refund.word
    if "A" in s.verdicts and word not in ("paid", "failed"):
        return f"approved, but it ends as {word}"
    if word == "failed" and s.shop.application != "closed":
        return "booked as failed although the shop would pay"
    if word == "paid" and s.shop.paid != 1:
        return f"booked as paid, paid {s.shop.paid} times"
    if s.copies > 1:
        return f"the card stands {s.copies} times in the chat"
    if scene.card != "none" and s.chat != word:
        return f"the card shows {s.chat or 'nothing'}, the truth is {word}"
    if word in FINAL and s.card.kept not in ("", word):
        return f"the record says the card shows {s.card.kept}, the truth is {word}"
    return ""

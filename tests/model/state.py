"""The state of the protocol as plain tuples, so that two states can be compared and counted.

Times and revisions are left out on purpose. Who read something and holds on to it carries a mark, `fresh`, that falls
when anybody else changes the thing: that is all a revision check ever asks. Waiting (a lease, a retry) takes no time:
whatever may happen after it may happen at once, and whatever may happen before it as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

T = TypeVar("T")
NOBODY = -1  # owner of a row that nobody has in hand
DEAD = 9  # owner of a row whose process was killed: a process that starts anew has a new name


class Guard(StrEnum):
    """What keeps the promise. A test takes each away and wants to see the promise broken."""

    STORE_FIRST = "the acknowledgement comes after the commit"
    CALL_KEY = "the inbox is unique by the platform's message key"
    DONE_ONCE = "a row that is done is not finished again"
    OWNER = "only who has a row in hand gives it back or decides on it"
    DRAWER = "only who has a drawing in hand says that it is done"
    ONE_AT_A_TIME = "no row is handed out whose lane or subject another has in hand"
    IN_ORDER = "what was taken from the dead goes before what came after it"
    ONLY_DEAD = "rows are taken from the dead only"
    STILL_DUE = "a claim takes only what is still due when it writes"
    BURIAL = "what the dead had in hand is freed"
    ONE_COMMIT = "decision, effect and inbox row are one transaction"
    REVISION = "a change is refused when somebody changed the same thing first"
    ASK_FIRST = "the shop is asked before it is told to pay"
    FAR_KEY = "the shop knows our key and pays once under it"
    DOUBT = "a lost answer is an open question, not a failure"
    ASK_AFTER_REFUSAL = "a refusal is believed only after the shop was asked"
    CARD_KEY = "the chat platform shows one card for one card id"
    LOOK_TWICE = "a card that is not on its way any more is looked up once more"
    CHECK_AFTER_SEND = "a card is drawn again after it was put on record"
    REPEAT_IS_DOUBT = "a repeated send does not count as what is shown"
    REDRAW_WHEN_LATE = "who finds a drawing taken over asks for another one"
    SUBJECT_LOCK = "a change and a new card of one subject wait for each other"


ALL = frozenset(Guard)


class Wish(NamedTuple):
    """One callback. `who` is its sender (the lane). A tap is about the refund (the subject); words are about nothing
    that could be known before they are read."""

    who: int
    verb: str  # approve | reject
    tap: bool


class Left(NamedTuple):
    """How often each fault may still strike."""

    crash: int = 0  # a process is killed, anywhere
    pause: int = 0  # a process is stopped for as long as it pleases, anywhere
    lost: int = 0  # a far side does the work, its answer is lost
    busy: int = 0  # a far side refuses for the moment, nothing is done
    cut: int = 0  # the database commits, its answer is lost
    copy: int = 0  # the network delivers a callback once more
    withdraw: int = 0  # the buyer takes the application back at the shop
    hand: int = 0  # somebody agrees by hand in the shop's own pages


class Call(NamedTuple):
    """A callback at its platform: sends left, copies on their way, acknowledged."""

    tries: int
    wire: int
    acked: bool


class Item(NamedTuple):
    """An inbox row. `outcomes` has one letter a commit that handled it."""

    call: int
    state: str  # ready | later | running | freed | done
    owner: int
    outcomes: str


class Row(NamedTuple):
    """An outbox row: pay, card (send it), draw, or draw! (even if nothing changed)."""

    kind: str
    state: str  # ready | running | freed | done
    owner: int
    tried: bool = False  # it has been in somebody's hands


class Refund(NamedTuple):
    word: str  # asked agreed waits (for the shop) unknown paid refused failed
    bound: bool  # to the buyer's application


class Card(NamedTuple):
    """What is on record of the approver's card: `kept` is what it shows ("" no record, "?" not known)."""

    kept: str
    stepped: bool  # a tap has been noted on it


class Shop(NamedTuple):
    application: str  # open | done | closed
    paid: int


class Worker(NamedTuple):
    """A process and the one thing it is doing: at `stage`, with row `row` in hand as it believes, having read the
    refund as `word` and the card as `card`; `note` is what it learned on the way."""

    up: str = "up"  # up | paused | down
    job: str = ""  # claim inbox pay card draw
    stage: str = ""
    row: int = -1
    word: str = ""
    fresh: bool = True
    bound: bool = False
    card: str = ""
    card_fresh: bool = True
    note: str = ""
    again: bool = False  # this is not the first try of the row
    buried: bool = False  # taken for dead since it took the row


class State(NamedTuple):
    calls: tuple[Call, ...]
    web: tuple[str, int]  # what the web process is at, with which callback
    inbox: tuple[Item, ...]
    refund: Refund
    verdicts: str  # A approve, R reject: every decision that was committed
    outbox: tuple[Row, ...]
    card: Card
    chat: str  # what the chat platform shows: "" no card yet
    copies: int  # cards in the chat
    shop: Shop
    crew: tuple[Worker, ...]
    tx: int  # the worker whose transaction is open, NOBODY
    left: Left


class Action(NamedTuple):
    """One step: of worker `who`, about row or callback `arg`; `fault` names what went wrong in it."""

    name: str
    who: int = -1
    arg: int = -1
    fault: str = ""

    def __str__(self) -> str:
        actor = f"worker {self.who} " if self.who >= 0 else ""
        about = f" #{self.arg}" if self.arg >= 0 else ""
        return f"{actor}{self.name}{about}" + (f"  !! {self.fault}" if self.fault else "")


class Step(NamedTuple):
    action: Action
    state: State


@dataclass(frozen=True)
class Scene:
    """A bounded world. `shop` agree: the buyer's application is agreed to; create: the seller starts the refund.
    `split`: a claim and a decision take time between their reads and their commit (PostgreSQL, READ COMMITTED).
    `fleet`: processes share the database; else one works alone and frees its rows when it starts again."""

    name: str
    wishes: tuple[Wish, ...] = ()
    tries: int = 2
    workers: int = 2
    shop: str = "agree"
    begins: str = "asked"  # the refund at the start
    card: str = "none"  # none | unsent | sent
    stored: bool = False  # the callbacks are in the inbox at the start
    split: bool = False
    fleet: bool = True
    left: Left = field(default_factory=Left)
    without: frozenset[Guard] = frozenset()

    def has(self, guard: Guard) -> bool:
        return guard not in self.without


def start(scene: Scene) -> State:
    asked = scene.begins == "asked"
    outbox: list[Row] = []
    if scene.card == "unsent":
        outbox.append(Row("card", "ready", NOBODY))
    if not asked:
        outbox.append(Row("pay", "ready", NOBODY))
    sent = scene.card == "sent"
    stored = tuple(Item(n, "ready", NOBODY, "") for n in range(len(scene.wishes))) if scene.stored else ()
    return State(
        calls=tuple(Call(0 if scene.stored else scene.tries, 0, scene.stored) for _ in scene.wishes),
        web=("", -1),
        inbox=stored,
        refund=Refund(scene.begins, bound=False),
        verdicts="" if asked else "A",
        outbox=tuple(outbox),
        card=Card(scene.begins if sent else "", stepped=False),
        chat=scene.begins if sent else "",
        copies=int(sent),
        shop=Shop("open", 0),
        crew=(Worker(),) * scene.workers,
        tx=NOBODY,
        left=scene.left,
    )


FINAL = frozenset({"paid", "refused", "failed"})
IDLE = Worker()


def put(parts: tuple[T, ...], at: int, part: T) -> tuple[T, ...]:
    return (*parts[:at], part, *parts[at + 1 :])


def to_worker(s: State, w: int, **changes: object) -> State:
    return s._replace(crew=put(s.crew, w, s.crew[w]._replace(**changes)))  # type: ignore[arg-type]  # fields by name


def idle(s: State, w: int) -> State:
    """The worker is free again; rows that nobody needs any more are forgotten."""
    return tidy(s._replace(crew=put(s.crew, w, IDLE)))


def spend(s: State, fault: str) -> State:
    return s._replace(left=s.left._replace(**{fault: getattr(s.left, fault) - 1}))


def may(s: State, fault: str) -> bool:
    return bool(getattr(s.left, fault) > 0)


def in_hand(row: Item | Row, w: int, guarded: bool) -> bool:
    """Whether `w` may settle the row: it runs, and in its hands where that is asked for."""
    return row.state in ("running", "freed") and (row.owner == w or not guarded)


def tidy(s: State) -> State:
    """Without outbox rows that are done and that nobody looks at; a payment stays, for its key."""
    used = {worker.row for worker in s.crew if worker.job in ("pay", "card", "draw")}
    gone = [
        n for n, row in enumerate(s.outbox) if row.state == "done" and row.kind != "pay" and n not in used
    ]
    if not gone:
        return s

    def moved(worker: Worker) -> Worker:
        if worker.job not in ("pay", "card", "draw"):
            return worker
        return worker._replace(row=worker.row - sum(n < worker.row for n in gone))

    rows = tuple(row for n, row in enumerate(s.outbox) if n not in gone)
    return s._replace(outbox=rows, crew=tuple(moved(worker) for worker in s.crew))


def change_refund(s: State, w: int, refund: Refund) -> State:
    """Everybody who has read it holds an old copy now, but the one who wrote it."""
    if refund == s.refund:
        return s
    crew = tuple(
        worker._replace(fresh=False) if n != w and worker.job else worker for n, worker in enumerate(s.crew)
    )
    return s._replace(refund=refund, crew=crew)


def change_card(s: State, w: int, card: Card) -> State:
    crew = tuple(
        worker._replace(card_fresh=False) if n != w and worker.job in ("inbox", "draw") else worker
        for n, worker in enumerate(s.crew)
    )
    return s._replace(card=card, crew=crew)


def add_row(s: State, kind: str) -> State:
    return s._replace(outbox=(*s.outbox, Row(kind, "ready", NOBODY)))


def touch(s: State, *, sees_card: bool) -> State:
    """Every live card is drawn again, unless a drawing is waiting already (storage/outgoing_rows.py)."""
    if not sees_card or s.card.kept in FINAL:
        return s
    return s if drawing_waits(s) else add_row(s, "draw")


def draw_for_sure(s: State) -> State:
    """Drawn again even when nothing changed; a drawing that is waiting serves for it."""
    if not drawing_waits(s):
        return add_row(s, "draw!")
    n = next(n for n, row in enumerate(s.outbox) if row.kind.startswith("draw") and row.state == "ready")
    return s._replace(outbox=put(s.outbox, n, s.outbox[n]._replace(kind="draw!")))


def drawing_waits(s: State) -> bool:
    return any(row.kind.startswith("draw") and row.state == "ready" for row in s.outbox)


def finish_row(s: State, n: int) -> State:
    return s._replace(outbox=put(s.outbox, n, Row(s.outbox[n].kind, "done", NOBODY)))


def finishes(scene: Scene, row: Row, w: int) -> bool:
    """Whoever delivered it may say so, once, even when it was taken over meanwhile: it must not be delivered again. But
    only who has a drawing in hand knows that nobody drew after him (storage/outbox.py)."""
    if row.kind.startswith("draw") and scene.has(Guard.DRAWER):
        return in_hand(row, w, guarded=True)
    return row.state != "done"


def close(scene: Scene, s: State, w: int) -> State:
    """Nothing to deliver."""
    n = s.crew[w].row
    return idle(finish_row(s, n) if finishes(scene, s.outbox[n], w) else s, w)

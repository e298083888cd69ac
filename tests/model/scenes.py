"""The bounded worlds. Each is small enough to be seen whole, and together they cover the protocol."""

from __future__ import annotations

from dataclasses import replace

from tests.model.state import Left, Scene, Wish

YES, NO = Wish(0, "approve", tap=True), Wish(1, "reject", tap=True)
SAID_YES, SAID_NO = Wish(0, "approve", tap=False), Wish(1, "reject", tap=False)
CHANGED_HIS_MIND = Wish(0, "reject", tap=False)

INTAKE = Scene("intake", (SAID_YES,), tries=3, left=Left(crash=2, lost=1, cut=1, copy=1), workers=1)
RUSH = Scene("rush", (YES, NO), left=Left(crash=1, copy=1))
DECIDE = Scene("decide", (YES, NO, YES), stored=True, left=Left(crash=1, pause=1))
WORDS = Scene("words", (SAID_YES, SAID_NO), stored=True, left=Left(crash=1, pause=1, cut=1))
ORDER = Scene("order", (SAID_YES, CHANGED_HIS_MIND), stored=True, left=Left(crash=1, pause=1))
AGREE = Scene(
    "agree", begins="agreed", left=Left(crash=1, pause=1, lost=1, busy=1, cut=1, withdraw=1, hand=1)
)
CREATE = Scene("create", begins="agreed", shop="create", left=Left(crash=2, pause=1, lost=1, busy=1, cut=1))
CARDS = Scene("cards", (SAID_NO,), stored=True, card="unsent", left=Left(crash=2, lost=1, busy=1, cut=1))
PAUSED = replace(CARDS, name="cards, paused", left=Left(pause=1, lost=1, busy=1))
LATE = Scene("late drawing", begins="agreed", shop="create", card="sent", left=Left(pause=1, lost=2))
SPLIT = Scene("split", (SAID_NO,), stored=True, card="unsent", split=True, left=Left(crash=1, pause=1))
EARLY = Scene("early tap", (YES,), stored=True, card="unsent", left=Left(crash=1, lost=1))
WHOLE = Scene("whole", (YES, NO), tries=1, card="sent", left=Left(crash=1))
ALONE = Scene("alone", (YES, NO), tries=1, card="sent", workers=1, fleet=False, left=Left(crash=1, lost=1))

STANDARD = (
    INTAKE,
    RUSH,
    DECIDE,
    WORDS,
    ORDER,
    AGREE,
    CREATE,
    CARDS,
    PAUSED,
    LATE,
    SPLIT,
    EARLY,
    WHOLE,
    ALONE,
)

"""The bounded worlds. Each is small enough to be seen whole, and together they cover the protocol.

A process that is paused inside a call to the chat and then killed leaves an old drawing that nobody knows of: no scene
with a card has both (`LIMIT` shows it; docs/protocol.md).
"""

from __future__ import annotations

from dataclasses import replace

from tests.model.state import Left, Scene, Wish

YES, NO = Wish(0, "approve", tap=True), Wish(1, "reject", tap=True)
SAID_YES, SAID_NO = Wish(0, "approve", tap=False), Wish(1, "reject", tap=False)
CHANGED_HIS_MIND = Wish(0, "reject", tap=False)

INTAKE = Scene("intake", (SAID_YES,), tries=3, left=Left(crash=2, lost=1, cut=1, copy=1), workers=1)
RUSH = Scene("rush", (SAID_YES, SAID_NO), left=Left(copy=1))
DECIDE = Scene("decide", (YES, NO), stored=True, card="sent", left=Left(crash=1, lost=1))
TWICE = Scene("tapped twice", (YES, YES), stored=True, card="sent", shop="create", left=Left(pause=1))
WORDS = Scene("words", (SAID_YES, SAID_NO), stored=True, left=Left(crash=1, pause=1, cut=1))
ORDER = Scene("order", (SAID_YES, CHANGED_HIS_MIND), stored=True, left=Left(crash=1, pause=1))
AGREE = Scene(
    "agree", begins="agreed", left=Left(crash=1, pause=1, lost=1, busy=1, cut=1, withdraw=1, hand=1)
)
CREATE = Scene("create", begins="agreed", shop="create", left=Left(crash=2, pause=1, lost=1, busy=1, cut=1))
CARDS = Scene("cards", (SAID_NO,), stored=True, card="unsent", left=Left(crash=2, lost=1, busy=1, cut=1))
PAUSED = replace(CARDS, name="cards, paused", left=Left(pause=1, lost=1, busy=1))
LATE = Scene("late drawing", begins="agreed", shop="create", card="sent", left=Left(pause=1, lost=2))
SPLIT = Scene("split", (SAID_NO,), stored=True, card="unsent", split=True, left=Left(crash=1))
SLOW = Scene("slow claim", (SAID_YES, SAID_NO), stored=True, split=True, left=Left(crash=1, pause=1))
EARLY = Scene("early tap", (YES,), stored=True, card="unsent", left=Left(crash=1, lost=1))
WHOLE = Scene("whole", (YES, NO), tries=1, card="sent", left=Left(crash=1))
ALONE = Scene("alone", (YES, NO), tries=1, card="sent", workers=1, fleet=False, left=Left(crash=1, lost=1))

STANDARD = (
    *(INTAKE, RUSH, DECIDE, TWICE, WORDS, ORDER, AGREE, CREATE),
    *(CARDS, PAUSED, LATE, SPLIT, SLOW, EARLY, WHOLE, ALONE),
)

# Carried out on the real desk too (PostgreSQL; ALONE on SQLite). A transaction that is split in two cannot be: what
# the lock and the claim do is tested on the database itself.
MIRRORED = tuple(scene for scene in STANDARD if scene not in (SPLIT, SLOW, ALONE))

LARGE = (
    replace(INTAKE, name="intake, large", tries=4, left=Left(crash=3, lost=2, cut=2, copy=2)),
    replace(INTAKE, name="intake, two workers", workers=2, left=Left(crash=2, pause=1, lost=1, copy=1)),
    replace(RUSH, name="rush, large", left=Left(crash=1, copy=1)),
    replace(DECIDE, name="decide, three taps", wishes=(YES, NO, YES), left=Left(crash=1)),
    replace(TWICE, name="tapped twice, three workers", workers=3),
    replace(WORDS, name="words, three workers", workers=3),
    replace(AGREE, name="agree, three workers", workers=3),
    replace(CREATE, name="create, three workers", workers=3),
    replace(CARDS, name="cards, three workers", workers=3),
    replace(PAUSED, name="cards, paused, three workers", workers=3),
    replace(LATE, name="late drawing, three workers", workers=3, left=Left(pause=1, lost=2, busy=1)),
    replace(LATE, name="late drawing, two pauses", left=Left(pause=2, lost=1)),
    replace(SPLIT, name="split, three workers", workers=3, left=Left(pause=1)),
    replace(SLOW, name="slow claim, three workers", workers=3),
    replace(EARLY, name="early taps", wishes=(YES, NO)),
    replace(WHOLE, name="whole, card unsent", card="unsent", shop="create", left=Left(crash=1)),
)

LIMIT = replace(CARDS, name="paused, then killed", left=Left(crash=1, pause=1, lost=1))

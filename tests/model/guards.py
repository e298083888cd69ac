"""For each guard the bounded world in which its absence is noticed, and what is noticed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.model.explore import Found, explore
from tests.model.scenes import (
    AGREE,
    CARDS,
    CREATE,
    DECIDE,
    EARLY,
    INTAKE,
    LATE,
    ORDER,
    SLOW,
    SPLIT,
    TWICE,
    WORDS,
)
from tests.model.state import Guard, Scene

NOTICED: dict[Guard, tuple[Scene, str]] = {
    Guard.STORE_FIRST: (INTAKE, "callback 0 was acknowledged and is lost"),
    Guard.CALL_KEY: (INTAKE, "callback 0 was handled twice"),
    Guard.DONE_ONCE: (TWICE, "callback 0 was handled twice"),
    Guard.OWNER: (CREATE, "are at the same pay at once"),
    Guard.DRAWER: (LATE, "the card shows unknown, the truth is paid"),
    Guard.ONE_AT_A_TIME: (DECIDE, "are at the same inbox at once"),
    Guard.IN_ORDER: (ORDER, "callback 1 was handled before 0 of the same person"),
    Guard.ONLY_DEAD: (CREATE, "are at the same pay at once"),
    Guard.STILL_DUE: (SLOW, "callback 0 was handled twice"),
    Guard.BURIAL: (DECIDE, "callback 0 has no outcome"),
    Guard.ONE_COMMIT: (WORDS, "approved, but it ends as agreed"),
    Guard.REVISION: (WORDS, "the refund was decided twice: AR"),
    # A shop that knows our key pays once even when it is not asked first.
    Guard.ASK_FIRST: (replace(CREATE, without=frozenset({Guard.FAR_KEY})), "paid 2 times"),
    Guard.FAR_KEY: (CREATE, "paid 2 times"),
    Guard.DOUBT: (CREATE, "paid although failed"),
    Guard.ASK_AFTER_REFUSAL: (AGREE, "paid although failed"),
    Guard.CARD_KEY: (CARDS, "the card stands 2 times in the chat"),
    Guard.LOOK_TWICE: (EARLY, "a tap on our own card was taken for one on a foreign card"),
    Guard.CHECK_AFTER_SEND: (CARDS, "the card shows asked, the truth is refused"),
    Guard.REPEAT_IS_DOUBT: (CARDS, "the card shows asked, the truth is refused"),
    Guard.REDRAW_WHEN_LATE: (LATE, "the card shows unknown, the truth is paid"),
    Guard.SUBJECT_LOCK: (SPLIT, "the card shows asked, the truth is refused"),
}

# Kept by a far side, by the web server's order of steps, or inside one transaction; or its absence is that nothing
# happens: nothing that a trace of whole steps could show on our tables.
ELSEWHERE = frozenset(
    {Guard.STORE_FIRST, Guard.FAR_KEY, Guard.CARD_KEY, Guard.SUBJECT_LOCK, Guard.STILL_DUE, Guard.BURIAL}
)


@cache
def without(guard: Guard) -> Found:
    scene, _ = NOTICED[guard]
    return explore(replace(scene, name=f"{scene.name}, a guard removed", without=scene.without | {guard}))

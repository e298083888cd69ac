"""Writing down what the machine gave up, and telling people once a kind of trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from domain.chat import Recipient
from domain.clock import shanghai
from domain.letter import NOTICE, Letter, LetterState, Trouble, letter_subject, trouble_subject
from domain.letter_words import kind_of, plain_error
from domain.outbox import Priority, SendCard
from domain.ports import UnitOfWork

TOGETHER_SECONDS = 10.0  # letters that die soon after each other are one redraw of the trouble's cards

Duty = Callable[[bool], Sequence[Recipient]]
"""Who must act, by whether money is meant."""


async def note_change(uow: UnitOfWork, letter: Letter, duty: Duty, now: datetime) -> None:
    """Write down the state its row is in now. A newly dead one joins its trouble, and the first of a trouble is told.
    The caller commits; on Conflict it reads the letter again."""
    if letter.state is LetterState.DEAD:
        await _note_death(uow, letter, duty, now)
        return
    uow.letters.save(letter)
    uow.touch(letter_subject(letter.number))
    if letter.trouble:
        _settle(uow, letter.trouble)


async def _note_death(uow: UnitOfWork, letter: Letter, duty: Duty, now: datetime) -> None:
    deaths = letter.deaths + 1
    if letter.own:  # in the list and in the figures, but a notice about a lost notice could go on for ever
        uow.letters.save(replace(letter, deaths=deaths))
        return
    error = plain_error(letter.error)
    trouble = await uow.letters.open_trouble(kind_of(letter))
    if trouble is None:
        trouble = Trouble(
            f"{letter.number}.{deaths}", kind_of(letter), letter.what, letter.place, error, now, now
        )
        uow.letters.begin(trouble)
    else:
        uow.letters.join(trouble.id, now, error)
        uow.touch(trouble_subject(trouble.id), within=TOGETHER_SECONDS)
    uow.letters.save(replace(letter, deaths=deaths, trouble=trouble.id))
    uow.touch(letter_subject(letter.number))
    if letter.trouble and letter.trouble != trouble.id:
        _settle(uow, letter.trouble)
    _tell(uow, trouble, letter, duty, now)


def _settle(uow: UnitOfWork, trouble_id: str) -> None:
    uow.letters.settle(trouble_id)
    uow.touch(trouble_subject(trouble_id), within=TOGETHER_SECONDS)


def _tell(uow: UnitOfWork, trouble: Trouble, letter: Letter, duty: Duty, now: datetime) -> None:
    """A card when it begins; while it stays open, one more on each later day that brings it another letter, and one
    when what a person put back stopped again (their card may not be changeable: wecom.md §0). A key that is there
    already is left out, and all that was put back together bears one time. Every card shows the count of the moment
    it is drawn."""
    priority = Priority.RED if trouble.money else Priority.YELLOW
    again = f".{letter.decided_at:%Y%m%d%H%M%S%f}" if letter.decided_at else ""
    for to in duty(trouble.money):
        key = f"{NOTICE}{trouble.id}.{shanghai(now):%Y%m%d}{again}.{to.lane}"
        uow.send(SendCard(to, trouble_subject(trouble.id)), key=key, priority=priority)

"""What a person does about a dead letter. Permission and state are looked at again here, at the moment of effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.exception_case import close
from domain.letter import (
    OUTBOX,
    Letter,
    LetterState,
    Trouble,
    letter_subject,
    may_mind,
    trouble_subject,
)
from domain.letter_words import left_behind, name_of, standing
from domain.ports import UnitOfWork
from domain.refund import Refund
from domain.staff import Staff

ASK_ABOVE = 20  # letters put back at once without asking a second time
MOST = 500  # letters put back in one go
REASON_LENGTH = 100


@dataclass(frozen=True)
class Wish:
    """Who wants it, from where. `revision`: what the tapped card showed; None for typed words."""

    staff: Staff
    origin: str
    now: datetime
    revision: int | None = None


@dataclass(frozen=True)
class Answer:
    """`text` says what was done, or why not; `ask` is how many letters wait for a second word."""

    text: str
    done: bool = False
    letter: Letter | None = None
    refund: Refund | None = None
    ask: int = 0


async def retry(uow: UnitOfWork, number: str, wish: Wish) -> Answer:
    """Back into the queue under its old key, so that work at a far side begins by asking what was done already."""
    letter, no = await _acted_on(uow, number, wish, LetterState.DEAD, LetterState.GIVEN_UP)
    if letter is None:
        return no
    await _put_back(uow, letter, wish)
    return Answer(
        f"{letter.number} 已放回队列，马上再试；结果看卡片，或发：队列 {letter.number}", True, letter
    )


async def give_up(uow: UnitOfWork, number: str, reason: str, wish: Wish) -> Answer:
    letter, no = await _acted_on(uow, number, wish, LetterState.DEAD)
    if letter is None:
        return no
    reason = " ".join(reason.split())[:REASON_LENGTH]
    if not reason:
        return Answer(f"请写明理由，例如：放弃 {letter.number} 已人工处理")
    given = replace(
        letter, state=LetterState.GIVEN_UP, by=wish.staff.name, reason=reason, decided_at=wish.now
    )
    uow.letters.give_up(given)
    if letter.trouble:
        uow.letters.settle(letter.trouble)
    await _after(uow, given, wish, "letter.given_up", f"已放弃：{reason}")
    refund = await uow.refunds.get(letter.subject.id) if letter.money and letter.subject else None
    return Answer(f"{letter.number} 已放弃。{left_behind(letter, refund)}", True, given, refund)


async def retry_all(uow: UnitOfWork, trouble_id: str, wish: Wish, *, sure: bool) -> Answer:
    """Every dead letter of a trouble, each with its own row in the audit."""
    trouble = await uow.letters.trouble(trouble_id)
    if trouble is None:
        return Answer("没有这一类死信，发“队列”看现有的")
    if not may_mind(wish.staff, money=trouble.money):
        return Answer(_not_yours(name_of(trouble.what), money=trouble.money))
    letters, count = await uow.letters.dead(trouble=trouble.id, limit=MOST)
    if not letters:
        return Answer(f"这一类没有要重试的了（{name_of(trouble.what)}）")
    if count > ASK_ABOVE and not sure:
        return Answer(f"这一类有 {count} 条{name_of(trouble.what)}，请再确认一次", ask=count)
    for letter in letters:
        await _put_back(uow, letter, wish)
    more = f"，还剩 {count - len(letters)} 条，请再来一次" if count > len(letters) else ""
    return Answer(f"{len(letters)} 条{name_of(trouble.what)}已放回队列，马上再试{more}", True)


async def choose_trouble(uow: UnitOfWork, number: str, staff: Staff) -> tuple[Trouble | None, str]:
    """The trouble meant by `重试 全部 [number]`; else what to say."""
    if number:
        letter = await uow.letters.get(number)
        if letter is None:
            return None, unknown(number)
        trouble = await uow.letters.trouble(letter.trouble) if letter.trouble else None
        return trouble, "" if trouble else f"{letter.number} 不属于任何一类，请单独处理：重试 {letter.number}"
    mine = [t for t in await uow.letters.open_troubles() if may_mind(staff, money=t.money)]
    if len(mine) == 1:
        return mine[0], ""
    if not mine:
        return None, "没有要重试的死信"
    lines = [f"· 重试 全部 {t.id.partition('.')[0]}（{name_of(t.what)}，{t.error[:20]}）" for t in mine[:8]]
    return None, "\n".join(["死信有好几类，请说是哪一类：", *lines])


def unknown(text: str) -> str:
    return f"没有死信“{text.strip()[:20]}”，发“队列”看现有的"


async def _acted_on(
    uow: UnitOfWork, number: str, wish: Wish, *states: LetterState
) -> tuple[Letter | None, Answer]:
    """The letter if this person may act on it now; else the answer that says why not."""
    letter = await uow.letters.get(number)
    if letter is None:
        return None, Answer(unknown(number))
    if not may_mind(wish.staff, money=letter.money):
        return None, Answer(_not_yours(letter.number, money=letter.money))
    if letter.state not in states:
        return None, Answer(f"{letter.number} {standing(letter)}", letter=letter)
    if wish.revision is not None and wish.revision != letter.revision:
        text = f"{letter.number} 刚有变化，现在{standing(letter)}。卡片已更新，请看过再点"
        return None, Answer(text, letter=letter)
    return letter, Answer("")


async def _put_back(uow: UnitOfWork, letter: Letter, wish: Wish) -> None:
    again = replace(letter, state=LetterState.RETRYING, by=wish.staff.name, reason="", decided_at=wish.now)
    uow.letters.put_back(again)
    await _after(uow, again, wish, "letter.retried", "已重试")


async def _after(uow: UnitOfWork, letter: Letter, wish: Wish, action: str, closing: str) -> None:
    """The audit, the cards, and the exception (异常) that was raised about the same row."""
    about = letter.subject or SubjectRef("", "")
    details = {
        "what": letter.what,
        "about": f"{about.type}:{about.id}",
        "reason": letter.reason,
        "tries": letter.tries,
        "asked": uow.trace_id,
    }
    # Under the letter's own trace: 追踪 of the message tells the whole story.
    subject = letter_subject(letter.number)
    uow.audit(AuditEntry(wish.now, wish.staff.id, wish.origin, action, subject, letter.trace_id, details))
    uow.touch(subject)
    if letter.trouble:
        uow.touch(trouble_subject(letter.trouble))
    if letter.queue == OUTBOX:
        for raised in await uow.exceptions.open_of(SubjectRef("outbox", str(letter.row))):
            close(uow, raised, closing, wish.staff, wish.origin, wish.now)


def _not_yours(what: str, *, money: bool) -> str:
    return f"{what} 不归你的角色处理，请找{'主管、管理员或财务' if money else '主管或管理员'}"

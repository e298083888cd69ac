"""One dead letter: what it was, why it failed, how often it was tried, and the two things a person can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.letter_people import person_label, person_words, place_words, subject_words
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import Account, SubjectRef
from domain.letter import LETTER_SUBJECT, Letter, LetterState, letter_subject, may_mind
from domain.letter_words import RECEIVED, failed_word, left_behind, name_of, plain_error, standing
from domain.order import MoneyState, RefundProcess
from domain.permission import can_trace
from domain.ports import UnitOfWork
from domain.refund import Refund

SUBJECT = LETTER_SUBJECT
REASONS = ("已人工处理", "不再需要", "发错了")
_LIGHTS = {
    LetterState.DEAD: Light.RED,
    LetterState.RETRYING: Light.YELLOW,
    LetterState.DONE: Light.GREEN,
    LetterState.GIVEN_UP: Light.GREY,
    LetterState.GONE: Light.GREY,
}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such letter, or not for this viewer. `params["step"]` "reason" asks why to give it up."""
    letter = await uow.letters.get(subject.id)
    if letter is None or not may_mind(viewer.staff, money=letter.money):
        return None
    refund = await uow.refunds.get(letter.subject.id) if letter.money and letter.subject else None
    return view(scene, letter, refund, viewer, params.get("step", ""))


def view(scene: Scene, letter: Letter, refund: Refund | None, viewer: Viewer, step: str = "") -> Card:
    name, word = name_of(letter.what), _word(letter)
    return Card(
        kind=SUBJECT,
        subject=letter_subject(letter.number),
        title=f"{letter.number} {name}{word}"[:34],
        summary=f"{letter.number} {name}{word}：{plain_error(letter.error)}，发“队列 {letter.number}”处理",
        light=_LIGHTS[letter.state],
        fields=_fields(scene, letter),
        lines=_lines(scene, letter, refund, step),
        buttons=_buttons(letter, viewer, step),
        menu=(_trace(letter),) if _is_over(letter) and can_trace(viewer.staff) else (),
        final=f"{letter.number} {standing(letter)}"[:40] if _is_over(letter) else "",
        footer=f"编号 {viewer.short_trace}",
    )


def _word(letter: Letter) -> str:
    match letter.state:
        case LetterState.DEAD:
            return failed_word(letter.what)
        case LetterState.RETRYING:
            return "重试中"
        case LetterState.DONE:
            return "已办完"
        case LetterState.GIVEN_UP:
            return "已放弃"
        case LetterState.GONE:
            return "已过期"


def _is_over(letter: Letter) -> bool:
    return letter.state in (LetterState.DONE, LetterState.GIVEN_UP, LetterState.GONE)


def _fields(scene: Scene, letter: Letter) -> tuple[Field, ...]:
    now = scene.clock.now()
    who = "，".join(part for part in (person_words(scene, letter), place_words(letter)) if part)
    found = [
        Field("关于", subject_words(letter)),
        Field(person_label(letter), who),
        Field("发生", day_time(letter.since, now)),
        Field("停下", day_time(letter.died_at, now)),
        Field("试过", f"{letter.tries} 次" + (f"，第 {letter.deaths} 回停下" if letter.deaths > 1 else "")),
        Field("追踪", letter.trace_id[:8]),
    ]
    return tuple(field for field in found if field.value)


def _lines(scene: Scene, letter: Letter, refund: Refund | None, step: str) -> tuple[str, ...]:
    left = left_behind(letter, refund)
    if letter.state is LetterState.DEAD and step == "reason":
        return (f"放弃后：{left}。", f"请选理由；其他理由请发：放弃 {letter.number} 理由")
    error = f"原因：{plain_error(letter.error)}"
    when = day_time(letter.decided_at, scene.clock.now())
    match letter.state:
        case LetterState.DEAD if letter.what in RECEIVED:
            return (error, "排除原因后点“重试”会把它再处理一遍；发的人可能已经重发，先问一声。")
        case LetterState.DEAD if letter.money:
            return (error, "排除原因后点“重试”：先问店铺退过没有，不会重复退。")
        case LetterState.DEAD:
            return (error, "排除原因后点“重试”；不用再办就点“放弃”。")
        case LetterState.RETRYING:
            return (f"{when} {letter.by or '系统'}放回队列，还没有结果。",)
        case LetterState.GIVEN_UP:
            return (f"{when} {letter.by}放弃：{letter.reason[:24]}", f"{left}。")
    return ()


def _buttons(letter: Letter, viewer: Viewer, step: str) -> tuple[Button, ...]:
    if _is_over(letter):
        return ()
    trace = (_trace(letter),) if can_trace(viewer.staff) else ()
    again = f"重试 {letter.number}"
    if letter.state is LetterState.RETRYING:
        return (_button("刷新", "letter.refresh", letter, f"队列 {letter.number}"), *trace)
    if step == "reason":
        reasons = (
            _button(text, "letter.drop", letter, f"放弃 {letter.number} {text}", Style.DANGER, str(n))
            for n, text in enumerate(REASONS)
        )
        return (*reasons, _button("返回", "letter.back", letter, f"队列 {letter.number}"))
    return (
        _button("重试", "letter.retry", letter, again, Style.PRIMARY),
        _button("放弃", "letter.drop", letter, f"放弃 {letter.number} 理由", Style.DANGER),
        *trace,
    )


def retry_button(letter: Letter) -> Button:
    return _button("重试", "letter.retry", letter, f"重试 {letter.number}", Style.PRIMARY)


def open_button(letter: Letter, text: str = "") -> Button:
    return _button(text or letter.number, "letter.open", letter, f"队列 {letter.number}")


def _trace(letter: Letter) -> Button:
    return _button("追踪", "letter.trace", letter, f"追踪 {letter.trace_id[:8]}")


def _button(
    text: str, verb: str, letter: Letter, command: str, style: Style = Style.NORMAL, *args: str
) -> Button:
    action = Action(verb, letter_subject(letter.number), letter.revision, args)
    return Button(text[:10], action.encode(), command, style)


def sample_letter() -> Letter:
    """A refund that the shop would not carry out."""
    now = sample_data.MOMENT
    return Letter(
        "outbox",
        1042,
        "refund.execute",
        LetterState.DEAD,
        sample_data.TRACE,
        now - timedelta(hours=2),
        now - timedelta(minutes=9),
        60,
        "EffectRetry: 淘宝服务出错（HTTP 504），稍后会再问，先到店铺后台看看这笔退款",
        SubjectRef("refund", "RF260105K7M2QX"),
        noted="dead",
        deaths=1,
        trouble="F1042.1",
        revision=1,
    )


def sample_text() -> Letter:
    return replace(
        sample_letter(),
        row=1043,
        what="text",
        subject=None,
        account=Account("wecom", "main", "linxiaoman"),
        error="ApiRefused: 企业微信拒绝（81013）：收件人都无效或不在应用的可见范围内。请在管理后台加上此人",
        tries=1,
        trouble="F1043.1",
    )


def samples(scene: Scene) -> list[Sample]:
    """A letter of each sort, and one in each state."""
    letter, now = sample_letter(), sample_data.MOMENT
    paying = sample_data.decided_refund("approve", RefundProcess.AGREED, MoneyState.PENDING)
    unknown = replace(paying, money=MoneyState.UNKNOWN)
    heard = replace(
        sample_text(), queue="inbox", row=12, what="message", error="KeyError: '不该看见'", tries=4, deaths=2
    )
    boss, admin = sample_data.SUPERVISOR, sample_data.ADMIN
    decided = replace(letter, by="周全", decided_at=now, revision=2)
    given = replace(decided, state=LetterState.GIVEN_UP, reason="已在店铺后台退款给买家")
    return [
        Sample("letter-refund", view(scene, letter, paying, boss)),
        Sample("letter-refund-finance", view(scene, letter, paying, sample_data.FINANCE)),
        Sample("letter-refund-reason", view(scene, letter, paying, boss, "reason")),
        Sample("letter-refund-unknown-reason", view(scene, letter, unknown, boss, "reason")),
        Sample("letter-text", view(scene, sample_text(), None, admin)),
        Sample("letter-heard", view(scene, heard, None, admin)),
        Sample("letter-retrying", view(scene, replace(decided, state=LetterState.RETRYING), paying, boss)),
        Sample("letter-done", view(scene, replace(decided, state=LetterState.DONE), paying, boss)),
        Sample("letter-given-up", view(scene, given, paying, boss)),
    ]

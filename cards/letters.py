"""队列: how much waits in both queues, who works on it, and the dead letters, newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.letter import open_button, sample_letter, sample_text
from cards.letter_people import person_words, subject_words
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.alert_rules import words_for
from domain.chat import SubjectRef
from domain.letter import (
    INBOX,
    LIST_SUBJECT,
    OUTBOX,
    Board,
    Letter,
    ProcessSeen,
    QueueFigures,
    may_open_queue,
    only_money,
)
from domain.letter_words import name_of
from domain.ports import UnitOfWork

SUBJECT = LIST_SUBJECT.type
PER_PAGE = 4  # a button each, beside 刷新 and 下一页
LINE_LENGTH = 36  # four of them fit where WeCom shows 160 characters
_ROLE_NAMES = {"web": "收", "worker": "办", "scheduler": "定时"}
_QUEUE_NAMES = {INBOX: "收件", OUTBOX: "发件"}


async def build(
    scene: Scene, uow: UnitOfWork, _subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """`params`: page from 1; trouble, when only the letters of one are wanted."""
    if not may_open_queue(viewer.staff):
        return None
    page = int(params["page"]) if params.get("page", "").isdecimal() else 1
    trouble, money = params.get("trouble", ""), only_money(viewer.staff)
    page = max(page, 1)
    letters, count = await uow.letters.dead(
        money_only=money, trouble=trouble, limit=PER_PAGE, offset=(page - 1) * PER_PAGE
    )
    if not letters and page > 1:
        page = 1
        letters, count = await uow.letters.dead(money_only=money, trouble=trouble, limit=PER_PAGE)
    return view(scene, await uow.letters.board(scene.clock.now()), letters, count, page, viewer)


def view(
    scene: Scene, board: Board, letters: Sequence[Letter], count: int, page: int, viewer: Viewer
) -> Card:
    pages = max(1, -(-count // PER_PAGE))
    word = f"{count} 条等人处理" if count else "没有死信"
    return Card(
        kind=SUBJECT,
        subject=LIST_SUBJECT,
        title=f"队列：{word}",
        summary=f"队列：{word}",
        light=Light.RED if count else Light.GREEN,
        subtitle=f"死信第 {page}/{pages} 页，只看退款"
        if only_money(viewer.staff)
        else f"死信第 {page}/{pages} 页",
        fields=_fields(scene, board),
        lines=tuple(_line(scene, letter) for letter in letters)
        or ("试不成的消息和操作会停在这里等人处理，现在没有。",),
        buttons=(*(open_button(letter) for letter in letters), *_turn(page, pages)),
        footer=f"编号 {viewer.short_trace}",
    )


def _fields(scene: Scene, board: Board) -> tuple[Field, ...]:
    now = scene.clock.now()
    queues = [
        Field(_QUEUE_NAMES[q.name], f"等 {q.waiting}，在办 {q.running}，延后 {q.later}") for q in board.queues
    ]
    since = min((q.oldest for q in board.queues if q.oldest is not None), default=None)
    waited = now - since if since is not None else None
    oldest = (
        "没有在等的"
        if waited is None
        else words_for(waited)
        if waited >= timedelta(minutes=1)
        else "不到 1 分钟"
    )
    return (*queues, Field("最久的", oldest), Field("进程", _processes(board)))


def _processes(board: Board) -> str:
    if not board.shared:
        return "单进程"
    if not board.processes:
        return "没有活着的，请看服务器"
    roles = Counter(role for process in board.processes for role in process.roles)
    parts = [f"{name} {roles[role]}" for role, name in _ROLE_NAMES.items() if roles[role]]
    return f"{len(board.processes)} 个（{'，'.join(parts)}）"[:30]


def _line(scene: Scene, letter: Letter) -> str:
    about = subject_words(letter) or person_words(scene, letter)
    when = day_time(letter.died_at, scene.clock.now())
    text = f"{letter.number} {name_of(letter.what)} {about}".rstrip()
    room = LINE_LENGTH - len(when) - 1
    return f"{text if len(text) <= room else text[: room - 1] + '…'} {when}".rstrip()


def _turn(page: int, pages: int) -> tuple[Button, ...]:
    def button(text: str, number: int, command: str, style: Style) -> Button:
        return Button(text, Action("letters.page", LIST_SUBJECT, 0, (str(number),)).encode(), command, style)

    again = button("刷新", page, "队列", Style.NORMAL if pages > 1 else Style.PRIMARY)
    if pages == 1:
        return (again,)
    following = page % pages + 1
    return (button("下一页", following, f"队列 第{following}页", Style.NORMAL), again)


def samples(scene: Scene) -> list[Sample]:
    now = sample_data.MOMENT
    busy = (
        QueueFigures(INBOX, 1240, 64, 2, 1, now - timedelta(minutes=4)),
        QueueFigures(OUTBOX, 310, 128, 57, 4, now - timedelta(minutes=2)),
    )
    calm = (QueueFigures(INBOX), QueueFigures(OUTBOX))
    fleet = tuple(
        ProcessSeen(f"host-{n}", (role,), "host", now) for n, role in enumerate(("web", "web", "worker"))
    )
    text = sample_text()
    letters = [
        sample_letter(),
        text,
        replace(text, queue=INBOX, row=12, what="message"),
        replace(text, row=1039, what="order.fetch", subject=SubjectRef("order", "77"), account=None),
    ]
    return [
        Sample("letters-page", view(scene, Board(busy, fleet, True), letters, 5, 1, sample_data.ADMIN)),
        Sample("letters-money", view(scene, Board(calm), letters[:1], 1, 1, sample_data.FINANCE)),
        Sample("letters-none", view(scene, Board(calm), [], 0, 1, sample_data.ADMIN)),
        Sample("letters-nobody", view(scene, Board(busy, (), True), letters[1:2], 1, 1, sample_data.ADMIN)),
    ]

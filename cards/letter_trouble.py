"""One kind of trouble for whoever is on duty: a card from its first dead letter until none is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.letter import open_button, retry_button, sample_letter, sample_text
from cards.letter_people import person_words, subject_words
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from cards.usage import PLATFORM_NAMES
from domain.chat import SubjectRef
from domain.letter import TROUBLE_SUBJECT, Letter, LetterState, Trouble, may_mind, trouble_subject
from domain.letter_words import failed_word, name_of, outcome
from domain.ports import UnitOfWork

SUBJECT = TROUBLE_SUBJECT
SHOWN = 3


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """`params["step"]` "sure" asks a second time before all are put back. Not sent anew once it is over."""
    trouble = await uow.letters.trouble(subject.id)
    if trouble is None or not may_mind(viewer.staff, money=trouble.money):
        return None
    if "new" in params and trouble.ended_at is not None:
        return None
    letters, _ = await uow.letters.dead(trouble=trouble.id, limit=SHOWN)
    return view(scene, trouble, letters, viewer, params.get("step", ""))


def view(scene: Scene, trouble: Trouble, letters: Sequence[Letter], viewer: Viewer, step: str = "") -> Card:
    """`letters`: the newest that are dead."""
    name = name_of(trouble.what)
    dead, retrying = trouble.count(LetterState.DEAD), trouble.count(LetterState.RETRYING)
    over = trouble.ended_at is not None
    word = "已处理" if over else f"{failed_word(trouble.what)} {dead} 条" if dead else f"重试中 {retrying} 条"
    return Card(
        kind=SUBJECT,
        subject=trouble_subject(trouble.id),
        title=f"{name}{word}"[:34],
        summary=f"{name}{word}：{trouble.error}" + ("" if over else "；发“队列”处理"),
        light=Light.GREEN if over else Light.RED if dead else Light.YELLOW,
        fields=_fields(scene, trouble, dead, retrying),
        lines=_lines(scene, trouble, letters, dead, step),
        buttons=() if over else _buttons(trouble, letters, dead, step),
        final=outcome(trouble) if over else "",
        footer=f"编号 {viewer.short_trace}",
    )


def _fields(scene: Scene, trouble: Trouble, dead: int, retrying: int) -> tuple[Field, ...]:
    now = scene.clock.now()
    platform = trouble.place.partition(":")[0]
    counts = [f"等人处理 {dead} 条"] if dead else []
    counts += [f"重试中 {retrying} 条"] if retrying else []
    found = [
        Field("哪里", PLATFORM_NAMES.get(platform, platform)),
        Field("多少", "" if trouble.ended_at else "，".join(counts)),
        Field("首次", day_time(trouble.since, now)),
        Field("最近", day_time(trouble.last_at, now) if trouble.last_at != trouble.since else ""),
    ]
    return tuple(field for field in found if field.value)


def _lines(
    scene: Scene, trouble: Trouble, letters: Sequence[Letter], dead: int, step: str
) -> tuple[str, ...]:
    error = f"原因：{trouble.error}"
    if trouble.ended_at is not None:
        return (error,)
    if step == "sure":
        return (f"要把 {dead} 条{name_of(trouble.what)}一起放回队列，请先确认原因已经排除。",)
    rows = [_row(scene, letter) for letter in letters]
    more = [f"…共 {dead} 条，发“队列”看全部"] if dead > len(rows) else []
    return (error, *rows, *more)


def _row(scene: Scene, letter: Letter) -> str:
    about = subject_words(letter) or person_words(scene, letter)
    return f"{letter.number} {about}".rstrip()[:24]


def _buttons(trouble: Trouble, letters: Sequence[Letter], dead: int, step: str) -> tuple[Button, ...]:
    first = trouble.id.partition(".")[0]
    if not dead:
        return (_button("刷新", "letters.refresh", trouble, "队列"),)
    if dead == 1 and letters:
        return (retry_button(letters[0]), open_button(letters[0], "看详情"))
    if step == "sure":
        sure = f"重试 全部 {first} 确认"
        return (
            _button("确认重试", "letters.sure", trouble, sure, Style.PRIMARY),
            _button("返回", "letters.back", trouble, "队列"),
        )
    return (
        _button("全部重试", "letters.again", trouble, f"重试 全部 {first}", Style.PRIMARY),
        _button("逐条看", "letters.list", trouble, "队列"),
    )


def _button(text: str, verb: str, trouble: Trouble, command: str, style: Style = Style.NORMAL) -> Button:
    return Button(text, Action(verb, trouble_subject(trouble.id)).encode(), command, style)


def samples(scene: Scene) -> list[Sample]:
    now = sample_data.MOMENT
    letter, text = sample_letter(), sample_text()
    error = "淘宝服务出错（HTTP 504），稍后会再问，先到店铺后台看看这笔退款"
    one = Trouble("F1042.1", "k", letter.what, "", error, now, now, counts={"dead": 1})
    many = Trouble(
        "F1043.1",
        "k",
        text.what,
        "wecom:main",
        "企业微信拒绝（81013）：收件人都无效或不在应用的可见范围内",
        now - timedelta(hours=3),
        now,
        counts={"dead": 53, "retrying": 2, "done": 1},
    )
    some = [replace(text, row=1043 + n) for n in range(SHOWN)]
    trying = replace(many, counts={"retrying": 55, "done": 1})
    over = replace(many, ended_at=now, counts={"done": 54, "given_up": 2})
    boss, admin = sample_data.SUPERVISOR, sample_data.ADMIN
    return [
        Sample("letter-trouble-one", view(scene, one, [letter], boss)),
        Sample("letter-trouble-many", view(scene, many, some, admin)),
        Sample("letter-trouble-sure", view(scene, many, some, admin, "sure")),
        Sample("letter-trouble-retrying", view(scene, trying, [], admin)),
        Sample("letter-trouble-over", view(scene, over, [], admin)),
    ]

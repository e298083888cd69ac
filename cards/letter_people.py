"""Who must act on dead letters, and how one is named for the reader."""

from __future__ import annotations

from cards.scene import Scene
from cards.usage import PLATFORM_NAMES
from domain.chat import Recipient
from domain.letter import Letter
from domain.letter_words import RECEIVED
from domain.staff import Role

DUTY = "duty"  # a chat of this name in `chats:` is told instead of the administrators
SUBJECT_NAMES = {
    "refund": "退款",
    "room": "作战室",
    "exception": "异常",
    "alert": "预警",
    "digest": "日报",
    "reconcile": "对账",
    "job_trouble": "任务",
    "job_run": "任务",
}


def duty(scene: Scene, money: bool) -> tuple[Recipient, ...]:
    """The chat `duty` or the administrators; where money is meant the supervisors as well. Nobody of them there: the
    supervisors."""
    first = scene.audience(DUTY if DUTY in scene.chats else Role.ADMIN.value)
    more = scene.audience(Role.SUPERVISOR.value) if money or not first else ()
    return tuple(dict.fromkeys((*first, *more)))


def subject_words(letter: Letter) -> str:
    """What it is about, for eyes that may not see customers' data: numbers of ours, never an order's own."""
    subject = letter.subject
    if subject is None:
        return ""
    if subject.type == "order":
        return f"订单（内部号 {subject.id}）"
    name = SUBJECT_NAMES.get(subject.type)
    return f"{name} {subject.id}"[:30] if name else ""


def person_words(scene: Scene, letter: Letter) -> str:
    """Who sent it, or should get it; "" when that is nobody in particular."""
    account = letter.account
    if account is None or not (account.user_id or letter.chat_id):
        return ""
    if letter.chat_id:
        return "群聊"
    person = scene.directory.by_account(account)
    return person.name if person else "不在名单里的账号"


def person_label(letter: Letter) -> str:
    return "谁发的" if letter.what in RECEIVED else "给谁"


def place_words(letter: Letter) -> str:
    """The platform it came by or should go to."""
    platform = letter.place.partition(":")[0]
    return PLATFORM_NAMES.get(platform, platform)

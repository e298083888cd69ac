"""Dead letters: numbers as people say them, errors in plain words, kinds that a storm cannot split."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.letter_people import duty, subject_words
from cards.scene import ChatPlace, Scene
from domain.chat import Account, SubjectRef
from domain.letter import INBOX, OUTBOX, Letter, LetterState, may_mind, number_of, read_number
from domain.letter_words import LEFT, NAMES, kind_of, left_behind, plain_error
from domain.order import MoneyState, RefundProcess
from domain.staff import Role, Staff
from tests.bot.kit import CAPABILITIES
from tests.samples import ADMIN, FINANCE, NOW, SERVICE, SUPERVISOR, refund, scene


def letter(error: str = "", **changes: object) -> Letter:
    made = Letter(OUTBOX, 1042, "text", LetterState.DEAD, "3fa92c1b00000000", NOW, NOW, 3, error)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("F1042", (OUTBOX, 1042)),
        ("f-1042", (OUTBOX, 1042)),
        ("D-F1042", (OUTBOX, 1042)),
        (" o1042 ", (OUTBOX, 1042)),
        ("S12", (INBOX, 12)),
        ("i12", (INBOX, 12)),
        ("1042", None),
        ("F", None),
        ("F10x", None),
        ("F１０", None),
        ("F" + "9" * 19, None),
        ("", None),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: tuple[str, int] | None) -> None:
    assert read_number(text) == number


@given(st.sampled_from([INBOX, OUTBOX]), st.integers(1, 10**17))
def test_every_number_reads_back(queue: str, row: int) -> None:
    assert read_number(number_of(queue, row)) == (queue, row)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            "ApiRefused: 企业微信拒绝（81013）：收件人 13800138000 无效",
            "企业微信拒绝（81013）：收件人 138****8000 无效",
        ),
        ("TimeoutError: ", "等不到回音（超时）"),
        ("unreadable outbox row: ValueError('李小明')", "这个版本读不懂这一条，升级后重试"),
        ("KeyError: '李小明 13800138000'", "程序出错（KeyError），请把追踪编号发给维护者"),
        ("李小明说：不行", "程序出错，请把追踪编号发给维护者"),
        ("", "没有记下原因"),
    ],
)
def test_an_error_is_plain_and_holds_nothing_private(error: str, words: str) -> None:
    assert plain_error(error) == words


@given(st.text(max_size=200))
def test_no_error_of_a_bug_shows_what_it_says(message: str) -> None:
    shown = plain_error(f"ValueError: {message}")
    assert shown == "程序出错（ValueError），请把追踪编号发给维护者"


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_letters_that_differ_by_a_number_are_one_kind(one: int, other: int) -> None:
    def kind(n: int) -> str:
        return kind_of(letter(f"EffectRefused: no refund RF{n}（{n + 10**7}）"))

    assert kind(one) == kind(other)


def test_codes_places_and_works_make_kinds() -> None:
    account = Account("wecom", "main", "a")
    kinds = {
        kind_of(letter("Refused: 拒绝（81013）：x", account=account)),
        kind_of(letter("Refused: 拒绝（60011）：x", account=account)),
        kind_of(letter("Refused: 拒绝（81013）：x", account=Account("dingtalk", "main", "a"))),
        kind_of(letter("Refused: 拒绝（81013）：x", account=account, what="card")),
        kind_of(letter("TimeoutError: ", account=account)),
    }
    assert len(kinds) == 5
    assert kind_of(letter("Refused: 拒绝（81013）：x", account=account)) == kind_of(
        letter("Refused: 拒绝（81013）：y", account=Account("wecom", "main", "b"), row=7)
    )


def test_who_may_mind_them() -> None:
    assert [may_mind(p, money=False) for p in (ADMIN, SUPERVISOR, FINANCE, SERVICE)] == [
        True,
        True,
        False,
        False,
    ]
    assert [may_mind(p, money=True) for p in (ADMIN, SUPERVISOR, FINANCE, SERVICE)] == [
        True,
        True,
        True,
        False,
    ]


def test_what_is_left_of_a_refund_is_said_as_it_is() -> None:
    stuck = letter(what="refund.execute", subject=SubjectRef("refund", "RF1"))
    agreed = refund(process=RefundProcess.AGREED, money=MoneyState.PENDING)
    assert "停在“退款中”" in left_behind(stuck, agreed)
    assert "还不知道" in left_behind(stuck, replace(agreed, money=MoneyState.UNKNOWN))
    assert "已有结果" in left_behind(
        stuck, replace(agreed, process=RefundProcess.SUCCESS, money=MoneyState.SUCCESS)
    )
    assert "没有这张退款单" in left_behind(stuck)


def test_every_work_with_a_name_says_what_is_left() -> None:
    assert set(NAMES) - set(LEFT) == {"refund.execute"}
    assert left_behind(letter(what="something.new"))


def _desk(**chats: ChatPlace) -> Scene:
    doors = {("wecom", "main"): CAPABILITIES, ("dingtalk", "main"): CAPABILITIES}
    return replace(scene(), doors=doors, chats=chats)


def test_who_is_on_duty() -> None:
    def users(here: Scene, money: bool) -> set[str]:
        return {to.chat_id or to.account.user_id for to in duty(here, money)}

    assert users(_desk(), money=False) == {"wuwei", "0106"}
    assert users(_desk(), money=True) == {"wuwei", "0106", "zhouquan", "0104"}
    night = ChatPlace("duty", {("dingtalk", "main"): "cid-night"}, people=("赵仓",))
    assert users(_desk(duty=night), money=False) == {"cid-night", "zhaocang"}
    assert users(_desk(duty=night), money=True) == {"cid-night", "zhaocang", "zhouquan", "0104"}


def test_without_an_administrator_the_supervisor_is_told() -> None:
    class Few:
        def by_account(self, _account: Account) -> Staff | None:
            return None

        def by_id(self, _staff_id: str) -> Staff | None:
            return None

        def with_roles(self, roles: frozenset[Role]) -> tuple[Staff, ...]:
            return (SUPERVISOR,) if Role.SUPERVISOR in roles else ()

    here = replace(_desk(), directory=Few())
    assert {to.account.user_id for to in duty(here, False)} == {"zhouquan", "0104"}


def test_an_order_is_named_by_our_own_number_only() -> None:
    assert subject_words(letter(subject=SubjectRef("order", "77"))) == "订单（内部号 77）"
    assert subject_words(letter(subject=SubjectRef("lookup", "13800138000"))) == ""

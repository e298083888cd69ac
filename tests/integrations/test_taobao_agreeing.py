"""A refusal of the shop is believed only after the shop was asked: somebody else may have agreed a moment before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from domain.money import Money
from domain.ports import Rejected, RemoteTemporary, RemoteUnknown
from integrations.commerce.taobao import agreeing

AMOUNT = Money(3000)


class Client:
    """Its answers in order; an exception is raised."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)

    async def call(self, _method: str, _args: Mapping[str, str], *, once: bool = False) -> dict[str, Any]:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert once is ("succ" in answer)
        return answer


def application(status: str, version: str = "1") -> dict[str, Any]:
    found = {"refund_id": "77", "status": status, "refund_fee": AMOUNT.plain(), "refund_version": version}
    return {"refund": found}


async def agree(*answers: dict[str, Any] | Exception) -> str:
    client: Any = Client(*answers)
    return (await agreeing.agree(client, "77", AMOUNT, tmall=False, key="RF1")).status


async def test_agreed_by_hand_meanwhile_is_paid() -> None:
    refused = Rejected("isv.refund-status-error")
    assert (
        await agree(application("WAIT_SELLER_AGREE"), refused, application("SUCCESS", "2")) == "already_done"
    )


async def test_a_refusal_that_cannot_be_checked_is_an_open_question() -> None:
    with pytest.raises(RemoteUnknown, match="还没核对"):
        await agree(application("WAIT_SELLER_AGREE"), Rejected("no"), RemoteTemporary("5xx"))


async def test_a_refusal_that_was_checked_is_one() -> None:
    again = application("WAIT_SELLER_AGREE")
    assert await agree(application("WAIT_SELLER_AGREE"), Rejected("no"), again) == "rejected"

"""The contract's push of the reference, byte for byte, and every way it can be wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import ManualClock
from domain.money import Money
from domain.order import Order, OrderState
from domain.ports import BadSignature, PushEvent, Unreadable
from integrations.commerce.custom import CustomConnector, CustomSettings
from integrations.commerce.custom.signature import is_genuine, sign

PUSH: dict[str, Any] = json.loads(
    Path("integrations/commerce/custom/fixtures/push_order.json").read_text(encoding="utf-8")
)
SECRET, BODY, HEADERS = PUSH["secret"], PUSH["raw_body"].encode(), PUSH["headers"]
SENT = datetime.fromtimestamp(int(HEADERS["X-Timestamp"]), UTC)


def shop(late: float = 0, **change: Any) -> CustomConnector:
    settings = CustomSettings(**({"secret": SECRET, "shop_id": "MP01", "region": "华中"} | change))
    return CustomConnector("mini-01", settings, None, ManualClock(SENT + timedelta(seconds=late)))


def push(body: bytes = BODY, late: float = 0, secret: str = SECRET, **headers: str) -> PushEvent:
    """The reference's push with another body or other headers, signed anew where its content has changed."""
    given = HEADERS | {"X-Signature": sign(secret, HEADERS["X-Timestamp"], body)} | headers
    return shop(late).verify_push(given, body, "http://127.0.0.1/push/custom/mini-01")[0]


def changed(**fields: Any) -> bytes:
    body = json.loads(BODY)
    body["order"] |= fields
    return json.dumps(body).encode()


def test_the_reference_s_push() -> None:
    assert sign(SECRET, HEADERS["X-Timestamp"], BODY) == HEADERS["X-Signature"]
    (event,) = shop().verify_push(HEADERS, BODY, "")
    assert (event.order_id, event.kind) == ("MP202601050001", "order.paid")
    assert event.key.startswith(HEADERS["X-Event-Id"])
    order = event.raw_order
    assert isinstance(order, Order)
    assert (order.state, order.paid, order.region) == (OrderState.PAID, Money(12900), "华中")


def test_the_same_push_has_the_same_key_and_another_body_another() -> None:
    assert push().key == push().key
    assert push().key != push(changed(amount_paid=1)).key


@pytest.mark.parametrize("late", [-300, -1, 0, 299, 300])
def test_within_five_minutes_it_is_new(late: float) -> None:
    assert push(late=late).order_id


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"late": 301}, "300 秒"),
        ({"late": -301}, "300 秒"),
        ({"secret": "somebody else's"}, "X-Signature"),
        ({"X-Signature": ""}, "X-Signature"),
        ({"X-Signature": HEADERS["X-Signature"].removeprefix("v1=")}, "X-Signature"),
        ({"X-Signature": HEADERS["X-Signature"].replace("v1=", "v2=")}, "X-Signature"),
        ({"X-Signature": "v1=签名"}, "X-Signature"),
        ({"X-Timestamp": ""}, "X-Timestamp"),
        ({"X-Timestamp": "1767578421.5"}, "X-Timestamp"),
        ({"X-Timestamp": "９９９９９９９９９９"}, "X-Timestamp"),
        ({"X-Timestamp": "1767578422"}, "X-Signature"),
        ({"body": BODY.replace(b"MP01", b"MP02")}, "shop_code"),
        ({"body": BODY.replace(b'"shop_code":"MP01",', b"")}, "shop_code"),
    ],
)
def test_what_is_not_believed(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSignature, match=says):
        push(**change)


def test_a_changed_body_under_the_old_signature_is_not_believed() -> None:
    with pytest.raises(BadSignature):
        shop().verify_push(HEADERS, BODY.replace(b"12900", b"1"), "")


def test_without_a_secret_nothing_is_believed() -> None:
    signed = HEADERS | {"X-Signature": sign("", HEADERS["X-Timestamp"], BODY)}
    with pytest.raises(BadSignature, match="secret"):
        shop(secret="").verify_push(signed, BODY, "")
    assert not is_genuine(("",), "1", b"", sign("", "1", b""))


def test_the_previous_secret_is_good_while_the_other_side_changes_over() -> None:
    both = shop(secret="a newer secret", previous_secret=SECRET)
    assert both.verify_push(HEADERS, BODY, "")
    two = HEADERS | {"X-Signature": f"v1={'0' * 64}, {HEADERS['X-Signature']}"}
    assert both.verify_push(two, BODY, "")


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b"[]", {}, "JSON 对象"),
        (b"{", {}, "JSON"),
        (BODY, {"X-Event-Id": ""}, "X-Event-Id"),
        (BODY, {"X-Event-Id": "a b c d e f"}, "X-Event-Id"),
        (BODY, {"X-Event-Type": "order.closed"}, "X-Event-Type"),
    ],
)
def test_signed_and_still_no_push(body: bytes, headers: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        push(body, **cast("dict[str, Any]", headers))


def test_header_names_have_no_case() -> None:
    lower = {name.lower(): value for name, value in HEADERS.items()}
    assert shop().verify_push(lower, BODY, "")


def test_a_ping_tells_of_no_order() -> None:
    headers: dict[str, Any] = {"X-Event-Type": "ping"}
    event = push(b'{"event": "ping", "shop_code": "MP01"}', **headers)
    assert (event.order_id, event.raw_order) == ("", None)


def test_an_order_that_breaks_the_contract_is_kept_with_its_reason() -> None:
    event = push(changed(amount_paid=129.00))
    assert isinstance(event.raw_order, Unreadable)
    assert event.order_id == "MP202601050001"
    assert "amount_paid" in event.raw_order.reason


@given(st.binary(max_size=200), st.text(max_size=20))
def test_only_the_same_bytes_fit_a_signature(body: bytes, other: str) -> None:
    signature = sign(SECRET, "1767578421", body)
    assert is_genuine((SECRET,), "1767578421", body, signature)
    assert not is_genuine((SECRET,), "1767578421", body + b" ", signature)
    assert not is_genuine((other,), "1767578421", body, signature) or other == SECRET


def test_the_answer_says_whether_to_send_again() -> None:
    assert shop().push_answer(True)[0] == 200
    assert shop().push_answer(False)[0] == 503


async def test_secrets_are_not_shown() -> None:
    async with aiohttp.ClientSession():
        assert SECRET not in repr(CustomSettings(secret=SECRET, previous_secret=SECRET))

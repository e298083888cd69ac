"""Nothing secret leaves in a log line; unhandled things show the handler one would write."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bot import logs
from bot.unhandled import suggestion
from domain.chat import Account, Entered, Inbound, MenuClick, Message, Tap, Unhandled
from tests.samples import NOW

WHO = Account("wecom", "main", "a")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    logs.configure("info", "json")


@pytest.mark.parametrize(
    ("fields", "gone", "stays"),
    [
        ({"url": "https://h/x?access_token=abcdef&x=1"}, "abcdef", "x=1"),
        ({"url": "wss://h/connect?ticket=abcdef"}, "abcdef", "wss://h/connect"),
        ({"secret": "abcdef"}, "abcdef", "***"),
        ({"headers": {"Authorization": "abcdef", "Accept": "x"}}, "abcdef", "Accept"),
        ({"text": "电话 13800138000 谢谢"}, "13800138000", "138****8000"),
        ({"people": ["13800138000"]}, "13800138000", "138****8000"),
        ({"payload": b"abcdef"}, "abcdef", "<6 bytes>"),
    ],
)
def test_secrets_and_phones_are_masked(
    out: io.StringIO, fields: dict[str, object], gone: str, stays: str
) -> None:
    logs.log.info("event", **fields)
    assert gone not in out.getvalue()
    assert stays in out.getvalue()


def test_an_order_number_is_not_taken_for_a_phone(out: io.StringIO) -> None:
    logs.log.info("order 4123813800138000601 looked up")
    assert "4123813800138000601" in out.getvalue()


def test_libraries_and_tracebacks_are_masked_too_and_carry_the_trace(out: io.StringIO) -> None:
    with logs.tracing("00112233445566aa"):
        logging.getLogger("aiohttp.client").warning("GET %s failed", "http://h/?access_token=abcdef")
        try:
            raise ValueError("call 13800138000")
        except ValueError:
            logs.log.exception("it failed")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert "abcdef" not in first["event"]
    assert "138****8000" in second["exception"]
    assert first["trace"] == second["trace"] == "00112233445566aa"


@pytest.mark.parametrize(
    ("inbound", "code"),
    [
        (Tap("k", WHO, NOW, action="refund.foo|refund|RF1|3"), '@router.tap("refund.foo")\nasync def refund_foo('),
        (Tap("k", WHO, NOW, action="rubbish"), "not an action of ours"),
        (MenuClick("k", WHO, NOW, menu_key="scan"), '@router.event("menu:scan")\nasync def menu_scan('),
        (Entered("k", WHO, NOW), '@router.event("entered")'),
        (Unhandled("k", WHO, NOW, kind="LOCATION"), "LOCATION"),
        (Message("k", WHO, NOW, text="13800138000"), "@router.command("),
    ],
)  # fmt: skip
def test_the_log_shows_the_handler_one_would_write(inbound: Inbound, code: str) -> None:
    assert code in suggestion(inbound)
    assert "13800138000" not in suggestion(inbound)

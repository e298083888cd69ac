"""Alipay over real HTTP: signatures, bills fetched and kept, queries, refusals, doubt, secrets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot import places
from domain.money import Money
from domain.payment import (
    BillKind,
    BillNotReady,
    PaymentConnector,
    PaymentDenied,
    PaymentError,
    PaymentThrottled,
    PaymentUnknown,
    RowKind,
)
from integrations.payment import keys
from integrations.payment.alipay import AlipayConnector
from integrations.payment.alipay.client import AlipayClient
from integrations.payment.alipay.errors import classify
from integrations.payment.alipay.signature import answer_is_good, node_of, notice_is_good, sign, text_to_sign
from integrations.payment.calling import Paused
from tests.integrations.bill_kit import ALIPAY, vector
from tests.integrations.payment_desk import alipay_desk, alipay_settings
from tests.sandbox.payment_kit import DAY, NOON, Payments, payments

QUERY = "alipay.trade.query"


@pytest.fixture(autouse=True)
def no_waiting_between_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Payments]:
    async with payments() as running:
        yield running


def test_the_request_vector() -> None:
    known = vector("alipay.rsa2.request")
    assert text_to_sign(known["params"]) == known["string_to_sign"]
    assert (
        sign(known["params"], keys.private_key(known["rsa_test_private_key_pkcs8_pem"])) == known["expected"]
    )


def test_the_notice_vector_and_fixture() -> None:
    known = vector("alipay.rsa2.notify")
    public = keys.public_key(known["rsa_test_public_key_pem"])
    fixture = json.loads((ALIPAY / "notify.json").read_text())
    for form in (known["params"] | {"sign": known["expected"]}, fixture["form"] | {"sign": fixture["sign"]}):
        assert notice_is_good(form, public)
        assert not notice_is_good(form | {"total_amount": "1.00"}, public)
        assert not notice_is_good({k: v for k, v in form.items() if k != "sign"}, public)


def test_the_answer_vector() -> None:
    """The text is checked as it came, its escaped slashes included."""
    known = vector("alipay.rsa2.response")
    public = keys.public_key(known["rsa_test_public_key_pem"])
    method = "alipay.data.dataservice.bill.downloadurl.query"
    body = f'{{"sign":"x","{method.replace(".", "_")}_response": {known["string_to_sign"]} }}'
    found = node_of(body, method)
    assert found is not None
    assert found[0] == known["string_to_sign"]
    assert answer_is_good(found[0], known["expected"], public)
    assert not answer_is_good(found[0].replace("\\/", "/"), known["expected"], public)


@pytest.mark.parametrize("form", ["pkcs8", "one line", "escaped", "bare"])
def test_keys_in_every_form_that_consoles_hand_out(form: str) -> None:
    known = vector("alipay.rsa2.request")
    pem = str(known["rsa_test_private_key_pkcs8_pem"])
    bare = "".join(line for line in pem.splitlines() if "-----" not in line)
    text = {
        "pkcs8": pem,
        "one line": pem.replace("\n", " "),
        "escaped": pem.replace("\n", "\\n"),
        "bare": bare,
    }[form]
    assert sign(known["params"], keys.private_key(text)) == known["expected"]


@pytest.mark.parametrize(
    "text", ["", "abc", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "中文"]
)
def test_a_key_that_is_none_is_refused_without_repeating_it(far: Payments, text: str) -> None:
    with pytest.raises(ValueError, match="私钥") as told:
        alipay_settings(far, private_key=text)
    assert not text or text not in str(told.value)


async def test_it_is_found_by_its_place_and_fills_the_port(far: Payments) -> None:
    package = places.payment_package("alipay")
    desk: PaymentConnector = package.build("a", "支付宝", alipay_settings(far), far.http, far.world.clock)
    assert (desk.account, desk.provider, desk.name, desk.merchant) == (
        "a",
        "alipay",
        "支付宝",
        "2088000000000002",
    )


async def test_a_day_from_order_to_parsed_bill(far: Payments, tmp_path: Path) -> None:
    first, second = far.order("129.00"), far.order("279.00")
    far.plant("refund", first, amount="29.00", refund_no="RF1")
    far.later()
    desk = alipay_desk(far)
    kept = await desk.download_bill(DAY, BillKind.TRADE, tmp_path)
    assert kept.path.read_bytes() == far.providers.alipay.bill(DAY)  # unaltered
    assert (kept.account, kept.provider, kept.day, kept.kind) == (
        "alipay-main",
        "alipay",
        DAY,
        BillKind.TRADE,
    )
    assert kept.path.name == f"alipay-main_20260105_trade_{kept.digest[:8]}.zip"
    assert desk.owns_file("whatever.bin", kept.path.read_bytes()[:600])
    assert desk.describe(kept.path).merchant == desk.merchant
    assert desk.describe(kept.path).first_day == DAY
    rows = [
        (r.kind, r.order_no, r.refund_no, r.amount.minor, r.fee.minor) for r in desk.parse_bill(kept.path)
    ]
    assert sorted(rows) == sorted(
        [
            (RowKind.PAYMENT, first, "", 12900, 77),
            (RowKind.PAYMENT, second, "", 27900, 167),
            (RowKind.REFUND, first, "RF1", -2900, -17),
        ]
    )
    totals = desk.normalise_bill(kept.path, tmp_path / "out.csv")
    assert (totals.rows, totals.of(RowKind.PAYMENT).amount) == (3, 40800)
    again = await desk.download_bill(DAY, BillKind.TRADE, tmp_path)
    assert again == kept


async def test_the_fund_bill(far: Payments, tmp_path: Path) -> None:
    number = far.order("129.00")
    far.later()
    desk = alipay_desk(far)
    kept = await desk.download_bill(DAY, BillKind.FUND, tmp_path)
    rows = [(r.kind, r.order_no, r.amount.minor, r.fee.minor) for r in desk.parse_bill(kept.path)]
    assert rows == [(RowKind.PAYMENT, number, 12900, 0), (RowKind.FEE, number, 0, 77)]


async def test_an_empty_day_has_a_bill_of_no_rows(far: Payments, tmp_path: Path) -> None:
    far.later()
    desk = alipay_desk(far)
    kept = await desk.download_bill(DAY, BillKind.TRADE, tmp_path)
    assert list(desk.parse_bill(kept.path)) == []


@pytest.mark.parametrize(
    ("moment", "final", "retry"),
    [
        (datetime(2026, 1, 5, 18, 0, tzinfo=UTC), False, 7 * 3600),  # 02:00: the bill comes at 09:00
        (datetime(2026, 1, 6, 0, 59, tzinfo=UTC), False, 60),
        (datetime(2026, 1, 6, 2, 0, tzinfo=UTC), False, 1800),  # late today
        (datetime(2026, 1, 6, 5, 0, tzinfo=UTC), True, None),  # by now there would be one
    ],
)
async def test_no_bill_yet_or_no_bill_at_all(
    far: Payments, tmp_path: Path, moment: datetime, final: bool, retry: float | None
) -> None:
    far.later(moment)
    far.fault("alipay", "bill_not_exist", count=9)
    with pytest.raises(BillNotReady, match="账单") as told:
        await alipay_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert (told.value.final, told.value.retry_after) == (final, retry)
    assert len(far.calls("alipay")) == 1  # nobody knocks again and again
    assert list(tmp_path.iterdir()) == []


def test_the_error_fixtures() -> None:
    missing = json.loads((ALIPAY / "error_bill_not_exist.json").read_text())
    busy = json.loads((ALIPAY / "error_system_busy.json").read_text())
    assert "账单不存在" in str(classify(next(iter(missing.values())), "a"))
    error = classify(next(iter(busy.values())), "a")
    assert isinstance(error, PaymentUnknown)
    assert not error.final
    assert "先查询再重试" in str(error)


@pytest.mark.parametrize("kind", ["busy", "5xx", "html", "lost_answer", "throttle"])
async def test_passing_faults_of_a_question_are_tried_again(far: Payments, kind: str) -> None:
    number = far.order("129.00")
    far.fault("alipay", kind, count=2)
    assert (await alipay_desk(far).query(number)).state == "paid"
    assert len(far.calls("alipay", QUERY)) == 3


@pytest.mark.parametrize("kind", ["busy", "5xx", "html", "lost_answer"])
async def test_a_write_in_doubt_is_never_repeated(far: Payments, kind: str) -> None:
    far.order("129.00")
    far.fault("alipay", kind, count=9)
    client = AlipayClient("a", alipay_settings(far), far.http, far.world.clock)
    with pytest.raises(PaymentUnknown, match="结果未知"):
        await client.call(QUERY, {"out_trade_no": "1"}, once=True)
    assert len(far.calls("alipay")) == 1


@pytest.mark.parametrize("kind", ["truncated", "5xx", "html", "lost_answer", "slow"])
async def test_a_broken_download_asks_for_a_new_address(far: Payments, tmp_path: Path, kind: str) -> None:
    far.order("129.00")
    far.later()
    far.fault("alipay", kind, count=2, path="download", seconds="0")
    desk = alipay_desk(far)
    kept = await desk.download_bill(DAY, BillKind.TRADE, tmp_path)
    assert len(list(desk.parse_bill(kept.path))) == 1
    assert list(tmp_path.iterdir()) == [kept.path]
    asked = far.calls("alipay", "downloadurl.query")
    assert len(asked) == (1 if kind == "slow" else 3)


async def test_a_download_that_stays_broken_leaves_nothing(far: Payments, tmp_path: Path) -> None:
    far.order("129.00")
    far.later()
    far.fault("alipay", "truncated", count=99)
    with pytest.raises(PaymentError, match="不完整"):
        await alipay_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_how_payments_stand(far: Payments) -> None:
    desk = alipay_desk(far)
    number = far.order("129.00")
    paid = await desk.query(number)
    assert (paid.state, paid.amount, paid.paid_at) == ("paid", Money(12900), NOON)
    assert paid.provider_no.startswith("20260105")
    far.plant("refund", number, amount="29.00")
    assert (await desk.query(number)).state == "paid"
    far.plant("refund", number, amount="100.00")
    assert (await desk.query(number)).state == "refunded"
    assert (await desk.query("no-such")).state == "unknown"
    assert (await desk.query("空格 &?=中文")).state == "unknown"


async def test_a_forged_answer_is_not_believed(far: Payments) -> None:
    number = far.order()
    far.fault("alipay", "bad_sign", count=9)
    with pytest.raises(PaymentDenied, match="alipay_public_key"):
        await alipay_desk(far).query(number)
    assert len(far.calls("alipay")) == 1


async def test_an_unsigned_success_or_refusal_is_not_believed() -> None:
    """Somebody between us and Alipay can say anything but sign nothing."""
    answers = [
        {"code": "10000", "msg": "Success", "trade_status": "TRADE_SUCCESS", "total_amount": "1.00"},
        {
            "code": "40004",
            "msg": "Business Failed",
            "sub_code": "ACQ.TRADE_NOT_EXIST",
            "sub_msg": "交易不存在",
        },
    ]

    async def handle(_request: web.Request) -> web.Response:
        return web.json_response({"alipay_trade_query_response": answers.pop()})

    app = web.Application()
    app.router.add_post("/gateway.do", handle)
    async with payments() as far, TestServer(app) as liar:
        for _ in range(2):
            with pytest.raises(PaymentDenied, match="没有签名"):
                await alipay_desk(far, api_base=str(liar.make_url("/gateway.do"))).query("1")


async def test_wrong_keys_and_apps_say_which_setting(far: Payments) -> None:
    other = far.providers.alipay._alipay.pems.private
    with pytest.raises(PaymentDenied, match=r"payments.alipay-main.private_key"):
        await alipay_desk(far, private_key=other).query("1")
    with pytest.raises(PaymentDenied, match=r"payments.alipay-main.app_id"):
        await alipay_desk(far, app_id="2021").query("1")
    merchant = far.providers.alipay._merchant.pems.public
    with pytest.raises(PaymentDenied, match="支付宝公钥，不是应用公钥"):
        await alipay_desk(far, alipay_public_key=merchant).query("1")


async def test_after_many_failures_the_gateway_is_left_alone(far: Payments) -> None:
    far.fault("alipay", "5xx", count=99)
    desk = alipay_desk(far)
    for _ in range(2):
        with pytest.raises(PaymentError):
            await desk.query("1")
    calls = len(far.calls("alipay"))
    with pytest.raises(Paused, match="半分钟后自动恢复"):
        await desk.query("1")
    assert len(far.calls("alipay")) == calls


async def test_refusals_are_no_failures_of_the_gateway(far: Payments) -> None:
    desk = alipay_desk(far)
    for _ in range(20):
        assert (await desk.query("no-such")).state == "unknown"


async def test_a_gateway_that_is_not_there(far: Payments) -> None:
    with pytest.raises(PaymentError, match="请检查网络和 api_base"):
        await alipay_desk(far, api_base="http://127.0.0.1:9/gateway.do").query("1")


async def test_throttling_is_told_apart(far: Payments) -> None:
    far.fault("alipay", "throttle", count=99)
    with pytest.raises(PaymentThrottled, match="限流"):
        await alipay_desk(far).query("1")


async def test_notices(far: Payments) -> None:
    desk: AlipayConnector = alipay_desk(far)
    form = {
        "notify_id": "n1",
        "app_id": far.credential("alipay")["app_id"],
        "seller_id": far.credential("alipay")["pid"],
        "out_trade_no": "SO1",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "129.00",
        "subject": "沙发套",
        "empty": "",
    }
    signed = far.providers.alipay.sign_notice(form)
    notice = desk.read_notice(signed)
    assert (notice.id, notice.order_no, notice.kind, notice.state) == ("n1", "SO1", RowKind.PAYMENT, "paid")
    with pytest.raises(PaymentDenied, match="验签失败"):
        desk.read_notice(signed | {"out_trade_no": "SO2"})
    with pytest.raises(PaymentDenied, match="不是发给这个应用"):
        desk.read_notice(far.providers.alipay.sign_notice(form | {"app_id": "other"}))
    refund = desk.read_notice(
        far.providers.alipay.sign_notice(form | {"refund_fee": "29.00", "out_biz_no": "R1"})
    )
    assert (refund.kind, refund.refund_no, refund.state) == (RowKind.REFUND, "R1", "refunded")


async def test_secrets_stand_nowhere(far: Payments, caplog: pytest.LogCaptureFixture) -> None:
    settings = alipay_settings(far)
    secret = settings.private_key.splitlines()[5]
    assert secret not in repr(settings)
    far.fault("alipay", "5xx", count=9)
    with pytest.raises(PaymentError) as told:
        await alipay_desk(far).query("1")
    shown = repr(told.value) + caplog.text + "".join(e.request + e.response for e in far.world.exchanges)
    assert secret not in shown


async def test_requests_are_signed_with_the_providers_time(far: Payments) -> None:
    """Our clock an hour off: the Date header of the first answer puts it right."""
    from domain.clock import ManualClock
    from integrations.payment import alipay

    ours = ManualClock(NOON + timedelta(hours=1))
    desk = alipay.build("a", "支付宝", alipay_settings(far), far.http, ours)
    await desk.query("1")
    await desk.query("1")
    sent = [e.request for e in far.world.exchanges]
    assert "13%3A00%3A00" in sent[0]
    assert "12%3A00%3A00" in sent[1]


async def test_the_session_stays_the_callers(far: Payments) -> None:
    await alipay_desk(far).close()
    assert isinstance(far.http, aiohttp.ClientSession)
    assert not far.http.closed

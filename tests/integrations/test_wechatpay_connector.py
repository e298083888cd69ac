"""WeChat Pay over real HTTP: signatures both ways, bills with their hash, queries, notices, refusals."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stamina

from bot import places
from domain.clock import ManualClock
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
from integrations.payment import keys, wechatpay
from integrations.payment.calling import Paused
from integrations.payment.wechatpay.errors import classify
from integrations.payment.wechatpay.signature import authorization, unseal, why_not
from sandbox.payment.wechatpay.gateway import KEY_ID
from tests.integrations.bill_kit import WECHAT, vector
from tests.integrations.payment_desk import wechat_desk, wechat_settings
from tests.sandbox.payment_kit import AFTER, DAY, NOON, Payments, payments

SALE = "MP202601050001"


@pytest.fixture(autouse=True)
def no_waiting_between_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Payments]:
    async with payments() as running:
        yield running


def test_the_request_vector() -> None:
    known = vector("wxpay.v3.request")
    key = keys.private_key(known["rsa_test_private_key_pkcs8_pem"])
    assert keys.sign(known["string_to_sign"].encode(), key) == known["expected"]
    header = authorization(known["mchid"], known["serial_no"], "N", "1", known["string_to_sign"], key)
    assert header.startswith('WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="N",signature="')
    assert known["expected"] in header


def test_the_notice_vector() -> None:
    known = vector("wxpay.v3.notify")
    timestamp, nonce, body = known["string_to_sign"].rstrip("\n").split("\n")
    public = keys.public_key(known["rsa_test_public_key_pem"])
    headers = {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": "K1",
        "Wechatpay-Signature": known["expected"],
    }
    now, ours = float(timestamp), frozenset({"K1"})
    assert why_not(headers, body.encode(), public, ours, now) == ""
    assert why_not(headers, body.encode() + b" ", public, ours, now) == "签名不对"
    assert "另一把" in why_not(headers, body.encode(), public, frozenset({"K2"}), now)
    assert "5 分钟" in why_not(headers, body.encode(), public, ours, now + 301)
    probe = headers | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + known["expected"]}
    assert "探测" in why_not(probe, body.encode(), public, ours, now)
    assert why_not({}, body.encode(), public, ours, now) == "没有签名"


def test_the_sealed_vector_and_fixture() -> None:
    known = vector("wxpay.v3.aesgcm")
    fixture = json.loads((WECHAT / "notify_pay.json").read_text())["resource"]
    assert unseal(known, known["apiv3_key"]).decode() == known["expected"]
    assert json.loads(unseal(fixture, known["apiv3_key"]))["amount"]["total"] == 12900
    for wrong in (known | {"associated_data": "x"}, known | {"ciphertext": "AAAA"}, {"nonce": "x"}):
        with pytest.raises(ValueError, match="cannot be opened"):
            unseal(wrong, known["apiv3_key"])


def test_the_error_fixtures() -> None:
    creating = json.loads((WECHAT / "error_bill_creating.json").read_text())
    error = classify(400, creating["code"], creating["message"], "w")
    assert isinstance(error, BillNotReady)
    assert (error.final, error.retry_after) == (False, 1800)
    none = json.loads((WECHAT / "error_no_bill.json").read_text())
    error = classify(none["status"], none["body"]["code"], none["body"]["message"], "w")
    assert isinstance(error, BillNotReady)
    assert error.final
    limit = json.loads((WECHAT / "error_throttle.json").read_text())
    error = classify(limit["status"], limit["body"]["code"], limit["body"]["message"], "w")
    assert isinstance(error, PaymentThrottled)
    assert isinstance(classify(500, "SYSTEM_ERROR", "系统异常", "w"), PaymentUnknown)


def test_the_hash_in_the_fixture_is_that_of_its_bill() -> None:
    meta = json.loads((WECHAT / "tradebill.json").read_text())
    content = (WECHAT / "trade_bill_20260105.csv").read_bytes()
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == meta["hash_value"]


async def test_it_is_found_by_its_place_and_fills_the_port(far: Payments) -> None:
    package = places.payment_package("wechatpay")
    desk: PaymentConnector = package.build("w", "微信支付", wechat_settings(far), far.http, far.world.clock)
    assert (desk.account, desk.provider, desk.name, desk.merchant) == (
        "w",
        "wechatpay",
        "微信支付",
        "1900000001",
    )


@pytest.mark.parametrize("packed", [True, False])
async def test_a_day_from_sale_to_parsed_bill(far: Payments, tmp_path: Path, packed: bool) -> None:
    far.own_sale(SALE, 12900)
    far.own_sale(SALE, 2900, refund_no="RF1", at=NOON + timedelta(hours=2))
    far.later()
    desk = wechat_desk(far, gzip=packed)
    kept = await desk.download_bill(DAY, BillKind.TRADE, tmp_path)
    content = kept.path.read_bytes()
    assert (gzip.decompress(content) if packed else content) == far.providers.wechatpay.bill(DAY)
    assert kept.path.name.endswith(".csv.gz" if packed else ".csv")
    assert kept.digest == hashlib.sha256(content).hexdigest()
    assert desk.owns_file("x", content[:500])
    assert desk.describe(kept.path).merchant == desk.merchant
    rows = [
        (r.kind, r.order_no, r.refund_no, r.amount.minor, r.fee.minor) for r in desk.parse_bill(kept.path)
    ]
    assert rows == [
        (RowKind.PAYMENT, SALE, "", 12900, 77),
        (RowKind.REFUND, SALE, "RF1", -2900, -17),
    ]
    totals = desk.normalise_bill(kept.path, tmp_path / "out.csv")
    assert (totals.rows, totals.of(RowKind.REFUND).amount) == (2, -2900)
    assert desk.raw_lines(kept.path, [2])[2].startswith("`2026-01-05 12:00:00,")


async def test_the_fund_bill(far: Payments, tmp_path: Path) -> None:
    far.own_sale(SALE, 12900)
    far.later()
    desk = wechat_desk(far)
    kept = await desk.download_bill(DAY, BillKind.FUND, tmp_path)
    rows = [(r.kind, r.order_no, r.amount.minor, r.fee.minor) for r in desk.parse_bill(kept.path)]
    assert rows == [(RowKind.PAYMENT, SALE, 12900, 0), (RowKind.FEE, SALE, 0, 77)]


@pytest.mark.parametrize(
    ("moment", "retry"),
    [
        (datetime(2026, 1, 5, 18, 0, tzinfo=UTC), 8 * 3600),  # 02:00: ask after 10:00
        (datetime(2026, 1, 6, 1, 59, tzinfo=UTC), 60),
    ],
)
async def test_no_bill_before_its_hour(far: Payments, tmp_path: Path, moment: datetime, retry: float) -> None:
    far.later(moment)
    with pytest.raises(BillNotReady, match="还没有生成") as told:
        await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert (told.value.final, told.value.retry_after) == (False, retry)
    assert len(far.calls("wechatpay")) == 1


async def test_a_bill_still_being_made_and_a_day_without_any(far: Payments, tmp_path: Path) -> None:
    far.later()
    far.fault("wechatpay", "creating")
    with pytest.raises(BillNotReady, match="半小时后") as told:
        await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert (told.value.final, told.value.retry_after) == (False, 1800)
    far.fault("wechatpay", "no_bill")
    with pytest.raises(BillNotReady, match="没有交易") as told:
        await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert told.value.final
    kept = await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert list(wechat_desk(far).parse_bill(kept.path)) == []


@pytest.mark.parametrize("kind", ["throttle", "system_error", "5xx", "html", "lost_answer"])
async def test_passing_faults_of_a_question_are_tried_again(far: Payments, kind: str) -> None:
    far.own_sale(SALE, 12900)
    far.fault("wechatpay", kind, count=2)
    if kind == "html":  # 200 without a signature is a lie, not a fault
        with pytest.raises(PaymentDenied, match="没有签名"):
            await wechat_desk(far).query(SALE)
        return
    assert (await wechat_desk(far).query(SALE)).state == "paid"
    assert len(far.calls("wechatpay")) == 3


@pytest.mark.parametrize("kind", ["truncated", "wrong_hash", "5xx", "lost_answer"])
@pytest.mark.parametrize("packed", [True, False])
async def test_a_broken_download_asks_for_a_new_address(
    far: Payments, tmp_path: Path, kind: str, packed: bool
) -> None:
    far.own_sale(SALE, 12900)
    far.later()
    far.fault("wechatpay", kind, count=2, path="" if kind == "wrong_hash" else "download")
    desk = wechat_desk(far, gzip=packed)
    kept = await desk.download_bill(DAY, BillKind.TRADE, tmp_path)
    assert len(list(desk.parse_bill(kept.path))) == 1
    assert list(tmp_path.iterdir()) == [kept.path]
    assert len(far.calls("wechatpay", "download")) == 3


async def test_a_wrong_hash_is_never_accepted(far: Payments, tmp_path: Path) -> None:
    far.own_sale(SALE, 12900)
    far.later()
    far.fault("wechatpay", "wrong_hash", count=99)
    with pytest.raises(PaymentError, match="校验不符"):
        await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_how_payments_stand(far: Payments) -> None:
    desk = wechat_desk(far)
    far.own_sale(SALE, 12900)
    paid = await desk.query(SALE)
    assert (paid.state, paid.amount, paid.paid_at) == ("paid", Money(12900), NOON)
    far.own_sale(SALE, 2900, refund_no="RF1")
    assert (await desk.query(SALE)).state == "refunded"
    assert (await desk.query("no-such")).state == "unknown"
    assert (await desk.query("空格 /?&=中文")).state == "unknown"


@pytest.mark.parametrize("kind", ["bad_sign", "sign_test"])
async def test_a_forged_answer_is_not_believed(far: Payments, kind: str) -> None:
    far.own_sale(SALE, 12900)
    far.fault("wechatpay", kind, count=9)
    with pytest.raises(PaymentDenied, match="不能相信"):
        await wechat_desk(far).query(SALE)
    assert len(far.calls("wechatpay")) == 1


async def test_wrong_keys_say_which_setting(far: Payments) -> None:
    other = far.providers.wechatpay._wechat.pems.private
    with pytest.raises(PaymentDenied, match="同一张证书"):
        await wechat_desk(far, private_key=other).query(SALE)
    with pytest.raises(PaymentDenied, match="同一张证书"):
        await wechat_desk(far, serial_no="00").query(SALE)
    with pytest.raises(PaymentDenied, match=r"payments.wechat-main 的 wechatpay_public_key"):
        await wechat_desk(far, wechatpay_public_key_id="PUB_KEY_ID_0").query(SALE)
    with pytest.raises(ValueError, match="正好 32 位"):
        wechat_settings(far, apiv3_key="short")
    with pytest.raises(ValueError, match="BASIC"):
        wechat_settings(far, fund_account="basic")


async def test_a_clock_that_is_off_is_put_right(far: Payments) -> None:
    far.own_sale(SALE, 12900)
    ours = ManualClock(NOON + timedelta(minutes=20))
    desk = wechatpay.build("w", "微信支付", wechat_settings(far), far.http, ours)
    assert (await desk.query(SALE)).state == "paid"
    assert len(far.calls("wechatpay")) == 2


async def test_after_many_failures_it_is_left_alone(far: Payments) -> None:
    far.fault("wechatpay", "5xx", count=99)
    desk = wechat_desk(far)
    for _ in range(2):
        with pytest.raises(PaymentError):
            await desk.query("1")
    with pytest.raises(Paused, match="半分钟后自动恢复"):
        await desk.query("1")


async def test_notices(far: Payments) -> None:
    desk = wechat_desk(far)
    opened = {"out_trade_no": SALE, "trade_state": "SUCCESS", "amount": {"total": 12900}}
    headers, body = far.providers.wechatpay.notice("TRANSACTION.SUCCESS", opened)
    notice = desk.read_notice(headers, body)
    assert (notice.order_no, notice.kind, notice.state) == (SALE, RowKind.PAYMENT, "paid")
    assert notice.id.startswith("EV-")
    with pytest.raises(PaymentDenied, match="签名不对"):
        desk.read_notice(headers, body.replace(b"SUCCESS", b"SUCCES5"))
    back = {"out_trade_no": SALE, "out_refund_no": "RF1", "refund_status": "SUCCESS"}
    refund = desk.read_notice(*far.providers.wechatpay.notice("REFUND.SUCCESS", back))
    assert (refund.kind, refund.refund_no, refund.state) == (RowKind.REFUND, "RF1", "refunded")
    far.world.clock.advance(301)
    with pytest.raises(PaymentDenied, match="5 分钟"):
        desk.read_notice(headers, body)


async def test_a_notice_for_another_key_is_refused(far: Payments) -> None:
    desk = wechat_desk(far, apiv3_key="f" * 32)
    with pytest.raises(PaymentDenied, match="apiv3_key"):
        desk.read_notice(*far.providers.wechatpay.notice("TRANSACTION.SUCCESS", {"out_trade_no": "1"}))


async def test_secrets_stand_nowhere(far: Payments) -> None:
    settings = wechat_settings(far)
    secret = settings.private_key.splitlines()[5]
    assert secret not in repr(settings)
    assert settings.apiv3_key not in repr(settings)
    with pytest.raises(PaymentError) as told:
        await wechat_desk(far, wechatpay_public_key_id="other").query(SALE)
    assert secret not in repr(told.value)
    assert settings.apiv3_key not in "".join(e.request + e.response for e in far.world.exchanges)


async def test_the_bill_can_be_asked_for_ten_minutes_past_its_hour(far: Payments, tmp_path: Path) -> None:
    far.own_sale(SALE, 1)
    far.later(AFTER)
    kept = await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)
    assert [row.amount.minor for row in wechat_desk(far).parse_bill(kept.path)] == [1]
    assert KEY_ID.startswith("PUB_KEY_ID_")

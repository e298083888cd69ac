"""支付, one group an account: a signed, harmless query shows keys and permissions in one go."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from bot import places
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from bot.far_settings import PaymentSettings
from domain.payment import (
    BillKind,
    BillNotReady,
    PaymentConnector,
    PaymentDenied,
    PaymentError,
    PaymentThrottled,
)

ORDER = 55
NO_ORDER = "QIANSHAO0DOCTOR0NO0SUCH0ORDER"  # no merchant has it
_GMT8 = timezone(timedelta(hours=8))
Subject = tuple[PaymentSettings, PaymentConnector]


def subjects(exam: Exam) -> list[tuple[str, Subject]]:
    found = []
    for account in exam.settings.payments:
        if account.values is not None:
            build = places.payment_package(account.provider).build
            connector = build(account.account, account.name, account.values, exam.session, exam.clock)
            found.append((f"支付 {account.account}", (account, connector)))
    return found


@check("接口调用")
async def call(exam: Exam, subject: Subject) -> Verdicts:
    """Asks for a payment that cannot exist: "no such payment" means that everything before it was right."""
    _, connector = subject
    try:
        await exam.limited(lambda: connector.query(NO_ORDER))
    except PaymentThrottled as error:
        return note(str(error))
    except PaymentError as error:
        return bad(str(error))
    return good("签名、验签都有效")


@check("账单")
async def bill(exam: Exam, subject: Subject) -> Verdicts:
    """The bill of the day before yesterday must be there, unless nothing was traded."""
    _, connector = subject
    day = (exam.clock.now().astimezone(_GMT8) - timedelta(days=2)).date()
    with TemporaryDirectory(prefix="qianshao-doctor-") as folder:
        try:
            await exam.limited(lambda: connector.download_bill(day, BillKind.TRADE, Path(folder)))
        except BillNotReady as error:
            return note(str(error)) if error.final else note(f"{error}（{day}）")
        except PaymentDenied as error:
            return bad(f"{error}。到哪里开通：商家平台 → 产品中心 → 对账单（账单下载）接口")
        except PaymentError as error:
            return bad(str(error))
    return good(f"{day} 的账单可以下载")

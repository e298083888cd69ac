"""Bills as files, from a chat or a watched folder: known, kept as they came, and the day compared again."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date
from hashlib import sha256
from pathlib import Path

from domain.books import BillState
from domain.books_day import yesterday
from domain.books_decide import may_see
from domain.money import Money
from domain.payment import BadBill, BillFacts, BillKind, BillScope, PaymentConnector
from jobs.reconcile_bills import folder_of, read
from jobs.reconcile_day import ask_for
from jobs.registry import BadFile, JobContext, Upload

FILE_HELP = "支付宝、微信支付的日账单（业务明细、交易账单，ZIP、CSV 或 Excel）：自动对账"


async def TAKE_FILE(ctx: JobContext, upload: Upload) -> str | None:  # noqa: N802 - found by this name
    owners = [c for c in ctx.payments.values() if c.owns_file(upload.name, upload.content)]
    if not owners:
        return None
    if upload.staff is not None and not may_see(upload.staff, ctx.scene.policies.reconcile):
        return "账单只有财务和主管可以上传，请交给财务"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / safe_name(upload.name)
        await asyncio.to_thread(path.write_bytes, upload.content)
        try:
            facts = await asyncio.to_thread(owners[0].describe, path)
        except BadBill as error:
            raise BadFile(str(error)) from error
    connector = _account(owners, facts)
    return await _take(ctx, connector, _day(ctx, facts), upload)


async def _take(ctx: JobContext, connector: PaymentConnector, day: date, upload: Upload) -> str:
    path = folder_of(ctx, connector.account, day) / safe_name(upload.name, upload.content)
    await asyncio.to_thread(_keep, path, upload.content)
    before = {
        copy.digest
        for copy in await ctx.unit_of_work().books.bills(day)
        if copy.account == connector.account and copy.state is BillState.GOOD
    }
    try:
        copy = await read(ctx, connector, day, path, upload.source, upload.name)
    except BadBill as error:
        raise BadFile(str(error)) from error
    if copy.digest in before:
        return f"{connector.name} {day} 的这份账单已经收过了（{copy.rows} 行），不用再发"
    place = upload.to.to_args() if upload.to is not None else None
    await ask_for(ctx, day, place)
    return (
        f"收到 {connector.name} {day} 的账单：{copy.rows} 行，合计 {Money(copy.amount)}。正在对账，好了发卡片"
    )


def _account(owners: list[PaymentConnector], facts: BillFacts) -> PaymentConnector:
    if facts.kind is not BillKind.TRADE:
        raise BadFile("这是资金账单，对账用的是交易账单（支付宝业务明细、微信交易账单），请下载那一种")
    if facts.scope is not BillScope.ALL:
        raise BadFile("这份账单只含付款或只含退款，请下载“全部”那一种")
    mine = [c for c in owners if not facts.merchant or c.merchant in ("", facts.merchant)]
    if not mine:
        raise BadFile(f"账单的商户号 {facts.merchant} 不在 config.yaml 的 payments 里，请管理员核对")
    if len(mine) > 1:
        raise BadFile("账单里没有商户号，而这个平台有几个收款账户，认不出是哪一个")
    return mine[0]


def _day(ctx: JobContext, facts: BillFacts) -> date:
    day = facts.first_day
    if day is None:
        raise BadFile("看不出账单是哪一天的：里面没有一行，文件名也没有日期。请保留平台给的文件名再发")
    if facts.last_day not in (None, day):
        raise BadFile(f"这份账单是 {day} 到 {facts.last_day} 的，请按天下载再发")
    if day > yesterday(ctx.clock.now()):
        raise BadFile(f"{day} 还没有过完，账单不全，请明天再发")
    return day


def _keep(path: Path, content: bytes) -> None:
    """As it came, byte for byte; the same file again changes nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)


def safe_name(name: str, content: bytes | None = None) -> str:
    """A file name that stays in its folder; the digest in front of it keeps two files of one name apart."""
    plain = "".join(c if c.isalnum() or c in "._-()（）" else "_" for c in Path(name).name)[-80:].lstrip(".")
    mark = "" if content is None else f"{sha256(content).hexdigest()[:12]}-"
    return f"{mark}{plain or 'bill'}"

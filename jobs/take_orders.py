"""订单文件: orders from a CSV, Excel or JSON-lines file, sent in chat or put into a watched folder."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from cards.scene import ShopInfo, day_time
from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.intake import IntakeCount
from domain.kept_file import KeptFile
from domain.order import Order
from domain.order_file import Problem, Sheet, layout_of, read_orders
from domain.order_import import BROKEN, FileRefused, ImportShop, cell_text
from domain.staff import Role
from domain.sync_border import refusal
from jobs.registry import BadFile, JobContext, Upload

FILE_HELP = "订单：CSV、Excel 或 JSON 行，文件名以店铺代号开头，例如 pos-01_订单.csv（主管、管理员可导入）"
FOLDER = "folder:"
SHOWN = 5  # problems in an answer
NOTED = 200  # problems in the note beside a file
_CONTRACT_NAME = re.compile(r"orders_(?P<shop>.+)_[0-9]{8,14}")
_BREAK = re.compile(r"[_\s(（]")
_PLAIN = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Read:
    """What became of a file's rows."""

    count: IntakeCount
    problems: Sequence[Problem]

    def words(self, shown: int) -> str:
        text = f"新增 {self.count.inserted}，更新 {self.count.updated}，未变 {self.count.unchanged}"
        if not self.problems:
            return text
        lines = [text + f"，有问题 {len(self.problems)} 处：", *map(str, self.problems[:shown])]
        if len(self.problems) > shown:
            lines.append(f"……还有 {len(self.problems) - shown} 处")
        return "\n".join([*lines, "改好后把整个文件再给我一次，不会重复。"])


async def take(context: JobContext, upload: Upload) -> str | None:
    """None when it is no order file. Safe to repeat: an order is known by shop and number, newer wins."""
    try:
        sheet = await context.read_sheet(upload.name, upload.content)
        layout = layout_of(sheet.headings) if sheet else None
    except FileRefused as error:
        raise BadFile(str(error)) from error
    if sheet is None or layout is None:
        return None
    if upload.staff is not None and not upload.staff.has(Role.SUPERVISOR, Role.ADMIN):
        raise BadFile("订单文件只有主管和管理员能导入，请转给他们")
    shop = _shop_of(context, upload, sheet)
    digest = hashlib.sha256(upload.content).hexdigest()
    if known := await _known(context, shop.code, digest):
        return known
    place = ImportShop(shop.code, shop.platform, shop.region, shop.warehouse)
    try:
        found = await asyncio.to_thread(read_orders, _own_rows(sheet, shop, context), layout, place)
    except FileRefused as error:
        raise BadFile(str(error)) from error
    if not found.orders and not found.problems:
        raise BadFile("只有表头，一行订单也没有；请重新导出")
    read = await _store(context, upload, found.orders, found.problems, shop)
    await _write_down(context, upload, shop.code, digest, read)
    if read.problems and upload.source.startswith(FOLDER):
        raise BadFile(read.words(NOTED))  # the file goes to failed/, where somebody mends it
    return f"{shop.name}（{shop.code}）的 {upload.name} 读完：{read.words(SHOWN)}"


TAKE_FILE = take


async def _store(
    context: JobContext,
    upload: Upload,
    orders: Sequence[tuple[int, Order]],
    problems: Sequence[Problem],
    shop: ShopInfo,
) -> Read:
    now = context.clock.now()
    good: list[Order] = []
    bad = list(problems)
    for line, order in orders:
        why = refusal(order, shop.code, now)
        if why:
            bad.append(Problem(line, order.key.platform_order_id, why))
        else:
            good.append(replace(order, seen_at=now))
    count = IntakeCount()
    if good:
        count = await context.intake.store(good, source=f"import:{upload.name}", trace_id=context.trace_id)
    return Read(count, sorted(bad, key=lambda problem: problem.line))


async def _write_down(context: JobContext, upload: Upload, shop: str, digest: str, read: Read) -> None:
    """Who brought it, and, when all of it was read, a receipt by which the same file is known again. The file
    itself is not kept here: it holds people's addresses."""
    uow, now = context.unit_of_work(), context.clock.now()
    actor = upload.staff.id if upload.staff else "system"
    details: dict[str, object] = {
        "file": upload.name,
        "sha256": digest,
        "inserted": read.count.inserted,
        "updated": read.count.updated,
        "unchanged": read.count.unchanged,
        "refused": len(read.problems),
    }
    subject = SubjectRef("orders", shop)
    uow.audit(AuditEntry(now, actor, upload.source, "orders.imported", subject, context.trace_id, details))
    if not read.problems:
        words = f"{upload.name}：{read.words(0)}".encode()
        uow.files.save(KeptFile(_receipt(shop, digest), upload.name, "text/plain", words, now))
    await uow.commit()


async def _known(context: JobContext, shop: str, digest: str) -> str:
    receipt = await context.unit_of_work().files.get(_receipt(shop, digest))
    if receipt is None:
        return ""
    when = day_time(receipt.created_at, context.clock.now())
    return f"这个文件 {when} 已经读过（{receipt.content.decode()}），没有重复导入"


def _receipt(shop: str, digest: str) -> str:
    return f"orders-{shop}-{digest}"


def _shop_of(context: JobContext, upload: Upload, sheet: Sheet) -> ShopInfo:
    """By the folder it lay in, by the file's name, by a column that names one shop; else people are asked."""
    shops = context.scene.shops
    found = shops.get(upload.source.removeprefix(FOLDER))
    found = found or _named(shops.values(), upload.name) or _in_column(shops.values(), sheet)
    staff = upload.staff
    mine = [s for s in shops.values() if staff is None or not staff.shops or s.code in staff.shops]
    if found is not None and found in mine:
        return found
    if found is not None:
        raise BadFile(f"{found.name}（{found.code}）不在你负责的店铺里，请转给负责的主管")
    names = (
        "、".join(f"{shop.code}（{shop.name}）" for shop in mine) or "还没有店铺，请先在 config.yaml 里配置"
    )
    example = mine[0].code if mine else "pos-01"
    raise BadFile(f"看不出是哪家店的。文件名以店铺代号开头，例如 {example}_订单.csv。可用的代号：{names}")


def _named(shops: Collection[ShopInfo], name: str) -> ShopInfo | None:
    """`pos-01_订单.csv`, `orders_POS01_20260105220000.csv`, `门店收银一号店_1月.xlsx`."""
    stem = name.rpartition(".")[0] or name
    contract = _CONTRACT_NAME.fullmatch(stem)
    wanted = contract["shop"] if contract else stem
    matches = [shop for shop in shops if _begins(wanted, shop, whole=contract is not None)]
    return max(matches, key=lambda shop: len(shop.code), default=None)


def _begins(text: str, shop: ShopInfo, *, whole: bool) -> bool:
    first = text if whole else _BREAK.split(text, maxsplit=1)[0]
    for own in (shop.code, shop.name):
        after = text[len(own) : len(own) + 1]
        begins = text[: len(own)].casefold() == own.casefold() and not (after.isascii() and after.isalnum())
        if plain(first) == plain(own) or (begins and not whole):
            return True
    return False


def plain(name: str) -> str:
    """`pos-01` and `POS01` are the same shop."""
    return _PLAIN.sub("", name).casefold()


def _in_column(shops: Collection[ShopInfo], sheet: Sheet) -> ShopInfo | None:
    named = {plain(cell_text(row.get("shop_code"))) for _, row in sheet.rows} - {""}
    matches = [shop for shop in shops if {plain(shop.code)} == named]
    return matches[0] if len(matches) == 1 else None


def _own_rows(sheet: Sheet, shop: ShopInfo, context: JobContext) -> Sheet:
    """A row that names another shop of ours is not this shop's; a name we do not know is the other side's own."""
    if "shop_code" not in sheet.headings:
        return sheet
    others = {plain(one.code): one for one in context.scene.shops.values() if one.code != shop.code}
    rows = []
    for line, row in sheet.rows:
        other = others.get(plain(cell_text(row.get("shop_code"))))
        broken = {BROKEN: f"shop_code：这一行是 {other.code} 的，文件按 {shop.code} 读"} if other else {}
        rows.append((line, {**row, **broken}))
    return replace(sheet, rows=rows)

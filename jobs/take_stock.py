"""库存文件: what is on hand of each SKU, from a CSV or Excel file of the warehouse system."""

from __future__ import annotations

from collections.abc import Mapping

from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.exception import StockLevel
from domain.exception_case import tell
from domain.order_file import Sheet
from domain.order_import import FileRefused, cell_text
from domain.staff import Role
from jobs.exceptions import around, settle_stock
from jobs.registry import BadFile, JobContext, Upload

FILE_HELP = "库存：CSV 或 Excel，列为 SKU、仓库、在库，可加 锁定、调拨中（仓库、主管可导入）"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sku": ("sku", "商家编码", "货号", "SKU编码"),
    "warehouse": ("warehouse", "仓库", "仓库编码"),
    "on_hand": ("on_hand", "在库", "库存", "在库数量", "库存数量"),
    "locked": ("locked", "锁定", "占用", "锁定数量"),
    "in_transfer": ("in_transfer", "调拨中", "在途", "调拨中数量"),
}
REQUIRED = ("sku", "warehouse", "on_hand")
SHOWN = 5


async def take(ctx: JobContext, upload: Upload) -> str | None:
    """None when it is no stock file. Safe to repeat: the newest file says what is there."""
    try:
        sheet = await ctx.read_sheet(upload.name, upload.content)
    except FileRefused:
        return None  # whatever it is, the taker of its kind says what is wrong
    columns = _columns(sheet) if sheet is not None else {}
    if sheet is None or any(name not in columns for name in REQUIRED):
        return None
    if upload.staff is not None and not upload.staff.has(Role.WAREHOUSE, Role.SUPERVISOR, Role.ADMIN):
        raise BadFile("库存文件只有仓库、主管和管理员能导入，请转给他们")
    levels, problems = _levels(sheet, columns)
    if not levels:
        raise BadFile("\n".join(["一行能用的库存也没有：", *problems[:SHOWN]]))
    raised = await _store(ctx, upload, levels)
    text = f"库存已更新 {len(levels)} 个 SKU" + (f"，其中 {raised} 个不足" if raised else "")
    if problems:
        text += "\n" + "\n".join([f"有问题 {len(problems)} 行：", *problems[:SHOWN]])
    return text


def _columns(sheet: Sheet) -> dict[str, str]:
    """Our name → the heading it stands under."""
    by_name = {heading.strip().casefold(): heading for heading in sheet.headings}
    return {
        name: by_name[alias.casefold()]
        for name, aliases in COLUMNS.items()
        for alias in reversed(aliases)
        if alias.casefold() in by_name
    }


def _levels(sheet: Sheet, columns: Mapping[str, str]) -> tuple[list[StockLevel], list[str]]:
    """The last row of a SKU in a warehouse counts; what cannot be read is named with its line."""
    found: dict[tuple[str, str], StockLevel] = {}
    problems: list[str] = []
    try:
        for line, row in sheet.rows:
            cells = {name: cell_text(row.get(heading)) for name, heading in columns.items()}
            try:
                level = _level(cells)
            except ValueError as error:
                problems.append(f"第 {line} 行：{error}")
                continue
            found[level.warehouse, level.sku] = level
    except FileRefused as error:
        problems.append(str(error))
    return list(found.values()), [*problems, *([sheet.trouble] if sheet.trouble else [])]


def _level(cells: Mapping[str, str]) -> StockLevel:
    if not cells["sku"] or not cells["warehouse"]:
        raise ValueError("SKU 和仓库都要填")
    counts = {name: _count(name, cells.get(name, "")) for name in ("on_hand", "locked", "in_transfer")}
    return StockLevel(cells["warehouse"], cells["sku"], **counts)


def _count(name: str, text: str) -> int:
    plain = text.replace(",", "").removesuffix(".0")
    if not plain and name != "on_hand":
        return 0
    if not plain.removeprefix("-").isdecimal():
        raise ValueError(f"{COLUMNS[name][1]}要填整数，现在是“{text[:12]}”")
    return int(plain)


async def _store(ctx: JobContext, upload: Upload, levels: list[StockLevel]) -> int:
    """Keep them and settle what is short, in one commit; how many turned short or red."""
    uow, here = ctx.unit_of_work(), around(ctx)
    uow.exceptions.keep_stock(levels)
    raised = await settle_stock(uow, levels, here)
    await tell(uow, raised, here)
    actor = upload.staff.id if upload.staff else upload.source
    subject = SubjectRef("stock", upload.name[:60])
    details: dict[str, object] = {"skus": len(levels), "short": len(raised)}
    uow.audit(AuditEntry(here.now, actor, upload.source, "stock.imported", subject, ctx.trace_id, details))
    await uow.commit()
    return len(raised)


TAKE_FILE = take

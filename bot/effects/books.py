"""The Excel file of a day's books, made in the engine's process and sent to who asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from bot.effects_types import EffectContext, EffectHandler, EffectRefused, EffectRetry
from domain.books_sheets import workbook_task
from domain.chat import Recipient
from domain.kept_file import MAX_BYTES, kept
from domain.outbox import Effect, SendFile, SendText
from domain.reconcile_engine import EngineFailed
from jobs.reconcile_bills import ledger
from jobs.reconcile_day import bill_inputs

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TRIES = 2


async def books_workbook(context: EffectContext, effect: Effect, attempt: int) -> None:
    """Read what is kept of the day, write the file, keep it and send it, once."""
    day, to = date.fromisoformat(effect.subject.id), Recipient.from_args(effect.args)
    books = context.unit_of_work().books
    book = await books.day(day)
    if book is None or book.books is None:
        raise EffectRefused(f"{day} 还没有对过账")
    ctx = context.job_context(context.trace_id)
    task = workbook_task(book, await books.of_day(day), await bill_inputs(ctx, day), context.scene.shop_name)
    try:
        content = await ledger(ctx).workbook(task)
    except EngineFailed as error:
        if attempt < _TRIES:
            raise EffectRetry(str(error), 5.0) from error
        raise EffectRefused(f"Excel 没有做成：{error}") from error
    uow = context.unit_of_work()
    if len(content) > MAX_BYTES:
        uow.send(SendText(to, f"{day} 的 Excel 超过 20 MB，聊天发不了，请用命令行 reconcile --excel 取"))
    else:
        file = kept(f"对账-{day}.xlsx", _XLSX, content, context.clock.now())
        uow.files.save(file)
        uow.send(
            SendFile(to, file.id, f"这个聊天收不了文件，请一对一发：对账 {day} excel"),
            key=f"{context.key}.file",
        )
    context.finish(uow, {"outcome": "sent", "bytes": len(content)})
    await uow.commit()


EFFECTS: Mapping[str, EffectHandler] = {"books.workbook": books_workbook}

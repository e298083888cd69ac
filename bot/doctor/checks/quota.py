"""额度: is there enough left of this month's budgets."""

from __future__ import annotations

from bot.doctor.checks.database import subjects as stores
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from domain.clock import shanghai
from domain.usage import KINDS, SAVING_WORDS, Saving, Standing, since, standings
from storage.database import Database
from storage.errors import StorageUnavailable

GROUP = "额度"
ORDER = 56


def subjects(exam: Exam) -> list[tuple[str, Database]]:
    return [(GROUP, store.db) for _, store in stores(exam) if store.db is not None and store.has_key]


@check("本月用量")
async def budgets(exam: Exam, db: Database) -> Verdicts:
    """From the ledger. A database that does not answer is told by its own check."""
    today = shanghai(exam.clock.now()).date()
    try:
        if not await exam.limited(db.at_head):
            return None
        days = await exam.limited(lambda: db.unit_of_work("doctor").usage.days(since(today)))
    except StorageUnavailable:
        return None
    found = standings(days, exam.settings.policies.messages, today)
    short = [one for one in found if one.saving is not Saving.NONE]
    if not short:
        return good("；".join(_words(one) for one in found) or "没有设上限")
    return [
        (bad if one.saving is Saving.ONLY_RED else note)(
            f"{_words(one)}，现在{SAVING_WORDS[one.saving]}；升级版本后改 policies.messages.budgets"
        )
        for one in short
    ]


def _words(one: Standing) -> str:
    end = f"，预计 {one.runs_out:%m-%d} 用完" if one.runs_out else ""
    return f"{one.platform} {KINDS[one.kind]} {one.used}/{one.limit}{end}"

"""The desk's condition for machines: the body of /readyz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.patience import within
from storage.errors import StorageUnavailable
from storage.schema import Form

if TYPE_CHECKING:
    from bot.compose import Desk


def report(desk: Desk) -> dict[str, Any]:
    """`impaired`: what does not work now, since when (ISO 8601, UTC), and what works all the same. `inbox`: how busy
    the desk is. Neither makes it unready: a busy desk must go on acknowledging."""
    standing, admission = desk.condition.pressure.standing, desk.receiver.admission
    return {
        "impaired": [
            {
                "part": fault.part,
                "title": fault.title,
                "since": fault.since.isoformat() if fault.since else "",
                "why": fault.why,
                "works": fault.works,
            }
            for fault in desk.condition.faults
        ],
        "inbox": {
            "depth": admission.depth,
            "limit": admission.limit,
            "oldest_seconds": round(standing.oldest_seconds, 1),
            "per_second": None if standing.rate is None else round(standing.rate, 1),
            "busy": standing.busy,
            "full": bool(admission.reason),
        },
    }


ANSWER_SECONDS = 3.0  # whoever asks for /readyz does not wait much longer


async def database_problems(desk: Desk) -> list[str]:
    """What keeps callbacks from being stored: no answer, or tables of another version."""
    if trouble := desk.condition.database_trouble:
        return [f"database: {trouble}"]
    try:
        form = await within(ANSWER_SECONDS, desk.db.form())
    except (StorageUnavailable, TimeoutError) as error:
        return [f"database: {error}"]
    match form:
        case Form.BEHIND:
            return ["database: tables of another version, run db upgrade"]
        case Form.TOO_NEW:
            return ["database: tables of a later version, start that version"]
        case _:
            return []

"""`jobs:` of the settings: what differs from a job's own schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot import places
from bot.schema import read
from bot.settings_errors import unknown_key
from bot.settings_file import Document
from jobs.registry import Late


@dataclass(frozen=True)
class JobSettings:
    """`every` as text (`10m`, `2h`) or `cron` of five fields; `owner` a role or a person's id; None: as the job says."""

    enabled: bool = True
    every: str | None = None
    cron: str | None = None
    owner: str | None = None
    limit: str | None = None
    late: Late | None = None


def read_jobs(document: Document) -> Mapping[str, JobSettings]:
    data = document.data.get("jobs", {})
    if not isinstance(data, dict):
        document.fault(("jobs",), "要填一组任务（名字: 设置）")
        return {}
    known = tuple(sorted(job.name for job in places.exported("jobs", "JOB").values()))
    found: dict[str, JobSettings] = {}
    for name, entry in data.items():
        if name not in known:
            document.fault(("jobs", name), unknown_key(("jobs", name), known))
            continue
        found[name] = read(document, JobSettings, entry or {}, ("jobs", name))
    return found

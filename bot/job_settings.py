"""`jobs:` of the settings: what differs from a job's own schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from bot import places
from bot.schema import read, read_duration
from bot.settings_errors import Path, unknown_choice, unknown_key
from bot.settings_file import Document
from bot.staff import Directory
from domain.staff import ROLE_NAMES, Role
from jobs.registry import Late

_ROLES = {
    **{role.value: role.value for role in Role},
    **{name: role.value for role, name in ROLE_NAMES.items()},
}


@dataclass(frozen=True)
class JobSettings:
    """`every` as text (`10m`, `2h`) or `cron` of five fields; `owner` a role or a person's id; what is None is as
    the job itself says."""

    enabled: bool = True
    every: str | None = None
    cron: str | None = None
    owner: str | None = None
    limit: str | None = None
    late: Late | None = None


def read_jobs(document: Document, directory: Directory) -> Mapping[str, JobSettings]:
    data = document.data.get("jobs", {})
    if not isinstance(data, dict):
        document.fault(("jobs",), "要填一组任务（名字: 设置）")
        return {}
    if not data:
        return {}
    known = tuple(sorted(job.name for job in places.exported("jobs", "JOB").values()))
    found: dict[str, JobSettings] = {}
    for name, entry in data.items():
        path: Path = ("jobs", name)
        if name not in known:
            document.fault(path, unknown_key(path, known))
            continue
        found[name] = _checked(document, read(document, JobSettings, _texts(entry), path), path, directory)
    return found


def _texts(entry: object) -> object:
    """`every: 30` is 30 seconds; everything else is as it was written."""
    if not isinstance(entry, dict):
        return entry or {}
    numbers = {
        key: f"{value}s"
        for key, value in entry.items()
        if key in ("every", "limit") and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {**entry, **numbers}


def _checked(document: Document, job: JobSettings, path: Path, directory: Directory) -> JobSettings:
    """Faults are told; what they stand at is left as the job itself has it."""
    from bot.schedule_triggers import (
        by_cron,
    )  # APScheduler takes a tenth of a second; most commands need none

    if job.every is not None and job.cron is not None:
        document.fault((*path, "every"), "every 和 cron 只写一个")
    if job.every is not None:
        job = replace(job, every=_every(document, job.every, (*path, "every")))
    if job.cron is not None:
        try:
            by_cron(job.cron)
        except ValueError as error:
            document.fault((*path, "cron"), str(error))
            job = replace(job, cron=None)
    if job.limit is not None and _duration(document, job.limit, (*path, "limit")) is None:
        job = replace(job, limit=None)
    if job.owner is not None:
        job = replace(job, owner=_owner(document, job.owner, (*path, "owner"), directory))
    return job


def _every(document: Document, text: str, path: Path) -> str | None:
    from bot.schedule_triggers import by_interval  # as above

    try:
        by_interval(read_duration(text))
    except ValueError as error:
        document.fault(path, str(error))
        return None
    return text


def _duration(document: Document, text: str, path: Path) -> timedelta | None:
    try:
        limit = read_duration(text)
    except ValueError as error:
        document.fault(path, str(error))
        return None
    if limit <= timedelta(0):
        document.fault(path, "时限要大于 0，例如 30s、10m、2h")
        return None
    return limit


def _owner(document: Document, text: str, path: Path, directory: Directory) -> str | None:
    """A role by its English or Chinese word, or a person by id."""
    if text in _ROLES:
        return _ROLES[text]
    if directory.by_id(text) is not None:
        return text
    people = [person.id for person in directory.people]
    document.fault(path, unknown_choice(text, [role.value for role in Role] + people))
    return None

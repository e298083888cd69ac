"""Runs and troubles of jobs as rows, there and back."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import RowMapping

from domain.job import JobInfo, JobRun, RunState, Trouble
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.texts import storable


def run_row(run: JobRun) -> dict[str, Any]:
    """Everything but who works on it and until when."""
    return {
        "id": run.id,
        "job": run.job,
        "due": to_micros(run.due),
        "state": run.state.value,
        "trace_id": run.trace_id,
        "created_at": to_micros(run.created_at),
        "args": storable(orjson.dumps(dict(run.args)).decode()),
        "asked_by": run.asked_by,
        "attempts": run.attempts,
        "started_at": maybe_micros(run.started_at),
        "finished_at": maybe_micros(run.finished_at),
        "millis": round(run.seconds * 1000),
        "counts": storable(orjson.dumps(dict(run.counts)).decode()),
        "error": storable(run.error),
        "done": run.done,
        "total": run.total,
        "note": storable(run.note),
    }


def run_of(row: RowMapping) -> JobRun:
    return JobRun(
        id=row["id"],
        job=row["job"],
        due=from_micros(row["due"]),
        trace_id=row["trace_id"],
        created_at=from_micros(row["created_at"]),
        state=RunState(row["state"]),
        args=orjson.loads(row["args"]),
        asked_by=row["asked_by"],
        attempts=row["attempts"],
        started_at=maybe_instant(row["started_at"]),
        finished_at=maybe_instant(row["finished_at"]),
        seconds=row["millis"] / 1000,
        counts=orjson.loads(row["counts"]),
        error=row["error"],
        done=row["done"],
        total=row["total"],
        note=row["note"],
    )


def info_of(row: RowMapping) -> JobInfo:
    return JobInfo(
        name=row["name"],
        title=row["title"],
        schedule=row["schedule"],
        owner=row["owner"],
        enabled=bool(row["enabled"]),
        next_due=maybe_instant(row["next_due"]),
    )


def trouble_row(trouble: Trouble) -> dict[str, Any]:
    return {
        "id": trouble.id,
        "job": trouble.job,
        "since": to_micros(trouble.since),
        "last_at": to_micros(trouble.last_at),
        "last_run": trouble.last_run,
        "error": storable(trouble.error),
        "failures": trouble.failures,
        "recovered_at": maybe_micros(trouble.recovered_at),
        "revision": trouble.revision + 1,
    }


def trouble_of(row: RowMapping) -> Trouble:
    return Trouble(
        id=row["id"],
        job=row["job"],
        since=from_micros(row["since"]),
        last_at=from_micros(row["last_at"]),
        last_run=row["last_run"],
        error=row["error"],
        failures=row["failures"],
        recovered_at=maybe_instant(row["recovered_at"]),
        revision=row["revision"],
    )

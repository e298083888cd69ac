"""A part of the digest: a module of `jobs/` that names DIGEST adds its figures (found by place)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from domain.digest import Figure, Scope
from domain.ports import UnitOfWork
from domain.staff import Role
from jobs.registry import JobContext

EVERYBODY = frozenset(Role)


@dataclass(frozen=True)
class DigestSection:
    """`order` places it on the card; `roles` may see it; `collect(ctx, uow, scope, day)` counts."""

    order: int
    collect: Callable[[JobContext, UnitOfWork, Scope, date], Awaitable[Sequence[Figure]]]
    roles: frozenset[Role] = EVERYBODY

"""Columns that every table has, written once. Times are microseconds (storage/instants.py)."""

from __future__ import annotations

import sqlalchemy as sa

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")

"""The books' engine as the settings want it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from bot.settings import Settings
from integrations.analytics.engine import LedgerEngine


def open_engine(settings: Settings) -> LedgerEngine:
    return LedgerEngine(books_folder(settings), settings.reconcile.memory)


def books_folder(settings: Settings) -> Path:
    """Where bills are kept: as set, else beside the SQLite file, else `data/bills`."""
    if settings.reconcile.folder:
        return Path(settings.reconcile.folder).absolute()
    url = sa.make_url(settings.database.url)
    if url.get_backend_name() == "sqlite" and url.database:
        return (Path(url.database).parent / "bills").absolute()
    return Path("data/bills").absolute()

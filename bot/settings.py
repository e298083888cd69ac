"""The settings of DESIGN.md §5: one file, any key by environment, every fault named with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from bot.chat_places import read_chats
from bot.far_settings import (
    DoorSettings,
    PaymentSettings,
    ShopSettings,
    read_doors,
    read_payments,
    read_shops,
)
from bot.job_settings import JobSettings, read_jobs
from bot.missing import Missing
from bot.policies import read_policies
from bot.schema import fields_of, read
from bot.settings_errors import SettingsError, unknown_key
from bot.settings_file import Document, parse_document, read_document
from bot.staff import Directory, read_staff
from bot.watched_folders import FileSettings, check_folders
from cards.scene import ChatPlace
from domain.policy import Policies
from storage.commons import commons_fault
from storage.courier import courier_fault

T = TypeVar("T")
_DATABASES = ("sqlite+aiosqlite://", "postgresql+asyncpg://")


@dataclass(frozen=True)
class Server:
    """`public_url` is how the platforms reach this server from outside, without a slash at the end. `reuse_port`:
    several processes of this host share the port. `drain_seconds`: after SIGTERM it goes on answering so long."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: str = ""
    reuse_port: bool = False
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


@dataclass(frozen=True)
class DatabaseSettings:
    url: str = "sqlite+aiosqlite:///data/qianshao.db"


@dataclass(frozen=True)
class QueueSettings:
    """`handlers` and `deliveries` run side by side at most; `handler_seconds` ends a hanging handler;
    `max_attempts` tries of one delivery before it is laid aside; `unknown_seconds`: so long a row of a kind that only
    a newer version knows is left to that version; `inbox_limit` rows may wait before nothing more is taken in;
    after `busy_seconds` of waiting people are told."""

    url: str = "memory://"
    handlers: Annotated[int, Field(ge=1, le=1000)] = 64
    handler_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    deliveries: Annotated[int, Field(ge=1, le=1000)] = 128
    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 60
    unknown_seconds: Annotated[float, Field(ge=0, le=30 * 86400)] = 3600.0
    inbox_limit: Annotated[int, Field(ge=1, le=100_000_000)] = 200_000
    busy_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10.0


@dataclass(frozen=True)
class CacheSettings:
    """What all processes share (tokens, limits, rests). `timeout_seconds`: how long Redis may take for one answer."""

    url: str = "memory://"
    timeout_seconds: Annotated[float, Field(ge=0.01, le=10)] = 0.25


@dataclass(frozen=True)
class ReconcileSettings:
    """`folder` holds the bills as they came; empty: `bills` beside the SQLite file, else `data/bills`. `memory`: what
    the engine may take (`1GB`); beyond it, it works on disk."""

    folder: str = ""
    memory: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)? ?[MG]i?B$")] = "1GB"


@dataclass(frozen=True)
class ReplaySettings:
    """`record`: a folder that the answers of the far sides are written to, sealed, for `replay --record`; empty: none.
    Journals nobody has written to for `keep_days` are deleted at the next start."""

    record: str = ""
    keep_days: Annotated[int, Field(ge=1, le=90)] = 7


@dataclass(frozen=True)
class LoggingSettings:
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


@dataclass(frozen=True)
class Security:
    """`data_key`: 32 bytes as 64 hex digits or base64; encrypts receivers' data and keys the search digests."""

    data_key: str = ""


@dataclass(frozen=True)
class Settings:
    """Everything `serve` needs. `missing` lists what keeps a door or shop from being used."""

    source: str
    server: Server = field(default_factory=Server)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    security: Security = field(default_factory=Security)
    files: FileSettings = field(default_factory=FileSettings)
    reconcile: ReconcileSettings = field(default_factory=ReconcileSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    doors: tuple[DoorSettings, ...] = ()
    shops: tuple[ShopSettings, ...] = ()
    payments: tuple[PaymentSettings, ...] = ()
    directory: Directory = field(default_factory=lambda: Directory(()))
    chats: Mapping[str, ChatPlace] = field(default_factory=dict)
    jobs: Mapping[str, JobSettings] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    missing: tuple[Missing, ...] = ()


_SECTIONS: Mapping[str, type[Any]] = {
    "server": Server,
    "database": DatabaseSettings,
    "queue": QueueSettings,
    "cache": CacheSettings,
    "logging": LoggingSettings,
    "security": Security,
    "files": FileSettings,
    "reconcile": ReconcileSettings,
    "replay": ReplaySettings,
}
_TOP = (*_SECTIONS, "chat", "shops", "payments", "staff", "chats", "jobs", "policies")


def find_file(file: FilePath | None) -> FilePath:
    """What `--config` names; without it `config.yaml` here, else the one beside the code."""
    if file is not None:
        return file
    here = FilePath("config.yaml")
    return here if here.exists() else FilePath(__file__).parent.parent / "config.yaml"


def load(file: FilePath | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings file; raises SettingsError."""
    return settings_of(read_document(find_file(file), environ))


def settings_from_text(
    text: str, *, source: str = "config.yaml", environ: Mapping[str, str] | None = None
) -> Settings:
    return settings_of(parse_document(text, source=source, environ=environ))


def settings_of(document: Document) -> Settings:
    """Check the whole document; raises SettingsError with every fault found."""
    elsewhere = [f"{name}.{key}" for name, kind in _SECTIONS.items() for key in fields_of(kind)]
    for key in document.data:
        if key not in _TOP:
            document.fault((key,), unknown_key((key,), _TOP, elsewhere))
    doors = read_doors(document)
    shops = read_shops(document)
    apps = {
        platform: tuple(door.app for door in doors if door.platform == platform)
        for platform in {door.platform for door in doors}
    }
    directory = read_staff(document, apps, frozenset(shop.code for shop in shops))
    payments = read_payments(document)
    settings = Settings(
        source=document.source,
        server=_section(document, "server", Server),
        database=_section(document, "database", DatabaseSettings),
        queue=_section(document, "queue", QueueSettings),
        cache=_section(document, "cache", CacheSettings),
        logging=_section(document, "logging", LoggingSettings),
        security=_section(document, "security", Security),
        files=_section(document, "files", FileSettings),
        reconcile=_section(document, "reconcile", ReconcileSettings),
        replay=_section(document, "replay", ReplaySettings),
        doors=doors,
        shops=shops,
        payments=payments,
        directory=directory,
        chats=read_chats(document, apps, directory),
        jobs=read_jobs(document, directory),
        policies=read_policies(document),
        missing=tuple(
            item
            for items in (
                *(d.missing for d in doors),
                *(s.missing for s in shops),
                *(p.missing for p in payments),
            )
            for item in items
        ),
    )
    _check(document, settings)
    if document.problems:
        raise SettingsError(document.source, document.problems)
    return settings


def _section(document: Document, name: str, kind: type[T]) -> T:
    return read(document, kind, document.data.get(name, {}), (name,))


def _check(document: Document, settings: Settings) -> None:
    if not settings.database.url.startswith(_DATABASES):
        document.fault(
            ("database", "url"),
            "要写成 sqlite+aiosqlite:///data/qianshao.db 或 postgresql+asyncpg://用户:密码@主机/库名",
        )
    if fault := courier_fault(settings.queue.url):
        document.fault(("queue", "url"), fault)
    if fault := commons_fault(settings.cache.url):
        document.fault(("cache", "url"), fault)
    check_folders(document, settings.files, settings.shops)
    public = settings.server.public_url
    if public and not public.startswith(("http://", "https://")):
        document.fault(("server", "public_url"), "要以 http:// 或 https:// 开头")

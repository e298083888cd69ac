"""Structured logs with one trace id end to end; secrets, tokens in addresses and phones are masked."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.contextvars import bound_contextvars

MASK = "***"
_SECRET_NAME = re.compile(
    r"secret|token|password|aes_key|app_?key|data_key|session|authorization|ticket", re.I
)
_IN_ADDRESS = re.compile(
    r"(?i)\b(access_token|corpsecret|appsecret|client_?secret|session|key|sign|signature|msg_signature"
    r"|ticket|token|code)=[^&\s\"'<>]+"
)
_PHONE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")
_NUMBER_NAMES = frozenset({"trace", "item", "key", "card", "order"})  # digits here are ids, never phones

log = structlog.stdlib.get_logger("qianshao")


def tracing(trace_id: str) -> Any:
    """`with tracing(id):` every line inside carries the trace."""
    return bound_contextvars(trace=trace_id)


def configure(level: str = "info", form: str = "json", stream: TextIO | None = None) -> None:
    """Send our lines and those of libraries to one place (default stderr) in one form (`json` | `console`)."""
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiosqlite", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no secret and no whole phone number leaves in a log line."""
    for name, value in event.items():
        event[name] = _masked(name, value)
    return event


def _masked(name: str, value: Any) -> Any:
    if name in _NUMBER_NAMES or name.startswith("_"):
        return value
    if _SECRET_NAME.search(name) and value:
        return MASK
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, dict):
        return {key: _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", inner) for inner in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return value


def masked_text(text: str) -> str:
    """Tokens in addresses as `access_token=***`, mainland mobile numbers as `138****1234`."""
    return _PHONE.sub(r"\1****\2", _IN_ADDRESS.sub(rf"\1={MASK}", text))

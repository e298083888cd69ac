"""Values of the domain as JSON and back, for recordings: what a far side answered must be the same thing again.

Only classes of `domain` and `cards` are made from a recording, and only by their fields: a recording is data. A build
that has more fields than the one that recorded fills them with their defaults; one that has fewer leaves them out.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

_KIND = "$"
_PLACES = ("domain.", "cards.")
_PLAIN = (str, int, float, bool, type(None))


class Unknown(ValueError):
    """A recording holds something this build cannot read; the message says what."""


def encode(value: Any) -> Any:
    """As JSON. What has no form of its own goes as its words: it was never meant to be read again."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return {_KIND: _name_of(type(value)), "v": value.value}
    for kind, wanted, form in _FORMS:
        if isinstance(value, wanted):
            return {_KIND: kind, "v": form(value)}
    if isinstance(value, Mapping):
        return {_KIND: "map", "v": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, list | tuple | set | frozenset):
        return {_KIND: "list" if isinstance(value, list) else "tuple", "v": [encode(item) for item in value]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return {_KIND: _name_of(type(value)), "v": fields}
    return str(value)


def encode_error(error: BaseException) -> dict[str, Any]:
    """An error that a far side raised, with what its kind carries (`retry_after`, `code` …)."""
    carried = {name: encode(item) for name, item in vars(error).items() if not name.startswith("_")}
    return {"kind": _name_of(type(error)), "text": str(error), "carried": carried}


def decode(data: Any) -> Any:
    """What `encode` was given, or Unknown."""
    if not isinstance(data, dict):
        return data
    kind, value = data[_KIND], data["v"]
    if kind == "map":
        return {decode(key): decode(item) for key, item in value}
    if kind in {"list", "tuple"}:
        items = [decode(item) for item in value]
        return items if kind == "list" else tuple(items)
    if kind in _BACK:
        return _BACK[kind](value)
    return _made(_class_of(kind), value)


def decode_error(data: Mapping[str, Any]) -> Exception:
    """The same kind of error; one this build has no class for is a RuntimeError with its words."""
    try:
        found = _class_of(str(data["kind"]))
    except Unknown:
        found = RuntimeError
    if not issubclass(found, Exception):
        found = RuntimeError
    error: Exception = found.__new__(found)
    error.args = (data["text"],)
    vars(error).update({name: decode(item) for name, item in data["carried"].items()})
    return error


def _made(wanted: type[Any], fields: Mapping[str, Any]) -> Any:
    if issubclass(wanted, Enum):
        return wanted(fields)
    known = {f.name for f in dataclasses.fields(wanted) if f.init}
    try:
        return wanted(**{name: decode(item) for name, item in fields.items() if name in known})
    except TypeError as error:  # a field without a default that the recording does not have
        raise Unknown(f"{wanted.__name__}: {error}") from error


def _name_of(kind: type[Any]) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class_of(name: str) -> type[Any]:
    module, _, found = name.partition(":")
    if module == "builtins" and found in {"TimeoutError", "ValueError", "RuntimeError"}:
        return {"TimeoutError": TimeoutError, "ValueError": ValueError}.get(found, RuntimeError)
    if not module.startswith(_PLACES):
        raise Unknown(f"{name} is nothing a recording may hold")
    try:
        kind = getattr(importlib.import_module(module), found)
    except (ImportError, AttributeError) as error:
        raise Unknown(f"{name} is unknown to this build") from error
    if not (
        isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, Enum | Exception))
    ):
        raise Unknown(f"{name} is nothing a recording may hold")
    return kind


_FORMS: tuple[tuple[str, Any, Any], ...] = (
    ("time", datetime, lambda value: value.isoformat()),
    ("day", date, lambda value: value.isoformat()),
    ("span", timedelta, lambda value: value.total_seconds()),
    ("decimal", Decimal, str),
    ("bytes", bytes, lambda value: base64.b64encode(value).decode()),
    ("path", Path, str),
)
_BACK: Mapping[str, Any] = {
    "time": datetime.fromisoformat,
    "day": date.fromisoformat,
    "span": lambda value: timedelta(seconds=value),
    "decimal": Decimal,
    "bytes": base64.b64decode,
    "path": Path,
}

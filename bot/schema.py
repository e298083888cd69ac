"""Frozen dataclasses filled from plain data: pydantic checks, the dataclass stays the only declaration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError, create_model

from bot.settings_errors import Path, explain, unknown_key
from bot.settings_file import Document
from domain.money import Money, parse_money

T = TypeVar("T")
_CONFIG = ConfigDict(
    extra="forbid", str_strip_whitespace=True, arbitrary_types_allowed=True, protected_namespaces=()
)


def refuse_bool(value: Any) -> Any:
    """YAML reads `yes` and `on` as true, and true would pass for the number 1."""
    if isinstance(value, bool):
        raise ValueError(f"要填数字，现在是 {'true' if value else 'false'}")
    return value


def read_money(value: Any) -> Money:
    """Major units as a number or text (`50`, `129.5`, `"1,299.00"`); a currency may follow (`50 USD`)."""
    if isinstance(value, Money):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"要填金额（元），例如 50 或 129.50，现在是 {value!r}")
    text = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
    amount, _, currency = text.strip().partition(" ")
    money = parse_money(amount, currency.strip().upper() or "CNY")
    if money.minor < 0:
        raise ValueError("金额不能是负数")
    return money


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|秒|分钟|分|小时|天)")
_UNITS = {"s": 1, "秒": 1, "m": 60, "分": 60, "分钟": 60, "h": 3600, "小时": 3600, "d": 86400, "天": 86400}


def read_duration(value: Any) -> timedelta:
    """`30m`, `2h`, `1h30m`, `2天`; a bare number means seconds."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return timedelta(seconds=value)
    text = str(value).strip()
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ValueError(f"要填时长，例如 30m、2h、1d，现在是 {value!r}")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def fields_of(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.init)


def required_of(kind: type[Any]) -> tuple[str, ...]:
    """Fields without a default."""
    missing = dataclasses.MISSING
    return tuple(
        f.name
        for f in dataclasses.fields(kind)
        if f.init and f.default is missing and f.default_factory is missing
    )


def read(
    document: Document, kind: type[T], data: Any, path: Path, *, skip: frozenset[str] = frozenset()
) -> T:
    """`data` as a `kind`, all of whose fields have defaults; faults are added to the document, and the
    default stands in for what is wrong."""
    return kind(**check(document, kind, data, path, skip=skip))


def check(
    document: Document, kind: type[Any], data: Any, path: Path, *, skip: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """What is right in `data`, as arguments for `kind`; what is wrong is added to the document's faults."""
    model = _model(cast("Hashable", kind), skip)
    try:
        return _arguments(kind, model.model_validate(data))
    except ValidationError as error:
        faults = error.errors()
    for fault in faults:
        here = (*path, *fault["loc"])
        if fault["type"] == "extra_forbidden":
            document.fault(here, unknown_key(here, _valid_keys(kind, fault["loc"][:-1], skip)))
        else:
            document.fault(here, explain(fault, here))
    bad = {fault["loc"][0] for fault in faults if fault["loc"]}
    good: Mapping[str, Any] = data if isinstance(data, dict) else {}
    kept = {key: value for key, value in good.items() if key not in bad}
    return _arguments(kind, model.model_validate(kept))


def _valid_keys(kind: type[Any], loc: tuple[Any, ...], skip: frozenset[str]) -> list[str]:
    for part in loc:
        hint = get_type_hints(kind).get(str(part))
        if get_origin(hint) is tuple:
            hint = get_args(hint)[0]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            kind = hint
    return [name for name in fields_of(kind) if name not in skip]


@cache
def _model(kind: Hashable, skip: frozenset[str] = frozenset()) -> type[BaseModel]:
    """A pydantic model with the fields of the dataclass, none of them required."""
    assert isinstance(kind, type)
    hints = get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {
        name: (_checked(hints[name]), None) for name in fields_of(kind) if name not in skip
    }
    return create_model(kind.__name__, __config__=_CONFIG, **fields)


def _checked(hint: Any) -> Any:
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if base is Money:
        return Annotated[Money, PlainValidator(read_money)]
    if base in (int, float):
        return Annotated[hint, BeforeValidator(refuse_bool)]
    if base is timedelta:
        return Annotated[timedelta, PlainValidator(read_duration)]
    if isinstance(base, type) and dataclasses.is_dataclass(base):
        return _model(base)
    inner = get_args(base)
    if get_origin(base) is tuple and dataclasses.is_dataclass(inner[0]):
        return tuple[_model(cast("Hashable", inner[0])), ...]  # type: ignore[misc]  # made at run time, for pydantic only
    if get_origin(base) is Mapping and dataclasses.is_dataclass(inner[1]):
        return dict[inner[0], _model(cast("Hashable", inner[1]))]  # type: ignore[valid-type,misc]  # for pydantic only
    return hint


def _arguments(kind: type[Any], model: BaseModel) -> dict[str, Any]:
    """Only what was written is passed on, so defaults stay where they are declared."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name in model.model_fields_set:
        values[name] = _filled(hints[name], getattr(model, name))
    return values


def _filled(hint: Any, value: Any) -> Any:
    """Models back into the dataclasses they were made from."""
    if isinstance(value, BaseModel):
        return hint(**_arguments(hint, value))
    inner = get_args(hint)
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return tuple(_filled(inner[0], one) for one in value)
    if isinstance(value, dict) and any(isinstance(one, BaseModel) for one in value.values()):
        return {key: _filled(inner[1], one) for key, one in value.items()}
    return value

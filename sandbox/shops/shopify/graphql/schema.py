"""A schema read from its own language: types, interfaces, inputs, enums, scalars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.shops.shopify.graphql.reader import Reader
from sandbox.shops.shopify.graphql.syntax import TypeRef

BUILT_IN = ("Int", "Float", "String", "Boolean", "ID")


@dataclass(frozen=True)
class InputDef:
    """An argument or a field of an input."""

    type: TypeRef
    default: Any = None
    has_default: bool = False

    @property
    def required(self) -> bool:
        return self.type.required and not self.has_default


@dataclass(frozen=True)
class FieldDef:
    type: TypeRef
    args: Mapping[str, InputDef] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectType:
    """Also an interface, with `members` then."""

    name: str
    fields: Mapping[str, FieldDef]
    interfaces: tuple[str, ...] = ()


@dataclass
class Schema:
    """`query` and `mutation` name the root types."""

    objects: dict[str, ObjectType] = field(default_factory=dict)
    interfaces: dict[str, ObjectType] = field(default_factory=dict)
    inputs: dict[str, dict[str, InputDef]] = field(default_factory=dict)
    enums: dict[str, frozenset[str]] = field(default_factory=dict)
    scalars: set[str] = field(default_factory=lambda: set(BUILT_IN))
    roots: Mapping[str, str] = field(default_factory=lambda: {"query": "QueryRoot", "mutation": "Mutation"})

    def composite(self, name: str) -> ObjectType | None:
        return self.objects.get(name) or self.interfaces.get(name)

    def is_input(self, name: str) -> bool:
        return name in self.scalars or name in self.enums or name in self.inputs

    def fits(self, typename: str, condition: str) -> bool:
        """Whether an object of this type is what a fragment asks for."""
        return condition in ("", typename) or condition in self.objects[typename].interfaces

    def may_fit(self, outer: str, condition: str) -> bool:
        """Whether a fragment `on condition` can ever match inside `outer`."""
        if condition == outer or not condition:
            return True
        mine = {name for name in self.objects if name == outer or outer in self.objects[name].interfaces}
        return any(self.fits(name, condition) for name in mine)


def read_schema(text: str) -> Schema:
    reader, schema = Reader(text), Schema()
    while reader.now.kind != "end":
        kind, name = reader.name(), reader.name()
        match kind:
            case "type":
                interfaces = tuple(_interfaces(reader))
                schema.objects[name] = ObjectType(name, _fields(reader), interfaces)
            case "interface":
                schema.interfaces[name] = ObjectType(name, _fields(reader))
            case "input":
                schema.inputs[name] = dict(reader.inside("{", "}", lambda: _input(reader)))
            case "enum":
                schema.enums[name] = frozenset(reader.inside("{", "}", reader.name))
            case "scalar":
                schema.scalars.add(name)
            case _:
                raise reader.unexpected()
    return schema


def _interfaces(reader: Reader) -> list[str]:
    found = []
    if reader.take("implements"):
        found.append(reader.name())
        while reader.take("&"):
            found.append(reader.name())
    return found


def _fields(reader: Reader) -> dict[str, FieldDef]:
    return dict(reader.inside("{", "}", lambda: _field(reader)))


def _field(reader: Reader) -> tuple[str, FieldDef]:
    name = reader.name()
    args = dict(reader.inside("(", ")", lambda: _input(reader))) if reader.now.text == "(" else {}
    reader.want(":")
    return name, FieldDef(reader.type(), args)


def _input(reader: Reader) -> tuple[str, InputDef]:
    name = reader.name()
    reader.want(":")
    kind = reader.type()
    if not reader.take("="):
        return name, InputDef(kind)
    return name, InputDef(kind, reader.value(), has_default=True)

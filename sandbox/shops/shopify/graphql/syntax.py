"""What a GraphQL document is made of, once it has been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class GraphQLError(Exception):
    """One entry of `errors`. `code` goes into its extensions; `at` is (line, column), counted from 1."""

    def __init__(
        self,
        message: str,
        code: str = "",
        at: tuple[int, int] = (0, 0),
        path: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.at = at
        self.path = path
        self.more = more

    def entry(self) -> dict[str, Any]:
        found: dict[str, Any] = {"message": self.message}
        if self.at[0]:
            found["locations"] = [{"line": self.at[0], "column": self.at[1]}]
        if self.path:
            found["path"] = list(self.path)
        extensions = ({"code": self.code} if self.code else {}) | self.more
        return found | ({"extensions": extensions} if extensions else {})


@dataclass(frozen=True)
class TypeRef:
    """`Order`, `Order!`, `[Order!]!`: either a name or a list `of` something."""

    name: str = ""
    of: TypeRef | None = None
    required: bool = False

    def __str__(self) -> str:
        inner = f"[{self.of}]" if self.of else self.name
        return f"{inner}!" if self.required else inner

    @property
    def base(self) -> str:
        return self.of.base if self.of else self.name


@dataclass(frozen=True)
class Variable:
    """`$name` where a value stands."""

    name: str


class Enum(str):
    """A bare word where a value stands."""

    __slots__ = ()


@dataclass(frozen=True)
class Directive:
    name: str
    args: Mapping[str, Any]
    at: tuple[int, int]


@dataclass(frozen=True)
class Field:
    """`alias: name(args) @directives { selections }`."""

    name: str
    alias: str
    args: Mapping[str, Any]
    directives: tuple[Directive, ...]
    selections: tuple[Selection, ...]
    at: tuple[int, int]

    @property
    def key(self) -> str:
        return self.alias or self.name


@dataclass(frozen=True)
class Spread:
    """`...Name`."""

    name: str
    directives: tuple[Directive, ...]
    at: tuple[int, int]


@dataclass(frozen=True)
class Inline:
    """`... on Type { }`; `on` is empty for a plain group."""

    on: str
    directives: tuple[Directive, ...]
    selections: tuple[Selection, ...]
    at: tuple[int, int]


Selection = Field | Spread | Inline


@dataclass(frozen=True)
class VariableDef:
    name: str
    type: TypeRef
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True)
class Fragment:
    name: str
    on: str
    selections: tuple[Selection, ...]
    at: tuple[int, int]


@dataclass(frozen=True)
class Operation:
    kind: str  # query | mutation
    name: str
    variables: tuple[VariableDef, ...]
    selections: tuple[Selection, ...]
    at: tuple[int, int]


@dataclass(frozen=True)
class Document:
    operations: tuple[Operation, ...] = ()
    fragments: Mapping[str, Fragment] = field(default_factory=dict)

    def operation(self, name: str) -> Operation:
        """The one to run: by name, or the only one."""
        found = [op for op in self.operations if not name or op.name == name]
        if len(found) != 1:
            what = f"No operation named {name!r}" if name else "An operation name is required"
            raise GraphQLError(what, "operationNotFound")
        return found[0]

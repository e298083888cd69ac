"""From text to a document: operations with variables, fields with aliases, arguments, directives, fragments."""

from __future__ import annotations

from sandbox.shops.shopify.graphql.reader import Reader
from sandbox.shops.shopify.graphql.syntax import (
    Directive,
    Document,
    Field,
    Fragment,
    GraphQLError,
    Inline,
    Operation,
    Selection,
    Spread,
    VariableDef,
)


def parse(text: str) -> Document:
    """GraphQLError with line and column when the text is no document."""
    reader = Reader(text)
    operations: list[Operation] = []
    fragments: dict[str, Fragment] = {}
    while reader.now.kind != "end":
        if reader.now.text == "fragment":
            fragment = _fragment(reader)
            fragments[fragment.name] = fragment
        else:
            operations.append(_operation(reader))
    if not operations:
        raise GraphQLError("No operation to run", "operationNotFound")
    return Document(tuple(operations), fragments)


def _operation(reader: Reader) -> Operation:
    at = reader.now.at
    if reader.now.text == "{":
        return Operation("query", "", (), _selections(reader), at)
    kind = reader.now.text
    if kind not in ("query", "mutation"):
        raise reader.unexpected()
    reader.name()
    name = reader.name() if reader.now.kind == "name" else ""
    variables: list[VariableDef] = []
    if reader.now.text == "(":
        variables = reader.inside("(", ")", lambda: _variable(reader))
    _directives(reader)
    return Operation(kind, name, tuple(variables), _selections(reader), at)


def _variable(reader: Reader) -> VariableDef:
    reader.want("$")
    name = reader.name()
    reader.want(":")
    kind = reader.type()
    if not reader.take("="):
        return VariableDef(name, kind)
    return VariableDef(name, kind, reader.value(), has_default=True)


def _fragment(reader: Reader) -> Fragment:
    at = reader.now.at
    reader.want("fragment")
    name = reader.name()
    reader.want("on")
    return Fragment(name, reader.name(), _selections(reader), at)


def _selections(reader: Reader) -> tuple[Selection, ...]:
    return tuple(reader.inside("{", "}", lambda: _selection(reader)))


def _selection(reader: Reader) -> Selection:
    at = reader.now.at
    if reader.take("..."):
        if reader.now.kind == "name" and reader.now.text != "on":
            return Spread(reader.name(), _directives(reader), at)
        on = reader.name() if reader.take("on") else ""
        return Inline(on, _directives(reader), _selections(reader), at)
    name, alias = reader.name(), ""
    if reader.take(":"):
        alias, name = name, reader.name()
    args, directives = reader.args(), _directives(reader)
    inner = _selections(reader) if reader.now.text == "{" else ()
    return Field(name, alias, args, directives, inner, at)


def _directives(reader: Reader) -> tuple[Directive, ...]:
    found = []
    while reader.now.text == "@":
        at = reader.now.at
        reader.want("@")
        found.append(Directive(reader.name(), reader.args(), at))
    return tuple(found)

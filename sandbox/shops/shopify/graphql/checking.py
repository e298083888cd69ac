"""Checking a document against the schema before anything runs, with the platform's words for what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.shops.shopify.graphql.schema import ObjectType, Schema
from sandbox.shops.shopify.graphql.syntax import (
    Directive,
    Document,
    Field,
    GraphQLError,
    Inline,
    Operation,
    Selection,
    Spread,
    Variable,
)

DIRECTIVES = {"include": {"if"}, "skip": {"if"}, "idempotent": {"key"}}


def problems(schema: Schema, document: Document, operation: Operation) -> list[GraphQLError]:
    """Everything that is wrong with the operation; empty when it may run."""
    root = schema.objects[schema.roots[operation.kind]]
    checker = _Checker(schema, document, {variable.name for variable in operation.variables})
    path = (f"{operation.kind} {operation.name}".strip(),)
    found = list(checker.selections(root, operation.selections, path, ()))
    found += [
        GraphQLError(
            f"Variable ${name} is declared by {path[0]} but not used", "variableNotUsed", operation.at
        )
        for name in sorted(checker.declared - checker.used)
    ]
    return found


class _Checker:
    def __init__(self, schema: Schema, document: Document, declared: set[str]) -> None:
        self._schema = schema
        self._document = document
        self.declared = declared
        self.used: set[str] = set()

    def selections(
        self, on: ObjectType, selections: Iterable[Selection], path: tuple[str, ...], inside: tuple[str, ...]
    ) -> Iterator[GraphQLError]:
        """`inside` names the fragments we are in, so that one that holds itself is found."""
        for selection in selections:
            yield from self._directives(selection.directives, path)
            if isinstance(selection, Field):
                yield from self._field(on, selection, (*path, selection.key), inside)
            elif isinstance(selection, Inline):
                yield from self._fragment(on, selection.on, selection, path, inside)
            else:
                yield from self._spread(on, selection, path, inside)

    def _spread(
        self, on: ObjectType, spread: Spread, path: tuple[str, ...], inside: tuple[str, ...]
    ) -> Iterator[GraphQLError]:
        fragment = self._document.fragments.get(spread.name)
        if fragment is None:
            message = f"Fragment {spread.name} was used, but not defined"
            yield GraphQLError(message, "useAndDefineFragment", spread.at, path)
        elif spread.name in inside:
            yield GraphQLError(
                f"Fragment {spread.name} contains an infinite loop", "infiniteLoop", spread.at, path
            )
        else:
            group = Inline(fragment.on, (), fragment.selections, fragment.at)
            yield from self._fragment(on, fragment.on, group, path, (*inside, spread.name))

    def _fragment(
        self, on: ObjectType, condition: str, group: Inline, path: tuple[str, ...], inside: tuple[str, ...]
    ) -> Iterator[GraphQLError]:
        inner = self._schema.composite(condition or on.name)
        if inner is None:
            message = f"No such type {condition}, so it can't be a fragment condition"
            yield GraphQLError(message, "undefinedType", group.at, path)
        elif not self._schema.may_fit(on.name, condition):
            message = f"Fragment on {condition} can't be spread inside {on.name}"
            yield GraphQLError(message, "cannotSpreadFragment", group.at, path)
        else:
            yield from self.selections(inner, group.selections, path, inside)

    def _field(
        self, on: ObjectType, field: Field, path: tuple[str, ...], inside: tuple[str, ...]
    ) -> Iterator[GraphQLError]:
        if field.name == "__typename":
            return
        defined = on.fields.get(field.name)
        if defined is None:
            message = f"Field '{field.name}' doesn't exist on type '{on.name}'"
            yield GraphQLError(
                message, "undefinedField", field.at, path, typeName=on.name, fieldName=field.name
            )
            return
        for name in field.args:
            if name not in defined.args:
                message = f"Field '{field.name}' doesn't accept argument '{name}'"
                yield GraphQLError(message, "argumentNotAccepted", field.at, path, argumentName=name)
        yield from self._variables(field.args, field.at, path)
        inner = self._schema.composite(defined.type.base)
        if inner is None and field.selections:
            message = (
                f"Selections can't be made on scalars (field '{field.name}' returns {defined.type.base})"
            )
            yield GraphQLError(message, "selectionMismatch", field.at, path)
        elif inner is not None and not field.selections:
            message = f"Field must have selections (field '{field.name}' returns {inner.name} but has no selections)"
            yield GraphQLError(message, "selectionMismatch", field.at, path, nodeName=f"field '{field.name}'")
        elif inner is not None:
            yield from self.selections(inner, field.selections, path, inside)

    def _directives(self, directives: Iterable[Directive], path: tuple[str, ...]) -> Iterator[GraphQLError]:
        for directive in directives:
            if directive.name not in DIRECTIVES:
                message = f"Directive @{directive.name} is not defined"
                yield GraphQLError(message, "undefinedDirective", directive.at, path)
            elif set(directive.args) != DIRECTIVES[directive.name]:
                wanted = ", ".join(DIRECTIVES[directive.name])
                message = f"Directive '{directive.name}' is missing required arguments: {wanted}"
                yield GraphQLError(message, "missingRequiredArguments", directive.at, path)
            yield from self._variables(directive.args, directive.at, path)

    def _variables(
        self, args: Mapping[str, Any], at: tuple[int, int], path: tuple[str, ...]
    ) -> Iterator[GraphQLError]:
        for name in _named(args):
            self.used.add(name)
            if name not in self.declared:
                yield GraphQLError(
                    f"Variable ${name} is used but not declared", "variableNotDefined", at, path
                )


def _named(value: Any) -> Iterator[str]:
    """The variables that stand anywhere in a written value."""
    if isinstance(value, Variable):
        yield value.name
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)

"""Answering an operation, and what it costs: before it runs by the sizes asked for, after by what came (§4.4).

A view is a dict of a field's name to its value, or to a function of the field's arguments. Points: scalars 0,
objects 1, a connection 2 and its rows, a list as many times its rows, a mutation 10, page details nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.shops.shopify.graphql.schema import FieldDef, ObjectType, Schema
from sandbox.shops.shopify.graphql.syntax import (
    Document,
    Field,
    GraphQLError,
    Inline,
    Operation,
    Selection,
    Spread,
)
from sandbox.shops.shopify.graphql.values import filled, read_args

MUTATION_POINTS = 10
CONNECTION_POINTS = 2
PAGE_ARGS = ("first", "last")
MAX_PAGE = 250
_PAGED = ("nodes", "edges")

View = Mapping[str, Any]


class Run:
    """One operation with its variables. `idempotency_key` is what a mutation's directive gave."""

    def __init__(
        self, schema: Schema, document: Document, operation: Operation, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._document = document
        self._operation = operation
        self._variables = variables
        self._root = schema.objects[schema.roots[operation.kind]]
        self.actual = 0
        self.idempotency_key = ""

    @property
    def is_mutation(self) -> bool:
        return self._operation.kind == "mutation"

    # --- the price beforehand ---------------------------------------------------------------------------

    def requested(self) -> int:
        """Points if every list came as long as it may. GraphQLError for a page size nobody may ask for."""
        per_field = MUTATION_POINTS if self.is_mutation else 0
        fields = list(self._fields(self._root.name, self._operation.selections))
        return per_field * len(fields) + self._children(self._root, self._operation.selections, 1)

    def _children(self, on: ObjectType, selections: tuple[Selection, ...], page: int) -> int:
        """`page` is how many rows a connection around us may hold."""
        total = 0
        for typename, field in self._fields(on.name, selections):
            owner = self._schema.composite(typename)
            if owner is not None and field.name != "__typename":
                total += self._field_points(owner, field, page)
        return total

    def _field_points(self, on: ObjectType, field: Field, page: int) -> int:
        defined = on.fields[field.name]
        inner = self._schema.composite(defined.type.base)
        args = self._args(on, defined, field)
        if inner is None or inner.name == "PageInfo":
            return 0
        if inner.name.endswith("Connection"):
            return CONNECTION_POINTS + self._children(
                inner, field.selections, _page_size(args, field, required=True)
            )
        each = 1 + self._children(inner, field.selections, page)
        if field.name in _PAGED and on.name.endswith("Connection"):
            return page * (each - 1 if field.name == "edges" else each)
        if defined.type.of is not None:
            rows = args.get("ids")
            return each * (len(rows) if isinstance(rows, list) else _page_size(args, field, required=False))
        return each

    # --- the answer -------------------------------------------------------------------------------------

    def answer(self, root: View) -> dict[str, Any]:
        if self.is_mutation:
            fields = list(self._fields(self._root.name, self._operation.selections))
            self.actual += MUTATION_POINTS * len(fields)
        return self._object(self._root, root, self._operation.selections)

    def _object(self, on: ObjectType, view: View, selections: tuple[Selection, ...]) -> dict[str, Any]:
        typename = str(view.get("__typename") or on.name)
        own = self._schema.objects.get(typename, on)
        found: dict[str, Any] = {}
        for _, field in self._fields(typename, selections):
            if field.name == "__typename":
                found[field.key] = typename
                continue
            value = self._value(own, view, field)
            found[field.key] = _merged(found.get(field.key), value)
        return found

    def _value(self, on: ObjectType, view: View, field: Field) -> Any:
        defined = on.fields[field.name]
        args = self._args(on, defined, field)
        for directive in field.directives:
            if directive.name == "idempotent":
                self.idempotency_key = str(filled(directive.args["key"], self._variables) or "")
        value = view[field.name]
        value = value(args) if callable(value) else value
        inner = self._schema.composite(defined.type.base)
        if inner is None or value is None:
            return value
        if defined.type.of is not None:
            return [None if row is None else self._counted(inner, row, field, on) for row in value]
        return self._counted(inner, value, field, on)

    def _counted(self, inner: ObjectType, view: View, field: Field, on: ObjectType) -> dict[str, Any]:
        if inner.name.endswith("Connection"):
            self.actual += CONNECTION_POINTS
        elif inner.name != "PageInfo" and not (field.name == "edges" and on.name.endswith("Connection")):
            self.actual += 1
        return self._object(inner, view, field.selections)

    # --- shared -----------------------------------------------------------------------------------------

    def _args(self, on: ObjectType, defined: FieldDef, field: Field) -> dict[str, Any]:
        where = f"Field '{field.name}' on {on.name}"
        return read_args(self._schema, defined.args, field.args, self._variables, where, field.at)

    def _fields(self, typename: str, selections: tuple[Selection, ...]) -> Iterator[tuple[str, Field]]:
        """The fields that apply to an object of this type, each with the type that has it, through fragments
        and @include/@skip. An interface (before the object is known) takes the fields of every fragment: the
        price is the dearest."""
        for selection in selections:
            if not self._included(selection):
                continue
            if isinstance(selection, Field):
                yield typename, selection
            else:
                condition, inner = self._group(selection)
                if self._applies(typename, condition):
                    yield from self._fields(self._narrowed(typename, condition), inner)

    def _group(self, selection: Spread | Inline) -> tuple[str, tuple[Selection, ...]]:
        if isinstance(selection, Inline):
            return selection.on, selection.selections
        fragment = self._document.fragments[selection.name]
        return fragment.on, fragment.selections

    def _applies(self, typename: str, condition: str) -> bool:
        return typename in self._schema.interfaces or self._schema.fits(typename, condition)

    def _narrowed(self, typename: str, condition: str) -> str:
        return condition if typename in self._schema.interfaces and condition else typename

    def _included(self, selection: Selection) -> bool:
        for directive in selection.directives:
            if directive.name in ("include", "skip"):
                value = filled(directive.args["if"], self._variables)
                if not isinstance(value, bool):
                    raise GraphQLError(f"@{directive.name} expects a Boolean", "argumentLiteralsIncompatible")
                if value is (directive.name == "skip"):
                    return False
        return True


def _page_size(args: Mapping[str, Any], field: Field, *, required: bool) -> int:
    size = next((args[name] for name in PAGE_ARGS if args.get(name) is not None), None)
    if size is None:
        if required:
            message = "you must provide one of first or last"
            raise GraphQLError(message, "BAD_REQUEST", field.at, (field.key,))
        return 1
    if not 0 < size <= MAX_PAGE:
        message = f"first: must be between 1 and {MAX_PAGE}, got {size}"
        raise GraphQLError(message, "BAD_REQUEST", field.at, (field.key,))
    return int(size)


def _merged(before: Any, now: Any) -> Any:
    """The same field asked for twice: its parts together."""
    if isinstance(before, dict) and isinstance(now, dict):
        return before | {key: _merged(before.get(key), value) for key, value in now.items()}
    if isinstance(before, list) and isinstance(now, list):
        return [_merged(old, new) for old, new in zip(before, now, strict=True)]
    return now

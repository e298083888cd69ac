"""One GraphQL request: read, checked, priced, paid for, run (platforms.md §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.graphql.checking import problems
from sandbox.shops.shopify.graphql.documents import parse
from sandbox.shops.shopify.graphql.running import Run
from sandbox.shops.shopify.graphql.schema import read_schema
from sandbox.shops.shopify.graphql.syntax import Field, GraphQLError
from sandbox.shops.shopify.graphql.values import read_variables
from sandbox.shops.shopify.quota import Quota
from sandbox.shops.shopify.reading import query_root
from sandbox.shops.shopify.schema_text import SCHEMA as SCHEMA_TEXT
from sandbox.shops.shopify.writing import mutation_root

SCHEMA = read_schema(SCHEMA_TEXT)


def name_of(body: Mapping[str, Any]) -> str:
    """`RefundCreate refundCreate`: the operation's name and its root fields, for faults and the log."""
    try:
        operation = parse(str(body.get("query") or "")).operation(str(body.get("operationName") or ""))
    except GraphQLError:
        return ""
    fields = [selection.name for selection in operation.selections if isinstance(selection, Field)]
    return " ".join([operation.name, *fields]).strip()


def answer(call: Call, quota: Quota, body: Mapping[str, Any]) -> dict[str, Any]:
    """The whole answer, `extensions.cost` included; refusals stand in `errors`, as always with HTTP 200."""
    requested = 0
    try:
        run = _prepared(body)
        requested = run.requested()
        quota.take(call.grant.token, requested)
    except _Wrong as wrong:
        return {"errors": [error.entry() for error in wrong.errors]}
    except GraphQLError as error:
        if error.code in ("THROTTLED", "MAX_COST_EXCEEDED"):
            cost = quota.cost(call.grant.token, requested, None)
            return {"errors": [error.entry()], "extensions": {"cost": cost}}
        return {"errors": [error.entry()]}
    return _run(call, quota, run, requested)


class _Wrong(Exception):
    """A document that does not fit the schema, with all that is wrong with it."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(str(errors))
        self.errors = errors


def _prepared(body: Mapping[str, Any]) -> Run:
    query, variables = body.get("query"), body.get("variables") or {}
    if not isinstance(query, str) or not query.strip():
        raise GraphQLError("Required parameter missing or invalid: query", "BAD_REQUEST")
    if not isinstance(variables, dict):
        raise GraphQLError("Variables are not a JSON object", "BAD_REQUEST")
    document = parse(query)
    operation = document.operation(str(body.get("operationName") or ""))
    if wrong := problems(SCHEMA, document, operation):
        raise _Wrong(wrong)
    return Run(SCHEMA, document, operation, read_variables(SCHEMA, operation, variables))


def _run(call: Call, quota: Quota, run: Run, requested: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        root = mutation_root(call, run) if run.is_mutation else query_root(call)
        found["data"] = run.answer(root)
    except GraphQLError as error:
        found = {"data": None, "errors": [error.entry()]}
    quota.give_back(call.grant.token, requested - run.actual)
    return found | {"extensions": {"cost": quota.cost(call.grant.token, requested, run.actual)}}

"""The simulator's GraphQL: what it reads, what it refuses and in which words, what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.shops.shopify.answering import SCHEMA
from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.graphql.documents import parse
from sandbox.shops.shopify.graphql.running import Run
from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.shops.shopify.reading import query_root
from sandbox.shops.shopify.writing import mutation_root
from tests.sandbox.shopify_kit import Shopify, shopify

NODES = """{ nodes(ids: ["gid://shopify/Order/1", "gid://shopify/Order/2"]) {
  ... on Order { refunds(first: 3) { totalRefundedSet { shopMoney { amount } } } }
} }"""


@pytest.fixture
async def far() -> AsyncIterator[Shopify]:
    async with shopify() as world:
        yield world


async def errors(far: Shopify, query: str, variables: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await far.graphql(query, variables)).get("errors", [])
    return found


async def test_aliases_arguments_variables_fragments_and_edges(far: Shopify) -> None:
    number = far.order(items=[{"price": "40.50", "num": 2}])
    query = """
      # both ways to read a connection, in one document
      query Two($n: Int = 5, $with: Boolean!) {
        mine: orders(first: $n, sortKey: UPDATED_AT, reverse: true) { edges { cursor node { ...Short } } }
        again: orders(first: 1) { nodes { ...Short total: totalPriceSet { shopMoney { amount currencyCode } } } }
        shop { __typename name @include(if: $with) currencyCode @skip(if: $with) }
      }
      fragment Short on Order { id, name, ... on Node { __typename } }
    """
    data = await far.data(query, {"with": True})
    node = data["mine"]["edges"][0]["node"]
    assert node == {"id": f"gid://shopify/Order/{number}", "name": "#1001", "__typename": "Order"}
    assert data["again"]["nodes"][0]["total"] == {"shopMoney": {"amount": "81.00", "currencyCode": "USD"}}
    assert data["shop"] == {"__typename": "Shop", "name": "Shopify 美国站"}


async def test_the_named_operation_runs(far: Shopify) -> None:
    body = {"query": "query A { shop { id } } query B { shop { name } }", "operationName": "B"}
    row = far.credential()
    url = f"{row['api_base']}/admin/api/2026-01/graphql.json"
    async with far.http.post(
        url, json=body, headers={"X-Shopify-Access-Token": row["access_token"]}
    ) as reply:
        assert (await reply.json())["data"] == {"shop": {"name": "Shopify 美国站"}}


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("{ shop { nam } }", "undefinedField", "Field 'nam' doesn't exist on type 'Shop'"),
        ("{ shop(id: 1) { name } }", "argumentNotAccepted", "doesn't accept argument 'id'"),
        ("{ shop }", "selectionMismatch", "must have selections"),
        ("{ shop { name { x } } }", "selectionMismatch", "can't be made on scalars"),
        ("{ order { id } }", "missingRequiredArguments", "missing required arguments: id"),
        ("{ orders(first: 0) { nodes { id } } }", "BAD_REQUEST", "between 1 and 250"),
        ("{ orders(first: 251) { nodes { id } } }", "BAD_REQUEST", "between 1 and 250"),
        ("{ orders { nodes { id } } }", "BAD_REQUEST", "one of first or last"),
        ('{ orders(first: "1") { nodes { id } } }', "argumentLiteralsIncompatible", "Int"),
        ("{ orders(first: 1, sortKey: SIZE) { nodes { id } } }", "argumentLiteralsIncompatible", "one of"),
        ("{ orders(first: 1, after: \"x\") { nodes { id } } }", "BAD_REQUEST", "Invalid cursor"),
        ("{ orders(first: 1, query: \"colour:red\") { nodes { id } } }", "INVALID_SEARCH", "colour"),
        ("{ orders(first: 1, query: \"updated_at:>soon\") { nodes { id } } }", "INVALID_SEARCH", "no time"),
        ("{ shop { ...Gone } }", "useAndDefineFragment", "Gone"),
        ("{ shop { ...A } } fragment A on Shop { ...A }", "infiniteLoop", "infinite loop"),
        ("{ shop { ... on Order { id } } }", "cannotSpreadFragment", "Order"),
        ("query Q($a: Int) { shop { name } }", "variableNotUsed", "$a"),
        ("{ orders(first: $n) { nodes { id } } }", "variableNotDefined", "$n"),
        ("{ shop { name @loud } }", "undefinedDirective", "@loud"),
        ('{ order(id: "7") { id } }', "argumentLiteralsIncompatible", "Invalid global id"),
        ("{ shop { name }", "parseError", "end of file"),
        ("subscription { shop }", "parseError", "subscription"),
        ("{ shop { name ? } }", "parseError", "invalid token"),
        ("", "BAD_REQUEST", "query"),
        ("{" * 60, "parseError", ""),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_nothing_runs(
    far: Shopify, query: str, code: str, words: str
) -> None:
    found = await errors(far, query)
    assert [row["extensions"]["code"] for row in found] == [code]
    assert words in found[0]["message"]


async def test_every_fault_is_listed_with_its_place(far: Shopify) -> None:
    found = await errors(far, "{\n  shop { a }\n  orders(first: 1) { b }\n}")
    assert [row["locations"][0] for row in found] == [{"line": 2, "column": 10}, {"line": 3, "column": 22}]


@pytest.mark.parametrize("value", [None, "x", 1.5, 2**31, [1, 2], True])
async def test_variables_must_fit_their_type(far: Shopify, value: object) -> None:
    found = await errors(far, "query Q($n: Int!) { orders(first: $n) { nodes { id } } }", {"n": value})
    assert found[0]["extensions"]["code"] == "INVALID_VARIABLE"


async def test_an_unknown_field_of_an_input_is_refused(far: Shopify) -> None:
    query = "mutation M($i: OrderInput!) { orderUpdate(input: $i) { order { id } } }"
    found = await errors(far, query, {"i": {"id": "gid://shopify/Order/1", "colour": "red"}})
    assert "colour" in str(found)


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ shop { name } }", 1),
        ("{ orders(first: 250) { nodes { id } pageInfo { hasNextPage } } }", 252),
        ("{ orders(first: 10) { edges { node { lineItems(first: 5) { nodes { id } } } } } }", 2 + 10 * (1 + 2 + 5)),
        (NODES, 2 * (1 + 3 * 3)),
        ('mutation { orderClose(input: {id: "gid://shopify/Order/1"}) { userErrors { message } } }', 10 + 1 + 1),
    ],
)  # fmt: skip
async def test_the_price_beforehand(far: Shopify, query: str, points: int) -> None:
    cost = (await far.graphql(query))["extensions"]["cost"]
    assert cost["requestedQueryCost"] == points


async def test_what_did_not_come_is_given_back(far: Shopify) -> None:
    far.order()
    cost = (await far.graphql("{ orders(first: 100) { nodes { id } } }"))["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (102, 3)
    assert cost["throttleStatus"] == {
        "maximumAvailable": 2000.0, "currentlyAvailable": 1997, "restoreRate": 100.0
    }  # fmt: skip


async def test_too_dear_a_query_is_refused_for_ever(far: Shopify) -> None:
    found = await errors(far, "{ orders(first: 250) { nodes { lineItems(first: 3) { nodes { id } } } } }")
    assert found[0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


async def test_an_empty_bucket_throttles_until_the_points_come_back(far: Shopify) -> None:
    far.world.switches["shopify.bucket"] = "300"
    for _ in range(149):
        far.order(items=[{}])
    dear = "{ orders(first: 149) { nodes { id } } }"
    assert "errors" not in await far.graphql(dear)
    assert "errors" not in await far.graphql("{ orders(first: 140) { nodes { id } } }")
    refused = await far.graphql(dear)
    assert refused["errors"][0]["extensions"]["code"] == "THROTTLED"
    cost = refused["extensions"]["cost"]
    missing = cost["requestedQueryCost"] - cost["throttleStatus"]["currentlyAvailable"]
    far.world.clock.advance(missing / cost["throttleStatus"]["restoreRate"])
    assert "errors" not in await far.graphql(dear)


async def test_every_field_of_the_schema_has_an_answer(far: Shopify) -> None:
    """The schema promises nothing that the views do not hold."""
    number = far.order(status="partially_shipped", items=[{"num": 2}, {}], refund={"amount": "1.00"})
    grant = next(iter(far.shops.books.grants.values()))
    call = Call(far.shops.books, grant, far.shops.books.shops["shopify-us"], "2026-01")
    document = parse("{ shop { id } }")
    run = Run(SCHEMA, document, document.operation(""), {})
    roots = {"QueryRoot": query_root(call), "Mutation": mutation_root(call, run)}
    for name, view in roots.items():
        assert set(SCHEMA.objects[name].fields) <= set(view), name
    order = roots["QueryRoot"]["order"]({"id": f"gid://shopify/Order/{number}"})
    seen: set[str] = set()
    _check(order, "Order", seen, depth=4)
    _check(roots["QueryRoot"]["shop"], "Shop", seen, depth=1)
    assert {"Refund", "Fulfillment", "LineItem", "OrderTransaction", "FulfillmentOrderLineItem"} <= seen


def _check(view: Any, typename: str, seen: set[str], depth: int) -> None:
    kind = SCHEMA.objects.get(typename)
    if kind is None or view is None or depth == 0:
        return
    seen.add(typename)
    for name, defined in kind.fields.items():
        assert name in view, f"{typename}.{name}"
        value = view[name]({"first": 5}) if callable(view[name]) else view[name]
        if value is None:
            assert not defined.type.required, f"{typename}.{name} is null"
        for row in value if isinstance(value, list) else [value]:
            _check(
                row, defined.type.base, seen, depth - (0 if typename.endswith(("Connection", "Edge")) else 1)
            )


def test_block_strings_numbers_and_nulls() -> None:
    document = parse('{ a(x: """two\nlines""", y: -1.5e3, z: null, w: [1, 2], v: {k: ENUM}, u: "\\u00e9") }')
    field = document.operations[0].selections[0]
    assert getattr(field, "args") == {  # noqa: B009 - a selection may be a spread as well
        "x": "two\nlines", "y": -1500.0, "z": None, "w": [1, 2], "v": {"k": "ENUM"}, "u": "é"
    }  # fmt: skip


def test_a_very_long_document_is_refused() -> None:
    with pytest.raises(GraphQLError, match="longer"):
        parse("{ a }" + " " * 60_000)

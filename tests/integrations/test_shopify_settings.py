"""Settings that would break the platform's limits are refused at start; the folder says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from domain.clock import ManualClock
from domain.ports import StartsRefunds
from integrations.commerce import find_connectors
from integrations.commerce.shopify import CAPABILITIES, ShopifySettings, build, queries
from integrations.commerce.shopify.settings import MAX_ORDERS_PER_CALL, MAX_PAGE
from sandbox.shops.shopify.answering import SCHEMA
from sandbox.shops.shopify.graphql.checking import problems
from sandbox.shops.shopify.graphql.documents import parse
from sandbox.shops.shopify.graphql.running import Run
from sandbox.shops.shopify.quota import MAX_QUERY_POINTS
from tests.sandbox.shopify_kit import NOON

FOLDER = Path("integrations/commerce/shopify")
BASE = "https://some-shop.myshopify.com"
DOCUMENTS = {name: text for name, text in vars(queries).items() if name.isupper() and not name.startswith("_")
             and isinstance(text, str)}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"page_size": 251}, "page_size"),
        ({"page_size": 0}, "page_size"),
        ({"orders_per_call": 9}, "1000 点"),
        ({"orders_per_call": 0}, "orders_per_call"),
        ({"api_version": "2026-02"}, "api_version"),
        ({"api_version": "2025-10"}, "重复退款"),
        ({"api_version": "latest"}, "api_version"),
        ({"api_base": "some-shop.myshopify.com"}, "api_base"),
        ({"api_base": "ftp://x"}, "api_base"),
        ({"shop_domain": "www.example.com"}, "shop_domain"),
        ({"shop_domain": "Some-Shop.myshopify.com"}, "shop_domain"),
        ({"window_hours": 0}, "window_hours"),
        ({"window_hours": 745}, "window_hours"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_a_setting_that_breaks_a_limit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ShopifySettings(**({"api_base": BASE, "access_token": "shpat_x"} | change))


def test_settings_do_not_show_secrets() -> None:
    shown = repr(ShopifySettings(BASE, "shpat_secret", "shpss_secret"))
    assert "shpat_secret" not in shown
    assert "shpss_secret" not in shown


def test_the_shop_s_own_name_is_taken_from_the_address() -> None:
    assert ShopifySettings(BASE, "t").domain == "some-shop.myshopify.com"
    assert (
        ShopifySettings("http://127.0.0.1:1/x", "t", shop_domain="a.myshopify.com").domain
        == "a.myshopify.com"
    )


async def test_what_the_shop_can_do_follows_its_settings() -> None:
    async with aiohttp.ClientSession() as session:
        plain = build("us", ShopifySettings(BASE, "t", "s"), session, ManualClock(NOON))
        wide = build(
            "us",
            ShopifySettings(BASE, "t", all_orders=True, page_size=50, window_hours=1),
            session,
            ManualClock(NOON),
        )
    assert (plain.capabilities.history_days, plain.capabilities.push_kind) == (60, "signed_webhook")
    assert (wide.capabilities.history_days, wide.capabilities.push_kind) == (3650, "none")
    assert (wide.capabilities.page_size, wide.capabilities.max_window_seconds) == (50, 3600)
    assert CAPABILITIES.refund == "create"
    assert isinstance(plain, StartsRefunds)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_our_documents_fit_the_schema_and_the_price_of_one_call(name: str) -> None:
    page = queries.MORE_LINES if name == "ORDER_LINES" else MAX_PAGE
    check(DOCUMENTS[name], {"first": page, "ids": [], "id": "x", "query": "", "key": "k", "input": INPUT})


@pytest.mark.parametrize("personal", [True, False])
def test_a_full_batch_of_orders_is_affordable(personal: bool) -> None:
    document = queries.orders_by_id(customer_data=personal)
    assert check(document, {"ids": ["gid://shopify/Order/1"] * MAX_ORDERS_PER_CALL}) <= MAX_QUERY_POINTS
    assert ("shippingAddress" in document) is personal


INPUT = {"orderId": "gid://shopify/Order/1"}


def check(text: str, variables: dict[str, Any]) -> int:
    document = parse(text)
    operation = document.operation("")
    assert [error.message for error in problems(SCHEMA, document, operation)] == []
    wanted = {variable.name: variables.get(variable.name) for variable in operation.variables}
    points = Run(SCHEMA, document, operation, wanted).requested()
    assert points <= MAX_QUERY_POINTS
    return points


def test_the_package_is_found_by_its_place() -> None:
    platform = find_connectors()["shopify"]
    assert platform.SETTINGS is ShopifySettings
    assert platform.build is build


def test_the_manifest_says_what_the_code_does() -> None:
    manifest = yaml.safe_load((FOLDER / "manifest.yaml").read_text())
    code = "".join(path.read_text() for path in FOLDER.glob("*.py"))
    assert set(manifest["methods"]) == set(re.findall(r"(?:query|mutation) (\w+)\(", code))
    assert manifest["capabilities"]["refund"].startswith(CAPABILITIES.refund)
    for name, row in manifest["quality"].items():
        assert row["status"] in ("done", "todo", "exempt"), name
        assert row["comment"], name

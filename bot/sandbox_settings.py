"""Settings made from what the sandbox tells of its apps: for `demo`, and for a `serve` beside a `sandbox`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot import places
from bot.schema import fields_of
from bot.settings import Settings, settings_of
from bot.settings_file import Document
from domain.staff import ROLE_NAMES, Role

Credentials = Mapping[str, Any]

_ROLES = {name: role for role, name in ROLE_NAMES.items()}
_SCOPES: Mapping[Role, Mapping[str, list[str]]] = {
    Role.SERVICE: {"regions": ["华东"]},
    Role.WAREHOUSE: {"warehouses": ["HZ1"]},
}
_WAREHOUSES = ("HZ1", "HZ2")  # of the first and second shop
_PULLS_PER_SECOND = 40  # under the sandbox's own limit of 50


def settings_data(credentials: Credentials, *, port: int, folder: Path) -> dict[str, Any]:
    """Plain settings data, as config.yaml would hold it; the database stands in `folder`."""
    return {
        "server": {"host": "127.0.0.1", "port": port, "public_url": f"http://127.0.0.1:{port}"},
        "database": {"url": f"sqlite+aiosqlite:///{(folder / 'qianshao.db').absolute()}"},
        "chat": {name: _apps(name, credentials[name]) for name in places.names(places.DOORS)},
        "shops": _shops(credentials["shops"]),
        "files": {"folder": str((folder / "inbox").absolute())},
        "payments": _payments(credentials.get("payments", {})),
        "staff": [_person(person) for person in credentials["people"] if person["role"] in _ROLES],
    }


def sandbox_settings(credentials: Credentials, *, port: int, folder: Path) -> Settings:
    return settings_of(Document("demo", settings_data(credentials, port=port, folder=folder)))


def _apps(platform: str, apps: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a platform's settings know of each app; the sandbox tells more."""
    known = fields_of(places.door_package(platform).settings)
    return {str(app["app"]): {key: app[key] for key in known if key in app} for app in apps}


def _shops(by_platform: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    shops: dict[str, dict[str, Any]] = {}
    for platform, credentials in by_platform.items():
        known = fields_of(places.shop_package(platform).settings)
        for index, shop in enumerate(credentials):
            values = {key: shop[key] for key in known if key in shop}
            if "rate_per_second" in known:
                values["rate_per_second"] = _PULLS_PER_SECOND
            if "window_minutes" in known:
                values["window_minutes"] = 1440
            warehouse = _WAREHOUSES[min(index, len(_WAREHOUSES) - 1)]
            shops[str(shop["shop"])] = {
                **values,
                "platform": platform,
                "name": str(shop.get("name", shop["shop"])),
                "region": "华东",
                "warehouse": warehouse,
            }
    return shops


def _payments(by_provider: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Merchant accounts by their name in the settings."""
    accounts: dict[str, dict[str, Any]] = {}
    for provider, credentials in by_provider.items():
        known = fields_of(places.payment_package(provider).settings)
        for account in credentials:
            values = {key: account[key] for key in known if key in account}
            if "rate_per_second" in known:
                values["rate_per_second"] = _PULLS_PER_SECOND
            accounts[str(account["account"])] = {**values, "provider": provider, "name": str(account["name"])}
    return accounts


def _person(person: Mapping[str, str]) -> dict[str, Any]:
    role = _ROLES[person["role"]]
    accounts = {name: person[name] for name in places.names(places.DOORS) if name in person}
    return {"name": person["name"], "roles": [role.value], **_SCOPES.get(role, {}), "accounts": accounts}

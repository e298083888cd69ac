"""`chat:` and `shops:` of the settings, checked against the SETTINGS dataclass of the package in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot import places
from bot.missing import Missing, where_to_get
from bot.schema import check, fields_of, read, required_of
from bot.settings_errors import Path, dotted, unknown_choice, unknown_key
from bot.settings_file import Document


@dataclass(frozen=True)
class DoorSettings:
    """One app of one chat platform. `values` is the package's own dataclass; None while something is missing.

    `untouched`: nothing at all has been filled in, so nobody meant to use it yet.
    """

    platform: str
    app: str
    values: Any
    missing: tuple[Missing, ...] = ()
    untouched: bool = False


@dataclass(frozen=True)
class ShopCommon:
    """What every shop has, whatever its platform."""

    platform: str = ""
    name: str = ""
    region: str = ""
    warehouse: str = ""


@dataclass(frozen=True)
class ShopSettings:
    """One shop. `values` is None while something is missing: until then its orders come by `import`."""

    code: str
    common: ShopCommon
    values: Any
    missing: tuple[Missing, ...] = ()
    untouched: bool = False

    @property
    def platform(self) -> str:
        return self.common.platform

    @property
    def name(self) -> str:
        return self.common.name or self.code

    @property
    def region(self) -> str:
        return self.common.region

    @property
    def warehouse(self) -> str:
        return self.common.warehouse


@dataclass(frozen=True)
class PaymentSettings:
    """One merchant account at a payment provider. `values` is None while something is missing: until then its
    bills come as files."""

    account: str
    provider: str
    name: str
    values: Any
    missing: tuple[Missing, ...] = ()
    untouched: bool = False


def read_payments(document: Document) -> tuple[PaymentSettings, ...]:
    found: list[PaymentSettings] = []
    known = places.names(places.PAYMENTS)
    for account, data in _mapping(document, ("payments",)).items():
        here: Path = ("payments", account)
        entry = dict(_mapping(document, here, data))
        provider, name = entry.pop("provider", ""), entry.pop("name", account)
        if provider not in known:
            document.fault((*here, "provider"), unknown_choice(provider, known))
            continue
        package = places.payment_package(str(provider))
        values, missing, untouched = _far(document, package.settings, entry, here, str(provider))
        found.append(PaymentSettings(account, str(provider), str(name), values, missing, untouched))
    return tuple(found)


def read_doors(document: Document) -> tuple[DoorSettings, ...]:
    found: list[DoorSettings] = []
    known = places.names(places.DOORS)
    for platform, apps in _mapping(document, ("chat",)).items():
        here: Path = ("chat", platform)
        if platform not in known:
            document.fault(here, unknown_key(here, known))
            continue
        package = places.door_package(platform)
        for app, data in _mapping(document, here, apps).items():
            if not app.replace("-", "").replace("_", "").isalnum() or not app.isascii():
                document.fault((*here, app), "应用名只能用字母、数字、- 和 _，它会出现在回调地址里")
            values, missing, untouched = _far(document, package.settings, data, (*here, app), platform)
            found.append(DoorSettings(platform, app, values, missing, untouched))
    return tuple(found)


def read_shops(document: Document) -> tuple[ShopSettings, ...]:
    found: list[ShopSettings] = []
    for code, data in _mapping(document, ("shops",)).items():
        shop = _shop(document, code, _mapping(document, ("shops", code), data))
        if shop is not None:
            found.append(shop)
    return tuple(found)


def _shop(document: Document, code: str, data: Mapping[str, Any]) -> ShopSettings | None:
    here: Path = ("shops", code)
    known = places.names(places.SHOPS)
    platform = data.get("platform")
    if platform not in known:
        hint = unknown_choice(platform, known) if platform else f"写明平台，可选：{'、'.join(known)}"
        document.fault((*here, "platform"), hint)
        return None
    package = places.shop_package(str(platform))
    shared, own = fields_of(ShopCommon), fields_of(package.settings)
    for key in data:
        if key not in shared and key not in own:
            document.fault((*here, key), unknown_key((*here, key), {*shared, *own}))
    common = read(document, ShopCommon, {k: v for k, v in data.items() if k in shared}, here)
    specific = {key: value for key, value in data.items() if key in own}
    values, missing, untouched = _far(document, package.settings, specific, here, str(platform))
    return ShopSettings(code, common, values, missing, untouched)


def _far(
    document: Document, kind: type[Any], data: Any, path: Path, platform: str
) -> tuple[Any, tuple[Missing, ...], bool]:
    """The package's settings, what is still missing, and whether nobody has filled anything in."""
    if not isinstance(data, dict):
        document.fault(path, "要填一组设置（键: 值）")
        return None, (), True
    filled = {key: value for key, value in data.items() if value != ""}
    public_url = _mapping(document, ("server",)).get("public_url")
    if public_url and "public_url" in fields_of(kind):
        filled.setdefault("public_url", public_url)
    faults = len(document.problems)
    arguments = check(document, kind, filled, path)
    needed = required_of(kind)
    empty = [
        name
        for name in fields_of(kind)
        if name not in filled and (name in needed or (*path, name) in document.unset)
    ]
    missing = tuple(
        Missing(
            dotted((*path, name)),
            where_to_get(platform, name, kind),
            document.unset.get((*path, name), ""),
        )
        for name in empty
    )
    own = [name for name in needed if not name.endswith("_base")]  # base addresses ship filled in
    untouched = bool(own) and all(name in empty for name in own)
    if missing or len(document.problems) > faults:
        return None, missing, untouched
    try:
        return kind(**arguments), missing, untouched
    except ValueError as error:  # the package's own checks
        document.fault(path, str(error))
        return None, missing, untouched


def _mapping(document: Document, path: Path, data: Any = None) -> Mapping[str, Any]:
    value = document.data.get(str(path[0]), {}) if len(path) == 1 else data
    if isinstance(value, dict):
        return value
    if value is not None:
        document.fault(path, "要填一组设置（键: 值）")
    return {}

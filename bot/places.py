"""What is found by its place: chat doors, shop connectors, handlers, commands. Adding one edits no list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from cards.door import ChatDoor
from domain.payment import PaymentConnector
from domain.ports import ShopConnector
from integrations.payment.bill_reading import Dialect

DOORS = "integrations.chat"
SHOPS = "integrations.commerce"
PAYMENTS = "integrations.payment"


@dataclass(frozen=True)
class DoorPackage:
    """One package of `integrations/chat`: its settings dataclass and how to open a door with it:
    `build(app, settings, session, clock, commons=…)`."""

    platform: str
    settings: type[Any]
    build: Callable[..., ChatDoor]


@dataclass(frozen=True)
class ShopPackage:
    """One package of `integrations/commerce`; `build(code, settings, session, clock, commons=…)`."""

    platform: str
    settings: type[Any]
    build: Callable[..., ShopConnector]


@dataclass(frozen=True)
class PaymentPackage:
    """One package of `integrations/payment`; `build(account, name, settings, session, clock, commons=…)`;
    `dialect` reads its bills."""

    provider: str
    settings: type[Any]
    build: Callable[..., PaymentConnector]
    dialect: type[Dialect]


@cache
def names(place: str) -> tuple[str, ...]:
    """Packages standing directly in a folder, without importing them."""
    folder = importlib.import_module(place)
    return tuple(sorted(info.name for info in pkgutil.iter_modules(folder.__path__) if info.ispkg))


def door_package(platform: str) -> DoorPackage:
    module = importlib.import_module(f"{DOORS}.{platform}")
    return DoorPackage(str(module.PLATFORM), module.SETTINGS, module.build)


def shop_package(platform: str) -> ShopPackage:
    module = importlib.import_module(f"{SHOPS}.{platform}")
    return ShopPackage(str(module.PLATFORM), module.SETTINGS, module.build)


def payment_package(provider: str) -> PaymentPackage:
    module = importlib.import_module(f"{PAYMENTS}.{provider}")
    return PaymentPackage(str(module.PROVIDER), module.SETTINGS, module.build, module.DIALECT)


def modules(place: str) -> Mapping[str, ModuleType]:
    """Every module standing directly in a package, imported, by its short name."""
    folder = importlib.import_module(place)
    return {
        info.name: importlib.import_module(f"{place}.{info.name}")
        for info in pkgutil.iter_modules(folder.__path__)
    }


def exported(place: str, name: str) -> dict[str, Any]:
    """`name` of every module in the place that has one: `{module: value}`."""
    return {module: getattr(found, name) for module, found in modules(place).items() if hasattr(found, name)}

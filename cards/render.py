"""From a subject to the card one viewer sees. Views are found by their place: a module here with a SUBJECT."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from cards import sample_data
from cards.model import Card
from cards.sample_data import Sample
from cards.scene import Scene, ShopInfo, Viewer
from domain.chat import Account, SubjectRef
from domain.clock import ManualClock
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.staff import Role, Staff


class UnknownHere(Exception):
    """This version has nothing for it; during a release the newer one may."""


@cache
def views() -> Mapping[str, ModuleType]:
    """Every view module by the subject type it draws; two for one subject is an error at start."""
    found: dict[str, ModuleType] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if info.name == "render":
            continue
        module = importlib.import_module(f"cards.{info.name}")
        subject = getattr(module, "SUBJECT", None)
        if subject is None:
            continue
        if subject in found:
            raise ValueError(f"two views for '{subject}': {found[subject].__name__} and {module.__name__}")
        found[subject] = module
    return found


async def render(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """The card as this viewer may see it now; None when there is nothing (or nothing for these eyes)."""
    view = views().get(subject.type)
    if view is None:
        raise UnknownHere(f"no view for '{subject.type}' in this version")
    card: Card | None = await view.build(scene, uow, subject, params, viewer)
    return card


def gallery() -> list[Sample]:
    """Every card the product can send, from the `samples` of each view."""
    scene = Scene(
        ManualClock(sample_data.MOMENT),
        Policies(),
        _Nobody(),
        {
            sample_data.SHOP: ShopInfo(
                sample_data.SHOP, "天猫旗舰店", "taobao", "华东", "HZ1", "agree", connected=True
            )
        },
    )
    return [sample for _, view in sorted(views().items()) for sample in view.samples(scene)]


class _Nobody:
    """The gallery's staff directory: its viewers are given, nobody is looked up."""

    def by_account(self, _account: Account) -> Staff | None:
        return None

    def by_id(self, _staff_id: str) -> Staff | None:
        return None

    def with_roles(self, _roles: frozenset[Role]) -> tuple[Staff, ...]:
        return ()

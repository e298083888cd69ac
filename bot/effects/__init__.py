"""What the outbox can do at far systems besides chat, found by its place: a module here with EFFECTS."""

from __future__ import annotations

from collections.abc import Mapping

from bot import places
from bot.effects_types import EffectHandler


def find_effects() -> Mapping[str, EffectHandler]:
    """Every effect by its name; two of one name is an error at start."""
    found: dict[str, EffectHandler] = {}
    for module, effects in places.exported(__name__, "EFFECTS").items():
        for name, handler in effects.items():
            if name in found:
                raise ValueError(f"effect '{name}' is defined twice, once in bot/effects/{module}.py")
            found[name] = handler
    return found

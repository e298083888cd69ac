"""Response codes: one update each, 72 h (wecom.md §4.6)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.wecom import switches
from sandbox.wecom.apps import App, letters
from sandbox.wecom.errors import WecomError
from sandbox.world import World


@dataclass
class Code:
    """`tapper` is empty for the code a send returned."""

    value: str
    app: str
    message_id: str
    at: int  # seconds since 1970, sandbox clock
    tapper: str = ""
    used: bool = False


class Codes:
    """Every response_code handed out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._codes = {key: Code(**doc) for key, doc in world.store.all("wecom.code")}
        self._sent = {c.message_id: c for c in self._codes.values() if not c.tapper}

    def issue(self, app: str, message_id: str, tapper: str = "") -> str:
        code = Code(letters(40), app, message_id, self._world.clock.epoch(), tapper)
        self._codes[code.value] = code
        if not tapper:
            self._sent[message_id] = code
        self._save(code)
        return code.value

    def _save(self, code: Code) -> None:
        self._world.store.put("wecom.code", code.value, vars(code))

    def usable(self, value: object, app: App) -> Code:
        """The code if it may be used now: 60140 unknown, used or expired; 42015 another app's."""
        code = self._codes.get(value) if isinstance(value, str) else None
        if code is None:
            raise WecomError(60140)
        if code.app != app.name:
            raise WecomError(42015)
        life = switches.number(self._world, "response_code_hours") * 3600
        if code.used or self._world.clock.epoch() >= code.at + life:
            raise WecomError(60140, "invalid response_code, perhaps expired")
        return code

    def spend(self, code: Code) -> None:
        code.used = True
        self._save(code)
        if code.tapper and not switches.is_on(self._world, "codes_independent"):
            sent = self._sent.get(code.message_id)
            if sent is not None:
                sent.used = True
                self._save(sent)

"""The part of the control API that changes the world itself: faults, fidelity switches, the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox import wishes
from sandbox.faults import Fault
from sandbox.wishes import guarded
from sandbox.world import Refusal, World

NUMBER = r"\d+(\.\d+)?"


class Knobs:
    """/faults, /switches, /clock. `systems` names everything a fault may be planted in."""

    def __init__(self, world: World, systems: Callable[[], set[str]]) -> None:
        self._world = world
        self._systems = systems

    def routes(self) -> list[web.RouteDef]:
        table = [
            ("GET", "/faults", self.list_faults),
            ("POST", "/faults", self.plant),
            ("DELETE", "/faults", self.clear),
            ("GET", "/switches", self.list_switches),
            ("POST", "/switches", self.turn),
            ("GET", "/clock", self.read_clock),
            ("POST", "/clock", self.move_clock),
        ]
        return [web.route(method, path, guarded(handler)) for method, path, handler in table]

    async def list_faults(self, _request: web.Request) -> web.Response:
        return wishes.reply({"faults": self._world.faults.listing(), "known": self._world.known_faults})

    def _system(self, name: str) -> str:
        systems = self._systems()
        if name not in systems:
            raise Refusal(f"system: no {name!r}; expected one of {', '.join(sorted(systems))}")
        return name

    async def plant(self, request: web.Request) -> web.Response:
        body = await wishes.wish(request)
        fault = Fault(self._system(wishes.text(body, "system")), wishes.text(body, "kind"))
        kinds = self._world.known_faults.get(fault.system, {})
        if kinds and fault.kind not in kinds:
            raise Refusal(f"kind: {fault.system} knows no {fault.kind!r}; expected one of {', '.join(kinds)}")
        if ("rate" in body) == ("count" in body):
            raise Refusal("rate, count: expected exactly one of them")
        if "rate" in body:
            fault.rate = wishes.number(body, "rate")
            if not 0 < fault.rate <= 1:
                raise Refusal(f"rate: expected more than 0 and at most 1, got {fault.rate}")
        else:
            count = wishes.number(body, "count")
            if count < 1 or count != int(count):
                raise Refusal(f"count: expected a whole number of 1 or more, got {count}")
            fault.count = int(count)
        fault.args = {str(k): str(v) for k, v in wishes.table(body, "args").items()}
        self._world.faults.plant(fault)
        self._world.publish({"event": "fault", "system": fault.system, "kind": fault.kind})
        return await self.list_faults(request)

    async def clear(self, request: web.Request) -> web.Response:
        self._world.faults.clear(request.query.get("system") or None)
        self._world.publish({"event": "fault"})
        return await self.list_faults(request)

    async def list_switches(self, _request: web.Request) -> web.Response:
        known = self._world.known_switches
        names = [*known, *(name for name in self._world.switches if name not in known)]
        listing = [self._described(name) for name in names]
        return wishes.reply({"switches": listing})

    def _described(self, name: str) -> dict[str, Any]:
        default, meaning = self._world.known_switches.get(name, ("", ""))
        value = self._world.switch(name, default)
        return {"name": name, "value": value, "default": default, "meaning": meaning}

    async def turn(self, request: web.Request) -> web.Response:
        """`{name, value}` or `{name: value, …}`; a null value goes back to the default."""
        body = await wishes.wish(request)
        wanted = {wishes.text(body, "name"): body.get("value")} if "name" in body else body
        if not wanted:
            raise Refusal("name: missing; expected a switch's name")
        values = {name: self._switch_value(name, value) for name, value in wanted.items()}
        for name, value in values.items():
            if value is None:
                self._world.switches.pop(name, None)
            else:
                self._world.switches[name] = value
        self._world.publish({"event": "switch", "names": list(values)})
        return await self.list_switches(request)

    def _check_switch(self, name: str) -> None:
        """A system that described its switches has no others; one that did not may have any."""
        system = name.partition(".")[0]
        described = {known.partition(".")[0] for known in self._world.known_switches}
        if name not in self._world.known_switches and (system in described or system not in self._systems()):
            raise Refusal(f"name: no switch {name!r}; GET /sandbox/switches lists them", 404)

    def _switch_value(self, name: str, value: Any) -> str | None:
        self._check_switch(name)
        if value is None:
            return None
        if isinstance(value, bool):
            return "on" if value else "off"
        default = self._world.known_switches.get(name, ("", ""))[0]
        if default == "on" and value not in ("on", "off"):
            raise Refusal(f"{name}: expected on or off, got {value!r}")
        pattern = rf"{NUMBER}(-{NUMBER})?" if "-" in default else NUMBER
        if default[:1].isdigit() and not re.fullmatch(pattern, str(value)):
            raise Refusal(f"{name}: expected a number like {default}, got {value!r}")
        return str(value)

    async def read_clock(self, _request: web.Request) -> web.Response:
        clock = self._world.clock
        return wishes.reply({"now": clock.now().isoformat(), "frozen": clock.frozen})

    async def move_clock(self, request: web.Request) -> web.Response:
        """`{now, frozen?}` jumps, `{advance}` moves on by seconds, `{reset: true}` goes back to real time."""
        body = await wishes.wish(request)
        chosen = [name for name in ("now", "advance", "reset") if name in body]
        if len(chosen) != 1:
            raise Refusal("now, advance, reset: expected exactly one of them")
        if chosen == ["now"]:
            self._world.clock.set(wishes.moment(body, "now"), frozen=body.get("frozen") is True)
        elif chosen == ["advance"]:
            self._world.clock.advance(wishes.number(body, "advance"))
        else:
            self._world.clock.reset()
        self._world.publish({"event": "clock", "now": self._world.clock.now().isoformat()})
        return await self.read_clock(request)

"""The far sides of a replay: every call is answered with what the recording heard, nothing leaves the machine."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.replay.clock import passed
from bot.replay.codec import decode, decode_error
from bot.replay.far import SHOP, WALK, Answering, Asked, asked_for, ports_of, take_over
from bot.replay.gate import Gate
from bot.replay.tape import Recorder, trace_here
from cards.door import GroupMade, Sent
from domain.ports import ActionResult, NotFound, RemoteTemporary, Unreadable, Window

_TRACE = re.compile(
    r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])[0-9a-f]{16}(?![0-9a-zA-Z])"
)  # no order number, no fraction
_REST = timedelta(seconds=30)
_CLOSE = 15 * 60.0  # seconds two windows may differ by in sum and still be the same reading


def masked(text: str, known: frozenset[str]) -> str:
    """Without the names of chance in it: traces that the recording's own inbox does not have."""
    return _TRACE.sub(lambda found: found[0] if found[0] in known else "*", text)


@dataclass
class Strange:
    """A call that the recording does not know, or an effect of it that was not asked for. `why` for people."""

    far: str
    name: str
    key: str
    trace: str
    why: str


@dataclass
class _Recorded:
    entry: Mapping[str, Any]
    used: bool = False


@dataclass
class Players:
    """`recorder` sees what passes, as it would in a server that records."""

    recorder: Recorder
    known: frozenset[str]  # traces of the recording's inbox
    gate: Gate
    calls: dict[tuple[str, str, str], list[_Recorded]] = field(default_factory=lambda: defaultdict(list))
    strange: list[Strange] = field(default_factory=list)

    def load(self, entries: list[Mapping[str, Any]]) -> None:
        for entry in entries:
            name = (str(entry["far"]), str(entry["name"]), masked(str(entry["key"]), self.known))
            self.calls[name].append(_Recorded(entry))

    def attach(self, desk: Any) -> None:
        for far, (port, calls) in ports_of(desk).items():
            take_over(far, port, calls, self._through)
            if calls is SHOP:
                self._walk(far, port)

    async def _through(self, asked: Asked, _original: Answering) -> Any:
        return await self.recorder.through(asked, lambda: self._answer(asked))

    async def _answer(self, asked: Asked) -> Any:
        recorded = self._next(asked)
        if recorded is None:
            return self._unknown(asked)
        await self._answered(recorded)
        if "error" in recorded:
            raise decode_error(recorded["error"])
        answer = decode(recorded["answer"])
        if isinstance(answer, dict) and set(answer) == {"file", "content"}:
            return self._laid_down(asked, answer)
        return answer

    async def _answered(self, recorded: Mapping[str, Any]) -> None:
        """The moment at which the answer was there."""
        await self.gate.until(int(recorded["done"]))
        passed(int(recorded["done"]))

    def _next(self, asked: Asked) -> Mapping[str, Any] | None:
        """The first recorded call of this kind that was not played yet, before all one of the same trace."""
        calls = self.calls.get((asked.far, asked.call.name, masked(asked.key, self.known)), ())
        left = [one for one in calls if not one.used]
        if not left:
            return None
        one = self._same_trace(left) or left[0]
        one.used = True
        return one.entry

    def _same_trace(self, left: list[_Recorded]) -> _Recorded | None:
        here = trace_here()
        return next((one for one in left if here and one.entry["trace"] == here), None)

    def _laid_down(self, asked: Asked, answer: Mapping[str, Any]) -> Any:
        """A file that the far side gives goes where it was asked for."""
        folder = asked.given["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / answer["file"].path.name
        path.write_bytes(answer["content"])
        return replace(answer["file"], path=path)

    def _unknown(self, asked: Asked) -> Any:
        """Named as a difference; answered so that the day can go on."""
        before = self.calls.get((asked.far, asked.call.name, masked(asked.key, self.known)), [])
        name = asked.call.name
        if not asked.call.effect and before:
            self._note(asked, f"问了第 {len(before) + 1} 次，录像里只有 {len(before)} 次；用最后一次的回答")
            last = before[-1].entry
            if "error" in last:
                raise decode_error(last["error"])
            return decode(last["answer"])
        self._note(asked, "录像里没有这个调用")
        match name:
            case "send_text" | "send_card" | "send_file":
                return Sent({}, "replay")
            case "update_card":
                return asked.given["sent"].handle
            case "create_group":
                return GroupMade(f"replay-{asked.key}")
            case "change_group":
                return GroupMade(str(asked.given["chat_id"]))
            case "agree_refund" | "create_refund":
                return ActionResult("done", "回放", f"replay-{asked.key}")
            case "invite_refund" | "put_away":
                return None
            case "look":
                return ()
            case "get_order" | "get_refund":
                raise NotFound(f"录像里没有 {asked.key}")
            case "count_orders":
                return None
        raise RemoteTemporary(f"录像里没有 {asked.far} {name} {asked.key}")

    def _note(self, asked: Asked, why: str) -> None:
        self.strange.append(
            Strange(
                asked.far,
                asked.call.name,
                masked(asked.key, self.known),
                masked(trace_here(), self.known),
                why,
            )
        )

    # --- lists of orders -------------------------------------------------------------------------------------

    def _walk(self, far: str, shop: Any) -> None:
        async def walk(window: Window) -> AsyncIterator[Any]:
            asked = asked_for(far, WALK, {"window": window})
            one = self._nearest(far, window)
            if one is None:
                if not self._listed(far, window):
                    ends = f"{window.start.isoformat()} 到 {window.end.isoformat()}"
                    self._note(asked, f"录像里没有 {ends} 的列表")
                return
            one.used = True
            await self._answered(one.entry)
            for item in one.entry["answer"]:
                yield _order(decode(item))
            if "error" in one.entry:
                raise decode_error(one.entry["error"])

        object.__setattr__(shop, WALK.name, walk)

    def _nearest(self, far: str, window: Window) -> _Recorded | None:
        """The recorded list whose window is the same but for the moments that passed."""

        def distance(one: _Recorded) -> float:
            other: Window = decode(one.entry["window"])
            ends = (abs(other.start - window.start), abs(other.end - window.end))
            return sum(end.total_seconds() for end in ends)

        left = [one for one in self.calls.get((far, WALK.name, ""), ()) if not one.used]
        here = [one for one in left if one.entry["trace"] == trace_here()]
        best = min(here or left, key=distance, default=None)
        return best if best is not None and distance(best) <= _CLOSE else None

    def _listed(self, far: str, window: Window) -> bool:
        """Whether it is the rest of a time that was listed already, but for moments: a run whose reading took longer in
        the recording read to its end in one list less."""
        windows = [
            decode(one.entry["window"]) for one in self.calls.get((far, WALK.name, ""), ()) if one.used
        ]
        return any(other.start <= window.start and window.end <= other.end + _REST for other in windows)

    # --- at the end ------------------------------------------------------------------------------------------

    def not_asked(self) -> list[Strange]:
        """Effects that reached a far side in the recording and were not asked for now."""
        found: list[Strange] = []
        for (far, name, key), calls in self.calls.items():
            left = [one for one in calls if not one.used and one.entry.get("effect")]
            found += [Strange(far, name, key, "", "录像里做过，这次没有做") for _ in left]
        return found


def _order(value: Any) -> Any:
    assert isinstance(value, Unreadable) or hasattr(value, "key")
    return value

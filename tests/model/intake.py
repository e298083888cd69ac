"""From the platform to the inbox: sent until acknowledged, stored once, acknowledged after that (bot/receive.py)."""

from __future__ import annotations

from tests.model.state import NOBODY, Action, Guard, Item, Scene, State, Step, may, put, spend


def steps(scene: Scene, s: State) -> list[Step]:
    return [*_platform(s), *_web(scene, s)]


def _platform(s: State) -> list[Step]:
    found: list[Step] = []
    for n, call in enumerate(s.calls):
        if call.tries and not call.acked:  # a time-out and an answer that says no look the same to it
            sent = call._replace(tries=call.tries - 1, wire=call.wire + 1)
            found.append(Step(Action("platform sends", arg=n), s._replace(calls=put(s.calls, n, sent))))
        if call.wire and may(s, "copy"):
            twice = spend(s._replace(calls=put(s.calls, n, call._replace(wire=call.wire + 1))), "copy")
            found.append(Step(Action("network copies", arg=n, fault="a duplicate"), twice))
        if call.wire and s.web[0] == "":
            heard = s._replace(calls=put(s.calls, n, call._replace(wire=call.wire - 1)), web=("heard", n))
            found.append(Step(Action("web verifies", arg=n), heard))
    return found


def _web(scene: Scene, s: State) -> list[Step]:
    stage, n = s.web
    if not stage:
        return []
    found: list[Step] = []
    if stage == "heard" and not scene.has(Guard.STORE_FIRST):
        found.append(Step(Action("web acknowledges", arg=n), _acknowledge(s, n)._replace(web=("told", n))))
    elif stage in ("heard", "told"):
        found.append(Step(Action("web stores", arg=n), _after_store(_store(scene, s, n), stage, n)))
        if may(s, "cut"):
            cut = spend(_store(scene, s, n), "cut")._replace(web=("", -1))
            found.append(Step(Action("web stores", arg=n, fault="the commit's answer is lost: no 200"), cut))
    elif stage == "stored":
        found.append(Step(Action("web acknowledges", arg=n), _acknowledge(s, n)._replace(web=("", -1))))
        if may(s, "lost"):
            lost = spend(s._replace(web=("", -1)), "lost")
            found.append(Step(Action("web acknowledges", arg=n, fault="the 200 is lost"), lost))
    if may(s, "crash"):
        killed = spend(s._replace(web=("", -1)), "crash")
        found.append(Step(Action("web is killed", arg=n, fault="SIGKILL"), killed))
    return found


def _acknowledge(s: State, n: int) -> State:
    return s._replace(calls=put(s.calls, n, s.calls[n]._replace(acked=True)))


def _after_store(s: State, stage: str, n: int) -> State:
    return s._replace(web=("stored", n) if stage == "heard" else ("", -1))


def _store(scene: Scene, s: State, n: int) -> State:
    known = any(item.call == n for item in s.inbox)
    if known and scene.has(Guard.CALL_KEY):
        return s
    return s._replace(inbox=(*s.inbox, Item(n, "ready", NOBODY, "")))

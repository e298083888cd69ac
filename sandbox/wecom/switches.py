"""Fidelity switches of the WeCom simulator: what the reference leaves open or lets one turn (§10, §12)."""

from __future__ import annotations

import random

from sandbox.world import World

SWITCHES: dict[str, tuple[str, str]] = {
    "wecom.lag_ms": ("50-300", "milliseconds before a callback leaves: one number or a range"),
    "wecom.deadline_s": ("5", "seconds the bot has to answer a callback"),
    "wecom.deliveries": ("3", "deliveries of one callback in all"),
    "wecom.retry_spacing_s": ("5", "seconds between two deliveries of one callback"),
    "wecom.redraw_random": ("on", "a repeated delivery is encrypted anew"),
    "wecom.agent_id_element": ("AgentID", "spelling in callback XML: AgentID or AgentId"),
    "wecom.expired_as_40014": ("on", "an expired token is answered 40014; off: 42001"),
    "wecom.token_early_death_s": ("off", "seconds after which a token dies without notice, or off"),
    "wecom.same_token": (
        "on",
        "gettoken repeats the living token; off: a fresh one each time, old ones live on",
    ),
    "wecom.ip_allowlist": ("off", "comma list of caller addresses that are let in, or off"),
    "wecom.silent_drop": ("on", "messages over the per-member limits vanish with errcode 0"),
    "wecom.member_per_minute": ("30", "messages of one app to one member in a minute"),
    "wecom.member_per_hour": ("1000", "messages of one app to one member in an hour"),
    "wecom.account_limit": ("200", "accounts of the corp; 200 times as many person-times a day per app"),
    "wecom.response_code_hours": ("72", "life of a response_code in hours (older pages: 24)"),
    "wecom.failed_update_spends_code": ("off", "an update refused for its card uses up the code"),
    "wecom.tap_code_updates_all": (
        "on",
        "a tap's code with atall reaches every recipient; off: only the tapper",
    ),
    "wecom.codes_independent": ("on", "the send's code stays good after a tap's code was used"),
    "wecom.image_max_mb": ("2", "image upload limit in MB: 2, 5 or 10"),
    "wecom.deliver_files": ("off", "a file sent by a member reaches the app's callback"),
    "wecom.refuse_unicode_escapes": ("off", "a body holding \\uXXXX escapes is refused with 40033"),
    "wecom.old_app": ("off", "user/get shows mobile and email, as for apps made before 2022-06-20"),
}

FAULTS: dict[str, str] = {
    "429": "a business call is refused with 45009",
    "concurrency": "a business call is refused with 45033",
    "busy": "a business call is refused with -1",
    "5xx": "a call is answered HTTP 502 and does nothing",
    "token_revoked": "the token in use dies; the call is refused with 40014",
    "lost_answer": "a call does its work, then the connection closes without an answer",
    "slow": "a call is answered late: args.seconds, default 3",
    "late": "a callback leaves late: args.seconds, default 2",
    "duplicate": "a callback is delivered twice at the same time",
    "reorder": "a callback is overtaken by the member's next one",
}


def value(world: World, name: str) -> str:
    """The switch's value, else the default the reference states."""
    return world.switch(f"wecom.{name}", SWITCHES[f"wecom.{name}"][0])


def is_on(world: World, name: str) -> bool:
    return value(world, name) == "on"


def number(world: World, name: str) -> float:
    return float(value(world, name))


def lag_seconds(world: World) -> float:
    """The lag of one callback, drawn from the switch's range."""
    low, _, high = value(world, "lag_ms").partition("-")
    return random.uniform(float(low), float(high or low)) / 1000

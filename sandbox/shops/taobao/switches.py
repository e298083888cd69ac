"""Fidelity switches of the TOP simulator: what the reference leaves open or lets one turn (§14)."""

from __future__ import annotations

from sandbox.world import World

SWITCHES: dict[str, tuple[str, str]] = {
    "taobao.agree_amount": (
        "at_most",
        "agree takes any amount up to the applied one (at_most) or only that (exact)",
    ),
    "taobao.sms_code": ("off", "agree wants an SMS code: off, on, or from this many fen upwards"),
    "taobao.review_changes_version": (
        "off",
        "a Tmall review counts as a change and gives a new refund_version",
    ),
    "taobao.buyer_follows_memo": (
        "on",
        "a memo that promises 同意退款 ¥x makes the buyer apply for it at once",
    ),
    "taobao.calls_per_second": ("50", "calls one app may make in a second before code 7"),
    "taobao.calls_per_day": ("off", "calls one app may make in a day (GMT+8), or off"),
    "taobao.index_lag_s": ("0", "seconds until a change shows in the lists"),
    "taobao.clock_skew_s": (
        "0",
        "seconds the platform's clock is ahead, in its Date header and timestamp check",
    ),
    "taobao.churn": ("0", "orders that change after each list answer, to expose wrong page walks"),
    "taobao.decrypt_per_day": ("1000", "receivers one app may decrypt in a day"),
    "taobao.privacy_number": ("off", "decrypt answers a privacy number instead of the receiver's own"),
}

FAULTS: dict[str, str] = {
    "429": "code 7, limit of this app; seconds: the ban (1; more than 60 is the day's quota)",
    "5xx": "an HTTP error before anything is done; status: 502, 504 …",
    "html": "HTTP 200 with a web page instead of JSON",
    "isp": "code 15 with an isp.* sub_code, before anything is done",
    "reset": "the connection is cut before anything is done",
    "lost_answer": "done, and the connection is cut before the answer",
    "truncated": "half of the JSON",
    "slow": "the answer takes this many seconds; seconds: 3",
    "doubled": "a list answer holds a row twice",
    "bad_row": "a list answer holds a row that is no order; field: which is missing (created)",
    "token_revoked": "code 27, the session is not valid any more",
}


def value(world: World, name: str) -> str:
    """The switch's value, else the default the reference states."""
    return world.switch(f"taobao.{name}", SWITCHES[f"taobao.{name}"][0])


def number(world: World, name: str) -> float:
    return float(value(world, name))


def is_on(world: World, name: str) -> bool:
    return value(world, name) == "on"

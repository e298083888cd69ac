"""Fidelity switches and faults of the Shopify simulator: what the reference leaves open or lets one turn (§14)."""

from __future__ import annotations

from sandbox.world import World

SWITCHES: dict[str, tuple[str, str]] = {
    "shopify.bucket": ("2000", "points one app may save up in one shop"),
    "shopify.restore_rate": ("100", "points that come back in a second"),
    "shopify.rest_bucket": ("40", "REST calls one app may save up in one shop (2 come back in a second)"),
    "shopify.index_lag_s": ("0", "seconds until a change shows in the lists"),
    "shopify.churn": ("0", "orders that change after each list answer, to expose wrong page walks"),
    "shopify.count_limit": ("10000", "ordersCount beyond this many says AT_LEAST"),
    "shopify.refund_pending_s": ("0", "seconds until the payment provider confirms a refund"),
    "shopify.push_deadline_s": ("5", "seconds a webhook may take to be answered"),
}

FAULTS: dict[str, str] = {
    "429": "REST: HTTP 429, GraphQL: THROTTLED, before anything is done; seconds: Retry-After (2)",
    "5xx": "an HTTP error before anything is done; status: 502, 504 …",
    "html": "HTTP 200 with a web page instead of JSON",
    "internal": "errors with INTERNAL_SERVER_ERROR, before anything is done",
    "reset": "the connection is cut before anything is done",
    "lost_answer": "done, and the connection is cut before the answer",
    "late_write": "the connection is cut, and the call is done afterwards; seconds: how long after (0.3)",
    "truncated": "half of the JSON",
    "slow": "the answer takes this many seconds; seconds: 3",
    "bad_row": "an order in an answer has no createdAt, which is no order",
    "token_revoked": "HTTP 401, the access token is not valid any more",
    "refund_fails": "the payment provider refuses the refund's transaction",
    "push_lost": "a webhook is never sent",
    "push_doubled": "a webhook is delivered twice",
    "push_late": "a webhook comes later, behind younger ones; seconds: by the world's clock (60)",
    "push_bad_signature": "a webhook's first delivery carries a wrong signature",
}


def value(world: World, name: str) -> str:
    """The switch's value, else the default the reference states."""
    return world.switch(f"shopify.{name}", SWITCHES[f"shopify.{name}"][0])


def number(world: World, name: str) -> float:
    return float(value(world, name))

"""What one Taobao shop needs in `shops.<code>` of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TaobaoSettings:
    """`session` is the seller's access token; `tmall` shops review a refund before they agree to it.

    `rate_per_second` counts for the whole app, shared by all its shops; `region` and `warehouse` are put on
    every order, since the platform does not know them.
    """

    api_base: str
    app_key: str
    app_secret: str = field(repr=False)
    session: str = field(repr=False)
    name: str = ""
    region: str = ""
    warehouse: str = ""
    tmall: bool = True
    rate_per_second: int = 10
    window_minutes: int = 30
    timeout_seconds: float = 10

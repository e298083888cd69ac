"""What one shop with our own contract needs in `shops.<code>` of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST_TOLERANCE = 300  # seconds: what the contract allows a push to be old (platforms.md §3.7)
SHORTEST_SECRET = 12
MOST_ROWS = 100
FASTEST = 10_000  # calls a second: the other side is our own, and may be asked as fast as it can answer


@dataclass(frozen=True)
class CustomSettings:
    """`secret` signs pushes and calls; without it pushes are refused and orders come in files only.
    `previous_secret` is still believed while the other side changes over. `shop_id` is what the other side
    calls this shop, when that is not our code. `api_base` is where its order list stands, "" when it has none:
    then nothing is pulled. `folder` is watched for order files. `region` and `warehouse` are put on every order.
    """

    secret: str = field(default="", repr=False, metadata={"where": "和对方系统约定的签名密钥，双方填同一个"})
    previous_secret: str = field(default="", repr=False, metadata={"where": "更换前的签名密钥，换完删掉"})
    shop_id: str = ""
    api_base: str = field(default="", metadata={"where": "对方系统订单列表的地址，没有就留空"})
    folder: str = ""
    name: str = ""
    region: str = ""
    warehouse: str = ""
    tolerance_seconds: int = LONGEST_TOLERANCE
    rate_per_second: int = 5
    page_size: int = MOST_ROWS
    timeout_seconds: float = 10

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> Iterator[str]:
        if any(0 < len(secret) < SHORTEST_SECRET for secret in (self.secret, self.previous_secret)):
            yield f"secret 太短：至少 {SHORTEST_SECRET} 个字符，例如用 openssl rand -hex 32 生成"
        if self.api_base and not self.secret:
            yield "填了 api_base 就要填 secret：拉取订单也要签名"
        if self.api_base and not self.api_base.startswith(("http://", "https://")):
            yield "api_base 要以 http:// 或 https:// 开头"
        if "?" in self.api_base or "#" in self.api_base:
            yield "api_base 只写到路径，不带 ? 和 #"
        if not 1 <= self.tolerance_seconds <= LONGEST_TOLERANCE:
            yield f"tolerance_seconds 要在 1 到 {LONGEST_TOLERANCE} 之间：更旧的推送一律不认"
        if not 1 <= self.rate_per_second <= FASTEST:
            yield f"rate_per_second 要在 1 到 {FASTEST} 之间"
        if not 1 <= self.page_size <= MOST_ROWS:
            yield f"page_size 要在 1 到 {MOST_ROWS} 之间：约定里一页最多 {MOST_ROWS} 张"
        if not 0 < self.timeout_seconds <= 60:
            yield "timeout_seconds 要大于 0，最多 60"

"""What one self-built WeCom app needs (wecom.md §1, §2.1); the fields of `chat.wecom.<app>` in config.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field

from integrations.chat.wecom.crypto import parse_key

HOME = "https://work.weixin.qq.com"  # where a card leads when the bot has no public address of its own


@dataclass(frozen=True)
class WeComSettings:
    """`public_url` is the bot's own base address: cards without buttons must link somewhere (§4.3).

    Where the reference leaves a fact unconfirmed (§12) there is a field with its stated default.
    """

    api_base: str
    corp_id: str
    agent_id: int
    secret: str = field(repr=False)
    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)
    public_url: str = HOME
    timeout_seconds: float = 5.0
    egress_proxy: str = field(default="", repr=False)
    duplicate_task_code: int = 42014  # §12 no. 6: what a repeated task_id is answered with
    image_max_bytes: int = 2 * 1024 * 1024  # §12 no. 11
    daily_person_times: int = 0  # accounts of the corp × 200 (§1.4); 0 when unknown: not counted

    def __post_init__(self) -> None:
        """A key that cannot be one is told when the settings are read (BadKey is a ValueError)."""
        parse_key(self.encoding_aes_key)

"""What one DingTalk app needs (dingtalk.md §1.1, §3.1); the fields of `chat.dingtalk.<app>` in config.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DingTalkSettings:
    """`api_base` is the new API, `oapi_base` the old one.

    `robot_code` empty means the Client ID, as it is for a robot of an internal app. `mode` is stream or
    http; `token`, `encoding_aes_key` and `card_api_secret` matter in http mode only. `group_template_id` names a
    published scene-group template: groups are then made from it, which the platform never does twice (§7.1).
    """

    api_base: str
    oapi_base: str
    client_id: str
    client_secret: str = field(repr=False)
    robot_code: str = ""
    mode: str = "stream"
    card_template_id: str = ""
    group_template_id: str = ""
    token: str = field(default="", repr=False)
    encoding_aes_key: str = field(default="", repr=False)
    card_api_secret: str = field(default="", repr=False)
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Pasted ids come with spaces (dingtalk.md §10 row 5), base addresses with a last slash."""
        for name in (
            "client_id",
            "client_secret",
            "robot_code",
            "card_template_id",
            "group_template_id",
            "token",
            "encoding_aes_key",
        ):
            object.__setattr__(self, name, getattr(self, name).strip())
        for name in ("api_base", "oapi_base"):
            object.__setattr__(self, name, getattr(self, name).strip().rstrip("/"))
        if self.mode not in {"stream", "http"}:
            raise ValueError(f"mode must be stream or http, not {self.mode!r}")

    @property
    def robot(self) -> str:
        return self.robot_code or self.client_id

    @property
    def card_secret(self) -> str:
        """Signs card callbacks over HTTP; the app's own secret until one of its own is registered."""
        return self.card_api_secret or self.client_secret

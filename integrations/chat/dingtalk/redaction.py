"""Secrets out of every text that may reach a log or a person (dingtalk.md §10 row 30)."""

from __future__ import annotations

import re

_QUERY = re.compile(
    r"((?:access_token|session|sign|signature|msg_signature|ticket|appsecret|client_secret)=)[^&\s\"'<>\\]+",
    re.IGNORECASE,
)
_JSON = re.compile(
    r"(\\?\"(?:accessToken|access_token|appSecret|clientSecret|client_secret|apiSecret|ticket|sign"
    r"|x-acs-dingtalk-access-token)\\?\"\s*:\s*\\?\")[^\"\\]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with every access token, session, signature, ticket and secret replaced by ***."""
    return _JSON.sub(r"\1***", _QUERY.sub(r"\1***", text))

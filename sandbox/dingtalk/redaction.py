"""Hide secrets in recorded exchanges (dingtalk.md §10 row 30)."""

from __future__ import annotations

import re

_NAMES = (
    "accessToken|access_token|clientSecret|client_secret|appSecret|appsecret|app_secret|ticket"
    "|sign|apiSecret|api_secret|aes_key|encodingAesKey|token|x-ddpaas-signature"
)
_JSON = re.compile(rf'((?:\\?")(?:{_NAMES})(?:\\?")\s*:\s*\\?")([^"\\]+)')
_QUERY = re.compile(
    r"((?:access_token|session|sign|ticket|appsecret|client_secret|Signature|signature|msg_signature)=)[^&\s\"'\\]+"
)


def redact(text: str) -> str:
    """The text with every token, session, signature, ticket and secret replaced."""
    return _QUERY.sub(r"\1***", _JSON.sub(r"\1***", text))

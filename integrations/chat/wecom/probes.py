"""What `doctor` asks WeCom: is the secret right, is our address let in (wecom.md §1)."""

from __future__ import annotations

from cards.door import DoorError
from integrations.chat.wecom.client import WeComClient

Probe = tuple[bool, str]  # (passed, what it means and what to do, in Chinese)


async def probe_token(client: WeComClient) -> Probe:
    """gettoken: corp_id, secret and the way to api_base."""
    try:
        await client.token.get()
    except DoorError as error:
        return False, str(error)
    return True, "已取得 access_token：corp_id 和 secret 正确"


async def probe_call(client: WeComClient) -> Probe:
    """A harmless call: shows whether our egress address is in the allow-list."""
    try:
        answer = await client.get("getcallbackip")
    except DoorError as error:
        return False, str(error)
    count = len(answer.get("ip_list") or ())
    return True, f"接口可以调用，出口 IP 已被接受（企业微信的回调来自 {count} 个地址）"

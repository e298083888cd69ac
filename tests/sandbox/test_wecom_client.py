"""A well-known client from the package registry works with only its base address changed."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

from tests.sandbox.wecom_rig import LIN, wecom_rig


def client(base: str, credentials: dict[str, Any]) -> Any:
    """wechatpy at another address; it writes the address of gettoken out in full, so that goes along."""

    class Client(WeChatClient):  # type: ignore[misc]
        API_BASE_URL = f"{base}/wecom/cgi-bin/"

        def fetch_access_token(self) -> Any:
            params = {"corpid": self.corp_id, "corpsecret": self.secret}
            return self._fetch_access_token(url=f"{self.API_BASE_URL}gettoken", params=params)

    return Client(credentials["corp_id"], credentials["secret"])


async def test_wechatpy_sends_text_and_files() -> None:
    async with wecom_rig() as rig:
        credentials = (await rig.ok("GET", "/credentials"))["wecom"][0]
        wechat = client(rig.base, credentials)

        def work() -> tuple[Any, Any, Any]:
            sent = wechat.message.send_text(credentials["agent_id"], [LIN], "订单 1 已发货")
            upload = io.BytesIO(b"order,amount\n1,2\n")
            upload.name = "daily.csv"
            media = wechat.media.upload("file", upload)
            person = wechat.user.get(LIN)
            wechat.message.send_file(credentials["agent_id"], [LIN], media["media_id"])
            wechat._http.close()
            return sent, media, person

        sent, media, person = await asyncio.to_thread(work)
        assert (sent["errcode"], media["type"], person["name"]) == (0, "file", "林小满")
        shown = rig.seen()
        assert [m["text"] for m in shown] == ["订单 1 已发货", "daily.csv"]
        assert shown[1]["media_id"] == media["media_id"]


async def test_wechatpy_renews_a_token_that_expired_and_hears_refusals() -> None:
    async with wecom_rig() as rig:
        credentials = (await rig.ok("GET", "/credentials"))["wecom"][0]
        wechat = client(rig.base, credentials)

        def say(text: str) -> Any:
            return wechat.message.send_text(credentials["agent_id"], [LIN], text)

        await asyncio.to_thread(say, "1")
        await rig.ok("POST", "/clock", {"advance": 7201})
        await asyncio.to_thread(say, "2")
        assert len(rig.seen()) == 2
        with pytest.raises(WeChatClientException, match="44004"):
            await asyncio.to_thread(say, "")
        wechat._http.close()

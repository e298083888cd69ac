"""The official Python Stream SDK as a bot: replies, sends the button card, answers a click.

Run as a program with the Client ID and Client Secret as arguments; the SDK reads its address
from DINGTALK_OPENAPI_ENDPOINT when it is imported, and blocks its loop, so it gets a process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import dingtalk_stream as sdk

BUTTONS = [
    {"text": "同意", "color": "blue", "id": "approve", "request": True, "params": {"action": "approve"}},
    {"text": "驳回", "color": "red", "id": "reject", "request": True, "params": {"action": "reject"}},
]


class Robot(sdk.ChatbotHandler):  # type: ignore[misc]  # the SDK ships no types
    """`卡片` gets the button card, `报错` raises, anything else is echoed."""

    async def process(self, callback: Any) -> tuple[int, str]:
        message = sdk.ChatbotMessage.from_dict(callback.data)
        text = message.text.content.strip()
        if text == "报错":
            raise ValueError(text)
        if text == "卡片":
            self.reply_markdown_button(message, "**订单** A12", BUTTONS, tips="", title="退款申请")
        else:
            self.reply_text(f"回声 {text}", message)
        return sdk.AckMessage.STATUS_OK, "OK"


class Clicks(sdk.CallbackHandler):  # type: ignore[misc]  # the SDK ships no types
    """Answers a click with the decision and no buttons."""

    async def process(self, callback: Any) -> tuple[int, dict[str, Any]]:
        click = sdk.CardCallbackMessage.from_dict(callback.data)
        action = click.content["cardPrivateData"]["params"]["action"]
        values = {"tips": f"{click.user_id} {action}", "sys_full_json_obj": json.dumps({"msgButtons": []})}
        return sdk.AckMessage.STATUS_OK, {
            "cardUpdateOptions": {"updateCardDataByKey": True},
            "cardData": {"cardParamMap": values},
        }


def main() -> None:
    client = sdk.DingTalkStreamClient(sdk.Credential(sys.argv[1], sys.argv[2]))
    client.register_callback_handler(sdk.ChatbotMessage.TOPIC, Robot())
    client.register_callback_handler(sdk.CallbackHandler.TOPIC_CARD_CALLBACK, Clicks())
    client.start_forever()


if __name__ == "__main__":
    main()

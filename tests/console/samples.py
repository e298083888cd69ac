"""Messages as the simulators show them, for the console's tests and pictures."""

from __future__ import annotations

from typing import Any

from tests.console.fake_control import GROUP, FakeControl

Json = dict[str, Any]

WECOM_CARD: Json = {
    "kind": "button_interaction",
    "source": "前哨 · 退款审批",
    "source_color": "grey",
    "title": "🟡 退款 ¥128.00 待审批",
    "subtitle": "RF20260105001 · 天猫旗舰店",
    "fields": [
        {"label": "订单", "value": "2026010500012345", "url": "http://127.0.0.1/console/orders/1"},
        {"label": "申请人", "value": "林小满"},
        {"label": "原因", "value": "收到时外包装破损，买家要求部分退款"},
    ],
    "body": "最近：01-05 11:58 买家发来 3 张照片\n下一步：核对照片后批准或驳回",
    "quote": {"title": "买家原话", "text": "杯子碎了一个，\n另一个是好的", "url": ""},
    "buttons": [
        {"text": "批准", "action": "refund.approve", "style": 1},
        {"text": "驳回", "action": "refund.reject", "style": 3},
    ],
    "menu": [{"text": "为什么", "action": "refund.why"}, {"text": "转给他人", "action": "refund.transfer"}],
    "select": [
        {
            "key": "reason",
            "title": "驳回原因",
            "options": [{"id": "none", "text": "不适用"}, {"id": "evidence", "text": "凭证不足"}],
            "selected": "none",
            "disabled": False,
        }
    ],
    "state": "live",
    "replace_text": "",
    "warnings": [],
}

DINGTALK_CARD: Json = {
    "kind": "public_buttons",
    "title": "🔴 订单 2026010500012345 超时未发",
    "subtitle": "",
    "fields": [],
    "body": (
        "**状态**：待发货　已超时 **3 小时**  \n**金额**：¥259.00  \n**收货**：王** 138****1234\n\n"
        "> 01-05 09:12 已付款  \n> 01-05 09:15 推到仓库 HZ1\n\n下一步：\n- 催仓库\n- 或者 [看订单](https://example.com/o)"
    ),
    "tips": "前哨 · 追踪 7f3c",
    "buttons": [
        {"text": "认领", "action": "take", "style": "blue", "disabled": False},
        {"text": "静默", "action": "snooze", "style": "gray", "disabled": False},
        {"text": "关闭", "action": "close", "style": "red", "disabled": False},
    ],
    "menu": [],
    "select": [],
    "state": "live",
    "replace_text": "",
    "warnings": ["变量 markdown 超过 1 KB"],
}

ACTION_CARD: Json = {
    "kind": "actioncard",
    "title": "找到 2 个订单",
    "body": "点一个看详情，或[全部导出](dtmd://dingtalkclient/sendMessage?content=%E5%AF%BC%E5%87%BA)",
    "buttons": [
        {
            "text": "…12345 王** ¥259.00",
            "action": "b1",
            "style": "gray",
            "url": "dtmd://dingtalkclient/sendMessage",
        },
        {"text": "打开后台", "action": "b2", "style": "gray", "url": "https://example.com/console"},
    ],
    "state": "live",
}

NOTICE: Json = {
    "kind": "text_notice",
    "source": "前哨 · 日报",
    "source_color": 3,
    "title": "昨日小结",
    "subtitle": "01-04 · 全部店铺",
    "emphasis": {"title": "¥ 82,314.50", "desc": "成交额，比前日 +4.2%"},
    "fields": [{"label": "订单", "value": "412"}, {"label": "退款", "value": "9 单 ¥1,204.00"}],
    "buttons": [{"text": "打开报表", "action": "", "style": "link", "url": "https://example.com/report"}],
    "state": "final",
}

FINAL_CARD: Json = {
    **WECOM_CARD,
    "title": "🟢 退款 ¥36.00 已退",
    "body": "",
    "quote": None,
    "fields": WECOM_CARD["fields"][1:],
    "buttons": [{"text": "已由周全批准", "action": "", "style": "plain", "disabled": True}],
    "select": [],
    "state": "final",
    "replace_text": "已由周全批准",
}


def fill(control: FakeControl) -> None:
    """A morning's work on both phones of 林小满, and a group."""
    control.put("w1", type="text", text="帮助", **{"from": "linxiaoman"})
    control.put(
        "w2",
        type="markdown",
        text="## 我能做这些\n**查单** 订单号、运单、手机\n> 例：`查单 1234`\n"
        '<font color="comment">说「帮助 退款」看更多</font>',
    )
    control.put("w3", type="card", card=NOTICE)
    control.put("w4", type="text", text="退款 2026010500012345 128 破损", **{"from": "linxiaoman"})
    control.put("w5", type="card", card=FINAL_CARD, updates=1)
    control.put("w6", type="card", card=WECOM_CARD)
    ding: Json = {"platform": "dingtalk", "user": "0101"}
    control.put("d1", type="text", text="查单 2026010500012345", **{"from": "0101"}, **ding)
    control.put("d2", type="card", card=DINGTALK_CARD, updates=2, **ding)
    control.put("d3", type="text", text="王**", **{"from": "0101"}, **ding)
    control.put("d4", type="actioncard", card=ACTION_CARD, **ding)
    control.put(
        "g1", platform="dingtalk", user="0102", chat=GROUP, text="@前哨 查单 12345", **{"from": "0102"}
    )
    control.put("g2", platform="dingtalk", user="0103", chat=GROUP, type="card", card=DINGTALK_CARD)
    control.orders = [
        {
            "shop": "tmall-flagship", "platform": "taobao", "platform_order_id": f"20260105000{n:05}",
            "status": "WAIT_SELLER_SEND_GOODS", "status_text": "买家已付款", "buyer": f"t{n}**", "receiver": "王小明",
            "phone": "13800001234", "amount": "259.00", "created": "2026-01-05T09:12:00+08:00",
            "items": ["马克杯 ×2"], "memo": "", "waybill": "",
            "refund": {"status": "WAIT_SELLER_AGREE", "amount": "128.00"} if n == 12345 else None,
        }
        for n in (12345, 12346, 12347, 12348, 12349)
    ]  # fmt: skip
    control.exchanges = [
        {
            "id": 1, "system": "wecom", "direction": "in", "at": "2026-01-05T12:06:00+08:00", "method": "POST",
            "target": "/cgi-bin/message/send?access_token=***", "status": 200, "ms": 3.42, "message_id": "w6",
            "request": '{"touser":"linxiaoman","msgtype":"template_card","template_card":{"card_type":"x"}}',
            "response": '{"errcode":0,"errmsg":"ok","msgid":"w6"}',
        }
    ]  # fmt: skip

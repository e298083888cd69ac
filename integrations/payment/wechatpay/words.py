"""What people are told to do when a bill cannot be used."""

from __future__ import annotations

AGAIN = "请到微信支付商户平台（pay.weixin.qq.com）→ 交易中心 → 账单重新下载这一天的账单，原样发来，不要用 Excel 另存"

"""What people are told to do when a bill cannot be used."""

from __future__ import annotations

AGAIN = "请到支付宝商家平台（b.alipay.com）→ 对账中心重新下载这一天的账单，原样发来，不要用 Excel 另存"

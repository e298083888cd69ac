"""Who asks: the Authorization header of WeChat Pay v3, checked as the platform does."""

from __future__ import annotations

import re

from aiohttp import web

from sandbox.payment.key_pairs import Pair

MCHID = "1900000001"
SERIAL = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
SCHEME = "WECHATPAY2-SHA256-RSA2048"
TOLERANCE_SECONDS = 300
MOUNT = "/payment/wechatpay"
_FIELD = re.compile(r'(\w+)="([^"]*)"')


class Refused(Exception):
    """An answer that is no 2xx."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def check(request: web.Request, merchant: Pair, now: int) -> None:
    """Refused unless the merchant signed exactly this request within five minutes. `now`: epoch seconds."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    fields = dict(_FIELD.findall(rest))
    if scheme != SCHEME or not {"mchid", "nonce_str", "signature", "timestamp", "serial_no"} <= set(fields):
        raise Refused(
            401, "SIGN_ERROR", "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
        )
    if (fields["mchid"], fields["serial_no"]) != (MCHID, SERIAL):
        raise Refused(401, "SIGN_ERROR", "商户号或证书序列号有误")
    if not fields["timestamp"].isdigit() or abs(int(fields["timestamp"]) - now) > TOLERANCE_SECONDS:
        raise Refused(401, "SIGN_ERROR", "Http头Authorization中的时间戳与发起请求的时间不能超过5分钟")
    target = request.raw_path.partition(MOUNT)[2] or request.raw_path
    text = f"{request.method}\n{target}\n{fields['timestamp']}\n{fields['nonce_str']}\n\n"
    if not merchant.signed(text.encode(), fields["signature"]):
        raise Refused(401, "SIGN_ERROR", "错误的签名，验签失败")

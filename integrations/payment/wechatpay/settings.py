"""What one WeChat Pay merchant account needs in `payments.<account>` of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from integrations.payment import keys

_CONSOLE = "微信支付商户平台 pay.weixin.qq.com → 账户中心 → API 安全"
_ACCOUNTS = ("BASIC", "OPERATION", "FEES")


@dataclass(frozen=True)
class WechatPaySettings:
    """`wechatpay_public_key` is the platform's public key (or certificate) and `wechatpay_public_key_id` its
    PUB_KEY_ID_… (or the certificate's serial number). `fund_account` BASIC | OPERATION | FEES.

    A day's bill can be asked for from `ready_hour` of the next day (Asia/Shanghai), some minutes past it: exactly
    on the hour everybody asks and the limit strikes.
    """

    mchid: str = field(metadata={"where": "微信支付商户平台 pay.weixin.qq.com → 账户中心 → 商户号"})
    serial_no: str = field(metadata={"where": f"{_CONSOLE} → API 证书 → 证书序列号"})
    private_key: str = field(repr=False, metadata={"where": f"{_CONSOLE} → API 证书里的 apiclient_key.pem"})
    wechatpay_public_key_id: str = field(metadata={"where": f"{_CONSOLE} → 微信支付公钥 → 公钥 ID"})
    wechatpay_public_key: str = field(metadata={"where": f"{_CONSOLE} → 微信支付公钥 → 下载 pub_key.pem"})
    apiv3_key: str = field(repr=False, metadata={"where": f"{_CONSOLE} → 设置 APIv3 密钥（32 位）"})
    api_base: str = "https://api.mch.weixin.qq.com"
    gzip: bool = True
    fund_account: str = "BASIC"
    rate_per_second: int = 5
    timeout_seconds: float = 10
    download_seconds: float = 300
    ready_hour: int = 10

    def __post_init__(self) -> None:
        keys.private_key(self.private_key)
        keys.public_key(self.wechatpay_public_key)
        if len(self.apiv3_key.encode()) != 32:
            raise ValueError("apiv3_key 应正好 32 位")
        if self.fund_account not in _ACCOUNTS:
            raise ValueError(f"fund_account 只能是 {'、'.join(_ACCOUNTS)}")
        if not 0 <= self.ready_hour <= 23:
            raise ValueError("ready_hour 应是 0 到 23")

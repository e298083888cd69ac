"""What one Alipay merchant account needs in `payments.<account>` of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from integrations.payment import keys

_PLATFORM = "支付宝开放平台 open.alipay.com → 控制台 → 你的应用"


@dataclass(frozen=True)
class AlipaySettings:
    """Keys are PEM or the bare line that Alipay's key tool shows. `pid` is the account whose bills are fetched.

    The hour from which a day's bill can be asked for is not certain (platforms.md §14): `ready_hour` of the next
    day, Asia/Shanghai. Certificate mode: fill in both serial numbers.
    """

    app_id: str = field(metadata={"where": f"{_PLATFORM} → APPID"})
    pid: str = field(metadata={"where": "支付宝商家平台 b.alipay.com → 账号中心 → 商户 PID（2088 开头）"})
    private_key: str = field(
        repr=False, metadata={"where": "用支付宝密钥工具生成的应用私钥（RSA2），公钥上传到应用的接口加签方式"}
    )
    alipay_public_key: str = field(metadata={"where": f"{_PLATFORM} → 接口加签方式 → 支付宝公钥"})
    api_base: str = "https://openapi.alipay.com/gateway.do"
    app_cert_sn: str = ""
    alipay_root_cert_sn: str = ""
    rate_per_second: int = 5
    timeout_seconds: float = 10
    download_seconds: float = 300
    ready_hour: int = 9

    def __post_init__(self) -> None:
        keys.private_key(self.private_key)
        keys.public_key(self.alipay_public_key)
        if not self.pid.isdigit():
            raise ValueError("pid 应是 2088 开头的数字")
        if not 0 <= self.ready_hour <= 23:
            raise ValueError("ready_hour 应是 0 到 23")

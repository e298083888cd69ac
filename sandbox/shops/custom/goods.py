"""Things a shop sells and made-up people who buy them."""

from __future__ import annotations

import random

from sandbox.shops.custom.model import Line

GOODS = (
    ("TEA-250", "绿茶250g", 6450),
    ("CUP-1", "马克杯", 3990),
    ("TOWEL-2", "纯棉毛巾两条装", 2980),
    ("LAMP-DESK", "护眼台灯", 15900),
    ("PILLOW-N", "荞麦枕", 8900),
    ("SNACK-BOX", "坚果礼盒", 12800),
)
_FAMILY, _GIVEN = "赵钱孙李周吴郑王冯陈", ("样例", "测试", "小样", "试用", "示例")
_PLACES = (
    ("湖北省", "武汉市", "洪山区"),
    ("浙江省", "杭州市", "西湖区"),
    ("江苏省", "南京市", "鼓楼区"),
    ("四川省", "成都市", "武侯区"),
)
REASONS = ("破损", "少件", "不想要了", "发错货")
CARRIERS = ("顺丰速运", "中通快递", "圆通速递")


def lines(rng: random.Random) -> list[Line]:
    chosen = rng.sample(GOODS, rng.choice((1, 1, 1, 2)))
    return [Line(sku, title, rng.choice((1, 1, 2)), price) for sku, title, price in chosen]


def person(rng: random.Random) -> dict[str, str]:
    """Name, phone of a number range that is not given out, place."""
    province, city, district = rng.choice(_PLACES)
    return {
        "name": rng.choice(_FAMILY) + rng.choice(_GIVEN),
        "phone": f"1380013{rng.randrange(10000):04d}",
        "province": province,
        "city": city,
        "district": district,
        "address": f"测试路{rng.randint(1, 300)}号",
    }


def waybill(rng: random.Random) -> str:
    return f"SF13{rng.randrange(10**11):011d}"

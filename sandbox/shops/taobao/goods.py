"""Made-up goods, people and places for the simulated shops. Nobody here exists."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from sandbox.shops.taobao.model import Line, Receiver


@dataclass(frozen=True)
class Good:
    """`price` in fen."""

    title: str
    sku: str
    props: str
    price: int


GOODS = (
    Good("北欧布艺沙发套", "SOFA-GREY-3", "颜色分类:浅灰;尺寸:三人位", 15900),
    Good("记忆棉护颈枕", "PILLOW-M", "颜色分类:米白;尺寸:中号", 8900),
    Good("加厚法兰绒毛毯", "BLANKET-180", "颜色分类:雾蓝;尺寸:180x200cm", 12900),
    Good("陶瓷马克杯 对杯", "MUG-PAIR", "颜色分类:黑白对杯", 4590),
    Good("原木色折叠边桌", "TABLE-SIDE", "颜色分类:原木色", 19900),
    Good("智能人体感应小夜灯", "LAMP-NIGHT", "颜色分类:暖光", 3990),
    Good("纯棉四件套", "BED-4-15", "颜色分类:燕麦;适用床:1.5m", 29900),
    Good("硅藻泥吸水脚垫", "MAT-DIA", "颜色分类:深灰;尺寸:60x39cm", 2990),
    Good("桌面收纳盒 三件装", "BOX-3", "颜色分类:透明", 2580),
    Good("遮光窗帘成品", "CURTAIN-2", "颜色分类:墨绿;尺寸:2.0x2.7m", 23800),
    Good("不锈钢保温壶 1.5L", "POT-15", "颜色分类:哑光黑;容量:1.5L", 13900),
    Good("香薰蜡烛礼盒", "CANDLE-GIFT", "香型:白茶", 6800),
    Good("可机洗地毯", "RUG-160", "颜色分类:几何灰;尺寸:160x230cm", 36900),
    Good("抽屉式鞋盒 六只装", "SHOE-6", "颜色分类:茶色", 7980),
)
_SURNAMES = "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = (
    "晓雨",
    "子涵",
    "一诺",
    "浩然",
    "若溪",
    "思远",
    "佳宁",
    "明轩",
    "雨桐",
    "安然",
    "梓萱",
    "知夏",
    "奕辰",
    "清和",
    "乐瑶",
)
_PLACES = (
    ("浙江省", "杭州市", "西湖区", "三墩镇"),
    ("上海", "上海市", "浦东新区", "张江镇"),
    ("江苏省", "苏州市", "吴中区", "木渎镇"),
    ("广东省", "深圳市", "南山区", "西丽街道"),
    ("四川省", "成都市", "武侯区", "浆洗街街道"),
    ("北京", "北京市", "朝阳区", "三里屯街道"),
    ("湖北省", "武汉市", "洪山区", "关山街道"),
    ("陕西省", "西安市", "雁塔区", "小寨路街道"),
)
_STREETS = ("样例路", "示范大道", "虚构街", "演示巷")
REASONS = (
    "拍错/多拍/不想要",
    "商品破损，协商部分退款",
    "质量问题",
    "少件/漏发",
    "颜色与描述不符",
    "快递一直未送到",
)


def person_name(rng: random.Random) -> str:
    return rng.choice(_SURNAMES) + rng.choice(_GIVEN)


def receiver(rng: random.Random, name: str, number: int) -> Receiver:
    """`number` makes the phone: 1380013 and four digits, a range kept for examples."""
    state, city, district, town = rng.choice(_PLACES)
    block, room = rng.randint(1, 30), rng.randint(101, 2904)
    address = f"{rng.choice(_STREETS)}{rng.randint(1, 399)}号{block}幢{room}室"
    return Receiver(name, f"1380013{number % 10000:04d}", state, city, district, town, address)


def nick(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(rng.randint(5, 9))) + str(
        rng.randint(1, 99)
    )


def open_uid(buyer: str, app_wide: str = "top") -> str:
    """The buyer's open id: the same for all shops of the platform."""
    return "AAH" + hashlib.sha256(f"{app_wide}|{buyer}".encode()).hexdigest()[:21]


def line(oid: str, good: Good, num: int, status: str, payment: int | None = None) -> Line:
    digest = int(hashlib.sha256(good.sku.encode()).hexdigest()[:8], 16)
    return Line(
        oid=oid,
        num_iid=str(610_000_000_000 + digest),
        sku_id=str(5_010_000_000_000 + digest),
        outer_sku_id=good.sku,
        outer_iid=good.sku.partition("-")[0],
        title=good.title,
        props=good.props,
        num=num,
        price=good.price,
        payment=num * good.price if payment is None else payment,
        status=status,
    )

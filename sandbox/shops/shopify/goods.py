"""Made-up goods, people and places for the simulated shops. Nobody here exists; the numbers are kept for fiction."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from sandbox.shops.shopify.model import Address, Line


@dataclass(frozen=True)
class Good:
    """`price` in US cents; a shop in yen asks the same figure in yen."""

    title: str
    sku: str
    variant: str
    price: int


GOODS = (
    Good("Linen Sofa Cover", "SOFA-GREY-3", "Grey / 3 seats", 5900),
    Good("Memory Foam Neck Pillow", "PILLOW-M", "White / M", 2900),
    Good("Flannel Blanket", "BLANKET-180", "Mist Blue", 3900),
    Good("Stoneware Mug Pair", "MUG-PAIR", "Black & White", 2450),
    Good("Folding Side Table", "TABLE-SIDE", "Oak", 7900),
    Good("Motion Night Light", "LAMP-NIGHT", "Warm", 1499),
    Good("Cotton Bed Set", "BED-4-15", "Oat / Queen", 8900),
    Good("Tea Candle Gift Box", "CANDLE-GIFT", "White Tea", 2600),
    Good("Desk Boxes, Set of 3", "BOX-3", "Clear", 1280),
)
_FIRST = ("Avery", "Jordan", "Riley", "Morgan", "Quinn", "Rowan", "Skyler", "Emery", "Harper", "Sasha")
_LAST = ("Sample", "Example", "Fiction", "Placeholder", "Mockley", "Testwood", "Demoson")
_PLACES = {
    "USD": (
        ("Springfield", "Illinois", "62701"),
        ("Portland", "Oregon", "97201"),
        ("Austin", "Texas", "73301"),
        ("Columbus", "Ohio", "43004"),
    ),
    "JPY": (("Yokohama", "Kanagawa", "220-0011"), ("Kobe", "Hyogo", "650-0001")),
}
REASONS = ("damaged", "wrong size", "item missing", "arrived late")
CARRIERS = (("UPS", "1ZSANDBOX"), ("USPS", "9400SANDBOX"), ("FedEx", "7700SANDBOX"))


def address(rng: random.Random, currency: str) -> Address:
    city, province, postcode = rng.choice(_PLACES[currency])
    country, code = ("Japan", "JP") if currency == "JPY" else ("United States", "US")
    phone = (
        f"+1 555-01{rng.randrange(100):02d}" if code == "US" else f"+81 3-0000-{rng.randrange(10_000):04d}"
    )
    name = f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    street = f"{rng.randint(1, 9999)} Example Street"
    return Address(name, phone, street, city, province, country, code, postcode)


def customer_id(buyer: str) -> str:
    """The same digits for the same buyer."""
    return str(7_620_000_000_000_000 + int(hashlib.sha256(buyer.encode()).hexdigest()[:10], 16))


def tracking(rng: random.Random) -> tuple[str, str]:
    company, prefix = rng.choice(CARRIERS)
    return company, f"{prefix}{rng.randrange(10**9):09d}"


def line(line_id: str, good: Good, quantity: int) -> Line:
    digest = int(hashlib.sha256(good.sku.encode()).hexdigest()[:8], 16)
    return Line(
        id=line_id,
        variant_id=str(44_000_000_000_000 + digest),
        product_id=str(8_000_000_000_000 + digest),
        sku=good.sku,
        title=good.title,
        variant_title=good.variant,
        quantity=quantity,
        price=good.price,
    )

"""The platform's refusals, in the exact shape of its error answers (platforms.md §1.3, §3.1)."""

from __future__ import annotations

from typing import Any

MESSAGES = {
    7: "App Call Limited",
    9: "Http action not allowed",
    10: "Service currently unavailable",
    11: "Insufficient isv permissions",
    15: "Remote service error",
    21: "Missing method",
    22: "Invalid method",
    23: "Invalid format",
    24: "Missing signature",
    25: "Invalid signature",
    26: "Missing session",
    27: "Invalid session",
    28: "Missing app key",
    29: "Invalid app key",
    30: "Missing timestamp",
    31: "Invalid timestamp",
    32: "Missing version",
    33: "Invalid version",
    40: "Missing required arguments",
    41: "Invalid arguments",
}


class TopError(Exception):
    """One refused call: answered with HTTP 200 and an `error_response`."""

    def __init__(self, code: int, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_msg)
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg

    def body(self, request_id: str) -> dict[str, Any]:
        return {
            "error_response": {
                "code": self.code,
                "msg": MESSAGES[self.code],
                "sub_code": self.sub_code,
                "sub_msg": self.sub_msg,
                "request_id": request_id,
            }
        }


def missing(name: str) -> TopError:
    return TopError(40, "isv.missing-parameter", f"缺少必要的参数：{name}")


def invalid(name: str, why: str) -> TopError:
    return TopError(41, "isv.invalid-parameter", f"参数 {name} 不合法：{why}")


def business(sub_code: str, sub_msg: str) -> TopError:
    """The call was understood and refused by the trade or refund service."""
    return TopError(15, f"isv.{sub_code}", sub_msg)


def banned(seconds: int, *, daily: bool = False) -> TopError:
    which = "app" if daily else "api"
    return TopError(
        7,
        f"accesscontrol.limited-by-{which}-access-count",
        f"This ban will last for {seconds} more seconds",
    )


def invalid_session() -> TopError:
    return TopError(27, "invalid-sessionkey", "SessionKey非法")

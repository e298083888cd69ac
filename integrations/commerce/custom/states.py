"""The contract's state texts in the desk's words (platforms.md §2.2, §2.3); its order files use the same."""

from __future__ import annotations

from domain.contract import order_state, refund_state

__all__ = ["order_state", "refund_state"]

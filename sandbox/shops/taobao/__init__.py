"""A local Taobao Open Platform (TOP): signed calls, trades, refunds, shipping, virtual buyers."""

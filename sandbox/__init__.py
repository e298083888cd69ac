"""A local WeCom, DingTalk and shop world that enforces the real protocols."""

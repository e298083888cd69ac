"""The web chat console: WeCom and DingTalk side by side, over the sandbox's control API."""

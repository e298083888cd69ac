"""A simulated WeCom (企业微信): the server side of a self-built app, as wecom.md states it."""

"""Self-built apps of the simulated corp: credentials made once and kept (wecom.md §2.1)."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field
from typing import Any

from sandbox.wecom.crypto import Envelope
from sandbox.world import Refusal, World

ALPHANUMERIC = string.ascii_letters + string.digits
FIRST_AGENT_ID = 1000002


def letters(count: int) -> str:
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(count))


@dataclass
class App:
    """`scope` lists the userids that see the app; empty means the root department, everybody."""

    name: str
    corp_id: str
    agent_id: int
    secret: str
    token: str
    encoding_aes_key: str
    callback_url: str = ""
    scope: list[str] = field(default_factory=list)
    menu: dict[str, Any] | None = None

    @property
    def envelope(self) -> Envelope:
        return Envelope(self.token, self.encoding_aes_key, self.corp_id)

    def sees(self, user: str) -> bool:
        return not self.scope or user.casefold() in {s.casefold() for s in self.scope}


class Apps:
    """Every app by name, secret and agent id; `main` always exists."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.by_name = {key: App(**doc) for key, doc in world.store.all("wecom.app")}
        self.by_secret = {app.secret: app for app in self.by_name.values()}
        corp = world.store.get("wecom.corp", "corp")
        if corp is None:
            corp = {"corp_id": "ww" + secrets.token_hex(8)}
            world.store.put("wecom.corp", "corp", corp)
        self.corp_id: str = corp["corp_id"]
        if "main" not in self.by_name:
            self.make({"app": "main"})

    def make(self, options: dict[str, Any]) -> App:
        name = str(options.get("app") or options.get("name") or f"app-{letters(6).lower()}")
        if name in self.by_name:
            raise Refusal(f"app: {name!r} exists already; leave it out to get a fresh name", 409)
        app = App(
            name=name,
            corp_id=self.corp_id,
            agent_id=FIRST_AGENT_ID + len(self.by_name),
            secret=letters(43),
            token=letters(20),
            encoding_aes_key=letters(43),
        )
        self.change(app, options)
        return app

    def change(self, app: App, options: dict[str, Any]) -> None:
        """Set what a person sets in the admin console: token, key, visible scope."""
        token = str(options.get("token") or app.token)
        key = str(options.get("encoding_aes_key") or app.encoding_aes_key).strip()
        if not re.fullmatch(r"[0-9A-Za-z]{1,32}", token):
            raise Refusal("token: expected 1 to 32 letters and digits")
        if not re.fullmatch(r"[0-9A-Za-z]{43}", key):
            raise Refusal(
                f"encoding_aes_key: expected exactly 43 letters and digits, got {len(key)} characters"
            )
        scope = options.get("scope", app.scope)
        if not isinstance(scope, list) or not all(isinstance(s, str) for s in scope):
            raise Refusal("scope: expected a list of userids, empty for everybody")
        app.token, app.encoding_aes_key, app.scope = token, key, scope
        self.save(app)

    def save(self, app: App) -> None:
        self.by_name[app.name] = app
        self.by_secret[app.secret] = app
        self._world.store.put("wecom.app", app.name, vars(app))

    def get(self, name: str) -> App:
        app = self.by_name.get(name or "main")
        if app is None:
            raise Refusal(f"app: no WeCom app {name!r}; known: {', '.join(self.by_name)}", 404)
        return app

    def credentials(self, app: App) -> dict[str, Any]:
        return {
            "app": app.name,
            "api_base": f"{self._world.base}/wecom",
            "corp_id": app.corp_id,
            "agent_id": app.agent_id,
            "secret": app.secret,
            "token": app.token,
            "encoding_aes_key": app.encoding_aes_key,
            "callback_url": app.callback_url,
        }

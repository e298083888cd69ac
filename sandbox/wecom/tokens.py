"""Access tokens: life, early death, and the ban after wrong secrets (wecom.md §1.1, §10 row 1)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sandbox.wecom import switches
from sandbox.wecom.apps import App, Apps, letters
from sandbox.wecom.errors import WecomError
from sandbox.world import World

LIFE = 7200  # seconds
WRONG_SECRETS = 5
BAN = 3600  # seconds


@dataclass
class Token:
    value: str
    app: str
    issued: int  # seconds since 1970, sandbox clock
    revoked: bool = False


class Tokens:
    """Issues tokens for secrets and finds the app of a token."""

    def __init__(self, world: World, apps: Apps) -> None:
        self._world = world
        self._apps = apps
        self._tokens = {key: Token(**doc) for key, doc in world.store.all("wecom.token")}
        self._current = {t.app: t for t in self._tokens.values()}
        self._wrong: defaultdict[str, list[int]] = defaultdict(list)
        self._banned: dict[str, int] = {}

    def get(self, corp_id: str, secret: str, remote: str) -> tuple[str, int]:
        """`gettoken`: (token, seconds it has left)."""
        now = self._world.clock.epoch()
        if self._banned.get(remote, 0) > now:
            raise WecomError(45009)
        if not corp_id:
            raise WecomError(41002)
        if not secret:
            raise WecomError(41004)
        if corp_id != self._apps.corp_id:
            raise WecomError(40013)
        app = self._apps.by_secret.get(secret)
        if app is None:
            self._count_wrong(remote, now)
            raise WecomError(40001)
        self._wrong.pop(remote, None)
        token = self._living(app, now) or self._issue(app, now)
        return token.value, token.issued + LIFE - now

    def _count_wrong(self, remote: str, now: int) -> None:
        recent = [at for at in self._wrong[remote] if at > now - BAN] + [now]
        self._wrong[remote] = recent
        if len(recent) >= WRONG_SECRETS:
            self._banned[remote] = now + BAN
            self._wrong.pop(remote)

    def _living(self, app: App, now: int) -> Token | None:
        token = self._current.get(app.name)
        if token is None or not switches.is_on(self._world, "same_token"):
            return None
        return None if token.revoked or self._dead(token, now) or token.issued + LIFE <= now else token

    def _issue(self, app: App, now: int) -> Token:
        token = Token(letters(64), app.name, now)
        self._tokens[token.value] = self._current[app.name] = token
        self._save(token)
        return token

    def _save(self, token: Token) -> None:
        self._world.store.put("wecom.token", token.value, vars(token))

    def _dead(self, token: Token, now: int) -> bool:
        early = switches.value(self._world, "token_early_death_s")
        return early != "off" and now >= token.issued + float(early)

    def app_of(self, value: str) -> App:
        """The app a call speaks for: 41001 missing, 40014 unknown or dead, expired 40014/42001."""
        if not value:
            raise WecomError(41001)
        token = self._tokens.get(value)
        now = self._world.clock.epoch()
        if token is None or token.revoked or self._dead(token, now):
            raise WecomError(40014)
        if now >= token.issued + LIFE:
            raise WecomError(40014 if switches.is_on(self._world, "expired_as_40014") else 42001)
        return self._apps.by_name[token.app]

    def revoke(self, value: str) -> None:
        """The platform takes a token back before its time."""
        token = self._tokens.get(value)
        if token is not None:
            token.revoked = True
            self._save(token)

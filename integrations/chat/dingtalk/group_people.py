"""Who can be brought into a group: one unknown member makes the platform refuse the whole call (§7.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.chat import Account
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.group_kinds import GroupId

MEMBER = "member.notFound"
OWNER = "permession.checkFailed"  # the platform's spelling
NOT_IN_ORG = frozenset({"60121", "33012"})
OUT_OF_RANGE = frozenset({"50002", "50004"})

People = dict[str, Account]  # by user id
Create = Callable[[str, Sequence[str]], Awaitable[GroupId]]  # (owner, members)
Add = Callable[[Sequence[str]], Awaitable[None]]


class Standing(StrEnum):
    """What the contacts say of a user id. OUTSIDE: a colleague this app does not see, who cannot own a group."""

    KNOWN = "known"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"  # the app may not read contacts


@dataclass(frozen=True)
class Made:
    """`left`: those still to be added one by one, because nobody could say who is unknown."""

    group: GroupId
    missing: tuple[Account, ...]
    left: People


def of_app(accounts: Iterable[Account], app: str) -> tuple[People, list[Account]]:
    """User ids of this app's organisation, each once, and the accounts that are not."""
    people: People = {}
    missing: list[Account] = []
    for account in accounts:
        if account.user_id and (account.platform, account.app) == ("dingtalk", app):
            people.setdefault(account.user_id, account)
        elif account not in missing:
            missing.append(account)
    return people, missing


async def create_with(client: Client, people: People, create: Create) -> Made:
    """Create with everybody who can be brought in; the first who can own the group does."""
    members, owners, missing = dict(people), list(people), list[Account]()
    gone: list[str] | None
    while owners:
        try:
            return Made(await create(owners[0], list(members)), tuple(missing), {})
        except ApiError as error:
            if error.code == OWNER:
                gone = await _unfit_owner(client, owners.pop(0), error)
            elif error.code == MEMBER:
                gone = await _strangers(client, members)
                if gone is None:
                    group = await create(owners[0], owners[:1])
                    return Made(group, tuple(missing), {u: a for u, a in members.items() if u != owners[0]})
                if not gone:
                    raise
            else:
                raise
            missing += [members.pop(user) for user in gone]
            owners = [user for user in owners if user not in gone]
    raise ApiError(
        Kind.REFUSED, OWNER, "没有人能当群主：群主必须在应用的可见范围内（版本管理与发布 → 可见范围）"
    )


async def add_to(client: Client, people: People, add: Add) -> list[Account]:
    """Add all at once, without the strangers if there are any, one by one where nobody may look; who is missing."""
    if not people:
        return []
    try:
        await add(list(people))
    except ApiError as error:
        if error.code != MEMBER:
            raise
        gone = await _strangers(client, people)
        if gone is None:
            return await _one_by_one(people, add)
        if not gone:
            raise
        await add_to(client, {user: account for user, account in people.items() if user not in gone}, add)
        return [people[user] for user in gone]
    return []


async def _one_by_one(people: People, add: Add) -> list[Account]:
    missing: list[Account] = []
    for user, account in people.items():
        try:
            await add([user])
        except ApiError as error:
            if error.code != MEMBER:
                raise
            missing.append(account)
    return missing


async def _unfit_owner(client: Client, owner: str, error: ApiError) -> list[str]:
    """The same code stands for a missing permission: an owner the app sees is not the reason."""
    standing = await _standing(client, owner)
    if standing in (Standing.KNOWN, Standing.UNREADABLE):
        raise ApiError(
            Kind.REFUSED,
            error.code,
            f"钉钉不让建群：请确认群主 {owner} 在应用可见范围内，且应用有权限 qyapi_chat_manage",
        ) from None
    return [owner] if standing is Standing.UNKNOWN else []


async def _strangers(client: Client, people: People) -> list[str] | None:
    """Who is not in the organisation, else who is not in sight; None when the app may not look."""
    found: dict[Standing, list[str]] = {standing: [] for standing in Standing}
    for user in people:  # one after the other: contacts take few calls at once (§8.1)
        standing = await _standing(client, user)
        if standing is Standing.UNREADABLE:
            return None
        found[standing].append(user)
    return found[Standing.UNKNOWN] or found[Standing.OUTSIDE]


async def _standing(client: Client, user: str) -> Standing:
    try:
        await client.old("POST", "/topapi/v2/user/get", {"userid": user}, repeatable=True)
    except ApiError as error:
        if error.kind is Kind.SCOPE:
            return Standing.UNREADABLE
        if error.code in NOT_IN_ORG:
            return Standing.UNKNOWN
        if error.code in OUT_OF_RANGE:
            return Standing.OUTSIDE
        raise
    return Standing.KNOWN

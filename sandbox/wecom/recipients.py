"""Members, departments and who a message is for (wecom.md §4.1, §7.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.wecom import switches
from sandbox.wecom.apps import App
from sandbox.wecom.errors import WecomError
from sandbox.wecom.gate import Call
from sandbox.world import Person, Refusal, World

ROOT = 1


@dataclass
class Target:
    """Userids that get the message, and what of the request was invalid (lower-cased)."""

    users: list[str] = field(default_factory=list)
    invalid_users: list[str] = field(default_factory=list)
    invalid_parties: list[str] = field(default_factory=list)
    invalid_tags: list[str] = field(default_factory=list)

    def lists(self) -> dict[str, str]:
        named = {
            "invaliduser": self.invalid_users,
            "invalidparty": self.invalid_parties,
            "invalidtag": self.invalid_tags,
        }
        return {name: "|".join(ids) for name, ids in named.items() if ids}


class Members:
    """The corp's people: one department for each role under the root; no tags."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._indexed: tuple[Person, ...] = ()
        self._by_id: dict[str, Person] = {}

    def find(self, user: str) -> Person | None:
        """Userids are case-insensitive for the platform."""
        if self._indexed is not self._world.people:
            self._indexed = self._world.people
            self._by_id = {p.wecom.casefold(): p for p in self._indexed}
        return self._by_id.get(user.casefold())

    def expect(self, user: str) -> Person:
        """For the control API: the person, or a 404 that names who exists."""
        person = self.find(user)
        if person is None:
            known = ", ".join(p.wecom for p in self._world.people[:10])
            raise Refusal(f"user: no WeCom member {user!r}; known: {known}", 404)
        return person

    def visible(self, app: App) -> list[Person]:
        return [p for p in self._world.people if app.sees(p.wecom)]

    def departments(self) -> dict[int, str]:
        roles = list(dict.fromkeys(p.role for p in self._world.people))
        return {ROOT: "总部", **dict(enumerate(roles, start=2))}

    def department_of(self, person: Person) -> int:
        return next(n for n, name in self.departments().items() if name == person.role)

    def in_department(self, department: int) -> list[Person]:
        return [p for p in self._world.people if self.department_of(p) == department]

    def target(self, app: App, users: Any, parties: Any, tags: Any) -> Target:
        """Resolve recipients; each argument is a list of ids (`@all` as a user means everybody)."""
        target = Target()
        if "@all" in users:
            target.users = [p.wecom for p in self.visible(app)]
            return target
        for user in users:
            person = self.find(user)
            if person is None or not app.sees(person.wecom):
                target.invalid_users.append(user.lower())
            else:
                target.users.append(person.wecom)
        for party in parties:
            members = [p.wecom for p in self._party(party) if app.sees(p.wecom)]
            target.users += members
            if not members:
                target.invalid_parties.append(party)
        target.invalid_tags = list(tags)
        target.users = list(dict.fromkeys(target.users))
        return target

    def _party(self, party: str) -> list[Person]:
        if party == str(ROOT):
            return list(self._world.people)
        return self.in_department(int(party)) if party.isdigit() else []

    def _details(self, person: Person) -> dict[str, Any]:
        department = self.department_of(person)
        details: dict[str, Any] = {
            "userid": person.wecom,
            "name": person.name,
            "department": [department],
            "order": [0],
            "position": person.role,
            "is_leader_in_dept": [int(person.role == "主管")],
            "direct_leader": [],
            "telephone": "",
            "alias": "",
            "status": 1,
            "main_department": department,
            "open_userid": "",
            "extattr": {"attrs": []},
        }
        if switches.is_on(self._world, "old_app"):
            details |= {"mobile": f"1380000{person.dingtalk:0>4}", "email": f"{person.wecom}@example.com"}
        return details

    def user_get(self, call: Call) -> dict[str, Any]:
        user = call.query.get("userid", "")
        if not user:
            raise WecomError(41009)
        person = self.find(user)
        if person is None:
            raise WecomError(60111)
        if not call.app.sees(person.wecom):
            raise WecomError(60011)
        return self._details(person)

    def _listed(self, call: Call) -> list[Person]:
        department = call.query.get("department_id", "")
        if not department.isdigit() or int(department) not in self.departments():
            raise WecomError(60123)
        people = [p for p in self.in_department(int(department)) if call.app.sees(p.wecom)]
        if not people and self.in_department(int(department)):
            raise WecomError(60011)
        return people

    def user_simplelist(self, call: Call) -> dict[str, Any]:
        rows = [self._details(p) for p in self._listed(call)]
        keys = ("userid", "name", "department", "open_userid")
        return {"userlist": [{k: row[k] for k in keys} for row in rows]}

    def user_list(self, call: Call) -> dict[str, Any]:
        return {"userlist": [self._details(p) for p in self._listed(call)]}

    def department_list(self, call: Call) -> dict[str, Any]:
        wanted = call.query.get("id", "")
        departments = self.departments()
        if wanted and (not wanted.isdigit() or int(wanted) not in departments):
            raise WecomError(60123)
        rows = [
            {
                "id": number,
                "name": name,
                "name_en": "",
                "department_leader": [],
                "parentid": 0 if number == ROOT else ROOT,
                "order": 100000000 - number,
            }
            for number, name in departments.items()
            if not wanted or wanted == str(ROOT) or number == int(wanted)
        ]
        return {"department": rows}

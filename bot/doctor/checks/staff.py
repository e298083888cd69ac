"""设置, the people: can everybody be reached, can every refund be approved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.doctor.checks.settings import GROUP
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from domain.staff import Role, Staff

ORDER = 11


def subjects(_exam: Exam) -> list[tuple[str, None]]:
    return [(GROUP, None)]


@check("同事")
async def people(exam: Exam, _: None) -> Verdicts:
    """Names, accounts, an administrator. Doubled accounts and ids are refused by `load`."""
    everybody = exam.settings.directory.people
    if not everybody:
        return bad("staff 里还没有人：机器人不会回答任何人。照 config.yaml 里的例子写上姓名、角色和账号")
    found = []
    doubled = [name for name, count in Counter(p.name for p in everybody).items() if count > 1]
    if doubled:
        found.append(note(f"重名：{'、'.join(doubled)}。卡片上分不清，给其中一位换个写法"))
    silent = [p.name for p in everybody if not p.accounts]
    if silent:
        found.append(note(f"没有账号：{'、'.join(silent)}。在 staff 的 accounts 里写上企业微信或钉钉账号"))
    if not any(p.has(Role.ADMIN, Role.SUPERVISOR) for p in everybody):
        found.append(note("没有主管也没有管理员：没有人能用「追踪」"))
    return found or good(f"{len(everybody)} 位，都有账号")


@check("审批人")
async def approvers(exam: Exam, _: None) -> Verdicts:
    """Nobody approves their own request, so every requester needs somebody else with an account."""
    settings = exam.settings
    policy, directory = settings.policies.refund, settings.directory
    if not directory.people:
        return None
    able = _reachable(exam, directory.with_roles(policy.approver_roles))
    roles = "、".join(sorted(policy.approver_roles))
    if not able:
        return bad(
            f"没有人能审批退款：staff 里至少要有一位有账号的 {roles}（policies.refund.approver_roles）"
        )
    stuck = [
        person.name
        for person in directory.with_roles(policy.requester_roles)
        if all(other.id == person.id for other in able)
    ]
    if stuck:
        return note(f"{'、'.join(stuck)} 提出的退款没有别人能批：再给一位同事 {roles} 角色")
    return good(f"{len(able)} 位能审批退款")


def _reachable(exam: Exam, people: Sequence[Staff]) -> list[Staff]:
    """With an account in an app that is filled in."""
    ready = {(door.platform, door.app) for door in exam.settings.doors if door.values is not None}
    return [p for p in people if any((a.platform, a.app) in ready for a in p.accounts)]

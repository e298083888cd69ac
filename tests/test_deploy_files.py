"""What deploy/ says is true of this product: settings, roles, ports, paths and metrics exist. No container engine is
needed to know it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.cli import main
from bot.compose import ROLES
from bot.settings import Settings, load
from tests.office import Office, open_office

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: Mapping[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "qianshao:" in service["image"]}
SECRETS = {"POSTGRES_PASSWORD": "pw", "QIANSHAO_DATA_KEY": "ab" * 32, "RABBITMQ_PASSWORD": "pw"}
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::?[-?]([^}]*))?\}")


def env_example() -> dict[str, str]:
    lines = (DEPLOY / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(text: str, values: Mapping[str, str]) -> str:
    """As compose would: `${NAME}`, `${NAME:-default}`, `${NAME:?what is missing}`."""

    def put(found: re.Match[str]) -> str:
        name, default = found.group(1), found.group(2)
        return values.get(name) or ("" if default is None else default)

    return _VARIABLE.sub(put, text)


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """What a process of this service finds, with the secrets filled in."""
    given = {**env_example(), **SECRETS}
    return {**given, **{name: filled(value, given) for name, value in service["environment"].items()}}


def settings_of(service: Mapping[str, Any]) -> Settings:
    config = next(v.split(":")[0] for v in service["volumes"] if v.endswith("config.yaml:ro"))
    return load((DEPLOY / config).resolve(), environment(service))


# --- compose ----------------------------------------------------------------------------------------------


def test_the_fleet_is_there() -> None:
    roles = [role_of(service) for service in OURS.values() if service["command"][0] == "serve"]
    assert sorted(roles) == ["scheduler", "scheduler", "web", "web", "worker", "worker"]
    assert set(roles) == ROLES
    assert {"postgres", "valkey", "nginx", "migrate"} <= set(SERVICES)
    assert SERVICES["rabbitmq"]["profiles"] == ["rabbitmq"]


def role_of(service: Mapping[str, Any]) -> str:
    command = service["command"]
    return str(command[command.index("--roles") + 1])


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_has_settings_that_this_version_reads(name: str) -> None:
    """An unknown key, a wrong type or an address nobody understands is an error of `load`."""
    settings = settings_of(OURS[name])
    assert settings.database.url == "postgresql+asyncpg://qianshao:pw@postgres/qianshao"
    assert settings.queue.url.startswith("redis://valkey:")
    assert settings.cache.url.startswith("redis://valkey:")
    assert settings.security.data_key == SECRETS["QIANSHAO_DATA_KEY"]
    assert settings.server.public_url == "https://bot.example.com"
    assert settings.server.port == 8080


def test_the_other_courier_is_one_that_this_version_knows() -> None:
    service = dict(OURS["web-1"])
    service["environment"] = {
        **service["environment"],
        "QIANSHAO__QUEUE__URL": "amqp://qianshao:pw@rabbitmq/",
    }
    assert settings_of(service).queue.url.startswith("amqp://")


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_begins_after_the_upgrade_and_ends_in_peace(name: str) -> None:
    service = OURS[name]
    if name == "migrate":
        assert service["command"][:2] == ["db", "upgrade"]
        assert service["restart"] == "no"
        return
    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for needed, how in service["depends_on"].items():
        assert how["condition"] == "service_completed_successfully" or "healthcheck" in SERVICES[needed]
    settings = settings_of(service)
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace > settings.server.drain_seconds + 1 + 2 + 4 * 10, "killed before what is in hand is finished"
    path = "/readyz" if role_of(service) == "web" else "/healthz"
    assert f"http://127.0.0.1:{settings.server.port}{path}" in service["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_command_is_one_that_this_version_has(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """argparse ends with 0 after --help and with 2 at a word it does not know."""
    with pytest.raises(SystemExit) as ended:
        main([*OURS[name]["command"], "--help"])
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_images_are_pinned_and_come_from_no_named_host() -> None:
    for name, service in SERVICES.items():
        image, _, tag = filled(service["image"], {}).rpartition(":")
        assert re.match(r"v?\d+\.\d+", tag), f"{name}: {service['image']} is not pinned"
        assert "." not in image.split("/")[0], f"{name}: {image} names a host"


def test_no_secret_stands_in_the_files() -> None:
    for name in ("POSTGRES_PASSWORD", "QIANSHAO_DATA_KEY", "RABBITMQ_PASSWORD", "WECOM_SECRET"):
        assert env_example()[name] == "", name
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASS|SECRET|KEY", key):
                assert value.startswith("${"), f"{name}: {key}"
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored


def test_every_file_that_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_the_variables_of_config_yaml_are_in_the_example() -> None:
    """Those of doors that are filled in as delivered; the rest stand in comments."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    lines = [line.split("#")[0] for line in text.splitlines()]
    wanted = {name for line in lines for name in re.findall(r"\$\{(\w+)\}", line)}
    assert wanted <= set(env_example())


# --- image ------------------------------------------------------------------------------------------------


def test_the_image_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        source
        for line in text.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert all((ROOT / source).exists() for source in copied), copied
    assert set(code_folders()) <= set(copied), "a package would be missing in the image"
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert not {source.split("/")[0] for source in copied} & set(ignored)
    for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert re.search(r":\d+\.\d+\.\d+", base), base


def code_folders() -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(name) for name in project["tool"]["importlinter"]["root_packages"]]


def test_the_image_installs_by_hash_only() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in text
    lock = (ROOT / "requirements/base.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert packages
    assert all("==" in line and "--hash=sha256:" in line for line in packages)


# --- systemd ----------------------------------------------------------------------------------------------

UNITS = sorted((DEPLOY / "systemd").iterdir())


def directives(unit: Path) -> list[tuple[str, str]]:
    text = unit.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_template_unit_runs_its_role_as_hardened_as_the_single_one(role: str) -> None:
    single = directives(DEPLOY / "systemd" / "qianshao.service")
    found = directives(DEPLOY / "systemd" / f"qianshao-{role}@.service")
    begin = next(i for i, (name, _) in enumerate(single) if name == "UMask")
    hardening = [pair for pair in single[begin:] if pair[0] != "WantedBy"]
    assert [pair for pair in found if pair[0] in dict(hardening)] == hardening
    assert ("RestartPreventExitStatus", "2") in found
    command = dict(found)["ExecStart"]
    arguments = command.partition(" -m bot ")[2].replace("%i", "1").split()
    assert arguments[:3] == ["serve", "--roles", role]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    port = arguments[arguments.index("--port") + 1]
    assert f"127.0.0.1:{port}/readyz" in dict(found)["ExecStartPost"].replace("%i", "1")


def test_the_target_wants_units_that_are_there() -> None:
    wanted = [
        name
        for key, value in directives(DEPLOY / "systemd" / "qianshao.target")
        if key == "Wants"
        for name in value.split()
    ]
    assert {re.sub(r"@\d+", "@", name) for name in wanted} == {f"qianshao-{role}@.service" for role in ROLES}
    names = {unit.name for unit in UNITS}
    assert all(re.sub(r"@\d+", "@", name) in names for name in wanted)


def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    """Where systemd is: it checks every line, with programs in place of those of an installed desk."""
    for unit in UNITS:
        assert {"ExecStart", "User"} <= dict(directives(unit)).keys() or unit.suffix != ".service"
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    python = Path(sys.executable).resolve()
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8")
        text = text.replace("/opt/qianshao/.venv/bin/python", str(python)).replace(
            "/usr/bin/curl", "/bin/true"
        )
        text = text.replace("file:/opt/qianshao/docs", f"file:{ROOT}/docs")
        (tmp_path / unit.name.replace("@", "@1")).write_text(text, encoding="utf-8")
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    ended = subprocess.run([program, "verify", "--man=no", *units], capture_output=True, text=True)
    about_us = [line for line in (ended.stdout + ended.stderr).splitlines() if str(tmp_path) in line]
    assert about_us == [], ended.stderr


def test_the_documents_the_units_name_are_there() -> None:
    for unit in UNITS:
        for name in re.findall(r"docs/[\w/.]+\.md", unit.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{unit.name}: {name}"


# --- dashboard and rules -----------------------------------------------------------------------------------

_NAME = re.compile(r"\bqianshao_[a-z_]+")
_LABELS = re.compile(r"(qianshao_[a-z_]+)\{([^}]*)\}")


def expressions() -> Iterator[tuple[str, str]]:
    board = json.loads((DEPLOY / "grafana" / "qianshao.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
    for group in rules()["groups"]:
        for rule in group["rules"]:
            yield f"rule {rule['alert']}", rule["expr"]


def rules() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    )
    return found


@pytest.fixture
async def office(tmp_path: Path) -> Any:
    async with open_office(tmp_path) as opened:
        yield opened


async def test_dashboard_and_rules_ask_for_what_a_live_desk_exports(office: Office) -> None:
    async with office.http.get(office.base.replace("/sandbox", "/metrics")) as answer:
        page = await answer.text()
    exported: dict[str, set[str]] = {}
    names = office.desk.metrics.registry._names_to_collectors
    for family in text_string_to_metric_families(page):
        labels = set(getattr(names[family.name], "_labelnames", ())) | (
            {"le"} if family.type == "histogram" else set()
        )
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        exported |= {f"{family.name}{ending}": labels for ending in endings}
    for where, expression in expressions():
        for name in _NAME.findall(expression):
            assert name in exported, f"{where}: nobody exports {name}"
        for name, matchers in _LABELS.findall(expression):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert asked <= exported[name], f"{where}: {name} has no label {asked - exported[name]}"
        grouped = {word for part in re.findall(r"by \(([^)]*)\)", expression) for word in part.split(", ")}
        known = set().union(*(exported[name] for name in _NAME.findall(expression)), {"role", "instance"})
        assert grouped <= known, f"{where}: {grouped - known}"


def test_a_rule_says_what_happened_and_what_to_do() -> None:
    seen = set()
    for group in rules()["groups"]:
        for rule in group["rules"]:
            assert rule["alert"] not in seen
            seen.add(rule["alert"])
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert set(rule["annotations"]) == {"summary", "action"}


def test_what_has_to_be_watched_is_watched() -> None:
    text = " ".join(expression for _, expression in expressions())
    for name in ("acknowledge_seconds_bucket", "queue_depth", "queue_oldest_seconds", "breaker_open", "budget_left",
                 "stream", "job_runs_total", "job_late_seconds_bucket"):  # fmt: skip
        assert f"qianshao_{name}" in text


def test_the_dashboard_has_room_for_each_panel() -> None:
    board = json.loads((DEPLOY / "grafana" / "qianshao.json").read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_prometheus_scrapes_every_process() -> None:
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = scrape["scrape_configs"]
    targets = {target.split(":")[0] for config in job["static_configs"] for target in config["targets"]}
    assert targets == set(OURS) - {"migrate"}


@pytest.mark.parametrize("name", ["compose.conf", "qianshao.conf"])
def test_the_proxy_publishes_what_is_public_and_rewrites_nothing(name: str) -> None:
    text = (DEPLOY / "nginx" / name).read_text(encoding="utf-8")
    assert re.findall(r"location (?:= )?(\S+)", text) == [
        "/callback/",
        "/push/",
        "/console/",
        "/healthz",
        "/",
    ]
    for address in re.findall(r"proxy_pass (\S+);", text):
        assert re.fullmatch(r"http://\w+", address), f"{address} would change the path"
    assert text.count("{") == text.count("}")

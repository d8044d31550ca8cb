"""The files of deploy/: what can be known of them without their programs, and NATS with its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nkeys
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def test_nats_takes_the_cluster_configuration(tmp_path: Path) -> None:
    issuer = nkeys.from_seed(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT)).public_key.decode()
    words = {f"NATS_{name}PASSWORD": "word" for name in ("", "SYS_", "ROUTE_")}
    routes = "[nats://route:word@127.0.0.1:6222, nats://route:word@127.0.0.2:6222]"
    path = tmp_path / "cluster.conf"
    path.write_text((DEPLOY / "nats/cluster.conf").read_text().replace("/var/lib/nats", str(tmp_path)))
    program = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    environment = {**words, "NATS_NAME": "a", "NATS_ISSUER": issuer, "NATS_ROUTES": routes}
    done = subprocess.run([str(program), "-c", str(path), "-t"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_service_runs_as_nobody_special_and_in_its_own_folder() -> None:
    unit = (DEPLOY / "systemd/panal.service").read_text()
    assert "User=panal" in unit
    assert "UMask=0077" in unit
    assert "StateDirectoryMode=0700" in unit


def test_the_service_starts_what_set_up_installs() -> None:
    unit = (DEPLOY / "systemd/panal.service").read_text()
    assert re.findall(r"^ExecStart=/opt/panal/(\S+) serve$", unit, re.MULTILINE) == [".venv/bin/panal"]


def test_the_container_is_built_from_files_and_steps_that_exist() -> None:
    text = (DEPLOY / "compose/Dockerfile").read_text()
    steps = re.findall(r"tools/setup\.py ((?:[a-z]+ ?)+)", text)[0].split()
    known = (ROOT / "tools/setup.py").read_text()
    assert all(f'"{step}":' in known for step in steps)


def test_compose_gives_secrets_as_files_only() -> None:
    services = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())["services"]
    for service in services.values():
        for name, value in service["environment"].items():
            assert (
                not re.search("PASSWORD|SECRET|KEY|URL", name) or name.endswith("_FILE") or name == "PANAL_PUBLIC_URL"
            ), value


def test_ignored_files_of_the_image_include_everything_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", "data", ".venv"} <= set(ignored)

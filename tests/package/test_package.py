"""The package: one name to import, beside whatever else a project has."""

import re
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

import recourse.sync
import recourse.temporal
from dev import client_methods
from recourse.resolution.model.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
# What a project of Temporal's samples calls its own files.
FOREIGN = ("workflows.py", "activities.py", "worker.py", "starter/__init__.py", "database/__init__.py", "resolution.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    made = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
    [file] = folder.glob("*.whl")
    return file


def run(program: str, folder: Path = ROOT) -> str:
    given = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(given, check=True, capture_output=True, text=True, cwd=folder).stdout


def test_the_wheel_adds_one_name_and_says_that_it_is_typed(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert {name.split("/")[0] for name in held} == {"recourse"}
    assert "recourse/py.typed" in held
    assert {"recourse/worker.py", "recourse/workflows/order.py", "recourse/activities/templates/notice.txt.j2"} <= held
    assert not [name for name in held if "/dev/" in name or "/tests/" in name]


def test_it_works_in_a_project_that_has_files_of_those_names_itself(wheel: Path, tmp_path: Path) -> None:
    project, installed = tmp_path / "project", tmp_path / "installed"
    for name in FOREIGN:
        place = project / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("OURS = 'the project'\n", encoding="utf-8")
    zipfile.ZipFile(wheel).extractall(installed)
    program = f"""
        import sys
        sys.path.insert(0, {str(project)!r})
        sys.path.insert(1, {str(installed)!r})
        import activities, database, recourse, resolution, starter, worker, workflows
        import recourse.worker, recourse.workflows.order, recourse.cli, recourse.web.app
        assert recourse.__file__.startswith({str(installed)!r}), recourse.__file__
        assert {{m.OURS for m in (activities, database, resolution, starter, worker, workflows)}} == {{"the project"}}
        print(recourse.Recourse.__name__, recourse.load_policy("glimmer").name)
    """

    assert run(program, project) == "Recourse glimmer\n"


def test_no_module_loads_twice() -> None:
    program = """
        import sys
        import recourse.worker, recourse.cli.app, recourse.web.app, recourse.starter.simulate.run
        files = {}
        for name, module in list(sys.modules.items()):
            if getattr(module, "__file__", None):
                files.setdefault(__import__("os").path.realpath(module.__file__), []).append(name)
        print({file: names for file, names in files.items() if len(names) > 1 and "recourse" in str(names)})
    """

    assert run(program) == "{}\n"


def test_every_name_of_the_public_interface_is_there() -> None:
    assert all(getattr(recourse, name) is not None for name in recourse.__all__)
    assert set(recourse.__all__) <= set(dir(recourse))
    with pytest.raises(AttributeError, match="has no attribute 'Orders'"):
        _ = recourse.Orders  # type: ignore[attr-defined]


def test_the_client_has_a_method_for_each_command() -> None:
    for file, text in client_methods.written().items():
        assert file.read_text(encoding="utf-8") == text, f"run `make client`: {file.name}"
    for module in (recourse, recourse.sync, recourse.temporal):
        assert all(callable(getattr(module.OrderHandle, name)) for name in COMMANDS)


def test_every_field_of_a_command_is_described() -> None:
    fields = {
        f"{name}.{field}": known for name, command in COMMANDS.items() for field, known in command.model_fields.items()
    }

    assert [field for field, known in fields.items() if not known.description] == []


def test_the_bare_import_loads_neither_temporal_nor_the_database_driver() -> None:
    program = "import sys, recourse; print({'temporalio', 'asyncpg', 'pydantic'} & set(sys.modules))"

    assert run(program) == "set()\n"


def test_reading_on_the_command_line_waits_for_no_temporal_sdk() -> None:
    program = "import sys, recourse.cli.orders, recourse.cli.finding; sys.exit('temporalio.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_error_that_is_raised_on_purpose_has_the_one_base() -> None:
    from recourse.activities.webhook import BadSignature
    from recourse.database.migrate import MigrationError
    from recourse.starter.recovering import CannotRecover

    named = [getattr(recourse, name) for name in recourse.__all__]
    errors = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(errors) > 8
    for kind in (*errors, BadSignature, MigrationError, CannotRecover):
        assert issubclass(kind, recourse.RecourseError), kind


def errors_of(module: object, names: Iterable[str]) -> dict[str, type[Exception]]:
    found = {name: getattr(module, name) for name in names}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, Exception)}


def test_every_error_of_the_client_is_exported_and_explained() -> None:
    exported = errors_of(recourse, recourse.__all__)
    guide = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (`.*?`) \| (.*) \|.*\|$", guide.partition("| error |")[2], re.MULTILINE))
    meanings = {name: meaning for names, meaning in rows.items() for name in re.findall(r"`(\w+)`", names)}

    assert errors_of(recourse.errors, vars(recourse.errors)).keys() <= exported.keys()
    assert meanings.keys() >= exported.keys()
    for name, kind in exported.items():
        assert kind.__doc__
        below = {other for other, each in exported.items() if kind in each.__bases__}
        if kind is not recourse.RecourseError and below:
            assert set(re.findall(r"`(\w+)`", meanings[name].rpartition("he base of")[2])) == below


def checked(wheel: Path, folder: Path, program: str) -> list[str]:
    """What mypy says about a program of somebody who has installed the package."""
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    (folder / "importer.py").write_text(textwrap.dedent(program), encoding="utf-8")
    said = subprocess.run(
        # What is installed is not checked itself, as in site-packages.
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-incremental", "importer.py"],
        capture_output=True,
        text=True,
        env={"MYPYPATH": str(folder / "installed"), "PATH": ""},
        cwd=folder,
        check=False,
    )
    return said.stdout.splitlines()


def test_an_importer_is_type_checked_strictly(wheel: Path, tmp_path: Path) -> None:
    program = """
        from datetime import timedelta

        from recourse import Applied, Client, Freelancer, Outcome, Recourse, RecourseError, Refused, Terms
        from recourse import sync
        from recourse.ports import PaymentLeg
        from recourse.webhooks import verify_webhook

        async def cancel(recourse: Recourse, terms: Terms) -> str:
            order = await recourse.start(terms, "glimmer")
            await order.request(by=Client("c-3"), kind="extension", extend_by=timedelta(hours=48), command_id="web-1")
            outcome = await recourse.order("1001").accept(by=Freelancer("f-7"), expected_version=1)
            match outcome:
                case Applied():
                    return f"{outcome.phase}, {outcome.turn.who} until {outcome.turn.until}"
                case Refused(code="not_yours_to_answer"):
                    return outcome.message
                case Refused():
                    return f"{outcome.code}: {outcome.details}"

        async def by_name(recourse: Recourse) -> Outcome:
            return await recourse.order("1001").send("accept", {"actor": {"role": "client", "id": "c-3"}})

        class Till:
            async def pay(self, leg: PaymentLeg) -> str:
                return f"{leg.key}: {leg.amount}"

        def at_once(recourse: sync.Recourse) -> str:
            outcome = recourse.order("1001").accept(by=Freelancer("f-7"))
            return outcome.phase if outcome.applied else outcome.code

        def check(secret: str) -> None:
            try:
                verify_webhook(secret, {}, b"")
            except RecourseError:
                pass
    """

    assert checked(wheel, tmp_path, program) == ["Success: no issues found in 1 source file"]


def test_wrong_commands_fields_and_attributes_are_errors_of_types(wheel: Path, tmp_path: Path) -> None:
    program = """
        from recourse import Client, Operator, OrderHandle, RefusalCode
        from recourse.ports import PaymentLeg

        async def mistaken(order: OrderHandle) -> None:
            await order.acept(by=Client("c-3"))
            await order.accept(by=Operator("op-1"))
            await order.accept(by=Client("c-3"), amount=5)
            await order.accept()
            await order.request(by=Client("c-3"), kind="refund")
            await order.counter(by=Client("c-3"), amount="50.00")
            outcome = await order.accept(by=Client("c-3"))
            print(outcome.phase)
            if not outcome.applied:
                print(outcome.code, outcome.phase)
            code: RefusalCode = "not_yours_to_answr"
            print(code)

        def pay(leg: PaymentLeg) -> None:
            print(leg.amount_due)
    """

    *found, last = checked(wheel, tmp_path, program)

    wrong = [line for line in found if ": error: " in line]
    assert [int(line.split(":")[1]) for line in wrong] == [6, 7, 8, 9, 10, 11, 13, 15, 16, 20], found
    assert last == "Found 10 errors in 1 file (checked 1 source file)"

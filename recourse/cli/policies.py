"""`recourse policy`: what the policies say, whether they make sense, and how they look."""

import json as json_text
import sys
from dataclasses import asdict
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from recourse.cli.lists import Listed, say_list
from recourse.cli.output import BAD_INPUT, DONE, NO, Json, Stop, console, say_json
from recourse.cli.tables import Listing
from recourse.policies.chart import Chart, chart
from recourse.policies.comparing import compare, in_words
from recourse.policies.explain import explained
from recourse.policies.files import PRESETS, PolicyFile, Unreadable, preset_about, read_file
from recourse.policies.findings import Finding
from recourse.policies.json_schema import policy_schema
from recourse.policies.keys import KEYS, dotted, written
from recourse.policies.linting import lint
from recourse.policies.mermaid import mermaid
from recourse.policies.picture import svg
from recourse.policies.state_graph import explore
from recourse.policies.writing import write_policy
from recourse.resolution.model.policy import Policy

app = App(name="policy", help="Read, check, draw and compare policies.")
Name = Annotated[str, Parameter(help="The name of a built-in policy, or the path of a policy file.")]


@app.command(name="list")
def list_policies(*, json: Json = False) -> None:
    """List the built-in policies."""
    presets = [{"name": name, "about": preset_about(name)} for name in PRESETS]
    table = Listing(("policy", "what it does"), [(preset["name"], preset["about"]) for preset in presets])
    say_list(Listed(presets, table, ""), json=json)


@app.command
def show(
    name: Name,
    /,
    *,
    defaults: Annotated[bool, Parameter(negative="", help="Also show keys that no file sets.")] = False,
    json: Json = False,
) -> None:
    """Show the effective policy as a file, with the origin of each value."""
    file, policy = _usable(name)
    if not json:
        sys.stdout.write(write_policy(file, policy, defaults=defaults))
        return
    values = written(policy)
    shown = [key for key in KEYS if values[key] is not None and (defaults or file.origin(key))]
    say_json({dotted(key): {"value": values[key], "from": file.source(key)} for key in shown})


@app.command
def payload(name: Name, /) -> None:
    """Print the effective policy as JSON, as starting an order needs it in other languages.

    It holds every value, so later changes to defaults do not affect the order.
    """
    policy = _usable(name)[1]
    whole = policy.model_dump(mode="json")
    # Temporal's HTTP API makes null of an empty list; left out, it means the same.
    short = _without_empty_lists(whole)
    same = Policy.model_validate(short) == policy
    sys.stdout.write(json_text.dumps(short if same else whole, indent=1) + "\n")


def _without_empty_lists(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_empty_lists(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value != []
    }


@app.command(name="lint")
def lint_policies(
    *names: Annotated[str, Parameter(help="Names of built-in policies, or paths of policy files.")],
    json: Json = False,
) -> int:
    """Check policy files. Prints each finding with file, line, key and reason.

    Exit status: 0 no errors (warnings are allowed); 1 errors; 2 a file cannot be read.
    """
    if not names:
        raise Stop("name at least one policy file, such as `recourse policy lint my_shop.toml`")
    findings: list[Finding] = []
    unreadable = 0
    for name in names:
        try:
            findings += lint(read_file(name))[1]
        except Unreadable as cause:
            findings.append(cause.finding)
            unreadable += 1
    errors = sum(finding.severity == "error" for finding in findings)
    if json:
        say_json({"findings": [asdict(finding) for finding in findings], "errors": errors})
    else:
        for finding in findings:
            _say(str(finding))
        _say(f"{_count(len(names), 'policy', 'policies')}: {_count(errors, 'error')}, ", end="")
        _say(_count(len(findings) - errors, "warning"))
    return BAD_INPUT if unreadable else NO if errors else DONE


@app.command
def diagram(
    name: Name,
    /,
    *,
    format: Annotated[Literal["mermaid", "svg"], Parameter(help="Mermaid text or an SVG picture.")] = "mermaid",
    json: Json = False,
) -> None:
    """Draw the policy as a state diagram: states, transitions, clocks and what silence means."""
    _, policy = _usable(name)
    drawn = chart(explore(policy))
    if json:
        say_json(_as_json(drawn))
    else:
        title = f"An order under the policy {policy.name}"
        sys.stdout.write(svg(drawn, title) if format == "svg" else mermaid(drawn, title))


def _as_json(drawn: Chart) -> dict[str, object]:
    return {
        "boxes": list(drawn.boxes),
        "starts": list(drawn.starts),
        "arrows": [{"from": arrow.source, "to": arrow.target, "label": arrow.label} for arrow in drawn.arrows],
        "always": list(drawn.always),
        "calendar": list(drawn.calendar),
    }


@app.command
def explain(name: Name, /, *, json: Json = False) -> None:
    """Explain a policy in plain sentences."""
    _, policy = _usable(name)
    if json:
        say_json([{"title": title, "sentences": dict(said)} for title, said in explained(policy)])
        return
    _say(f"The policy {policy.name}")
    for title, said in explained(policy):
        _say("")
        _say(title)
        for _, sentence in said:
            _say(f"- {sentence}")


@app.command
def diff(old: Name, new: Name, /, *, json: Json = False) -> None:
    """Show what changes from one policy to another, in words."""
    comparison = compare(_usable(old)[1], _usable(new)[1])
    if json:
        say_json(asdict(comparison))
    else:
        for line in in_words(comparison):
            _say(line)


@app.command
def schema() -> None:
    """Print the JSON Schema of policy files, for editors and validators."""
    sys.stdout.write(json_text.dumps(policy_schema(), indent=2) + "\n")


def _usable(name: str) -> tuple[PolicyFile, Policy]:
    try:
        file = read_file(name)
    except Unreadable as cause:
        raise Stop(str(cause.finding)) from cause
    policy, findings = lint(file)
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    if errors:
        raise Stop("this policy cannot be used:\n" + "\n".join(errors))
    return file, policy


def _say(line: str, end: str = "\n") -> None:
    console().print(line, end=end)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"

"""Linting a policy: every finding at once, each with its place. Loading a policy refuses what is an error here."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from recourse.policies.files import PolicyFile
from recourse.policies.findings import Finding, Remark, warning
from recourse.policies.graph_checks import graph_remarks
from recourse.policies.key_errors import key_errors
from recourse.policies.key_warnings import key_warnings
from recourse.policies.keys import Key
from recourse.policies.state_graph import explore
from recourse.policies.values import read_values
from recourse.resolution.model.policy import Flags, Money, Policy, Reviews, Scores


def lint(file: PolicyFile) -> tuple[Policy, list[Finding]]:
    """The policy of a file, and all findings in the order of their lines. It is to be used only without an error."""
    policy, wrong = read_values(file.document)
    if file.broken:
        # Half of the values are missing, so only those of this file by themselves can be judged.
        judged: Iterable[Remark] = [remark for remark in wrong if not remark.rule.startswith("missing")]
    else:
        doubtful = {key for remark in wrong for key in remark.keys}
        judged = [*wrong, *(remark for remark in _remarks(file, policy) if not _relies_on(remark, doubtful))]
    findings = [file.place(remark) for remark in judged if _worth_saying(file, remark)]
    findings += [file.broken] if file.broken else []
    return policy, sorted(_once(findings), key=lambda found: (found.file != file.name, found.line or 0))


def policy_errors(policy: Policy) -> list[str]:
    """What is wrong with a policy that came without a file, although each of its values is allowed."""
    found = (*key_errors(policy), *_of_the_course(policy))
    return [f"{'.'.join(one.keys[0])}: {one.reason}" for one in found if one.severity == "error"]


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, and no warning where there is an error: fixing that may fix both."""
    found = list(dict.fromkeys(findings))
    wrong = {(finding.file, finding.key) for finding in found if finding.severity == "error"}
    return [one for one in found if one.severity == "error" or (one.file, one.key) not in wrong]


def _remarks(file: PolicyFile, policy: Policy) -> Iterator[Remark]:
    yield from _borrowed_name(file)
    yield from key_errors(policy)
    yield from key_warnings(policy)
    yield from _of_the_course(policy)


def _relies_on(remark: Remark, doubtful: set[Key]) -> bool:
    """Whether a remark is about a value that only stands in for one that is wrong."""
    return any(key[: len(known)] == known for key in remark.keys for known in doubtful)


def _worth_saying(file: PolicyFile, remark: Remark) -> bool:
    return not remark.if_written or any(layer.has(remark.keys[0]) for layer in file.layers[:1])


def _borrowed_name(file: PolicyFile) -> Iterator[Remark]:
    own = file.layers[0]
    if own.extends is not None and own.lines is not None and not own.has(("name",)) and file.origin(("name",)):
        yield warning(
            "borrowed-name",
            "this policy has no name of its own, so its orders carry the name of the one that it extends: add "
            'name = "…"',
            "extends",
        )


def _of_the_course(policy: Policy) -> tuple[Remark, ...]:
    # What only counts or notifies does not change the graph; without it, fewer graphs are explored.
    plain = {"name": "-", "money": Money(), "scores": Scores(), "reviews": Reviews(), "flags": Flags()}
    return _of_course(policy.model_copy(update=plain).model_dump_json())


@lru_cache(maxsize=256)
def _of_course(policy: str) -> tuple[Remark, ...]:
    return tuple(graph_remarks(explore(Policy.model_validate_json(policy))))

"""A policy in plain sentences, grouped by question; keys without effect are left out."""

from collections.abc import Iterator

from recourse.policies.sentences import GROUPS
from recourse.resolution.model.policy import Policy


def explained(policy: Policy) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each group's title, with the dotted key and the sentence of all that has an effect."""
    for title, sentences in GROUPS.items():
        said = [(sentence.name, sentence.say(policy)) for sentence in sentences if sentence.idle(policy) is None]
        if said:
            yield title, said

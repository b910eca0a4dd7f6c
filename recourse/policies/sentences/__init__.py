"""Every key of a policy as a plain sentence, in the order and the groups in which one would ask about them."""

from recourse.policies.keys import Key
from recourse.policies.sentences.afterwards import CASES, KEEPING, MONEY, NOTICES, SCORES, UNDO
from recourse.policies.sentences.answering import ANSWERING, SILENCES
from recourse.policies.sentences.canceling import CANCELING
from recourse.policies.sentences.order import ORDER
from recourse.policies.sentences.other_requests import OTHER_REQUESTS
from recourse.policies.sentences.sentence import Sentence

NAME = (Sentence("name", lambda policy: f'Orders opened under it carry the name "{policy.name}".'),)
GROUPS: dict[str, tuple[Sentence, ...]] = {
    "The policy": NAME,
    "The order": ORDER,
    "Who may cancel, and when": CANCELING,
    "Who must answer, and until when": ANSWERING,
    "What silence means": SILENCES,
    "Other requests": OTHER_REQUESTS,
    "Taking a cancellation back": UNDO,
    "Cases": CASES,
    "Money": MONEY,
    "Scores, reviews and marks": SCORES,
    "Notices": NOTICES,
    "Keeping": KEEPING,
}
SENTENCES: dict[Key, Sentence] = {sentence.key: sentence for group in GROUPS.values() for sentence in group}

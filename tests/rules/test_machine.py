"""Whatever the parties, the operators and time do, in any order and under any policy, these things hold."""

import json
import os
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from recourse.policies import load_policy
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import PolicyError
from recourse.resolution.model.reading import Message
from recourse.resolution.model.record import Reader, export, verify
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.shown.looking_ahead import available_actions
from tests.outcomes import repeated
from tests.rules.choices import ROLES, choices, commands_of
from tests.rules.given import Given, Then
from tests.rules.invariants import check_ledger, check_order, check_step, check_that_silence_locks_nothing, check_undone
from tests.rules.marketplaces import MUTATIONS, VARIANTS
from tests.rules.truth import applies, check_actions, check_preview

SIZE = int(os.environ.get("RECOURSE_SIZE", "1"))
OF_THE_RECORD = {"record_length", "record_hash", "hidden_from", "decided_at"}

POLICIES = st.builds(
    lambda name, changes: (VARIANTS[name][0], {**VARIANTS[name][1], **changes}),
    st.sampled_from(sorted(VARIANTS)),
    st.lists(st.sampled_from(sorted(MUTATIONS)), max_size=3, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: st.sampled_from(MUTATIONS[key]) for key in keys})
    ),
)
MOMENTS = st.sampled_from(["1s", "1h", "2h", "23h59m59s", "24h", "72h"])


class Orders(RuleBasedStateMachine):
    """One order, and everything that can be done to it."""

    @initialize(
        policy=POLICIES,
        price=st.sampled_from([1, 5_000, 5_001, 9_999, 10_000, 10**15]),
        service_fee=st.sampled_from([0, 1, 550]),
        requirements=st.sampled_from(["awaited", "received"]),
    )
    def place(self, policy: tuple[str, dict[str, Any]], **terms: Any) -> None:
        try:
            chosen = load_policy(*policy)
        except PolicyError:
            chosen = load_policy(policy[0])
        self.given = Given(chosen, **terms)
        self.sent: list[Message] = []
        self.secrets: dict[str, str] = {}

    # What can be done.

    @rule(data=st.data())
    def the_client_acts(self, data: st.DataObject) -> None:
        self._act(data, "client")

    @rule(data=st.data())
    def the_freelancer_acts(self, data: st.DataObject) -> None:
        self._act(data, "freelancer")

    @rule(data=st.data())
    def an_operator_acts(self, data: st.DataObject) -> None:
        self._act(data, "operator")

    @rule(data=st.data())
    def the_provider_reports(self, data: st.DataObject) -> None:
        given = self.given
        fields = data.draw(st.sampled_from(list(choices(given.order, "payment_event", "operator"))))
        # What came back waits for an operator, and silence pays it to nobody.
        if fields["event"] != "returned":
            self._decide(given.message({"role": "system", "id": "provider"}, "payment_event", fields))

    @rule(data=st.data(), roles=st.lists(st.sampled_from(ROLES), min_size=3, max_size=8))
    def they_act_in_turn(self, data: st.DataObject, roles: list[Reader]) -> None:
        for role in roles:
            self._act(data, role)

    def _act(self, data: st.DataObject, role: Reader) -> None:
        """Do something that is possible now."""
        order, now = self.given.order, self.given.now
        listed = available_actions(order, role, now)
        if not listed:
            return
        # What ends an order comes seldom, or there is little to see.
        lasting = sorted(listed.keys() - {"complete", "accept", "rule"}) or sorted(listed)
        name = data.draw(st.sampled_from(sorted(listed) if data.draw(st.integers(0, 3)) == 0 else lasting))
        actor = {"role": role, "id": "operator-1" if role == "operator" else order.party(role)}
        possible = [fields for fields in choices(order, name, role) if applies(order, name, actor, fields, now)]
        if possible:
            self._say(data, role, name, possible)

    @rule(data=st.data(), role=st.sampled_from(ROLES))
    def somebody_tries_anything(self, data: st.DataObject, role: Reader) -> None:
        """Possible or not."""
        name = data.draw(st.sampled_from(commands_of(role)))
        self._say(data, role, name, list(choices(self.given.order, name, role)))

    def _say(self, data: st.DataObject, role: Reader, name: str, possible: list[dict[str, Any]]) -> None:
        given = self.given
        fields = dict(data.draw(st.sampled_from(possible)))
        if name == "request" and data.draw(st.booleans()):
            fields["private_note"] = self._secret("nobody")
        if name == "leave_feedback" and fields["visibility"] == "private":
            fields["text"] = self._secret(role)
        who = f"operator-{data.draw(st.integers(1, 2))}" if role == "operator" else given.order.party(role)
        message = given.message({"role": role, "id": who}, name, fields)
        if given.provider_works and given.order.unpaid is None:
            self._decide(message, check_preview(given, message))
        else:
            self._decide(message)

    def _secret(self, reader: str) -> str:
        text = f"secret {len(self.secrets)} for {reader}."
        self.secrets[text] = reader
        return text

    def _decide(self, message: Message, check: Any = None) -> None:
        given, before = self.given, self.given.order
        then = given.take(message)
        self.sent.append(message)
        if check:
            check(then)
        self._check_steps(before, then)
        assert [step.entry.content["command"] for step in then.steps if step.entry][:1] == [message.name]
        if then.refused:
            assert _without_record(given.order) == _without_record(before)
            assert then.notices == []
        elif message.name == "undo" and before.closed and not given.order.closed:
            check_undone(before, given.order, given.now)

    @rule(length=MOMENTS)
    def wait(self, length: str) -> None:
        before = self.given.order
        self._check_steps(before, self.given.after(length))

    @rule(early=st.booleans())
    def wait_for_the_next_clock(self, early: bool) -> None:
        """To the instant at which something falls due, or to the second before it."""
        clock = next_clock(self.given.order)
        if clock is None or clock.at > self.given.now + timedelta(days=400):
            return
        before = self.given.order
        then = self.given.until(max(self.given.now, clock.at - timedelta(seconds=early)))
        if not early or clock.at <= self.given.now:
            assert then.done
            assert then.done[0].decided.clock == clock
        self._check_steps(before, then)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """The same sender's same id again: the first answer, and nothing else; for something else: a refusal."""
        given = self.given
        message = data.draw(st.sampled_from(self.sent))
        other = data.draw(st.booleans())
        again = message.model_copy(update={"fields": {**message.fields, "comment": "else"}}) if other else message
        before, first = given.order, given.engine.answers[message.key].outcome

        then = given.take(again)

        if not other:
            assert then.answer == repeated(first)
            assert then.steps == ()
            assert given.order == before
            return
        self._check_steps(before, then)
        assert then.refused in ("command_id_reused", "malformed")
        assert given.engine.answers[message.key].outcome == first
        assert given.record[-1].content["command_id"] != message.command_id

    @rule(data=st.data(), length=st.sampled_from(["1h", "24h", "72h"]), count=st.integers(1, 4))
    def outage(self, data: st.DataObject, length: str, count: int) -> None:
        """We are away; what waits is decided in the order of its instants, clocks and commands alike."""
        given, before, began = self.given, self.given.order, self.given.now
        twin = given.fork()
        twin.after(length)
        given.now = twin.now
        messages = []
        for _ in range(count):
            role = data.draw(st.sampled_from(PARTIES))
            name = data.draw(st.sampled_from(commands_of(role)))
            fields = data.draw(st.sampled_from(list(choices(before, name, role))))
            seconds = data.draw(st.integers(0, int((given.now - began).total_seconds())))
            stamp = (began + timedelta(seconds=seconds)).isoformat()
            messages.append(given.message({"role": role, "id": before.party(role)}, name, {**fields, "sent_at": stamp}))

        then = given.take(*messages)

        self.sent += messages
        self._check_steps(before, then)
        decided = [one.plan.order.decided_at for one in then.done]
        assert decided == sorted(decided)
        for one in then.done:
            message = one.plan.message
            if message and message.sent_at and message.sent_at > before.decided_at:
                assert one.plan.order.decided_at >= message.sent_at

    @rule(works=st.booleans())
    def provider(self, works: bool) -> None:
        self.given.provider_works = works

    @rule(role=st.sampled_from(ROLES))
    def look_around(self, role: Reader) -> None:
        """What is listed as possible is, and nothing else."""
        check_actions(self.given.order, role, self.given.now)

    # What holds.

    def _check_steps(self, before: Order, then: Then) -> None:
        for step in then.steps:
            before = check_step(before, step)

    @invariant()
    def what_holds_of_every_order(self) -> None:
        check_order(self.given.order, self.given.now)
        check_ledger(self.given)

    @invariant()
    def silence_locks_no_money(self) -> None:
        check_that_silence_locks_nothing(self.given.order)

    @invariant()
    def what_is_private_is_on_no_page_and_in_no_notice(self) -> None:
        given = self.given
        for party in PARTIES:
            notices = [notice.model_dump(mode="json") for notice in given.steps[-1].notices if notice.to == party]
            self._nothing_private_in(party, json.dumps([given.view(party), notices], default=str))

    def _nothing_private_in(self, reader: str, text: str) -> None:
        for secret, known_to in self.secrets.items():
            assert known_to == reader or secret not in text

    @invariant()
    def an_order_stays_small(self) -> None:
        assert len(self.given.order.model_dump_json(exclude={"opening"})) < 20_000

    def teardown(self) -> None:
        """At the end: the record is whole, verifies for everybody, and tells nobody what is private."""
        if not hasattr(self, "given"):
            return
        given = self.given
        order = given.order
        assert [entry.number for entry in given.record] == list(range(1, order.record_length + 1))
        for reader in ROLES:
            document = export(order.opening, given.record, reader, at=order.decided_at)
            assert verify(document) == []
            assert document["record_length"] == given.view(reader)["record_length"]
            if reader != "operator":
                self._nothing_private_in(reader, json.dumps(document))
        assert Order.model_validate_json(order.model_dump_json()) == order


def _without_record(order: Order) -> dict[str, Any]:
    return order.model_dump(exclude=OF_THE_RECORD)


Orders.TestCase.settings = settings(
    max_examples=80 * SIZE,
    stateful_step_count=30,
    derandomize=SIZE == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOrders = Orders.TestCase

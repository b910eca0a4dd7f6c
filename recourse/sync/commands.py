"""The commands of an order as methods. Written by `make client` from resolution/model/commands.py: do not edit."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from recourse.resolution.model.outcome import Outcome
from recourse.starter.actors import AnyActor, Client, Freelancer, Operator, System


class Commands(ABC):
    """A method for each command. `OrderHandle` says what they return and raise."""

    @abstractmethod
    def _give(self, command: str, actor: AnyActor, command_id: str | None, /, **fields: Any) -> Outcome:
        """Give a command with those of its fields that are not None."""

    def submit_requirements(
        self,
        *,
        by: Client,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """The client hands in what the freelancer needs; the delivery time starts.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "submit_requirements",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def deliver(
        self,
        *,
        by: Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """The freelancer delivers; the auto-complete clock starts.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "deliver",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def ask_revision(
        self,
        *,
        by: Client,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """The client sends the delivery back for a revision.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "ask_revision",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def complete(
        self,
        *,
        by: Client,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """The client accepts the delivery; the freelancer is paid.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "complete",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def request(
        self,
        *,
        by: Client | Freelancer,
        kind: Literal["cancel", "extension", "update", "partial_refund", "extra"],
        reason: str | None = None,
        private_note: str | None = None,
        attestations: Sequence[str] = (),
        amount: int | None = None,
        extend_by: timedelta | None = None,
        approval: Literal["if_needed", "ask", "skip"] = "if_needed",
        no_agreement: bool = False,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Asks the other side to cancel, to extend, for an update, for a partial refund, or to buy an extra.

        kind: The kind of request.
        reason: A reason code of the order's policy.
        private_note: Note that only operators can read.
        attestations: The confirmations that are made.
        amount: In minor units: what the freelancer gets before commission, what the client gets back in a partial
            refund, or what an extra costs.
        extend_by: How much more time an extension or an extra asks for.
        approval: `if_needed`: cancel at once if that is allowed; `ask`: ask anyway; `skip`: only if it is allowed.
        no_agreement: The parties do not agree: an operator decides.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "request",
            by,
            command_id,
            kind=kind,
            reason=reason,
            private_note=private_note,
            attestations=attestations,
            amount=amount,
            extend_by=extend_by,
            approval=approval,
            no_agreement=no_agreement,
            comment=comment,
            expected_version=expected_version,
        )

    def accept(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Agrees to the open request, or to the operator's proposal.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "accept",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def decline(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Declines the open request, or the operator's proposal.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "decline",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def counter(
        self,
        *,
        by: Client | Freelancer,
        amount: int | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Answers a request with another amount.

        amount: In minor units: what the freelancer gets before commission, or what the client gets back in a
            partial refund.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "counter",
            by,
            command_id,
            amount=amount,
            comment=comment,
            expected_version=expected_version,
        )

    def withdraw(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Withdraws your own open request, or the case that you opened.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "withdraw",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def settle(
        self,
        *,
        by: Client | Freelancer,
        amount: int | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Offers a settlement amount while a case is open.

        amount: In minor units: what the freelancer gets before commission.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "settle",
            by,
            command_id,
            amount=amount,
            comment=comment,
            expected_version=expected_version,
        )

    def undo(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Undoes a cancellation, if the policy allows it.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "undo",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def escalate(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Escalates a declined cancel request, or after completion a complaint, to an operator.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "escalate",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def propose(
        self,
        *,
        by: Operator,
        amount: int | None = None,
        explanation: str | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Proposes a settlement to both parties, in mediation.

        amount: In minor units: what the freelancer gets before commission.
        explanation: The reasons. Both parties receive them.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "propose",
            by,
            command_id,
            amount=amount,
            explanation=explanation,
            comment=comment,
            expected_version=expected_version,
        )

    def rule(
        self,
        *,
        by: Operator,
        outcome: Literal["cancel", "continue", "let_them_decide", "refund"],
        amount: int | None = None,
        explanation: str | None = None,
        fault: Literal["client", "freelancer", "none"] = "none",
        exempt: bool = False,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Decides the case.

        outcome: How the case ends; `cancel` and, after completion, `refund` need an amount.
        amount: In minor units: what the freelancer gets before commission, or what of the price is refunded.
        explanation: The reasons. Both parties receive them.
        fault: The party at fault for the cancellation.
        exempt: Do not count the cancellation in the freelancer's score.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "rule",
            by,
            command_id,
            outcome=outcome,
            amount=amount,
            explanation=explanation,
            fault=fault,
            exempt=exempt,
            comment=comment,
            expected_version=expected_version,
        )

    def appeal(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Appeals the ruling, once, with new words or evidence; another operator decides.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "appeal",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def message(
        self,
        *,
        by: Client | Freelancer,
        comment: str,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Sends a message to the other side; the record keeps it.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "message",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def add_evidence(
        self,
        *,
        by: Client | Freelancer,
        title: str,
        kind: str,
        sha256: str,
        address: str,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Records a file that is stored elsewhere: title, kind, SHA-256 and address.

        title: The file's title.
        kind: The kind of file, such as `screenshot`.
        sha256: The file's SHA-256 hash, 64 hexadecimal digits.
        address: Where the file is kept.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "add_evidence",
            by,
            command_id,
            title=title,
            kind=kind,
            sha256=sha256,
            address=address,
            comment=comment,
            expected_version=expected_version,
        )

    def leave_feedback(
        self,
        *,
        by: Client | Freelancer,
        visibility: Literal["public", "private"],
        rating: Literal["positive", "negative"],
        text: str = "",
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Reviews the other side, publicly or privately, once each.

        visibility: Whether the other party can read it.
        rating: Your rating.
        text: Your review.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "leave_feedback",
            by,
            command_id,
            visibility=visibility,
            rating=rating,
            text=text,
            comment=comment,
            expected_version=expected_version,
        )

    def retry_payment(
        self,
        *,
        by: Operator,
        leg: str,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Tries a payment again that is blocked or came back.

        leg: The leg of a payment, such as `1.refund`.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "retry_payment",
            by,
            command_id,
            leg=leg,
            comment=comment,
            expected_version=expected_version,
        )

    def settle_by_hand(
        self,
        *,
        by: Operator,
        leg: str,
        reference: str,
        explanation: str | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Notes that a payment that is blocked or came back was made outside of the payment provider.

        leg: The leg of a payment, such as `1.refund`.
        reference: The reference of the payment. Only operators read it.
        explanation: The reasons. Only operators read them.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "settle_by_hand",
            by,
            command_id,
            leg=leg,
            reference=reference,
            explanation=explanation,
            comment=comment,
            expected_version=expected_version,
        )

    def payment_event(
        self,
        *,
        by: System,
        event: Literal["returned", "chargeback_opened", "chargeback_closed"],
        leg: str | None = None,
        amount: int | None = None,
        respond_by: datetime | None = None,
        outcome: Literal["won", "lost"] | None = None,
        reference: str | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """The payment provider reports that a payment came back, or what the client's bank does.

        event: What happened.
        leg: The leg of a payment that came back, such as `1.refund`.
        amount: What the client's bank took, in minor units.
        respond_by: Until when the bank can be answered.
        outcome: How the bank decided; `lost`: the client has the money.
        reference: The provider's reference. Only operators read it.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "payment_event",
            by,
            command_id,
            event=event,
            leg=leg,
            amount=amount,
            respond_by=respond_by,
            outcome=outcome,
            reference=reference,
            comment=comment,
            expected_version=expected_version,
        )

    def order_again(
        self,
        *,
        by: System,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """The two parties started another order; this affects scores only.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "order_again",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def give_time(
        self,
        *,
        by: Client | Freelancer,
        length: timedelta,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Gives the other side more time to answer your open request.

        length: How much more time, such as `24h`; it counts like the window.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "give_time",
            by,
            command_id,
            by=length,
            comment=comment,
            expected_version=expected_version,
        )

    def away(
        self,
        *,
        by: Client | Freelancer,
        until: datetime,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Says that you are away: your own answer windows stand still until then.

        until: When you are back; cut to what the policy leaves you.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "away",
            by,
            command_id,
            until=until,
            comment=comment,
            expected_version=expected_version,
        )

    def back(
        self,
        *,
        by: Client | Freelancer,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Says that you are back: your answer windows run again.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "back",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def hold(
        self,
        *,
        by: Operator,
        explanation: str | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Holds the order: it stands still for a while.

        explanation: The reasons. Only operators read them.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "hold",
            by,
            command_id,
            explanation=explanation,
            comment=comment,
            expected_version=expected_version,
        )

    def lift_hold(
        self,
        *,
        by: Operator,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Ends the hold: the order goes on.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "lift_hold",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def open_case(
        self,
        *,
        by: Operator,
        explanation: str | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Opens a case without a request of the parties, once, and once more after completion.

        explanation: The reasons. Both parties receive them.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "open_case",
            by,
            command_id,
            explanation=explanation,
            comment=comment,
            expected_version=expected_version,
        )

    def take_case(
        self,
        *,
        by: Operator,
        over: bool = False,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Takes the open case: you work on it.

        over: Take it over from the operator that has it.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "take_case",
            by,
            command_id,
            over=over,
            comment=comment,
            expected_version=expected_version,
        )

    def release_case(
        self,
        *,
        by: Operator,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Gives the case back that you have taken.

        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "release_case",
            by,
            command_id,
            comment=comment,
            expected_version=expected_version,
        )

    def note(
        self,
        *,
        by: Operator,
        text: str,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Writes a note that only operators can read.

        text: The note; only operators can read it.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "note",
            by,
            command_id,
            text=text,
            comment=comment,
            expected_version=expected_version,
        )

    def note_to_staff(
        self,
        *,
        by: Client | Freelancer,
        text: str,
        comment: str | None = None,
        expected_version: int | None = None,
        command_id: str | None = None,
    ) -> Outcome:
        """Writes a note to operators; the other side does not learn of it.

        text: The note; only operators can read it.
        comment: Message to the other party.
        expected_version: The version of the offer that you answer. If it has changed, the command is refused.
        """
        return self._give(
            "note_to_staff",
            by,
            command_id,
            text=text,
            comment=comment,
            expected_version=expected_version,
        )

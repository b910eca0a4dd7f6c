"""The typed client for other backends: start an order, give its commands, read where it stands."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self

from temporalio.client import Client

from recourse.activities.providers import PaymentProvider
from recourse.database.access import DatabaseMissing, NoDatabase
from recourse.database.displays import write_display
from recourse.database.orders import write_contacts
from recourse.errors import BadInput
from recourse.policies.calculators import register_installed_calculators
from recourse.resolution.model.display import Display
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.vocabulary import Party
from recourse.runtime.addresses import UnusableAddress, read_address
from recourse.runtime.database_connection import database, explaining_database_errors
from recourse.runtime.own_attributes import read_own, unfit_values
from recourse.runtime.settings import Settings, read_settings
from recourse.runtime.signing import RecordSigner, read_signer
from recourse.runtime.temporal_connection import connect as connect_temporal
from recourse.starter.checking import MoneyCheck
from recourse.starter.groups import GroupHandle
from recourse.starter.handle import OrderHandle
from recourse.starter.messages import stamped, unsendable
from recourse.starter.reading import Orders, now
from recourse.starter.starting import Started, bring_back, start

TASK_QUEUE = "recourse"
PATIENCE = timedelta(seconds=60)


class Recourse(Orders):
    """Orders, for a backend: to start, to give commands to, and to read.

    `temporal` and `pool` are connections to the servers on which the orders run; without a `pool` it starts orders and
    sends commands, and whatever needs the database raises BadInput. `now` is the clock by which commands are stamped on
    arrival; `web_url` is where the pages are, for a link in the Temporal UI; `signer` signs exported records.
    `providers` are the payment providers by name, or what names them, as in RECOURSE_PAYMENT_PROVIDERS: those that have
    `check` say whether the money of an order is there, before it starts. `search_attributes` are the marketplace's own,
    as in RECOURSE_SEARCH_ATTRIBUTES.
    """

    def __init__(
        self,
        temporal: Client,
        pool: Any = None,
        *,
        task_queue: str = TASK_QUEUE,
        now: Callable[[], datetime] = now,
        web_url: str = "",
        signer: RecordSigner | None = None,
        providers: Mapping[str, PaymentProvider] | str = "",
        search_attributes: str = "",
    ) -> None:
        super().__init__(NoDatabase() if pool is None else pool, now=now, signer=signer)
        register_installed_calculators()
        self.temporal = temporal
        self.task_queue = task_queue
        self.web_url = web_url
        self._money = MoneyCheck(providers)
        self._search_attributes = read_own(search_attributes)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, settings: Settings | None = None, *, providers: Mapping[str, PaymentProvider] | None = None
    ) -> AsyncIterator[Self]:
        """Orders, on the servers that the environment names, for as long as the block runs.

        DATABASE_URL names the database, the standard TEMPORAL_* variables lead to Temporal, RECOURSE_TASK_QUEUE is the
        workers' task queue (`recourse`), RECOURSE_WEB_URL the address of the pages, RECOURSE_RECORD_SIGNER what signs
        exported records, RECOURSE_PAYMENT_PROVIDERS the payment providers, unless `providers` has them. Raises
        BadSettings, BadSigner, DatabaseUnreachable, TemporalUnreachable.
        """
        chosen = settings or read_settings()
        signer = read_signer(chosen.record_signer)
        async with database(chosen) as pool:
            temporal = await connect_temporal()
            yield cls(
                temporal,
                pool,
                task_queue=chosen.task_queue,
                web_url=chosen.web_url,
                signer=signer,
                providers=chosen.payment_providers if providers is None else providers,
                search_attributes=chosen.search_attributes,
            )

    def order(self, order_id: str, *, patience: timedelta = PATIENCE) -> OrderHandle:
        """The order of this id: its commands, and where it stands. Nothing is asked or read yet.

        `patience`: how long a command waits for its outcome.
        """
        return OrderHandle(
            self.temporal,
            self.pool,
            order_id,
            now=self._now,
            stamped=self.stamped,
            patience=patience,
            signer=self.signer,
            bring_back=self._bring_back,
        )

    async def _bring_back(self, order: Order, command: str, payload: dict[str, Any]) -> Outcome | None:
        return await bring_back(self.pool, self.temporal, order, self.task_queue, self.web_url, (command, payload))

    def group(self, group: str, *, patience: timedelta = PATIENCE) -> GroupHandle:
        """The group of this id: one command to all of its orders, and where they stand. Nothing is read yet."""
        return GroupHandle(self.pool, group, self._now, lambda order_id: self.order(order_id, patience=patience))

    async def start(
        self,
        terms: Terms,
        policy: Policy,
        *,
        provider: str = "ledger",
        emails: Mapping[Party, str] | None = None,
        display: Display | None = None,
        start_delay: timedelta | None = None,
        state: OpeningState | None = None,
    ) -> OrderHandle:
        """Start an order; starting it again with the same terms changes nothing but its `emails` and `display`.

        Terms that are given without a `history` get it from the database: what the two have behind them there. Where it
        is away, or this client has none, the order starts all the same, with nothing behind them.
        `provider` executes its settlements. `emails`: where the parties are notified, and `display`: what people call
        the order; the database alone keeps both.
        `start_delay`: how long the order waits before it begins. `state`: where an order stands that began elsewhere.
        Raises OrderExists where the id belongs to an order with other terms, OrderNotRunning where it has started and
        lost its workflow, NotOfTheGroup where its group is for other parties or has this part, BadOpening for a state
        that cannot be true, PaymentMissing where its provider says that the money is not there, ProviderUnreachable
        where it says nothing, BadInput for an email address, a currency or a search attribute that cannot be used, or
        `emails` or a `display` without a database, Unanswered where it is unknown whether it has started.
        """
        await self.bring(
            terms, policy, provider=provider, emails=emails, display=display, start_delay=start_delay, state=state
        )
        return self.order(terms.order_id)

    async def bring(
        self,
        terms: Terms,
        policy: Policy,
        *,
        provider: str = "ledger",
        emails: Mapping[Party, str] | None = None,
        display: Display | None = None,
        start_delay: timedelta | None = None,
        state: OpeningState | None = None,
    ) -> bool:
        """The same; whether the order has started now, not before."""
        return (await self._start(terms, policy, provider, emails, display, None, start_delay, state)).fresh

    async def start_and_send(
        self,
        terms: Terms,
        policy: Policy,
        command: str,
        fields: Mapping[str, Any],
        *,
        provider: str = "ledger",
        emails: Mapping[Party, str] | None = None,
        display: Display | None = None,
    ) -> Outcome:
        """Start an order and send it a first command, as `OrderHandle.send` does, in one call to Temporal.

        With `emails` or a `display`, the command is sent once these are kept. Raises the errors of `start` and of a
        command.
        """
        payload = self.stamped(fields)
        # What Temporal cannot take is refused when it is sent to the order that has started.
        first = None if emails or display or unsendable(payload) else (command, payload)
        started = await self._start(terms, policy, provider, emails, display, first, None, None)
        # Under the id that it may have been sent with already.
        return started.outcome or await self.order(terms.order_id).send(command, payload)

    async def _start(
        self,
        terms: Terms,
        policy: Policy,
        provider: str,
        emails: Mapping[Party, str] | None,
        display: Display | None,
        first: tuple[str, dict[str, Any]] | None,
        start_delay: timedelta | None,
        state: OpeningState | None,
    ) -> Started:
        if (emails or display) and isinstance(self.pool, NoDatabase):
            raise DatabaseMissing
        if wrong := unfit_values(terms.search or {}, self._search_attributes):
            raise BadInput(f"Order {terms.order_id}: {wrong}.")
        for role, email in (emails or {}).items():
            try:
                read_address(email)
            except UnusableAddress as error:
                raise UnusableAddress(f"the {role}'s address is {error}") from error
        started = await start(
            self.order(terms.order_id),
            terms,
            policy,
            provider=provider,
            task_queue=self.task_queue,
            web_url=self.web_url,
            first=first,
            start_delay=start_delay,
            state=state,
            check=self._money.check,
        )
        # Only now is it known that the id is this order's.
        with explaining_database_errors():
            if emails:
                await write_contacts(self.pool, terms.order_id, {str(role): email for role, email in emails.items()})
            if display:
                await write_display(self.pool, terms.order_id, display)
        return started

    def stamped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The message that is sent."""
        return stamped(fields, self._now())

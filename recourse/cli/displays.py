"""What people call orders: the options of `recourse order start`, and `recourse order display`."""

from collections.abc import Mapping
from typing import Annotated

from cyclopts import Parameter
from pydantic import ValidationError

from recourse.cli.output import Json, OrderId, Stop, console, say_json
from recourse.cli.tables import pairs
from recourse.resolution.model.display import Display
from recourse.resolution.model.unfit import unfit
from recourse.starter.reading import Orders
from recourse.wording.english import as_words

Title = Annotated[
    str | None,
    Parameter(help="What was ordered, such as `Logo for a bakery`. Stored only in the database, as are the next four."),
]
Link = Annotated[str | None, Parameter(help="The address of the order's page at the marketplace.")]
Image = Annotated[str | None, Parameter(help="The address of an image of the order.")]
ClientName = Annotated[str | None, Parameter(help="The client's name.")]
FreelancerName = Annotated[str | None, Parameter(help="The freelancer's name.")]


def read_display(given: Mapping[str, str | None]) -> Display | None:
    """What people call an order, of what was typed; None if nothing was. Raises Stop for bad options."""
    typed = {name: text for name, text in given.items() if text}
    try:
        return Display.model_validate(typed) if typed else None
    except ValidationError as error:
        wrong = [f"--{where.replace('_', '-')} {why}" for where, why in unfit(error.errors()).items()]
        raise Stop(f"The display cannot be used: {'; '.join(wrong)}.") from error


async def change_display(
    order_id: OrderId,
    /,
    *,
    title: Title = None,
    link: Link = None,
    image: Image = None,
    client_name: ClientName = None,
    freelancer_name: FreelancerName = None,
    json: Json = False,
) -> None:
    """Show or change what people call an order. An empty value, such as `--title ""`, removes it."""
    typed = {"title": title, "link": link, "image": image}
    typed |= {"client_name": client_name, "freelancer_name": freelancer_name}
    changes = {name: text for name, text in typed.items() if text is not None}
    async with Orders.connect() as orders:
        order = orders.order(order_id)
        await order.state()
        display = await order.display() or Display()
        if changes:
            display = read_display(display.model_dump() | changes) or Display()
            await order.set_display(display)
    if json:
        say_json(display)
    else:
        called = [(as_words(name), text) for name, text in display.model_dump().items()]
        console().print(pairs(called) if called else f"Order {order_id} has no name of its own.")

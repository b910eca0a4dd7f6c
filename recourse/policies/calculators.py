"""A marketplace's own score calculators, from the packages that are installed with Recourse."""

from functools import cache
from importlib.metadata import entry_points

from recourse.resolution.model.policy import PolicyError
from recourse.resolution.shown.scores import Calculator, register

GROUP = "recourse.calculators"


@cache
def register_installed_calculators() -> None:
    """Make known what installed packages offer as entry points of the group `recourse.calculators`.

    Raises PolicyError, naming the entry point, where one cannot be used.
    """
    for point in entry_points(group=GROUP):
        try:
            calculator = point.load()
            if not isinstance(calculator, Calculator):
                raise TypeError(f"it is a {type(calculator).__name__}, not a recourse.ports.Calculator")
            register(calculator)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise PolicyError(
                f"The score calculator {point.name} = {point.value} of an installed package cannot be used: {error}."
            ) from error

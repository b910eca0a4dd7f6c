"""How the searching tests search: no example has to be quick on a machine that does other things as well."""

from hypothesis import settings

settings.register_profile("rules", deadline=None)
settings.load_profile("rules")

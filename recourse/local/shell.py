"""Programs that start servers of their own do not read which servers the shell names."""

import os

# Addresses, namespaces, keys and queues: of Recourse, Temporal, PostgreSQL and whatever takes traces.
_NAMING = ("RECOURSE_", "TEMPORAL_", "PG", "OTEL_")
_OURS = frozenset({"TEMPORAL_CLI", "RECOURSE_CACHE", "RECOURSE_CLUSTER", "RECOURSE_SIZE"})


def forget_the_servers_of_the_shell(*but: str) -> None:
    """Take every setting that names or concerns a server out of this process and the processes that it starts.

    What finds a program on this machine or says how much to test stays, and so does what begins as one of `but`. Call
    it before anything connects.
    """
    for name in list(os.environ):
        if name == "DATABASE_URL" or (name.startswith(_NAMING) and name not in _OURS and not name.startswith(but)):
            del os.environ[name]
    # Temporal's profile file in the user's folder may name another server, too.
    os.environ["TEMPORAL_CONFIG_FILE"] = os.devnull

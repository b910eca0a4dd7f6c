"""Examples of every command, which its help shows. A test parses each of them."""

import re

WIDEST = 74  # letters of a line
_RULING = '1001 --as operator:op-1 --outcome cancel --amount 25 --explanation "Half is done."'
_RETRY = "1001 --as operator:op-1 --leg 1.payout"
_BY_HAND = f'{_RETRY} --reference WIRE-77 --explanation "Paid by our bank."'
_PROPOSAL = '1001 --as operator:op-1 --amount 40 --explanation "Four tenths."'
EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("", "--story silence", "--brief", "--keep"),
    "dev": ("", "--port 8080 --webhook-url http://127.0.0.1:3000/hooks"),
    "simulate": ("tests/scenarios", "my_story.yaml --engine both"),
    "relay nats": ("", "--prefix shop.orders --after now"),
    "relay place": ("", "--set start"),
    "relay outbox": ("", "--on", "--off"),
    "policy list": ("",),
    "policy show": ("resolution_center", "my_shop.toml --defaults"),
    "policy payload": ("my_shop.toml",),
    "policy lint": ("my_shop.toml",),
    "policy diagram": ("my_shop.toml", "my_shop.toml --format svg > my_shop.svg"),
    "policy explain": ("resolution_center",),
    "policy diff": ("glimmer my_shop.toml",),
    "policy schema": ("> policy.schema.json",),
    "schema": ("", "page"),
    "order start": (
        "1001 --client c-3 --freelancer f-7 --price 100 --service-fee 5.50",
        "1002 --client c-3 --freelancer f-7 --price 100 --policy my_shop.toml",
        "1003 --client c-3 --freelancer f-7 --price 100 --group site --part 1",
    ),
    "order show": ("1001", "1001 --for client --zone Europe/Berlin", "1001 --json"),
    "order timeline": ("1001",),
    "order actions": ("1001 --for freelancer",),
    "order notices": ("1001 --for freelancer",),
    "order submit-requirements": ("1001 --as client",),
    "order deliver": ("1001 --as freelancer",),
    "order ask-revision": ('1001 --as client --comment "The logo is missing."',),
    "order complete": ("1001 --as client",),
    "order request": (
        '1001 --as client --kind cancel --comment "We stopped the campaign."',
        "1001 --as freelancer --kind extension --extend-by 48h",
        "1001 --as client --kind cancel --amount 25",
    ),
    "order accept": ("1001 --as freelancer",),
    "order decline": ('1001 --as freelancer --comment "Half of it is done."',),
    "order counter": ("1001 --as freelancer --amount 50",),
    "order withdraw": ("1001 --as client",),
    "order settle": ("1001 --as client --amount 30",),
    "order undo": ("1001 --as client",),
    "order escalate": ("1001 --as client",),
    "order appeal": ('1001 --as freelancer --comment "The files were delivered."',),
    "order message": ('1001 --as client --comment "How is it going?"',),
    "order add-evidence": (
        "1001 --as client --title Draft --kind file --address https://files.example/draft.pdf "
        "--sha256 $(sha256sum draft.pdf | cut -c -64)",
    ),
    "order display": ("1001", '1001 --title "Logo for a bakery" --client-name Ben'),
    "order leave-feedback": ("1001 --as client --visibility public --rating positive",),
    "money list": ("", "--watch"),
    "money retry-payment": (_RETRY,),
    "money settle-by-hand": (_BY_HAND,),
    "order preview retry-payment": (_RETRY,),
    "order preview settle-by-hand": (_BY_HAND,),
    "record anchor": ("", "--out today.json"),
    "record keys": ("--json",),
    "record verifier": ("> verify_record.py",),
    "sessions list": ("", "operator", "client:c-3"),
    "sessions end": ("7f3c2a",),
    "order give-time": ("1001 --as client --by 24h",),
    "order away": ("1001 --as freelancer --until 2027-01-04T09:00:00Z",),
    "order back": ("1001 --as freelancer",),
    "order open-case": ('1001 --as operator:op-1 --explanation "Both complain."',),
    "order hold": ('1001 --as operator:op-1 --explanation "A card may be stolen."',),
    "order lift-hold": ("1001 --as operator:op-1",),
    "order take-case": ("1001 --as operator:op-1", "1001 --as operator:op-2 --over"),
    "order release-case": ("1001 --as operator:op-1",),
    "order note": ('1001 --as operator:op-1 --text "Called the client."',),
    "order note-to-staff": ('1001 --as client --text "Please look at the second file."',),
    "order preview propose": (_PROPOSAL,),
    "order preview rule": (_RULING,),
    "order advance": ("1001 48h", "1001 --until 2027-03-04T11:00Z"),
    "order revive": ("1001", "--all"),
    "order repair": ("1001", "--all"),
    "orders import": ("orders.jsonl --dry-run", "orders.jsonl"),
    "orders list": (
        "--client c-3",
        "--due-before 24h",
        "--group site",
        "--settlement retrying --json",
        "--stuck --watch",
    ),
    "changes": ("", "--after now --follow", "--follow --json"),
    "group show": ("site", "site --for client"),
    "group request": ('site --as client --kind cancel --comment "We stop here." --amount 2=25 --amount 3=0',),
    "group accept": ("site --as freelancer",),
    "group decline": ('site --as freelancer --comment "Half of it is done."',),
    "group counter": ("site --as freelancer --amount 2=50",),
    "group withdraw": ("site --as client",),
    "group escalate": ("site --as client",),
    "group message": ('site --as client --comment "How is it going?"',),
    "group hold": ('site --as operator:op-1 --explanation "A card may be stolen."',),
    "group lift-hold": ("site --as operator:op-1",),
    "group open-case": ('site --as operator:op-1 --explanation "Both complain."',),
    "cases list": ("--waiting", "--overdue --watch"),
    "cases show": ("1001",),
    "cases propose": (_PROPOSAL,),
    "cases rule": (
        _RULING,
        '1001 --as operator:op-1 --outcome continue --explanation "The work is good."',
    ),
    "open": ("1001", "1001 --workflow"),
    "record export": ("1001 --for client --out 1001.json",),
    "record verify": ("1001.json",),
    "record show": ("1001.json --zone Europe/Berlin",),
    "privacy export": ("client:c-3 --out c-3.json",),
    "privacy erase": ('client:c-3 --reason "Ticket 77." --legal-basis "Art. 17(1)(b) GDPR"',),
    "privacy sweep": ("--dry-run", ""),
    "privacy hold": ('1001 --reason "Lawsuit."',),
    "privacy lift": ("1001",),
    "privacy show": ("1001",),
    "stats": ("endings", "completion_rate --limit 10", "closed_orders --json"),
    "migrate": ("",),
    "worker": ("",),
    "serve": ("", "--port 8080 --policy my_shop.toml"),
    "token": ("service:shop --lifetime 90d", "client:c-3 --link https://orders.example --order 1001"),
    "doctor": ("", "1001", "--full"),
    "money reconcile": ("", "--since 7d --provider cards", "--report"),
    "money reports": ("", "--watch"),
    "outbox list": ("", "1001", "--watch"),
    "outbox enable": ("",),
    "outbox retry": ("1001", "--all"),
    "codec": ("",),
}


def examples(command: str) -> list[str]:
    """What to type for a command, named as it is typed; nothing for a group of commands."""
    # A preview takes what its command takes.
    known = EXAMPLES.get(command) or EXAMPLES.get(command.replace("order preview ", "order "), ())
    return [_folded(f"recourse {command} {rest}".rstrip()) for rest in known]


def _folded(line: str) -> str:
    """A command on lines that fit a terminal, each of which begins with an option."""
    lines = [""]
    for part in re.split(r" (?=--)", line):
        if len(lines[-1]) + len(part) > WIDEST:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {part}" if lines[-1] else part
    return "\n".join(lines)


def as_markdown(command: str) -> str:
    """The same below the help of the command."""
    found = examples(command)
    return "Examples:\n\n```\n" + "\n".join(found) + "\n```" if found else ""

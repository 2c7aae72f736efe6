"""``prosa keys add|list|revoke|usage|prices``."""

from prosa.cli.command import run
from prosa.core.errors import unknown
from prosa.core.language import tr

ACTIONS = {
    "add": "make a key, with a limit of tokens a day or without",
    "list": "the keys, their limits and today's use",
    "revoke": "end a key",
    "usage": "tokens and cost by day, key and model",
    "prices": "what 1,000 tokens cost",
}
USAGE = "usage: prosa keys ACTION ...\n\n" + "".join(f"  {name:<7} {text}\n" for name, text in ACTIONS.items())


def main(argv: list[str]) -> int:
    """Dispatch on the action."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"{USAGE}\nprosa keys ACTION --help tells more, with examples. A running server sees changes at once.")
        return 0
    action, *rest = argv
    if action not in ACTIONS:
        raise unknown(tr("action", "ação"), action, ACTIONS)
    prog = f"prosa keys {action}"
    from prosa.pipeline import keys as stage
    from prosa.show import keys as view

    if action == "add":
        return run(
            stage.add,
            rest,
            prog=prog,
            positional=("name",),
            show=view.show_new_key,
            as_json=lambda made: made.to_json(),
            examples="""
                prosa keys add maria --limit 100000/day
                prosa keys add billing-bot
            """,
        )
    if action == "list":
        return run(
            stage.list_keys,
            rest,
            prog=prog,
            show=view.show_keys,
            as_json=lambda found: found.to_json(),
            examples="""
                prosa keys list
                prosa keys list --keys /srv/prosa/serve.sqlite --json
            """,
        )
    if action == "revoke":
        return run(
            stage.revoke,
            rest,
            prog=prog,
            positional=("name",),
            show=view.show_revoked,
            as_json=lambda ended: ended.to_json(),
            examples="prosa keys revoke maria",
        )
    if action == "usage":
        return run(
            stage.usage,
            rest,
            prog=prog,
            show=view.show_usage,
            as_json=lambda used: used.to_json(),
            examples="""
                prosa keys usage
                prosa keys usage --days 7 --name maria
                prosa keys usage --days 365 --json
            """,
        )
    return run(
        stage.prices,
        rest,
        prog=prog,
        positional=("prompt", "completion"),
        show=view.show_prices,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa keys prices
            prosa keys prices 0.5 1.5 --currency BRL
        """,
    )

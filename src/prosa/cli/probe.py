"""``prosa probe agreement|self-correction|bias``."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from prosa.cli.command import run
from prosa.core.errors import unknown
from prosa.core.language import tr


class Probe(NamedTuple):
    """A probe: ``call`` and ``show`` are ``module:function`` of ``prosa.pipeline`` and of ``prosa.show``."""

    call: str
    show: str
    what: str
    examples: str


PROBES = {
    "agreement": Probe(
        "probe:agreement",
        "probe:show_agreement",
        "the same question asked ten times: how much the answers agree",
        """
        prosa probe agreement runs/mine
        prosa probe agreement runs/mine --questions mine.txt --times 20 --temperature 1
        """,
    ),
    "self-correction": Probe(
        "probe:self_correction",
        "probe:show_self_correction",
        "questions that invite a stereotype, without and with the request not to use any",
        """
        prosa probe self-correction runs/mine
        prosa probe self-correction runs/mine:sft --language pt-BR --json
        """,
    ),
    "bias": Probe(
        "probe_bias:bias",
        "bias:show_bias",
        "professions between he and she in a model's vectors, before and after neutralising",
        """
        prosa probe bias runs/v
        prosa probe bias vectors.bin --language en
        prosa probe bias runs/mine --json
        """,
    ),
}
USAGE = "usage: prosa probe PROBE MODEL ...\n\n" + "".join(f"  {name:<16} {p.what}\n" for name, p in PROBES.items())


def main(argv: list[str]) -> int:
    """Dispatch on the probe."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"{USAGE}\nprosa probe PROBE --help tells more, with examples.")
        return 0
    word, *rest = argv
    if word not in PROBES:
        raise unknown(tr("probe", "sonda"), word, PROBES)
    probe = PROBES[word]
    return run(
        _function("pipeline", probe.call),
        rest,
        prog=f"prosa probe {word}",
        positional=("model",),
        show=_function("show", probe.show),
        as_json=lambda found: found.to_json(),
        examples=probe.examples,
    )


def _function(package: str, name: str) -> Callable[..., Any]:
    module, function = name.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"prosa.{package}.{module}"), function)
    return found

"""``prosa ladder``: every language model from counting to Transformers, on the same bytes for the same time."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from prosa.core.config import from_mapping, read_yaml, to_mapping, write_yaml
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import claim, is_complete, mark_complete, read_json, write_json, write_text
from prosa.core.language import language, number, size, tr
from prosa.core.lock import locked
from prosa.core.progress import say
from prosa.corpus.config import CorpusConfig
from prosa.pipeline.begin import INPUTS, inputs_of
from prosa.pipeline.corpus import corpus as corpus_stage
from prosa.pipeline.differences import differences
from prosa.pipeline.ladder_config import LadderConfig
from prosa.pipeline.ladder_result import Ladder, gather
from prosa.pipeline.ladder_rung import INTERRUPTED, RESULT, SIZED, folder_of
from prosa.pipeline.ladder_rungs import CONTEXT, RUNGS, chosen
from prosa.pipeline.run import CORPUS, TOKENS
from prosa.pipeline.stage import RESOLVED, Resume, check_wishes

LADDER, PAGE, PICTURE = "ladder.json", "ladder.html", "ladder.png"
LEAST_BYTES = 2000  # of text to learn from: some windows, and what is set aside
PROMPT = 40  # characters


def ladder(
    paths: tuple[Path, ...] = (),
    *,
    budget: str = "10m",
    rungs: tuple[str, ...] = (),
    seeds: int = 3,
    steps: int = 0,
    prompt: str = "",
    out: Path = Path("runs/ladder"),
    corpus: CorpusConfig = CorpusConfig(),
    device: DeviceName = "auto",
    resume: Resume = "no",
    force: bool = False,
) -> Ladder:
    """Every language model from n-grams to Transformers, on one footing: the same text, the same time, one measure.

    The text is read and cleaned as by prosa build. All rungs predict bytes; each network gets an equal part of the
    budget (wall-clock time of training, which no compiling shortens: nothing is compiled) and the largest size that can
    read 4 bytes a parameter in it. Counting takes what it takes. Reported: bits per byte of held-out documents with its
    interval, parameters, operations, bytes a second, memory, and a text by each. A rung that cannot be made keeps its
    row and says why. Writes ladder.json, ladder.html and (with matplotlib: pip install 'prosa[pictures]') ladder.png.

    Args:
        paths: Files and folders of text.
        budget: Time of all trainings together (90s, 10m, 1h), in equal parts: 10m is 28.6 s for each of 7 networks with
            3 seeds.
        rungs: Only these rungs: uniform unigram kn2 ... feed-forward rnn lstm gru gpt-classic gpt-modern gpt-speedrun
            (also with commas between).
        seeds: Trainings of each network, which differ in first weights and order of the text.
        steps: Steps of each training, in place of the time: the same numbers at every run on the same machine.
        prompt: What every rung's text begins with (default: a held-out document's first words).
        out: Folder for everything.
        corpus: Reading, cleaning and splitting.
        device: Where to compute.
        resume: auto goes on with an interrupted ladder (finished rungs are kept), or begins; must needs one.
        force: Replace what is in the folder.

    Raises:
        UserError: no text or too little, an unknown rung, a budget that is no time, a folder that is taken, a ladder
            that was begun otherwise.
        KeyboardInterrupt: go on with --resume auto.
    """
    config = LadderConfig(paths, budget, chosen(rungs), seeds, steps, prompt, device, corpus)
    config.check()
    check_wishes(resume, force)
    say(config.describe())
    inputs = inputs_of(paths, out)
    if _begin(out, config, inputs, resume, force):
        found = read_json(out / LADDER)
        _draw(out, found)  # in the language of now
        return Ladder(out, found)
    with locked(out / "lock") as mine:
        if not mine:
            raise UserError(
                tr(f"another ladder is at work in {out}.", f"outra escada está em andamento em {out}."),
                tr("Wait for it, or choose another --out.", "Espere por ela, ou escolha outro --out."),
            )
        config = _prepare(out, config)
        _climb(out, config)
        found = gather(out, config)
        write_json(out / LADDER, found)
        _draw(out, found)
        mark_complete(out)
    return Ladder(out, found)


def _begin(out: Path, config: LadderConfig, inputs: dict[str, Any], resume: Resume, force: bool) -> bool:
    """Make ``out`` ready; True where the ladder is complete already."""
    there = (out / RESOLVED).is_file()
    if resume == "must" and not there:
        raise UserError(
            tr(f"there is nothing to resume in {out}.", f"não há o que retomar em {out}."),
            tr("Leave --resume out, or use --resume auto.", "Omita --resume, ou use --resume auto."),
        )
    if resume == "no" or not there:
        claim(out, force=force, inputs=config.paths, resumable=there)
        write_json(out / INPUTS, inputs)
        write_text(out / RESOLVED, write_yaml(config))
        return False
    before = from_mapping(LadderConfig, read_yaml(out / RESOLVED), str(out / RESOLVED))
    asked = to_mapping(config) | ({} if config.prompt else {"prompt": before.prompt})
    changed = differences(to_mapping(before), asked)
    if changed or read_json(out / INPUTS) != inputs:
        changed = changed or [tr("the files have changed", "os arquivos mudaram")]
        raise UserError(
            tr(f"{out} was begun otherwise: ", f"{out} foi começada de outro modo: ") + "; ".join(changed) + ".",
            tr(
                "Go on with the same, or choose another --out, or begin anew with --force.",
                "Continue com o mesmo, ou escolha outro --out, ou recomece com --force.",
            ),
        )
    if is_complete(out):
        say(tr(f"{out} is complete; nothing to do.", f"{out} está completa; nada a fazer."))
    return is_complete(out)


def _prepare(out: Path, config: LadderConfig) -> LadderConfig:
    """Corpus and tokens, where they are not there yet; the configuration with its prompt settled."""
    from prosa.corpus import load_corpus
    from prosa.data.prepare import prepare_tokens
    from prosa.tokenizers.bytes import byte_tokenizer

    if not is_complete(out / CORPUS):
        corpus_stage(config.paths, out=out / CORPUS, corpus=config.corpus, force=True)
    _check_size(out / CORPUS)
    if not is_complete(out / TOKENS):
        prepare_tokens({CORPUS: (out / CORPUS, 1.0)}, byte_tokenizer(), out / TOKENS)
    if not config.prompt:
        first = next(iter(load_corpus(out / CORPUS, "held_out"))).text.split("\n", 1)[0]
        words = first if len(first) <= PROMPT else first[:PROMPT].rpartition(" ")[0] or first[:PROMPT]
        config = from_mapping(LadderConfig, to_mapping(config) | {"prompt": words}, RESOLVED)
        write_text(out / RESOLVED, write_yaml(config))
    return config


def _check_size(folder: Path) -> None:
    found = read_json(folder / "report.json")
    have, apart = found["train"]["bytes"], found["held_out"]["bytes"]
    if have < LEAST_BYTES or not apart:
        raise UserError(
            tr(
                f"there is too little text: {size(have)} to learn from and {size(apart)} held out, "
                f"after cleaning. A window is {CONTEXT} bytes; at least {size(LEAST_BYTES)} are needed.",
                f"há texto de menos: {size(have)} para aprender e {size(apart)} reservados, depois "
                f"da limpeza. Uma janela tem {CONTEXT} bytes; são precisos pelo menos {size(LEAST_BYTES)}.",
            ),
            tr(
                f"What cleaning removed is in {folder / 'report.json'}. Add text.",
                f"O que a limpeza tirou está em {folder / 'report.json'}. Acrescente texto.",
            ),
        )


def _climb(out: Path, config: LadderConfig) -> None:
    """Make every rung that has no result yet: the first seed of all, then the second, … so that what disturbs the
    machine for a while disturbs all alike, and an early end leaves a whole table."""
    todo = [(name, seed) for seed in range(config.seeds) for name in config.rungs if not seed or _has_seeds(name)]
    for n, (name, seed) in enumerate(todo, 1):
        folder = folder_of(out, name, seed)
        if (folder / RESULT).is_file():
            continue
        which = tr(f", seed {seed}", f", semente {seed}") if _has_seeds(name) else ""
        say(f"\n[{number(n)}/{number(len(todo))}] {name}{which}")
        code = _run(out, name, seed)
        if code == SIZED:
            code = _run(out, name, seed)
        if code == INTERRUPTED:
            raise KeyboardInterrupt(
                tr(
                    f"interrupted; {n - 1} of {len(todo)} are done. Go on with --resume auto.",
                    f"interrompida; {n - 1} de {len(todo)} prontos. Continue com --resume auto.",
                )
            )
        if not (folder / RESULT).is_file():
            why = tr(
                f"its process ended with code {code} (of -9 the cause is mostly too little memory)",
                f"seu processo terminou com código {code} (-9 é quase sempre falta de memória)",
            )
            write_json(folder / RESULT, {"rung": name, "seed": seed, "status": "not_made", "why": why, "hint": ""})
        found = read_json(folder / RESULT)
        if found["status"] != "done":
            say(tr("not made: ", "não feito: ") + found["why"])


def _has_seeds(name: str) -> bool:
    return RUNGS[name].kind != "counts"


def _run(out: Path, name: str, seed: int) -> int:
    """A rung in its own process, which gets Ctrl-C once and from us; its exit code."""
    command = [sys.executable, "-m", "prosa.pipeline.ladder_rung", str(out), name, str(seed)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PROSA_LANG": language()},
        stdout=sys.stderr.fileno() if _has_file(sys.stderr) else None,
        start_new_session=True,
    )
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.wait()
            except KeyboardInterrupt:  # once more: at once
                process.kill()
                process.wait()
            return INTERRUPTED


def _has_file(stream: Any) -> bool:
    try:
        return bool(stream.fileno() >= 0)
    except (AttributeError, OSError, ValueError):
        return False


def _draw(out: Path, found: dict[str, Any]) -> None:
    from prosa.show.ladder_page import page
    from prosa.show.ladder_picture import write_png

    write_text(out / PAGE, page(found))
    write_png(found, out / PICTURE)

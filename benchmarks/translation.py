"""The Transformer and the recurrent encoder-decoder on the same pairs for the same time.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/translation.py PATH/TO/pairs.jsonl [--minutes 8] [--out FOLDER]

The pairs are the Portuguese translation of Python's documentation (CC0), ``{"en", "pt"}`` a line, full of markup. Here
it is taken off (roles, code and emphasis keep their text), paragraphs that have as many sentences in both languages are
cut into them, and a pair is kept only if it is plain: 3 to 16 words on both sides, neither more than 1.6 times the
other's (and 2), no sign of code (``SIGNS``). The first translation of a sentence counts. Both models then see what
``prosa train-translation`` makes of the file, from Portuguese to English.

What was measured: docs/translation.md.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path

from prosa.pipeline.translation import train_translation
from prosa.pipeline.translation_config import TranslationConfig, TranslationShape

SIGNS = re.compile(r"[`*|<>\[\]{}=\\_#@$^~+\"/%;&]|::|https?:|\w[.:]\w|\w\(|--|\d\d|'\S'")
ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-Ú])")


def without_markup(text: str) -> str:
    """reStructuredText's inline markup as the text that a reader sees."""

    def role(found: re.Match[str]) -> str:
        name = found[1]
        return name.rpartition(".")[2] if re.fullmatch(r"[\w.]+(\(\))?", name) and "." in name else name

    text = re.sub(r":[a-z:.+-]+:`!?~?([^`<]*?)\s*(?:<[^`>]*>)?`", role, text)
    text = re.sub(r"`([^`<]+?)\s*<[^`>]*>`__?", r"\1", text)
    text = re.sub(r"``([^`]*)``", r"\1", text)
    text = re.sub(r"`([^`]+)`_{0,2}", r"\1", text)
    text = re.sub(r"\*\*?([^*]+)\*\*?", r"\1", text)
    return " ".join(text.split())


def plain_pairs(path: Path) -> dict[str, str]:
    """English sentence: Portuguese sentence."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        sides = [without_markup(record[lang]) for lang in ("en", "pt")]
        cut = [ENDS.split(side) for side in sides]
        if len(cut[0]) != len(cut[1]):
            cut = [[side] for side in sides]
        for en, pt in zip(*cut, strict=True):
            words = sorted(len(side.split()) for side in (en, pt))
            fits = words[0] >= 3 and words[1] <= min(16, 1.6 * words[0] + 2)
            if fits and en != pt and not SIGNS.search(f"{en} {pt}"):
                found.setdefault(en, pt)
    return found


def main() -> None:
    """Train, measure, print a line of JSON a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--models", nargs="+", default=["transformer", "rnn"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    out = asked.out or Path(tempfile.mkdtemp())
    table = out / "pt-en.tsv"
    out.mkdir(parents=True, exist_ok=True)
    table.write_text("".join(f"{pt}\t{en}\n" for en, pt in plain_pairs(asked.pairs).items()), encoding="utf-8")
    for model in asked.models:
        tuned = train_translation(
            (table,),
            out=out / model,
            model=model,
            translation=TranslationConfig(minutes=asked.minutes, seed=asked.seed),
            shape=TranslationShape(size="tiny"),
            force=True,
        )
        print(json.dumps(tuned.to_json(), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()

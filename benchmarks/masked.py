"""The pseudo-likelihood of a BERT of prosa pretrain-bert on its held-out text, with an interval over excerpts.

    .venv/bin/python benchmarks/masked.py RUN

Each token of an excerpt is masked alone (Salazar et al. 2020), so an excerpt of T tokens takes T passes; excerpts stand
evenly over the held-out documents. What was measured: docs/encoders.md.
"""

import argparse
import json
from pathlib import Path

from prosa.corpus import load_corpus
from prosa.evaluate.masked import pseudo_likelihood
from prosa.models.huggingface_bert import load_masked
from prosa.tokenizers.load import load


def main() -> None:
    """Measure and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run of prosa pretrain-bert on text")
    parser.add_argument("--excerpts", type=int, default=100)
    parser.add_argument("--characters", type=int, default=200, help="of an excerpt")
    asked = parser.parse_args()
    text = "\n\n".join(document.text for document in load_corpus(asked.run / "corpus", "held_out"))
    places = [len(text) * n // asked.excerpts for n in range(asked.excerpts)]
    starts = [text.find(" ", place) + 1 for place in places]  # at a word
    excerpts = [text[start : start + asked.characters].rsplit(" ", 1)[0] for start in starts]
    folder = asked.run / "bert"
    print(json.dumps(pseudo_likelihood(load_masked(folder).float(), load(folder), excerpts).to_json()))


if __name__ == "__main__":
    main()

"""``prosa train-classifier --compare``: every classifier on the same folds, and which one to choose.

Cross-validation (Stone 1974): the texts are divided into k folds, each with the labels' shares; what was learnt from
k - 1 of them is asked about the other, so that every text is classified once by something that has not seen it.
Intervals are over the texts: Wilson's of the accuracy, the bootstrap's of macro F1. They say how much other texts would
change the figures, not other folds or seeds (``repeats`` averages over these).

The rule: among the classifiers whose accuracy is not clearly below the best one's (the 95 % interval of the paired
difference, on the same texts, reaches 0) the smallest on disk is chosen. It is trained on all texts and kept in
``classifier/``. Each fold's answers are a file in ``comparison/``, so that a comparison that was stopped goes on.
"""

import contextlib
import hashlib
import io
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.config import from_mapping, read_yaml, to_mapping, write_yaml
from prosa.core.errors import UserError
from prosa.core.files import check_free, mark_complete, read_json, write_json, write_text
from prosa.core.interval import paired_difference, wilson
from prosa.core.language import duration, tr
from prosa.core.progress import progress, say, warn
from prosa.data.labelled import Columns, Labelled, folds
from prosa.evaluate.classification import classification, macro_f1_interval
from prosa.pipeline.classify import classes_of, read_texts, tell_texts, train_classifier
from prosa.pipeline.classify_config import FINE_TUNED, ROWS, Comparison
from prosa.pipeline.differences import differences
from prosa.pipeline.run import CLASSIFIER
from prosa.pipeline.stage import RESOLVED, TRAINING, Resume, claim_stage, is_done
from prosa.pipeline.tuning import Tuned

COMPARISON, RESULT = "comparison", "comparison.json"
NOT_OF_THE_MODEL = ("training.json", "config.resolved.yaml", "env.json", "metrics.jsonl", "COMPLETE")


@dataclass(frozen=True)
class Fold:
    """What a classifier did in one fold."""

    said: list[int]
    """The number of the label of each text that was measured on, in their order."""
    seconds: float
    """From the texts to the classifier's folder."""
    size: int
    """Bytes of what classifying needs."""
    texts_per_second: float


def compare_classifiers(asked: Comparison, out: Path, resume: Resume, *, force: bool) -> Tuned:
    """Compare the methods, and keep the one to choose; see ``train_classifier``.

    Raises:
        UserError: as ``train_classifier``; no method works; resumed with other texts.
    """
    folder, kept = out / COMPARISON, out / CLASSIFIER
    there = sorted(folder.glob("*-[0-9]*-[0-9]*.json"))
    if is_done(folder, asked, "auto" if there and resume == "must" else resume):
        return Tuned(kept, {**read_json(kept / TRAINING), COMPARISON: read_json(folder / RESULT)})
    texts, problems = read_texts(asked.data, asked.columns)
    labels = classes_of(texts)
    if resume == "no":
        check_free(kept, force=force, inputs=asked.data)
    claim_stage(folder, resume, force=force, inputs=list(asked.data))
    _check_same_settings(folder, asked)
    _check_same(folder, texts)
    write_text(folder / RESOLVED, write_yaml(asked))
    tell_texts(texts, problems.count, labels, len(texts))
    names = _names(asked)
    number_of = {label: n for n, label in enumerate(labels)}
    truth = np.array([number_of[item.label] for item in texts])
    parts = [np.array(folds(texts, asked.comparison.folds, asked.classify.seed + r)) for r in _repeats(asked)]
    measured = parts[0] >= 0
    if not measured.any():
        raise UserError(
            tr("no class has two different texts: nothing can be measured.", "nenhuma classe tem dois textos."),
            tr("Give more texts.", "Dê mais textos."),
        )
    rows: list[dict[str, Any]] = []
    said: dict[str, NDArray[np.int64]] = {}
    trainings = len(names) * asked.comparison.folds * asked.comparison.repeats
    networks = sum(ROWS[name][1] is None for name in names) * asked.comparison.folds * asked.comparison.repeats
    if networks:
        most = duration(networks * asked.comparison.minutes * 60)
        say(
            tr(
                f"networks are trained {networks} times, at most {most} in all (--comparison.minutes, "
                "--comparison.methods)",
                f"redes são treinadas {networks} vezes, no máximo {most} ao todo (--comparison.minutes, "
                "--comparison.methods)",
            )
        )
    with progress(tr("comparing", "comparando"), trainings, tr("trainings", "treinos")) as bar:
        for name in names:
            found = np.full((len(parts), len(texts)), -1)
            done: list[Fold] = []
            try:
                for repeat, fold_of in enumerate(parts):
                    for number in range(asked.comparison.folds):
                        if not (fold_of == number).any():  # fewer texts than folds
                            continue
                        learnt = [item for item, f in zip(texts, fold_of, strict=True) if f != number]
                        unseen = [item.text for item, f in zip(texts, fold_of, strict=True) if f == number]
                        path = folder / f"{name}-{repeat}-{number}.json"
                        fold = _fold(asked, name, repeat, learnt, unseen, labels, path)
                        found[repeat, fold_of == number] = fold.said
                        done.append(fold)
                        bar.advance(1, name)
            except UserError as error:
                warn(f"{name}: {error}")
                rows.append({"name": name, "problem": error.what})
                continue
            said[name] = found[:, measured]
            rows.append(_row(name, truth[measured], said[name], labels, done))
    if not said:
        raise UserError(tr("no method worked.", "nenhum método funcionou."))
    result = _chosen(rows, said, truth[measured])
    result |= {"folds": asked.comparison.folds, "repeats": asked.comparison.repeats, "n": int(measured.sum())}
    say(tr(f"training {result['chosen']} on all texts…", f"treinando {result['chosen']} com todos os textos…"))
    settings = _settings(asked, result["chosen"], 0)
    goes_on: Resume = "auto" if resume != "no" and (kept / RESOLVED).is_file() else "no"
    last = train_classifier(asked.data, out=out, columns=asked.columns, resume=goes_on, force=force, **settings)
    write_json(folder / RESULT, result)
    mark_complete(folder)
    return Tuned(kept, {**last.figures, COMPARISON: result})


def _names(asked: Comparison) -> list[str]:
    chosen = asked.comparison.methods or [name for name in ROWS if name != FINE_TUNED or asked.model]
    if FINE_TUNED in chosen and not asked.model:
        raise UserError(
            tr("fine-tuned needs a trained model.", "fine-tuned precisa de um modelo treinado."),
            tr("Give --model.", "Dê --model."),
        )
    return list(dict.fromkeys(chosen))


def _repeats(asked: Comparison) -> range:
    return range(asked.comparison.repeats)


def _settings(asked: Comparison, name: str, repeat: int) -> dict[str, Any]:
    """The arguments of ``train_classifier`` for a method: nothing held out, and not longer than one may train."""
    method, features = ROWS[name]
    classify = replace(
        asked.classify,
        method=method,
        held_out=0,
        seed=asked.classify.seed + repeat,
        minutes=asked.comparison.minutes,
    )
    return {
        "model": asked.model if name == FINE_TUNED else None,
        "classify": classify,
        "shape": asked.shape,
        "tokenizer": asked.tokenizer,
        "lora": asked.lora if name == FINE_TUNED else replace(asked.lora, rank=0),
        "bag": replace(asked.bag, features=features) if features else asked.bag,
        "linear": asked.linear,
    }


def _fold(
    asked: Comparison,
    name: str,
    repeat: int,
    learnt: Sequence[Labelled],
    unseen: Sequence[str],
    labels: Sequence[str],
    path: Path,
) -> Fold:
    """Train on ``learnt`` as a user would, ask about ``unseen``; or read what an earlier session found."""
    from prosa.align.classify import load_classifier

    if path.is_file():
        return Fold(**read_json(path))
    work = path.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    data = work / "learnt.jsonl"
    write_text(
        data,
        "".join(json.dumps({"text": item.text, "label": item.label}, ensure_ascii=False) + "\n" for item in learnt),
    )
    columns, settings = Columns("text", "label"), _settings(asked, name, repeat)
    with _silent():
        began = time.perf_counter()
        made = train_classifier((data,), out=work / "run", columns=columns, **settings)
        seconds = time.perf_counter() - began
    model = load_classifier(made.folder, device=asked.classify.device)
    began = time.perf_counter()
    predictions = model.classify(unseen)
    speed = len(unseen) / (time.perf_counter() - began)
    number_of = {label: n for n, label in enumerate(labels)}
    fold = Fold([number_of[p.label] for p in predictions], seconds, _size(made.folder), speed)
    shutil.rmtree(work)
    write_json(path, vars(fold))
    return fold


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What a training says of itself is not shown: dozens would bury the bar."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file() and path.name not in NOT_OF_THE_MODEL)


def _row(
    name: str, truth: NDArray[np.int64], said: NDArray[np.int64], labels: Sequence[str], done: Sequence[Fold]
) -> dict[str, Any]:
    """A line of the table; ``said`` is (repeats, texts)."""
    whole = classification(np.tile(truth, len(said)).tolist(), said.ravel().tolist(), labels)
    return {
        "name": name,
        "accuracy": whole.accuracy,
        "interval": list(wilson(round(whole.accuracy * len(truth)), len(truth))),
        "macro_f1": whole.macro_f1,
        "macro_f1_interval": list(macro_f1_interval(truth.tolist(), said, len(labels))),
        "commonest": whole.commonest,
        "classes": [vars(c) for c in whole.classes],
        "seconds": float(np.mean([fold.seconds for fold in done])),
        "bytes": round(np.mean([fold.size for fold in done])),
        "texts_per_second": float(np.median([fold.texts_per_second for fold in done])),
    }


def _chosen(rows: list[dict[str, Any]], said: dict[str, NDArray[np.int64]], truth: NDArray[np.int64]) -> dict[str, Any]:
    """The table with each one's difference from the best, and the one to choose."""
    good = [row for row in rows if "problem" not in row]
    best = max(good, key=lambda row: (row["accuracy"], -row["bytes"]))
    right = {name: found == truth for name, found in said.items()}
    for row in good:
        gained = (right[best["name"]] & ~right[row["name"]]).sum(1).mean()
        lost = (~right[best["name"]] & right[row["name"]]).sum(1).mean()
        row["behind_best"] = list(paired_difference(round(gained), round(lost), len(truth)))
    near = [row for row in good if row is best or row["behind_best"][0] <= 0]
    return {"rows": rows, "best": best["name"], "chosen": min(near, key=lambda row: row["bytes"])["name"]}


def _check_same_settings(folder: Path, asked: Comparison) -> None:
    """Refuse to go on with other settings than it was begun with, but for which methods and how often."""
    path = folder / RESOLVED
    if not path.is_file():
        return
    begun = from_mapping(Comparison, read_yaml(path), path.as_posix())
    methods, repeats = asked.comparison.methods, asked.comparison.repeats
    begun = replace(begun, data=asked.data, comparison=replace(begun.comparison, methods=methods, repeats=repeats))
    changed = differences(to_mapping(begun), to_mapping(asked))
    if changed:
        raise UserError(
            tr(f"{folder} was begun with other settings: ", f"{folder} foi começada com outra configuração: ")
            + "; ".join(changed),
            tr("Go on with the same, or begin anew with --force.", "Continue com o mesmo, ou recomece com --force."),
        )


def _check_same(folder: Path, texts: Sequence[Labelled]) -> None:
    """Refuse to go on with other texts than it was begun with."""
    digest = hashlib.sha256(repr([(item.text, item.label) for item in texts]).encode("utf-8")).hexdigest()
    path = folder / "texts.json"
    if path.is_file() and read_json(path).get("sha256") != digest:
        raise UserError(
            tr(f"{folder} was begun with other texts.", f"{folder} foi começada com outros textos."),
            tr("Begin anew with --force.", "Recomece com --force."),
        )
    write_json(path, {"sha256": digest})

"""What a ladder was asked for, and how its time is shared."""

from dataclasses import dataclass
from pathlib import Path

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import duration, number, tr
from prosa.corpus.config import CorpusConfig
from prosa.pipeline.ladder_rungs import RUNGS


@dataclass(frozen=True)
class LadderConfig:
    """What ``config.resolved.yaml`` of a ladder holds; the parameters of ``ladder.ladder``."""

    paths: tuple[Path, ...]
    budget: str
    rungs: tuple[str, ...]
    seeds: int
    steps: int
    prompt: str
    device: DeviceName
    corpus: CorpusConfig

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UserError: no text, a budget that is no time, no seed, negative steps.
        """
        _ = self.share
        if not self.paths:
            raise UserError(
                tr("no text given.", "nenhum texto foi dado."),
                tr("For example: prosa ladder my-folder/", "Por exemplo: prosa ladder minha-pasta/"),
            )
        for name, value, least in (("--seeds", self.seeds, 1), ("--steps", self.steps, 0)):
            if value < least:
                raise UserError(
                    tr(f"{name} is {value}; it must be at least {least}.", f"{name} é {value}; no mínimo {least}.")
                )

    @property
    def networks(self) -> int:
        """Rungs that are trained."""
        return sum(RUNGS[name].kind != "counts" for name in self.rungs)

    @property
    def share(self) -> float:
        """Seconds of a training: the budget in equal parts.

        Raises:
            UserError: the budget is no time.
        """
        from prosa.pipeline.budgets import minutes  # it knows all stages, and they torch: not for a rung that counts

        return minutes(self.budget) * 60 / max(1, self.networks * self.seeds)

    def describe(self) -> str:
        """The first line that the user sees: what the budget means."""
        if not self.networks:
            return tr("no rung is trained: counting takes what it takes.", "nada é treinado: contar leva o que levar.")
        n = self.networks * self.seeds
        if self.steps:
            return tr(
                f"{number(n)} trainings of {number(self.steps)} steps: {self.networks} rungs x {self.seeds} seeds.",
                f"{number(n)} treinos de {number(self.steps)} passos cada: {self.networks} degraus x "
                f"{self.seeds} sementes.",
            )
        return tr(
            f"{self.budget} of training in all, in equal parts: {self.networks} rungs x {self.seeds} seeds, "
            f"{duration(self.share)} each. Reading the text, counting n-grams and measuring come on top.",
            f"{self.budget} de treino ao todo, em partes iguais: {self.networks} degraus x {self.seeds} sementes, "
            f"{duration(self.share)} cada. Ler o texto, contar n-gramas e medir vêm por cima.",
        )

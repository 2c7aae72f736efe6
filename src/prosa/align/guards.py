"""When a model that learns from rewards runs away: it leaves language, cannot end, or says one thing only.

Rewards are not what is wanted but a measure of it, and a model finds what the measure misses. Three signs are watched
at every iteration: the divergence from the first model, the share of replies that do not end, and the entropy. A low
entropy is a sign only where the reward is no better than at first: who knows the answer is certain of it.
"""

from collections.abc import Mapping
from pathlib import Path

from prosa.align.rl_config import RlConfig
from prosa.core.errors import UserError
from prosa.core.language import number, tr


class RanAway(UserError):
    """The model went where no learning brings it back; the last checkpoint is kept."""


def check_runaway(
    step: int, figures: Mapping[str, float], first: Mapping[str, float], config: RlConfig, checkpoint: Path | None
) -> None:
    """Stop when the figures of an iteration say that the model runs away.

    Args:
        figures: kl, entropy and reward a token or reply, finished (a share).
        first: those of the first iteration.
        checkpoint: the last good one.

    Raises:
        RanAway: it does; says what is beyond which limit.
    """
    signs = []
    if figures["kl"] > config.max_kl:
        kl, most = number(figures["kl"], 2), number(config.max_kl, 2)
        signs.append(
            tr(
                f"its KL divergence from the first model is {kl} nats a token (rl.max_kl is {most})",
                f"a divergência KL do primeiro modelo é de {kl} nats por token (rl.max_kl é {most})",
            )
        )
    unfinished, at_first = 1 - figures["finished"], 1 - first["finished"]
    if unfinished > max(config.max_unfinished, (1 + at_first) / 2):  # far from what it was: half the way to all
        signs.append(
            tr(
                f"{unfinished:.0%} of its replies do not end, {at_first:.0%} at first (rl.max_unfinished is "
                f"{config.max_unfinished:g})",
                f"{unfinished:.0%} das respostas não terminam, {at_first:.0%} no começo (rl.max_unfinished é "
                f"{config.max_unfinished:g})",
            )
        )
    if figures["entropy"] < config.min_entropy * first["entropy"] and figures["reward"] <= first["reward"]:
        now, before = number(figures["entropy"], 4), number(first["entropy"], 4)
        signs.append(
            tr(
                f"its entropy fell to {now} nats a token from {before} (rl.min_entropy is {config.min_entropy:g}), "
                "and its reward is no better",
                f"a entropia caiu para {now} nats por token, de {before} (rl.min_entropy é {config.min_entropy:g}), "
                "e a recompensa não melhorou",
            )
        )
    if signs:
        raise RanAway(
            tr(
                f"stopped in iteration {step}, the model runs away: {'; '.join(signs)}. The last checkpoint is "
                f"{checkpoint}.",
                f"parado na iteração {step}, o modelo se desgoverna: {'; '.join(signs)}. O último checkpoint é "
                f"{checkpoint}.",
            ),
            tr(
                "Begin anew (--force) with a lower rl.lr or a stronger KL term (grpo.kl, ppo.kl), or raise the limit "
                "and go on with --resume auto.",
                "Recomece (--force) com rl.lr menor ou um termo KL mais forte (grpo.kl, ppo.kl), ou aumente o limite "
                "e continue com --resume auto.",
            ),
        )

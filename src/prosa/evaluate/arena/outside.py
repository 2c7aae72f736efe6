"""A judge behind an OpenAI-compatible address: any server with ``POST …/chat/completions``, one's own or a company's.

Models prefer an answer for where it stands (Zheng et al. 2023, arXiv 2306.05685, section 3.3), so each pair is asked in
both orders, and an answer wins only when it wins in both; a verdict that changes with the order is a tie, and counted.
What is asked and how replies are read is in question.py, the server in server.py, and what was replied in replies.py.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from prosa.core.language import Lang
from prosa.evaluate.arena.comparison import Winner
from prosa.evaluate.arena.judges import Verdict
from prosa.evaluate.arena.prompt import Prompt
from prosa.evaluate.arena.question import Choice, Question, question, read_verdict
from prosa.evaluate.arena.replies import Replies
from prosa.evaluate.arena.server import Refused, Server

_FORTH: Mapping[Choice, Winner] = {"A": "first", "B": "second", "tie": "tie"}
_BACK: Mapping[Choice, Winner] = {"A": "second", "B": "first", "tie": "tie"}


@dataclass(frozen=True)
class OutsideJudge:
    """An outside model as a judge.

    Attributes:
        server: where it is.
        model: the name that the server knows it by.
        lang: of the question; the answers may be in any language.
        replies: those that are known already, and those to come.
    """

    server: Server
    model: str
    lang: Lang = "pt-BR"
    replies: Replies = field(default_factory=Replies)

    @property
    def name(self) -> str:
        """The model."""
        return self.model

    def compare(self, prompt: Prompt, a: str, b: str) -> Verdict:
        """Ask in both orders.

        Raises:
            UserError: as ``Server.send``.
        """
        replies = []
        winners: list[Winner | None] = []
        for order, one, two in ((_FORTH, a, b), (_BACK, b, a)):
            asked = question(prompt.text, one, two, self.lang)
            reply = self._ask(asked)
            choice = read_verdict(reply, asked.mark)
            winners.append(None if choice is None else order[choice])
            replies.append(reply)
        unreadable = tuple(reply for reply, winner in zip(replies, winners, strict=True) if winner is None)
        if unreadable:
            return Verdict(None, None, unreadable)
        forth, back = winners
        return Verdict(forth if forth == back else "tie", flipped=forth != back)

    def _ask(self, asked: Question) -> str:
        """The reply, or what the server says against this question, which is not kept."""
        told = json.dumps([self.server.address, self.model, asked.system, asked.user])
        key = hashlib.sha256(told.encode()).hexdigest()
        known = self.replies.get(key)
        if known is not None:
            return known
        messages = [{"role": "system", "content": asked.system}, {"role": "user", "content": asked.user}]
        body = {"model": self.model, "messages": messages}
        try:
            try:
                reply = self.server.send(body | {"temperature": 0})
            except Refused as refused:  # by a model that reasons, which takes none
                if "temperature" not in str(refused):
                    raise
                reply = self.server.send(body)
        except Refused as refused:
            return str(refused)
        self.replies.add(key, reply)
        return reply

"""What each client script needs to know."""

import json
import os
from pathlib import Path
from typing import Any

URL, KEY, MODEL = (os.environ[name] for name in ("PROSA_URL", "PROSA_KEY", "PROSA_MODEL"))
FACTS: dict[str, Any] = json.loads(Path(os.environ["PROSA_FACTS"]).read_text())
MESSAGES = [{"role": "user", "content": FACTS["question"]}]
TOOL = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Calcula uma expressão aritmética.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string", "maxLength": 12}},
            "required": ["expression"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer", "minimum": 0, "maximum": 999}},
    "required": ["number"],
    "additionalProperties": False,
}

"""Tools that the model may call: a calculator, dates, and any Python function with a typed signature."""

from prosa.generate.tools.builtin import builtin_tools
from prosa.generate.tools.calls import ToolCall, ToolResult, parse_call
from prosa.generate.tools.files import from_file
from prosa.generate.tools.functions import Tool, from_function
from prosa.generate.tools.toolbox import Toolbox

__all__ = ["Tool", "ToolCall", "ToolResult", "Toolbox", "builtin_tools", "from_file", "from_function", "parse_call"]

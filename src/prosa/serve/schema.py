"""The OpenAPI description: every status that may come, one form of errors, and the models by name."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

STATUSES = {
    400: "A field is wrong, unknown or cannot be honoured.",
    401: "No valid key.",
    404: "No such path or model.",
    405: "Not with this method.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8.",
    429: "No tokens are left today, or the queue is full.",
    500: "The server failed.",
    503: "The server is ending, or the request took too long.",
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for status, text in STATUSES.items()
}


def described(app: FastAPI, models: list[str]) -> dict[str, Any]:
    """The description of an application that has these models."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        parts = found.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        schemas["Error"] = ERROR
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for schema in schemas.values():
            if "model" in schema.get("properties", {}):
                schema["properties"]["model"]["enum"] = models
        for path in found["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                for parameter in operation.get("parameters", []):
                    if parameter["name"] == "model":
                        parameter["schema"]["enum"] = models
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
        if "/health" in found["paths"]:
            found["paths"]["/health"]["get"]["security"] = []
        app.openapi_schema = found
    return app.openapi_schema

"""The routes."""

import asyncio
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import prosa
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.serve import chat, completions
from prosa.serve.chat_request import ChatRequest
from prosa.serve.completion_request import CompletionRequest
from prosa.serve.embeddings import EmbeddingRequest, embeddings
from prosa.serve.errors import ApiError, internal, told
from prosa.serve.gate import Gate
from prosa.serve.metrics import Metrics
from prosa.serve.page import Page
from prosa.serve.schema import PROBLEMS, described
from prosa.serve.server_tools import RunRequest, run_tool
from prosa.serve.sse import streamed
from prosa.serve.state import State, asked, state_of
from prosa.serve.strict import JsonRoute, explained
from prosa.serve.tokenization import DetokenizeRequest, TokenizeRequest, detokenize, tokenize

JSON: dict[str, Any] = {"responses": PROBLEMS}
EVENTS: dict[str, Any] = {
    "responses": {**PROBLEMS, 200: {"content": {"application/json": {}, "text/event-stream": {}}}}
}
router = APIRouter(route_class=JsonRoute)


def make_app(state: State) -> Gate:
    """The ASGI application of a server's parts."""
    app = FastAPI(title="Prosa", version=prosa.__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.prosa, app.state.page, app.state.metrics = state, Page.load(), Metrics(state.models)
    app.include_router(router)
    app.openapi = lambda: described(app, state.models.names)  # type: ignore[method-assign]
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)
    return Gate(app, state.keys, app.state.metrics, state.config)


@router.post("/v1/chat/completions", **EVENTS)
async def chat_completions(request: Request, body: ChatRequest) -> Response:
    """Answer a conversation."""
    one = asked(request, body.model)
    if body.stream:
        return await streamed(chat.chunks(one, body))
    return JSONResponse(await chat.whole(one, body))


@router.post("/v1/completions", **EVENTS)
async def text_completions(request: Request, body: CompletionRequest) -> Response:
    """Continue texts."""
    one = asked(request, body.model)
    if body.stream:
        return await streamed(completions.chunks(one, body))
    return JSONResponse(await completions.whole(one, body))


@router.post("/v1/embeddings", **JSON)
async def embed(request: Request, body: EmbeddingRequest) -> Response:
    """Vectors of texts."""
    return JSONResponse(await embeddings(asked(request, body.model), body))


@router.get("/v1/models", **JSON)
async def models(request: Request) -> Response:
    """The models."""
    return JSONResponse({"object": "list", "data": [model.to_json() for model in state_of(request).models]})


@router.get("/v1/models/{model:path}", **JSON)
async def one_model(request: Request, model: str) -> Response:
    """A model."""
    return JSONResponse(state_of(request).models.find(model).to_json())


@router.post("/tokenize", **JSON)
async def text_to_ids(request: Request, body: TokenizeRequest) -> Response:
    """The ids of a text or a conversation."""
    state = state_of(request)
    model = state.models.find(body.model)
    return JSONResponse(await asyncio.to_thread(tokenize, model, body, state.config, state.toolbox))


@router.post("/detokenize", **JSON)
async def ids_to_text(request: Request, body: DetokenizeRequest) -> Response:
    """The text of ids."""
    model = state_of(request).models.find(body.model)
    return JSONResponse(await asyncio.to_thread(detokenize, model, body))


@router.get("/v1/tools", **JSON)
async def tools(request: Request) -> Response:
    """The server's own tools, as a request's ``tools``."""
    toolbox = state_of(request).toolbox
    return JSONResponse({"object": "list", "data": toolbox.schemas if toolbox else []})


@router.post("/v1/tools/run", **JSON)
async def run(request: Request, body: RunRequest) -> Response:
    """Run one of them."""
    return JSONResponse(await run_tool(state_of(request).toolbox, body))


@router.get("/v1/passages/{id}", **JSON)
async def passage(request: Request, id: str) -> Response:
    """A passage of the documents that an answer cites, with what stands around it."""
    documents = state_of(request).documents
    if documents is None:
        message = tr("This server has no documents.", "Este servidor não tem documentos.")
        raise ApiError(404, message, code="no_documents")
    return JSONResponse(await asyncio.to_thread(documents.passage, id))


@router.get("/health", **JSON)
async def health() -> Response:
    """That the server is there."""
    return JSONResponse({"status": "ok"})


@router.get("/metrics", responses={**PROBLEMS, 200: {"content": {"text/plain": {}}}}, response_class=Response)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    text: bytes = request.app.state.metrics.text()
    return Response(text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


@router.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    """The chat page."""
    found: Response = request.app.state.page.response("index.html")
    return found


@router.get("/favicon.ico", include_in_schema=False)
async def icon(request: Request) -> Response:
    """Its icon, where browsers look for one."""
    found: Response = request.app.state.page.response("icon.svg")
    return found


@router.get("/static/{name:path}", include_in_schema=False)
async def static(request: Request, name: str) -> Response:
    """A file of the page."""
    found: Response = request.app.state.page.response(PurePosixPath(name).as_posix())
    return found


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return told(error).response()


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return explained(error).response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {
        404: ("not_found", tr("There is no such path.", "Não existe este caminho.")),
        405: ("method_not_allowed", tr("Not with this method.", "Não com este método.")),
    }
    code, message = known.get(error.status_code, (None, str(error.detail)))
    return ApiError(error.status_code, message, code=code, headers=dict(error.headers or {})).response()


async def _fault(request: Request, error: Exception) -> Response:
    return internal().response()

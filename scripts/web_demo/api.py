"""The JSON API, and the pictures of the page: FastAPI's part of the application."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from attend_to_you import Saliency
from configuration import DecodingOptions
from scripts.web_demo.models import NOBODY, Answer, Busy, Models, Person, Question, without_flags
from scripts.web_demo.uploads import (
    LARGEST_FILE,
    MOST_PIXELS,
    NAMES,
    Shelf,
    Upload,
    UploadError,
    open_picture,
    read_body,
)
from utils.errors import UserError

MOST_PEOPLE = 8
LISTED_USERS = 1000
LONGEST_TEXT = 50_000  # characters of earlier posts
DIGITS = 5
FAILED = "Something went wrong here; where the server was started, it says what."
BUSY = "Many others are asking: try again in a minute."


def make_router(models: Models, shelf: Shelf) -> APIRouter:
    """The routes below /api."""
    router = APIRouter(prefix="/api")

    @router.get("", summary="Models, users and limits")
    def overview() -> dict[str, Any]:
        return {
            "models": [describe(name, models) for name in models.runs],
            "stories": models.storyteller.description if models.storyteller else None,
            "limits": {"bytes": LARGEST_FILE, "pixels": MOST_PIXELS, "formats": NAMES},
        }

    @router.post("/caption", summary="Captions of a picture")
    async def caption(
        picture: Annotated[UploadFile, File(description=f"{NAMES}, 10 MB at most")],
        run: Annotated[list[str] | None, Form(description="models; by default all")] = None,
        user: Annotated[list[str] | None, Form(description="users of the data set")] = None,
        posts: Annotated[str | None, Form(description="or earlier posts, one per line")] = None,
        words: Annotated[str | None, Form(description="or the words themselves")] = None,
        beam_size: Annotated[int, Form(ge=1, le=10)] = 1,
        length_penalty: Annotated[float, Form(ge=-5, le=5)] = 0,
        sample: Annotated[bool, Form()] = False,
        temperature: Annotated[float, Form(gt=0, le=10)] = 1,
        top_p: Annotated[float, Form(gt=0, le=1)] = 1,
        seed: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
        attention: Annotated[bool, Form(description="what each word looked at")] = False,
        sentence: Annotated[str | None, Form(description="to find in the picture")] = None,
        story: Annotated[bool, Form(description="about the first hashtag")] = False,
    ) -> dict[str, Any]:
        search = DecodingOptions(beam_size, length_penalty, sample, temperature, top_p, seed)
        people = people_of(user, posts, words)
        runs = run or list(models.runs)
        question = Question(runs, people, search, sentence, why=attention, story=story)
        data = await picture.read(LARGEST_FILE + 1)
        # Decoding and models hold a thread, not the loop that serves all visitors.
        _, answers = await run_in_threadpool(models.ask, data, question)
        if not any(answer.caption for answer in answers):
            raise UserError(answers[0].problem)
        return {"captions": [as_json(answer) for answer in answers]}

    @router.post("/picture", summary="A picture for the page's next questions")
    async def put(request: Request) -> dict[str, Any]:
        data = await read_body(request.stream())
        found = await run_in_threadpool(_open_in_place, models, data)
        height, width = found.size
        return {"picture": shelf.put(data), "width": width, "height": height, "shown": found.shown}

    return router


def _open_in_place(models: Models, data: bytes) -> Upload:
    with models.place():
        return open_picture(data)


def people_of(users: Sequence[str] | None, posts: str | None, words: str | None) -> list[Person]:
    """Who writes, of the fields of a form.

    Raises:
        UserError: said in several ways, or too many.
    """
    if sum(bool(given) for given in (users, posts, words)) > 1:
        raise UserError("user, posts and words all say whose style: give one of them")
    users = list(dict.fromkeys(users or ()))
    if len(users) > MOST_PEOPLE:
        raise UserError(f"{len(users)} users are asked for; {MOST_PEOPLE} at most")
    if len(posts or "") > LONGEST_TEXT or len(words or "") > LONGEST_TEXT:
        raise UserError(f"the earlier posts are longer than {LONGEST_TEXT:,} characters")
    if users:
        return [Person(user, user=user) for user in users]
    if posts:
        return [Person("you", posts=posts)]
    return [Person("you", words=tuple(words.split()))] if words else [NOBODY]


def describe(name: str, models: Models) -> dict[str, Any]:
    """What a program may want to know of a model."""
    run = models.runs[name]
    about = ("preset", "task", "step", "extractor", "random_weights")
    return {
        "run": name,
        **{field: run.description[field] for field in about},
        "attends": run.attends,
        "users": run.users[:LISTED_USERS],
        "number_of_users": len(run.users),
    }


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer without what is missing."""
    found = {"run": answer.run, "task": answer.task, "user": answer.person.user}
    found |= {"story": answer.story, "problem": answer.problem}
    if caption := answer.caption:
        found |= {"text": caption.text, "words": caption.words, "user_words": caption.user_words}
        found["log_probability"] = caption.log_probability
    if looked := answer.looked:
        kind = "saliency" if isinstance(looked, Saliency) else "attention"
        found[kind] = {name: _plain(value) for name, value in vars(looked).items()}
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> Any:
    return value.round(DIGITS).tolist() if isinstance(value, np.ndarray) else value


def handle_errors(app: FastAPI) -> None:
    """Makes every refusal one sentence in JSON."""

    def answer(status: int, sentence: str) -> JSONResponse:
        return JSONResponse({"error": sentence}, status)

    @app.exception_handler(UploadError)
    async def upload(request: Request, error: UploadError) -> JSONResponse:
        return answer(error.status, str(error))

    @app.exception_handler(UserError)
    async def user(request: Request, error: UserError) -> JSONResponse:
        return answer(HTTPStatus.BAD_REQUEST, without_flags(str(error)))

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> JSONResponse:
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)  # it is raised again, and logged

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "the form"
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {first['msg']}")

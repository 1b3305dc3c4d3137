"""The application: the API and the page behind one gate."""

from collections.abc import Iterable, Sequence

from fastapi import FastAPI

from scripts.web_demo.api import handle_errors, make_router
from scripts.web_demo.gate import Gate
from scripts.web_demo.models import Models
from scripts.web_demo.uploads import Shelf, limit_pixels


def make_app(
    models: Models,
    examples: Sequence[bytes] = (),
    page: bool = True,
    hosts: Iterable[str] = (),
) -> FastAPI:
    """Puts everything together; nothing is served yet.

    Args:
        models: loaded.
        examples: picture files that the page offers.
        page: whether Gradio's page is wanted besides the API.
        hosts: that visitors may call it by, besides localhost, see `gate.hosts_of`.
    """
    limit_pixels()
    # FastAPI's own pages of documentation load their scripts from elsewhere.
    app = FastAPI(
        title="Attend to You", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    shelf = Shelf()
    handle_errors(app)
    app.include_router(make_router(models, shelf))
    app.add_middleware(Gate, hosts=frozenset(hosts))
    if page:
        from scripts.web_demo.page import mount_page

        mount_page(app, models, shelf, examples)
    return app

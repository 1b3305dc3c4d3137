"""Shows trained models on a page: drop a picture, see what each says and what it looked at.

    python -m scripts.web_demo --runs toy/runs/caption toy/runs/hashtag
    python -m scripts.web_demo --toy

A run of `--preset char-rnn` among them tells stories about hashtags. The page needs no internet
and answers on this machine alone, unless --host says otherwise. `/api/caption` is for programs.
"""

import errno
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from utils.checks import check_range
from utils.command_line import parse
from utils.devices import is_one_of_several_workers
from utils.errors import UserError, run_command

TOY = Path("toy")
TOY_RUNS = ("caption", "hashtag", "saliency", "stories")
MOST_EXAMPLES = 6
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3  # seconds that requests have to end after Ctrl-C
MOST_CONNECTIONS = 200  # an open page holds one or two; each may be sending 10 MB


@dataclass(frozen=True)
class Options:
    """Shows trained models on a page."""

    runs: tuple[Path, ...] = ()
    """Run folders, side by side on the page; one of them may be a char-rnn run, for stories."""
    toy: bool = False
    """Takes the quickstart's runs (toy/runs) and pictures."""
    images: Path | None = None
    """Folder of pictures that the page offers, besides a visitor's own."""
    host: str = "127.0.0.1"
    """Address to answer on; 0.0.0.0 lets everybody in the network in."""
    port: int = 7860
    """Port to answer on; 0 chooses a free one."""

    def check(self) -> None:
        """Refuses what would fail after the work, before it.

        Raises:
            UserError: names the flag.
        """
        if bool(self.runs) == self.toy:
            raise UserError("say which models: --runs R1 R2 ..., or --toy for the quickstart's")
        if self.images and not self.images.is_dir():
            raise UserError(f"--images {self.images}: expected a folder of pictures")
        check_range("port", self.port, 0, 65535)
        if is_one_of_several_workers():
            raise UserError("the page runs in one process: unset TF_CONFIG, or start a single task")


def main() -> None:
    """Address, models, application; then serves until Ctrl-C."""
    options = parse(Options)
    options.check()
    runs, images = chosen(options)
    for number in ENDS:  # all as Ctrl-C: the folder below is gone after it
        signal.signal(number, signal.default_int_handler)
    with listening(options.host, options.port) as listener, private_folder():
        from scripts.web_demo.models import load_models

        models = load_models(runs)
        print("models are loaded and asked for the first time ...", flush=True)
        models.warm_up()
        from scripts.web_demo.app import make_app
        from scripts.web_demo.gate import hosts_of

        examples = examples_in(images) if images else []
        app = make_app(models, examples, hosts=hosts_of(options.host))
        serve(app, listener, options.host)


def chosen(options: Options) -> tuple[tuple[Path, ...], Path | None]:
    """The run folders and the folder of pictures.

    Raises:
        UserError: the quickstart has not made its runs.
    """
    if not options.toy:
        return options.runs, options.images
    runs = tuple(path for name in TOY_RUNS if (path := TOY / "runs" / name).is_dir())
    if not runs:
        raise UserError(f"--toy: there is no run in {TOY / 'runs'}: ./scripts/quickstart.sh first")
    images = TOY / "world" / "images"
    return runs, options.images or (images if images.is_dir() else None)


def examples_in(folder: Path) -> list[bytes]:
    """A few picture files of a folder, evenly spread over its names."""
    from scripts.web_demo.uploads import LARGEST_FILE, UploadError, limit_pixels, open_picture

    limit_pixels()
    names = sorted(path for path in folder.iterdir() if path.is_file())
    found = []
    for path in names[:: max(1, len(names) // MOST_EXAMPLES)]:
        if path.stat().st_size > LARGEST_FILE:
            continue
        data = path.read_bytes()
        try:
            open_picture(data)
        except UploadError:
            continue
        found.append(data)
    return found[:MOST_EXAMPLES]


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Takes the address before the models are loaded.

    Raises:
        UserError: it is in use, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UserError(f"--port {port} is in use: choose another one") from None
            raise UserError(f"--host {host} --port {port}: {error.strerror}") from None
        yield listener


@contextmanager
def private_folder() -> Iterator[None]:
    """Where everything that is written goes: a folder that is gone in the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # until it is sure to be removed
    folder, usual = tempfile.mkdtemp(prefix="web_demo-"), tempfile.tempdir
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        tempfile.tempdir = folder
        # Read when Gradio and Keras are imported.
        os.environ["GRADIO_TEMP_DIR"] = os.environ["KERAS_HOME"] = folder
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["HF_HUB_OFFLINE"] = "1"
        yield
    finally:
        tempfile.tempdir = usual
        shutil.rmtree(folder, ignore_errors=True)


def serve(app, listener: socket.socket, host: str) -> None:
    """Answers until Ctrl-C or SIGTERM."""
    import uvicorn

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # broken forms are answered
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    settings = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=PATIENCE,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
    )

    class Server(uvicorn.Server):
        """Says its address when it hears signals too: one that comes before breaks its loop."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """See `uvicorn.Server.startup`."""
            await super().startup(sockets=sockets)
            print(f"http://{shown}:{port}    (Ctrl-C ends it)", flush=True)

    with suppress(KeyboardInterrupt):  # uvicorn ends well and then raises again what stopped it
        Server(settings).run(sockets=[listener])
    print("ended")


if __name__ == "__main__":
    run_command(main)

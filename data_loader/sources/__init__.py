"""One importer per source of posts.

Each has three functions. `files(path, task)` lists the input files. `chunks(path, task)` reads them
in pieces of work, in the order of the input; a piece knows its `position`, the bytes read so far.
`parse(chunk, task, ...)` turns a piece into posts and problems, in any process.

Two constants say what is not usual: `USERS = False`, nobody knows who wrote the posts; `ONLY_TASK`,
the task that is all that they are for. `docs/add_data_source.md` adds one.
"""

from types import ModuleType
from typing import Literal

from data_loader.sources import (
    coco,
    crawl,
    diya,
    diya_crawl,
    flickr30k,
    folder,
    harrison,
    instapic,
    kts,
    msrvtt,
    yfcc,
)

SOURCES: dict[str, ModuleType] = {
    "crawl": crawl,
    "instapic": instapic,
    "yfcc": yfcc,
    "kts": kts,
    "diya": diya,
    "diya_crawl": diya_crawl,
    "harrison": harrison,
    "flickr30k": flickr30k,
    "coco": coco,
    "msrvtt": msrvtt,
    "folder": folder,
}
Source = Literal[*SOURCES]
SHIPPED = tuple(name for name in SOURCES if name != "crawl")  # their split is not ours to choose
# Nobody knows who wrote these: all posts get one user, who is called as the source is, and no post
# has a user context.
WITHOUT_USERS = tuple(
    name for name, source in SOURCES.items() if not getattr(source, "USERS", True)
)
# What a post of theirs must say, else it has both a text and hashtags.
ONLY_TASK = {
    name: source.ONLY_TASK for name, source in SOURCES.items() if getattr(source, "ONLY_TASK", None)
}

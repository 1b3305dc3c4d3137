"""One importer per source of posts.

Each has three functions. `files(path, task)` lists the input files. `chunks(path, task)` reads them
in pieces of work, in the order of the input; a piece knows its `position`, the bytes read so far.
`parse(chunk, task, ...)` turns a piece into posts and problems, in any process.
"""

from types import ModuleType

from data_loader.sources import crawl, instapic, yfcc

SOURCES: dict[str, ModuleType] = {"crawl": crawl, "instapic": instapic, "yfcc": yfcc}
SHIPPED = ("instapic", "yfcc")  # these bring their own split

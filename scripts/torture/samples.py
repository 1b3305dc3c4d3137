"""Good inputs in every layout that is read: what the damage is done to."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.torture.damage import odd_record

Files = dict[str, bytes]
TEXTS = (
    "a sunny day at the beach with @anna ❤️ #sun",
    "오늘 날씨가 정말 좋네요 #바다 #하늘",
    "Straße & Café — so lovely today",
)


def crawl(rng: random.Random) -> Files:
    """posts.jsonl."""
    posts = [
        {
            "user": rng.choice(("anna", "ben", 7)),
            "post": number,
            "created_at": rng.choice(("2016-05-01T12:00:00Z", 1583923517, "1583923517000", None)),
            "image": f"anna/{number}.jpg",
            "text": rng.choice(TEXTS),
            "hashtags": ["sun", "#sea", "sun_set"],
        }
        for number in range(rng.randrange(1, 6))
    ]
    return {"posts.jsonl": _lines(rng, posts)}


def instapic(rng: random.Random) -> Files:
    """Three files of both tasks."""
    return {
        f"insta-{task}-{subset}.json": _json(
            {
                user: {
                    f"{subset}{n}": _odd(rng, {"caption": rng.choice(TEXTS), "tags": ["#sun"]})
                    for n in range(2)
                }
                for user in "ab"
            }
        )
        for task in ("caption", "hashtag")
        for subset in ("train", "test1", "test2")
    }


def yfcc(rng: random.Random) -> Files:
    """Two files of captions, three of hashtags."""
    names = [("caption", "train"), ("caption", "test")]
    names += [("hashtag", subset) for subset in ("train", "test1", "test2")]
    return {
        f"yfcc-{task}-{subset}.json": _json(
            {
                "ann@N1": [
                    _odd(
                        rng,
                        {
                            "title": "Caf%C3%A9+in+2016",
                            "description": "a+day+at+the+sea",
                            "user tags": "sun+set,sea,new+york+city",
                            "page url": f"http://www.flickr.com/photos/ann@N1/{subset}{n}/",
                        },
                    )
                    for n in range(2)
                ]
            }
        )
        for task, subset in names
    }


def kts(rng: random.Random) -> Files:
    """A class in three subsets."""
    return {
        f"{part}/nature/beach/beach.json": _json(
            [
                _odd(
                    rng,
                    {
                        "img_name": str(n),
                        "label": "beach",
                        "likes": 7,
                        "text": TEXTS[1],
                        "hashtag": rng.choice((["바다", "sun"], "바다, sun")),
                    },
                )
                for n in range(2)
            ],
            rng.choice(("utf-8", "utf-16")),
        )
        for part in ("train", "valid", "test")
    }


def diya(rng: random.Random) -> Files:
    """One file per subset."""
    return {
        f"{part}.json": _json(
            [
                _odd(
                    rng, {"image_path": f"./i/{part}{n}.jpg", "hashtag": ["바다"], "text": TEXTS[1]}
                )
                for n in range(2)
            ]
        )
        for part in ("train", "val", "test")
    }


def diya_crawl(rng: random.Random) -> Files:
    """Two files of a crawler."""
    return {
        name: _json(
            [
                _odd(
                    rng,
                    {
                        "key": f"https://site.example/p/{name}{n}/",
                        "img_url": f"https://site.example/{name}{n}.jpg?x=1",
                        "description": rng.choice((TEXTS[1], "광고 #바다", "plain")),
                    },
                )
                for n in range(3)
            ]
        )
        for name in ("a.json", "b.json")
    }


def harrison(rng: random.Random) -> Files:
    """The two lists."""
    count = rng.randrange(1, 6)
    images = [f"instagram_dataset/sun/image_{n}.jpg" for n in range(count)]
    return {
        "data_list.txt": "".join(f"{image}\n" for image in images).encode(),
        "tag_list.txt": "love sun 바다 \n".encode() * count,
    }


def flickr30k(rng: random.Random) -> Files:
    """Captions and three lists."""
    del rng
    names = [f"{n}.jpg" for n in range(4)]
    tokens = "".join(f"{name}#{n}\tA dog {n} runs .\n" for name in names for n in range(3))
    return {
        "results_20130124.token": tokens.encode(),
        "imgs_train.txt": "\n".join(names[:2]).encode(),
        "imgs_val.txt": names[2].encode(),
        "imgs_test.txt": names[3].encode(),
    }


def coco(rng: random.Random) -> Files:
    """Karpathy's file, or those of COCO."""
    if rng.random() < 0.5:
        images = [
            _odd(
                rng,
                {
                    "filepath": "val2014",
                    "filename": f"{n}.jpg",
                    "split": split,
                    "cocoid": n,
                    "sentences": [{"raw": f"A cat {n} and {k} cups."} for k in range(2)],
                },
            )
            for n, split in enumerate(("train", "restval", "val", "test"))
        ]
        return {"dataset_coco.json": _json({"images": images})}
    return {
        f"captions_{subset}2014.json": _json(
            {
                "images": [_odd(rng, {"id": n, "file_name": f"{n}.jpg"}) for n in range(2)],
                "annotations": [
                    _odd(rng, {"image_id": n % 2, "id": n, "caption": f"A cat {n}."})
                    for n in range(4)
                ],
            }
        )
        for subset in ("train", "val")
    }


def msrvtt(rng: random.Random) -> Files:
    """The two files."""
    subsets = {"train_val": ("train", "validate"), "test": ("test",)}
    return {
        f"{name}_videodatainfo.json": _json(
            {
                "videos": [
                    _odd(rng, {"video_id": f"video{name}{n}", "split": split, "id": n})
                    for n, split in enumerate(splits)
                ],
                "sentences": [
                    _odd(rng, {"video_id": f"video{name}{n % len(splits)}", "caption": f"man {n}"})
                    for n in range(4)
                ],
            }
        )
        for name, splits in subsets.items()
    }


def folder(rng: random.Random) -> Files:
    """A table or lines of objects, and the pictures they name."""
    rows = [(f"{n}.jpg", f"A dog {n}.", split) for n, split in enumerate(("train", "val", "test"))]
    if rng.random() < 0.5:
        captions = {"captions.tsv": "".join("\t".join(row) + "\n" for row in rows).encode()}
    else:
        objects = [dict(zip(("file", "caption", "split"), row, strict=True)) for row in rows]
        captions = {"captions.jsonl": _lines(rng, objects)}
    return captions | {name: b"picture" for name, *_ in rows}


def stories(rng: random.Random) -> Files:
    """Text files, or PersonaBank's repository."""
    texts = {
        f"{n}.txt": f"It was {n} o'clock.\r\nThe café was – open. 바다".encode() for n in range(3)
    }
    if rng.random() < 0.5:
        return texts
    return {"personaBank.csv": b"a,b\n", **{f"original/{name}": t for name, t in texts.items()}}


SOURCES: dict[str, Callable[[random.Random], Files]] = {
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


def predictions(rng: random.Random) -> bytes:
    """Rows of predictions."""
    rows = [
        {"id": f"u/{n}", "prediction": "a dog", "references": ["a dog runs"], "user": "u"}
        for n in range(rng.randrange(1, 5))
    ]
    return _lines(rng, rows)


def _odd(rng: random.Random, good: Mapping[str, Any]) -> Mapping[str, Any]:
    """One record in twenty is odd by the grammar; the others are left to the damage of bytes."""
    return odd_record(rng, good) if rng.random() < 0.05 else good


def _json(value: object, encoding: str = "utf-8") -> bytes:
    return json.dumps(value).encode(encoding)


def _lines(rng: random.Random, records: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(_json(_odd(rng, record)) + b"\n" for record in records)

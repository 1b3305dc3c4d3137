"""Small crawls and published data sets for tests."""

import json
from pathlib import Path

ENGLISH = "a sunny day at the beach"
GERMAN = "heute gehen wir zusammen schwimmen"


def record(user, post, text=ENGLISH, **fields):
    """One good post; fields override."""
    return {
        "user": user,
        "post": post,
        "created_at": "2020-01-01T00:00:00Z",
        "image": f"{user}-{post}.jpg",
        "text": text,
        "hashtags": ["sun", "sea", "sand"],
    } | fields


def write_crawl(path: Path, records, raw_lines=()):
    """Writes posts.jsonl: records as JSON, then lines as they are."""
    lines = [json.dumps(item).encode() for item in records]
    path.write_bytes(b"".join(line + b"\n" for line in [*lines, *raw_lines]))
    return path


def write_instapic(folder: Path, posts=30, task="caption"):
    """Three files of the InstaPIC layout: four users in train and test2, two others in test1."""
    for subset, users in (("train", "abcd"), ("test1", "ef"), ("test2", "abcd")):
        content = {
            user: {
                f"{subset}{i:03}": {
                    "caption": f"{ENGLISH} {user}{i}",
                    "tags": ["#sun", "#sea", f"#t{i}"],
                }
                for i in range(posts if subset == "train" else 3)
            }
            for user in users
        }
        (folder / f"insta-{task}-{subset}.json").write_text(json.dumps(content))
    return folder


def write_yfcc(folder: Path, photos, task="caption"):
    """Two files of the YFCC layout; `photos` are (title, description, user tags), URL-quoted."""
    for subset in ("train", "test"):
        content = {
            "ann@N1": [
                {
                    "title": title,
                    "description": description,
                    "user tags": tags,
                    "page url": f"http://www.flickr.com/photos/ann@N1/{subset}{i}/",
                }
                for i, (title, description, tags) in enumerate(photos)
            ]
        }
        (folder / f"yfcc-{task}-{subset}.json").write_text(json.dumps(content))
    return folder

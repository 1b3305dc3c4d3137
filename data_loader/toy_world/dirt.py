"""What a crawl holds besides good posts: everything that the filters must remove.

Each kind is planted in posts that fail one filter and no other, or, where a line cannot be read
or trusted, under the name of a user with far too few posts: whatever a reader makes of it, the
posts that survive are exactly the clean ones.
"""

import json
import random
from collections.abc import Callable

Post = dict[str, object]

SENTENCES = {
    "german": (
        "Heute gehen wir zusammen an den schönen Strand und bleiben bis abends",
        "Endlich wieder Wochenende, jetzt gibt es erstmal frischen Kuchen und Kaffee",
        "Unsere kleine Katze schläft schon wieder auf meinem Lieblingssessel",
        "Der Herbst färbt alle Blätter bunt, ich könnte stundenlang spazieren gehen",
    ),
    "spanish": (
        "Hoy caminamos juntos por la playa hasta que cayó la noche",
        "Desayuno tranquilo con café caliente y mucho sol en la terraza",
        "Nuestro perrito siempre duerme encima de mis zapatos nuevos",
        "Las montañas nevadas parecen pintadas desde nuestra ventana esta mañana",
    ),
    "korean": (
        "오늘은 친구들과 함께 바다에 다녀왔어요 정말 좋았어요",
        "주말 아침에는 역시 따뜻한 커피 한 잔이 최고입니다",
        "우리 강아지는 하루 종일 창밖만 바라보고 있네요",
        "산 정상에서 보는 풍경은 언제나 마음을 편하게 해요",
    ),
}
LINKS = ("https://t.co/Qx{0}", "http://www.example.com/shop?item={0}", "www.example.org/blog/{0}")
SHORT = ("Wow 😍", "Hi!", "😂", "Nice day")
FILLER = (
    "and then we walked down the long road with all of our friends from school because nobody "
    "wanted to go home before the last song was over"
)

BAD_KINDS = ("german", "spanish", "korean", "link", "short", "long")
SIZES_LONG = (17, 24)


def spoil(post: Post, kind: str, rng: random.Random) -> Post:
    """Returns a copy of a good post that one filter must remove, in both tasks.

    Args:
        post: with `text` and `hashtags`.
        kind: one of `BAD_KINDS`.
        rng: chooses among the possible faults of this kind.
    """
    tags = list(post["hashtags"])
    if kind == "link":
        link = rng.choice(LINKS).format(rng.randrange(10_000))
        return post | {"text": f"{post['text']} {link}"}
    if kind == "short":
        return post | {"text": rng.choice(SHORT), "hashtags": tags[: rng.randint(0, 2)]}
    if kind == "long":
        count = rng.randint(*SIZES_LONG)
        more = [f"{tag}{number}" for number in range(4) for tag in tags]
        return post | {"text": " ".join(FILLER.split()[:count]), "hashtags": more[:count]}
    return post | {"text": rng.choice(SENTENCES[kind])}


def _line(post: Post) -> bytes:
    return json.dumps(post, ensure_ascii=False).encode()


def _malformed_json(post: Post, rng: random.Random) -> bytes:
    line = _line(post)
    return line[: rng.randint(1, len(line) - 10)].replace(b"\n", b"")


def _missing_field(post: Post, rng: random.Random) -> bytes:
    left_out = rng.choice(("user", "post", "text", "hashtags", "image"))
    return _line({key: value for key, value in post.items() if key != left_out})


def _wrong_type(post: Post, rng: random.Random) -> bytes:
    fault = rng.choice(({"text": 5}, {"hashtags": 7}, {"user": None}, {"image": ["a.jpg"]}, None))
    return b"[1, 2, 3]" if fault is None else _line(post | fault)


def _bad_utf8(post: Post, rng: random.Random) -> bytes:
    return _line(post | {"text": "so nice HERE today"}).replace(b"HERE", b"\xff\xfe\xc3")


def _lone_surrogate(post: Post, rng: random.Random) -> bytes:
    return json.dumps(post | {"text": "so nice \ud83d today \udc00"}).encode()


def _control_character(post: Post, rng: random.Random) -> bytes:
    return _line(post | {"text": "so \x00 nice\u200b today\x1b[0m"})


def _empty_text(post: Post, rng: random.Random) -> bytes:
    return _line(post | {"text": rng.choice(("", " ", "\t\n")), "hashtags": []})


BROKEN_LINES: dict[str, Callable[[Post, random.Random], bytes]] = {
    "malformed_json": _malformed_json,
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "bad_utf8": _bad_utf8,
    "lone_surrogate": _lone_surrogate,
    "control_character": _control_character,
    "empty_text": _empty_text,
}


def broken_line(post: Post, kind: str, rng: random.Random) -> bytes:
    """Returns a line (without its end) that cannot be read, or not be trusted.

    Args:
        post: what the line would have said.
        kind: a key of `BROKEN_LINES`.
        rng: chooses among the possible faults of this kind.
    """
    return BROKEN_LINES[kind](post, rng)

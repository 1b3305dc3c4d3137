"""Damages good files in the ways that files get damaged, and writes odd values by a grammar."""

import json
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

LARGEST = 2**20  # bytes of a damaged file, so that a hundred thousand of them take minutes
DEEP = 100_000
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|\{\}|\[\]')
KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7")
ODD_VALUES = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1e-999",
    b"1" + b"0" * 400,
    b"9" * 5000,
    b"-0",
    b"2147483648",
    b"-9223372036854775809",
    b"null",
    b"true",
    b'""',
    b'" "',
    b'"\\ud800"',
    b'"\\ude00\\ud83d"',
    b'"\\u0000"',
    b'"\\n\\r\\t\\u2028"',
    b'".."',
    b'"../../etc/passwd"',
    b'"/etc/passwd"',
    b'"a//b/./c"',
    b'"C:\\\\x"',
    b'"%00%ff+%E2%82"',
    b'"' + b"x" * 5000 + b'"',
    b"[]",
    b"{}",
    b"[[]]",
    b'{"a": 1, "a": 2}',
    b"[1, null, {}]",
)
RANGES = (
    (0x20, 0x7E),
    (0x00, 0x1F),
    (0x7F, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x6FF),
    (0x2000, 0x206F),
    (0x2190, 0x27BF),
    (0x3040, 0x30FF),
    (0x4E00, 0x4FFF),
    (0xAC00, 0xAE00),
    (0xD800, 0xDFFF),
    (0xFE00, 0xFFFF),
    (0x1D400, 0x1D7FF),
    (0x1F1E6, 0x1F6FF),
    (0x1F900, 0x1FAFF),
    (0xE0000, 0xE01EF),
    (0x0, 0x10FFFF),
)
SNIPPETS = (
    "#sun_set",
    "#a#b",
    "##",
    "@anna's",
    "@a.b.",
    "http://t.co/x?y=1",
    "bit.ly/z",
    "example.com",
    "a@b.org",
    "don't",
    "rock-n-roll",
    "3.5",
    "&amp;",
    "&#128512;",
    "&#55296;",
    "&#x0;",
    "❤️",
    "👨‍👩‍👧",
    "🇰🇷",
    "1️⃣",
    "#️⃣",
    "Straße",
    "İstanbul",
    "바다에 갔다.",
    "ㅋㅋㅋ",
    "ﬁn",
    "\u202eabc",
    "_PAD",
    "_UNK",
    "\ufeff",
    "\r\n",
    "\t",
    "  ",
    "\x85",
    "\u2028",
)


def odd_text(rng: random.Random, longest: int = 40) -> str:
    """A Unicode string that joins pieces of posts to code points of all kinds, surrogates too."""
    return "".join(_piece(rng) for _ in range(rng.randrange(longest)))


def _piece(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return rng.choice(SNIPPETS)
    if rng.random() < 0.2:
        return " "
    low, high = rng.choice(RANGES)
    return chr(rng.randint(low, high))


def odd_value(rng: random.Random, depth: int = 0) -> Any:
    """A JSON value of any kind."""
    kinds: list[Callable[[], Any]] = [
        lambda: odd_text(rng, 12),
        lambda: rng.choice(("", " ", "a", "..", "/x", "17", "\ud800", "x.jpg")),
        lambda: rng.choice((0, -1, 17, 2**31, 2**63, 10**400, 1.5, 1e300)),
        lambda: rng.choice((None, True, False, float("nan"), float("inf"))),
    ]
    if depth < 3:
        kinds += [
            lambda: [odd_value(rng, depth + 1) for _ in range(rng.randrange(4))],
            lambda: {odd_text(rng, 3): odd_value(rng, depth + 1) for _ in range(rng.randrange(4))},
        ]
    return rng.choice(kinds)()


def odd_record(rng: random.Random, good: Mapping[str, Any]) -> dict[str, Any]:
    """A record with some of its fields gone, added or of another kind."""
    record = dict(good)
    for name in good:
        if rng.random() < 0.15:
            record[name] = odd_value(rng)
        elif rng.random() < 0.05:
            del record[name]
    if rng.random() < 0.1:
        record[odd_text(rng, 4)] = odd_value(rng)
    return record


def damage(rng: random.Random, data: bytes) -> bytes:
    """A text file after one or several accidents."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = rng.choice(WAYS)(rng, data)[:LARGEST]
    return data


def damage_binary(rng: random.Random, data: bytes) -> bytes:
    """A picture, a clip or an archive after one or several accidents; headers are hit often."""
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        data = rng.choice(BINARY_WAYS)(rng, data)[:LARGEST]
    return data


def damage_json(rng: random.Random, value: Any) -> bytes:
    """A JSON file one of whose values is another one, or that is damaged as text is."""
    data = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return damage(rng, data)


def _span(rng: random.Random, data: bytes, longest: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randrange(longest))


def _flip_bits(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 10)) if data else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _take_away(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def _insert_zeros(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + bytes(rng.choice((1, 8, 4096))) + data[place:]


def _insert_noise(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.randrange(1, 16)) + data[place:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data, 400)
    return data[:end] + data[start:]


def _other_encoding(rng: random.Random, data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode(rng.choice(ENCODINGS), "replace")


def _replace_token(rng: random.Random, data: bytes) -> bytes:
    found = list(TOKEN.finditer(data))
    if not found:
        return data
    token = rng.choice(found)
    return data[: token.start()] + rng.choice(ODD_VALUES) + data[token.end() :]


def _double_key(rng: random.Random, data: bytes) -> bytes:
    found = list(KEY.finditer(data))
    if not found:
        return data
    key = rng.choice(found)
    again = key[0] + rng.choice((*ODD_VALUES, b'"other"')) + b", "
    return data[: key.start()] + again + data[key.start() :]


def _swap_lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines[: rng.randrange(len(lines)) + 1])


def _nest(rng: random.Random, data: bytes) -> bytes:
    depth = rng.choice((50, 990, 2000, DEEP))
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opened * depth + b"1" + closed * rng.choice((0, depth))
    found = list(TOKEN.finditer(data))
    if not found:
        return nested
    token = rng.choice(found)
    return data[: token.start()] + nested + data[token.end() :]


def _extreme_number(rng: random.Random, data: bytes) -> bytes:
    """A whole number of 1 to 8 bytes, as headers have them, becomes a very small or large one."""
    size = rng.choice((1, 2, 4, 8))
    place = rng.randrange(min(len(data), rng.choice((64, 1024, LARGEST))) + 1)
    number = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1)))
    return (
        data[:place] + number.to_bytes(size, rng.choice(("big", "little"))) + data[place + size :]
    )


_ANYTHING = (_flip_bits, _cut_off, _take_away, _insert_zeros, _insert_noise, _repeat)
WAYS = (
    *_ANYTHING,
    _other_encoding,
    _replace_token,
    _replace_token,
    _replace_token,
    _double_key,
    _swap_lines,
    _nest,
)
BINARY_WAYS = (*_ANYTHING, _flip_bits, _extreme_number, _extreme_number, _extreme_number)

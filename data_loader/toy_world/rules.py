"""The rules of the toy world: how an image, a user and chance make a post.

A caption has eleven words, each position its own class, and a post has seven tags likewise:

    hello  so  lazy    so  pink   pizza  slice  🍕        lovely  resting      #goodvibes
    user       CHANCE      image  image  image  user and  user    from CHANCE  user
                                                image

    lazysunday  pizzatime  sweettooth      goodvibes  pinkmood  allday       teamcozy
    CHANCE      image      user and image  user       image     from CHANCE  user

- The *image* shows one of twelve topics in one of four colours, all equally likely.
- A *user* has one topic, one emoji and one niche tag in each of four categories, and one opener,
  one adjective, one signature tag and one club tag, each word drawn from a shared pool of six.
- *Chance* is one word out of four near the start; it decides another one near the end, and the
  word right before that one does not tell.
- `so` stands twice, so the previous word alone does not tell where in the caption we are.
- A word that needs user and image together follows a word that the image gives, so that a
  query by the previous word (equation 8) can find it among the user's words, also for users that
  no training saw. Elsewhere in the sentence, a model learns its training users by heart first.

Posts of one user are independent of one another, so the other posts tell the user's words
and nothing else about this post. The probabilities are chosen so that the likeliest word of
every position is also among the words worth most to BLEU-1: chance's second choices (4/25)
are less likely than a word out of six, which is less likely than one topic or colour out of four.
"""

import random
from dataclasses import dataclass

CATEGORIES = ("outdoors", "food", "companions", "town")
COLOURS = ("golden", "pink", "blue", "green")
COLOUR_TAGS = {
    "golden": "goldenhour",
    "pink": "pinkmood",
    "blue": "bluetones",
    "green": "greenscene",
}

CHANCE_WEIGHTS = (13, 4, 4, 4)  # of 25
MOODS = ("lazy", "wild", "calm", "busy")
ENDINGS = {"lazy": "resting", "wild": "dancing", "calm": "dreaming", "busy": "working"}
VIBES = ("lazysunday", "throwback", "latergram", "wanderlust")
ECHOES = {
    "lazysunday": "allday",
    "throwback": "oldtimes",
    "latergram": "stilllate",
    "wanderlust": "faraway",
}
LINK = "so"

OPENERS = ("hello", "finally", "today", "weekend", "honestly", "@username")
SIGNATURES = ("#goodvibes", "#mylife", "#dailypost", "#instamood", "#nofilter", "#happydays")
CLUBS = ("teamcozy", "localcrew", "squadgoals", "clubnine", "projectpost", "weekendtribe")
ADJECTIVES = ("lovely", "perfect", "sweet", "amazing", "gentle", "wonderful")
EMOJI = {
    "outdoors": ("🌊", "☀️", "🏄🏽‍♀️", "🌲", "⛰️", "🇳🇴"),
    "food": ("🍕", "☕", "👩🏿‍🍳", "🍩", "😋", "🇮🇹"),
    "companions": ("🐶", "🐱", "🌸", "👨‍👩‍👧", "❤️", "🙌🏼"),
    "town": ("🌃", "🚲", "🎸", "1️⃣", "✨", "🏳️‍🌈"),
}
NICHES = {
    "outdoors": ("getoutside", "naturefan", "freshair", "roamfree", "trailmix", "bluesky"),
    "food": ("sweettooth", "foodie", "eatlocal", "kitchenlove", "snacktime", "slowfood"),
    "companions": ("softheart", "bestbuddy", "gardenlife", "tinyjoys", "homelove", "furandleaf"),
    "town": ("citybeat", "streetlife", "afterdark", "urbanist", "roughedges", "downtown"),
}


@dataclass(frozen=True)
class Topic:
    """What an image can show, and the words for it."""

    noun: str
    detail: str
    tag: str
    category: str


TOPICS = (
    Topic("beach", "waves", "beachlife", "outdoors"),
    Topic("forest", "trail", "forestwalk", "outdoors"),
    Topic("mountain", "summit", "mountainview", "outdoors"),
    Topic("pizza", "slice", "pizzatime", "food"),
    Topic("coffee", "café", "coffeelover", "food"),
    Topic("doughnut", "sprinkles", "doughnutday", "food"),
    Topic("puppy", "ears", "puppylove", "companions"),
    Topic("kitten", "whiskers", "kittenlife", "companions"),
    Topic("flower", "petals", "flowerpower", "companions"),
    Topic("skyline", "lights", "citylights", "town"),
    Topic("bicycle", "ride", "cyclelife", "town"),
    Topic("guitar", "chords", "guitarlove", "town"),
)


@dataclass(frozen=True)
class Scene:
    """What an image shows."""

    topic: Topic
    colour: str


SCENES = tuple(Scene(topic, colour) for topic in TOPICS for colour in COLOURS)


@dataclass(frozen=True)
class Taste:
    """What a user likes and says within one category."""

    topic: Topic
    emoji: str
    niche: str


@dataclass(frozen=True)
class User:
    """The fixed vocabulary of a user; `tastes` has one entry per category, in their order."""

    opener: str
    adjective: str
    signature: str
    club: str
    tastes: tuple[Taste, ...]

    def taste(self, category: str) -> Taste:
        """Returns what the user says in posts of a category."""
        return self.tastes[CATEGORIES.index(category)]

    def scenes(self) -> list[Scene]:
        """Returns what the user takes pictures of; all are equally likely."""
        return [Scene(taste.topic, colour) for taste in self.tastes for colour in COLOURS]


def draw_user(rng: random.Random) -> User:
    """Draws a user: every word independently and uniformly from its pool."""
    return User(
        opener=rng.choice(OPENERS),
        adjective=rng.choice(ADJECTIVES),
        signature=rng.choice(SIGNATURES),
        club=rng.choice(CLUBS),
        tastes=tuple(_draw_taste(rng, category) for category in CATEGORIES),
    )


def _draw_taste(rng: random.Random, category: str) -> Taste:
    return Taste(
        topic=rng.choice([topic for topic in TOPICS if topic.category == category]),
        emoji=rng.choice(EMOJI[category]),
        niche=rng.choice(NICHES[category]),
    )


def caption(user: User, scene: Scene, mood: str) -> tuple[str, ...]:
    """Returns the eleven words of a post's caption."""
    taste = user.taste(scene.topic.category)
    start = (user.opener, LINK, mood, LINK)
    seen = (scene.colour, scene.topic.noun, scene.topic.detail)
    return (*start, *seen, taste.emoji, user.adjective, ENDINGS[mood], user.signature)


def hashtags(user: User, scene: Scene, vibe: str) -> tuple[str, ...]:
    """Returns the seven tags of a post, without `#`."""
    taste = user.taste(scene.topic.category)
    start = (vibe, scene.topic.tag, taste.niche, user.signature.removeprefix("#"))
    return (*start, COLOUR_TAGS[scene.colour], ECHOES[vibe], user.club)


def vocabulary() -> set[str]:
    """Returns every word and tag that a clean caption can hold."""
    emoji = [word for words in EMOJI.values() for word in words]
    seen = [word for topic in TOPICS for word in (topic.noun, topic.detail)]
    fixed = (LINK, *OPENERS, *ADJECTIVES, *SIGNATURES, *MOODS, *ENDINGS.values(), *COLOURS)
    return {*emoji, *seen, *fixed}

"""How large the smoke runs of each system are."""

from scripts.reproduction.options import Options
from scripts.reproduction.smoke import TINY, WHOLE, Size

# Methods that know no user can learn what the picture says and how often chance says what: of seven
# tags they can know four at most. Few pictures of each scene, since networks take most of the time.
_WORLD = (
    "--users 60 --min_user_posts 30 --max_user_posts 40 --images 96 --heavy_posts 0 --few_users 0 "
    "--spam_users 0 --max_bad_posts 0"
)
_BUILD = "--train_share 0.8 --test_posts 200 --min_posts 20"
_TINY_WORLD = (
    "--users 24 --min_user_posts 20 --max_user_posts 25 --images 48 --image_size 64 "
    "--heavy_posts 0 --few_users 0 --spam_users 0"
)
_TINY_BUILD = "--train_share 0.7 --test_posts 80 --min_posts 10"

KOREAN = Size(
    world=_WORLD,
    build=_BUILD,
    train_args="--word_dim 64 --hidden_dim 128 --attention_dim 64 --dropout 0.2 "
    "--learning_rate 0.002",
    epochs={"caption": 8, "hashtag": 8},
    batch_size={"caption": 32, "hashtag": 32},
    tokenizer="none",
)
TINY_KOREAN = Size(
    world=_TINY_WORLD,
    build=_TINY_BUILD,
    train_args="--word_dim 12 --hidden_dim 14 --attention_dim 9",
    epochs={"caption": 1, "hashtag": 1},
    batch_size={"caption": 30, "hashtag": 30},
    tokenizer="none",
)
# AlexNet's own rate is for batches of 1,024: in these few small steps it does not settle. That of
# char-rnn is for layers of 1,024.
HASHTAG_STORY = Size(
    world=_WORLD,
    build=_BUILD,
    train_args="--word_dim 64 --hidden_dim 128 --char_dim 32 --window 100",
    epochs={"hashtag": 10, "story": 5},
    batch_size={"hashtag": 32, "story": 32},
    own={
        "alexnet": "--width 0.25 --learning_rate 0.02",
        "char-rnn": "--learning_rate 0.005",
    },
)
TINY_HASHTAG_STORY = Size(
    world=_TINY_WORLD,
    build=_TINY_BUILD,
    train_args="--word_dim 12 --hidden_dim 14 --char_dim 9 --window 30",
    epochs={"hashtag": 1, "story": 1},
    batch_size={"hashtag": 30, "story": 30},
)
SIZES = {
    "attend-to-you": (WHOLE, TINY),
    "instagram-korean": (KOREAN, TINY_KOREAN),
    "hashtag-story": (HASHTAG_STORY, TINY_HASHTAG_STORY),
}


def size_of(options: Options) -> Size | None:
    """The size of a smoke run; None for a real one."""
    whole, tiny = SIZES[options.system]
    return (tiny if options.tiny else whole) if options.smoke else None

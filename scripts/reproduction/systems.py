"""The published systems whose tables this project fills."""

from scripts.reproduction.attend_to_you import ATTEND_TO_YOU
from scripts.reproduction.hashtag_story import HASHTAG_STORY
from scripts.reproduction.instagram_korean import INSTAGRAM_KOREAN

SYSTEMS = {
    "attend-to-you": ATTEND_TO_YOU,
    "instagram-korean": INSTAGRAM_KOREAN,
    "hashtag-story": HASHTAG_STORY,
}

"""Korean morphemes: cut the same way every time, and joined to the sentence again."""

import subprocess
import sys
import unicodedata

import pytest

from data_loader.korean import bare_korean, join_korean, place_korean, tokenize_korean
from data_loader.posts import RawPost
from data_loader.prepare import Recipe, words_of
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from utils.errors import UserError

SENTENCES = [
    "오늘 날씨가 정말 좋네요.",
    "경복궁에서 한복 입고 사진 찍었어요!",
    "제주도 바다는 언제 가도 예쁘다 #제주도 #바다여행",
    "롯데월드 다녀왔습니다~ 놀이기구는 무서웠지만 즐거웠어요 😊🎡",
    "http://instagram.com/p/abc 링크 참고 부탁드려요",
    "우리 가족이 처음으로 함께 간 여행이었다.",
    "대한민국 만세! 새해 복 많이 받으세요",
    "단풍이 들기 시작한 설악산에 올랐다",
    "커피 한 잔의 여유...",
    "카페에서 아이스 아메리카노 한잔하고 왔지요",
    "Daily 일상 2019.10.03 좋아요",
    "내 맘대로 떠나는 서울 여행 ^^",
]


@pytest.fixture
def _kiwi():
    pytest.importorskip("kiwipiepy")


@pytest.mark.usefixtures("_kiwi")
@pytest.mark.parametrize("sentence", SENTENCES)
def test_tokens_join_to_the_sentence(sentence):
    tokens = tokenize_korean(sentence)
    assert all(token.split() == [token] and token.rpartition("/")[0] for token in tokens)
    assert join_korean(tokens).replace(" ", "") == sentence.replace(" ", "")
    Vocabulary([*SPECIAL_WORDS, *dict.fromkeys(tokens)])  # which takes no blank inside a word


@pytest.mark.usefixtures("_kiwi")
def test_a_particle_is_not_the_noun_that_is_written_alike():
    assert tokenize_korean("바다가 예쁘다")[:2] == ["바다/NNG", "가/JKS"]


@pytest.mark.usefixtures("_kiwi")
def test_chat_endings_are_repaired():
    assert tokenize_korean("그래욬ㅋㅋ")[:2] == tokenize_korean("그래요 ㅋㅋ")[:2]


@pytest.mark.usefixtures("_kiwi")
def test_composed_and_decomposed_letters_are_the_same_words():
    apart = unicodedata.normalize("NFD", "바다가")
    assert apart != "바다가" and tokenize_korean(apart) == tokenize_korean("바다가")


@pytest.mark.usefixtures("_kiwi")
@pytest.mark.parametrize("text", ["", " \n", "\u200b", "a/b / c", "🏄‍♀️ ❤️ 𠮷", "#", "@"])
def test_odd_texts_are_cut_and_joined(text):
    joined = join_korean(tokenize_korean(text))
    assert joined.replace(" ", "") == "".join(text.split())


@pytest.mark.usefixtures("_kiwi")
def test_words_that_no_analyser_wrote_stand_as_they_are():
    tokens = ["바다/NNG", "가/JKS", "_UNK", "예쁘/VA", "다/EF", "x/NOTAG"]
    assert join_korean(tokens[:5]) == "바다가 _UNK 예쁘다"
    assert join_korean(tokens[5:]) == "x" and join_korean([]) == ""


@pytest.mark.usefixtures("_kiwi")
@pytest.mark.parametrize(
    "sentence",
    ["롯데월드 다녀왔습니다 😊🎡 좋아요", "바다 ❤️ 좋다", "😊 바다", "좋아요! 👨‍👩‍👧"],
)
def test_emoji_stand_apart_from_words(sentence):
    assert join_korean(tokenize_korean(sentence)) == sentence


@pytest.mark.usefixtures("_kiwi")
def test_every_morpheme_is_found_in_the_sentence():
    tokens = ["바다/NNG", "에/JKB", "_UNK", "_UNK", "가/VV", "었/EP", "다/EF", "👍🏻/W_EMOJI"]
    text, places = place_korean(tokens)
    parts = [text[first:end] for first, end in places]
    assert text == "바다에 _UNK _UNK 갔다 👍🏻"
    assert parts == ["바다", "에", "_UNK", "_UNK", "갔", "갔", "다", "👍🏻"]
    unknown = place_korean(["바다/NOTAG", "a\u2423b/NOTAG"])
    assert unknown == ("바다 a b", [(0, 2), (3, 6)])


def test_a_tag_is_no_part_of_a_word():
    assert list(map(bare_korean, ["바다/NNG", "_UNK", "//SP", "a\u2423b/SL"])) == [
        "바다",
        "_UNK",
        "/",
        "a b",
    ]


@pytest.mark.usefixtures("_kiwi")
def test_morphemes_survive_the_way_to_another_process():
    code = (
        "from data_loader.korean import tokenize_korean\n"
        f"print(ascii([tokenize_korean(s) for s in {SENTENCES!a}]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ascii([tokenize_korean(sentence) for sentence in SENTENCES])


def test_the_analyser_is_imported_when_it_is_used():
    code = "import sys, data_loader.build; sys.exit('kiwipiepy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_missing_analyser_is_said_in_words(monkeypatch):
    from data_loader import korean

    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    monkeypatch.setattr(korean, "_kiwi", korean._kiwi.__wrapped__)
    with pytest.raises(UserError, match="--tokenizer korean needs kiwipiepy"):
        tokenize_korean("바다")
    recipe = Recipe("kts", "hashtag", "korean", "unicode", None, 0.2, False)
    post = RawPost("kts", "1", "1.jpg", None, ("",), ["#바다", "Sea"])
    assert words_of(recipe)(post) == ["바다", "sea"]  # each hashtag is one word as it is

"""The Penn Treebank tokenizer of coco-caption: Stanford's, lower case, then no punctuation."""

from pathlib import Path

from pycocoevalcap.tokenizer import ptbtokenizer

from utils.metrics.java import TIMEOUT, JavaProgram

JAR = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
PUNCTUATION = frozenset(ptbtokenizer.PUNCTUATIONS)
# What the tokenizer takes for the end of a line. One of these inside a text would shift all later
# lines; pycocoevalcap replaces the first only. (U+0085 is not one: PTB reads it as an ellipsis.)
LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\v\f\u2028\u2029", " "))


def tokenize_ptb(texts: list[str], timeout: float = TIMEOUT) -> list[str]:
    """Tokenizes texts exactly as pycocoevalcap does, in one call of Java.

    Like there, the tokens of a text that ends in an abbreviation ("at St.") can depend on how the
    next text begins, since the tokenizer sees all of them as one document.

    Args:
        texts: [N] any text.
        timeout: see `JavaProgram`.

    Returns:
        [N] tokens in lower case, joined by single blanks; "" where nothing is left.

    Raises:
        UserError: Java is missing, fails or hangs.
    """
    if not texts:
        return []
    arguments = ["-cp", str(JAR), "edu.stanford.nlp.process.PTBTokenizer"]
    arguments += ["-preserveLines", "-lowerCase"]
    lines = [text.translate(LINE_ENDS) for text in texts]
    with JavaProgram(arguments, "the PTB tokenizer", timeout) as program:
        return [_drop_punctuation(line) for line in program.ask(lines, len(lines), last=True)]


def _drop_punctuation(line: str) -> str:
    return " ".join(word for word in line.rstrip().split(" ") if word not in PUNCTUATION)

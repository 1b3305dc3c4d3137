"""From settings to a model: the one place where names of settings meet constructor arguments."""

import dataclasses

from model.alexnet import AlexNet
from model.attend_tell import AttendTell
from model.captioner import Captioner
from model.char_rnn import CharRNN
from model.configs import (
    IMAGE_SLOTS,
    AlexNetConfig,
    AttendTellConfig,
    CharRNNConfig,
    CSMNConfig,
    ModelConfig,
    SaliencyConfig,
    Seq2SeqConfig,
    ShowAttendConfig,
    ShowTellCNNConfig,
    ShowTellConfig,
    SoftAttentionConfig,
)
from model.csmn import CSMN
from model.encoder_decoder import EncoderDecoder
from model.seq2seq import Seq2Seq
from model.show_attend import ShowAttend
from model.show_tell import ShowTell
from model.show_tell_cnn import ShowTellCNN
from model.soft_attention import SoftAttention
from utils.errors import UserError


def build_captioner(
    settings: ModelConfig,
    vocab_size: int,
    image_dim: int = 2048,
    seed: int = 0,
    precision: str = "float32",
) -> Captioner:
    """Makes the model; call it under `strategy.scope()`.

    Args:
        settings: of a method that learns.
        vocab_size: V, of the view.
        image_dim: width of the view's image features.
        seed: of the initial values.
        precision: float32, bfloat16 (parameters stay float32) or float64.

    Raises:
        TypeError: a method without a model.
        UserError: image features that this model cannot read.
    """
    kinds = {
        "dtype": "float64" if precision == "float64" else "float32",
        "compute_dtype": precision,
    }
    common = {"vocab_size": vocab_size, "word_slots": settings.word_slots, "seed": seed, **kinds}
    match settings:
        case CSMNConfig():
            return CSMN(image_dim=image_dim, **_csmn_arguments(settings), **common)
        case ShowTellConfig():
            return ShowTell(image_dim=image_dim, **_others(settings), **common)
        case AttendTellConfig():
            return AttendTell(**_cells(settings, image_dim), **_others(settings), **common)
        case ShowTellCNNConfig():
            return ShowTellCNN(image_dim=image_dim, **_others(settings), **common)
        case SoftAttentionConfig():
            return SoftAttention(**_cells(settings, image_dim), **_others(settings), **common)
        case CharRNNConfig():
            fields = _others(settings)
            del fields["window"], fields["epoch_windows"]  # the first is `word_slots`
            return CharRNN(**fields, **common)
        case ShowAttendConfig():
            return ShowAttend(**_cells(settings, image_dim), **_others(settings), **common)
        case AlexNetConfig():
            return AlexNet(**_alexnet_arguments(settings, image_dim), **common)
        case SaliencyConfig():
            fields = _others(settings)
            del fields["cells"]  # chooses the features
            snake = fields.pop("media") == "image"
            cells = _cells(settings, image_dim)
            return EncoderDecoder(snake=snake, **cells, **fields, **common)
        case Seq2SeqConfig():
            fields = _others(settings)
            return Seq2Seq(user_slots=fields.pop("user_words"), **fields, **common)
    raise TypeError(f"{type(settings).__name__} has no model to build")


def _csmn_arguments(settings: CSMNConfig) -> dict:
    fields = _others(settings)
    slots = IMAGE_SLOTS[fields.pop("image_memory")]
    fields |= {"image_slots": slots, "user_slots": fields.pop("user_words")}
    return fields | {"word_memory": settings.remembers_words}


def _alexnet_arguments(settings: AlexNetConfig, image_dim: int) -> dict:
    fields = _others(settings)
    del fields["tags_per_post"]  # of the decoding
    if image_dim != AlexNet.image_dim:
        raise UserError(
            f"the {settings.image_layer} features have {image_dim} numbers per pixel; expected "
            f"{AlexNet.image_dim}: make them by scripts.extract_features --extractor pixels"
        )
    return fields


def _cells(settings: ModelConfig, image_dim: int) -> dict:
    """Width and number of the features of a layer that has many."""
    return {"image_dim": image_dim, "image_slots": IMAGE_SLOTS[settings.image_layer]}


def _others(settings: ModelConfig) -> dict:
    """The fields that are constructor arguments under the same names."""
    fields = dataclasses.asdict(settings)
    fields.pop("word_slots", None)  # common to all
    return fields

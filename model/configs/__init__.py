"""What each captioner can be told, one dataclass per method; imports no TensorFlow.

`configuration.py` makes flags of the fields of the chosen preset's class, so that every method has
its own flags and no others; `model/build.py` makes constructor arguments of them.
`docs/add_captioner.md` adds one.
"""

from typing import Union

from model.configs.attend_to_you import (
    AttendTellConfig,
    CSMNConfig,
    NearestConfig,
    Seq2SeqConfig,
    ShowTellConfig,
)
from model.configs.hashtag_story import (
    AlexNetConfig,
    CharRNNConfig,
    ShowTellCNNConfig,
    SoftAttentionConfig,
)
from model.configs.instagram_korean import ShowAttendConfig
from model.configs.method import IMAGE_SLOTS, Method
from model.configs.saliency import SaliencyConfig

__all__ = [
    "IMAGE_SLOTS",
    "METHODS",
    "AlexNetConfig",
    "AttendTellConfig",
    "CSMNConfig",
    "CharRNNConfig",
    "Method",
    "ModelConfig",
    "NearestConfig",
    "SaliencyConfig",
    "Seq2SeqConfig",
    "ShowAttendConfig",
    "ShowTellCNNConfig",
    "ShowTellConfig",
    "SoftAttentionConfig",
]

METHODS = (
    CSMNConfig,
    Seq2SeqConfig,
    ShowTellConfig,
    AttendTellConfig,
    NearestConfig,
    ShowAttendConfig,
    SoftAttentionConfig,
    ShowTellCNNConfig,
    AlexNetConfig,
    CharRNNConfig,
    SaliencyConfig,
)
ModelConfig = Union[METHODS]  # noqa: UP007  (no chain of bars takes a tuple)

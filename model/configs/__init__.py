"""What each captioner can be told, one dataclass per method; imports no TensorFlow.

`configuration.py` makes flags of the fields of the chosen preset's class, so that every method has
its own flags and no others; `model/build.py` makes constructor arguments of them.
"""

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

ModelConfig = (
    CSMNConfig
    | Seq2SeqConfig
    | ShowTellConfig
    | AttendTellConfig
    | NearestConfig
    | ShowAttendConfig
    | SoftAttentionConfig
    | ShowTellCNNConfig
    | AlexNetConfig
    | CharRNNConfig
    | SaliencyConfig
)

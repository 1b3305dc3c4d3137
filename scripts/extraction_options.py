"""The flags of `python -m scripts.extract_features`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.networks import Extractor


@dataclass(frozen=True)
class Options:
    """Extracts features of every image or clip that a data root lists."""

    images: Path
    """The folder with the images or clips."""
    data_dir: Path = Path("data")
    """The data root; its images.txt, made by scripts.build_dataset, lists the images."""
    extractor: Extractor = "resnet101"
    """The network. inception_v3-crop sees pictures as caption-guided saliency does, the centre in
    299 x 299 pixels, inception_v3-video the frames of clips. `pixels` is none: the picture in 227 x
    227 pixels; nor is `patches`: its centre square as 8 x 8 cells of 8 x 8 pixels."""
    layer: str | None = None
    """Of ResNets pool5 (default): one vector of 2048 per image; res5c: 7 x 7 of them (200 KB per
    image); res4: 14 x 14 of 1024 (400 KB). Of inception_v3 mixed10 (default): 8 x 8 of 2048
    (260 KB); pool3: their mean. Of clips, inception_v3-video frames26 (default): pool3 of 26 frames
    at even distances (106 KB). Of pixels rgb227 (310 KB), of patches cells8 or frames26."""
    keep_aspect: bool = False
    """inception_v3-crop, inception_v3-video: the whole picture, undistorted, with grey around it,
    instead of its centre, or of frames squeezed to 4:3. The extractor is called NAME-aspect."""
    random_flip: bool = False
    """Mirror about half of the pictures, as the released Korean system does in training and tests:
    by a hash of the name, so that runs repeat. The extractor is called NAME-flipped."""
    weights: str | None = None
    """The network's weight file (scripts/download_pretrained_*.sh bring them), or `random`: an
    untrained network, calibrated on a sample of the images, named resnet101_random, say."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network. bfloat16 is faster where the processor has it, and rounds; features of
    different precision are different features and never share a file."""
    shard: str = "0/1"
    """Which part of the rows: i/n, i from 0 to n-1. The n processes fill the same file, each its
    own rows, on one machine or on several that share the disk."""
    batch_size: int | None = None
    """Images per network call; by default what the file was begun with, else 8 (64 on a GPU), of
    clips 13 frames (52)."""
    jobs: int = 0
    """Threads that decode images ahead of the network; 0 for one per processor."""
    retry_failed: bool = False
    """Try images again that an earlier run could not read."""
    recheck: bool = False
    """Compare all features that are done with their checksums, and extract damaged ones again."""

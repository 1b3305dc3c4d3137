"""Made the files beside it, in an environment with torch 2.13.0 and safetensors: python make.py.

A ResNeXt of torchvision's layout with few channels and random weights, run by PyTorch itself.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

STEM, GROUPS = 6, 2
BLOCKS, WIDTHS, CHANNELS = (1, 2, 1, 1), (4, 6, 8, 10), (7, 9, 11, 13)


def convolution(inside, outside, kernel=1, stride=1, groups=1):
    padding = kernel // 2
    return nn.Conv2d(inside, outside, kernel, stride, padding, groups=groups, bias=False)


class Block(nn.Module):
    def __init__(self, inside, width, outside, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution(inside, width), nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride, GROUPS)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = convolution(width, outside), nn.BatchNorm2d(outside)
        if inside != outside:
            shortcut = convolution(inside, outside, stride=stride)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outside))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, STEM, 7, 2), nn.BatchNorm2d(STEM)
        self.pool = nn.MaxPool2d(3, 2, 1)
        inside = STEM
        for index, (number, width, outside) in enumerate(
            zip(BLOCKS, WIDTHS, CHANNELS, strict=True)
        ):
            blocks = []
            for block in range(number):
                stride = 2 if index and not block else 1
                blocks.append(Block(inside, width, outside, stride))
                inside = outside
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inside, 5)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        stages = [x := getattr(self, f"layer{index}")(x) for index in range(1, 5)]
        return stages


def main():
    generator = torch.Generator().manual_seed(5)
    network = Network().eval()
    for name, tensor in network.state_dict().items():
        if tensor.dtype == torch.float32:
            kernel = tensor.ndim == 4
            low, high = (-1, 1) if kernel or "mean" in name or "bias" in name else (0.05, 2)
            values = torch.rand(tensor.shape, generator=generator) * (high - low) + low
            tensor.copy_(values / (tensor[0].numel() ** 0.5 if kernel else 1))
    pictures = torch.rand([2, 3, 45, 38], generator=generator) * 4 - 2
    with torch.no_grad():
        stages = network(pictures)
    folder, state = Path(__file__).parent, network.state_dict()
    torch.save(state, folder / "narrow.pth")
    torch.save(state, folder / "narrow_older.pth", _use_new_zipfile_serialization=False)
    save_file(state, folder / "narrow.safetensors")
    named = {f"layer{index}": stage.numpy() for index, stage in enumerate(stages, 1)}
    np.savez(folder / "narrow.npz", pictures=pictures.numpy(), **named)


if __name__ == "__main__":
    main()

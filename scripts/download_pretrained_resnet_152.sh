#!/usr/bin/env bash
# Brings the ImageNet weights of Keras's ResNet-152 (234 MB), checks them, and prints their path.
#
#   scripts/download_pretrained_resnet_152.sh [FOLDER]     default: data/weights
#
# RESNET152_URL and RESNET152_MD5 name a mirror or another file; https and file URLs work.
# Keras publishes an MD5 alone: the sha256 of what came is printed, and RESNET152_SHA256 is compared
# where you give it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/fetch_weights.sh"
url="${RESNET152_URL:-https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5}"
# As in WEIGHTS_HASHES of keras/src/applications/resnet.py.
md5="${RESNET152_MD5:-ee4c566cf9a93f14d82f913c2dc6dd0c}"
bring_weights "$url" "md5:$md5${RESNET152_SHA256:+ sha256:$RESNET152_SHA256}" "${1:-$root/data/weights}"

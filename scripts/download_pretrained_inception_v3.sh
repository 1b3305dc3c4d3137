#!/usr/bin/env bash
# Brings the ImageNet weights of Keras's Inception-v3 (88 MB), checks them, and prints their path.
#
#   scripts/download_pretrained_inception_v3.sh [FOLDER]     default: data/weights
#
# INCEPTION_V3_URL and INCEPTION_V3_MD5 name a mirror or another file; https and file URLs work.
# Keras publishes an MD5 alone: the sha256 of what came is printed, and INCEPTION_V3_SHA256 is compared
# where you give it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/fetch_weights.sh"
url="${INCEPTION_V3_URL:-https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5}"
# As in keras/src/applications/inception_v3.py.
md5="${INCEPTION_V3_MD5:-bcbd6486424b2319ff4ef7d526e38f63}"
bring_weights "$url" "md5:$md5${INCEPTION_V3_SHA256:+ sha256:$INCEPTION_V3_SHA256}" "${1:-$root/data/weights}"

#!/usr/bin/env bash
# Brings the ImageNet weights of TF-slim's ResNet-101 (resnet_v1_101.ckpt, 171 MB), the network of
# the released code, unpacks them, and prints their path and sha256.
#
#   scripts/download_pretrained_resnet_101_slim.sh [FOLDER]     default: data/weights
#
# RESNET101_SLIM_URL names a mirror. No checksum was ever published: RESNET101_SLIM_SHA256 is that of
# the archive, where you know it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/fetch_weights.sh"
url="${RESNET101_SLIM_URL:-https://storage.googleapis.com/download.tensorflow.org/models/resnet_v1_101_2016_08_28.tar.gz}"
folder="${1:-$root/data/weights}"
checkpoint="$folder/resnet_v1_101.ckpt"

if [[ -f "$checkpoint" ]]; then
  echo "$checkpoint (already there)"
  exit 0
fi
fetch_weights "$url" "${RESNET101_SLIM_SHA256:+sha256:}${RESNET101_SLIM_SHA256:-none}" "$folder"
# To standard output: nothing else in the archive can write anywhere.
if ! tar --extract --gzip --to-stdout --file "$file" resnet_v1_101.ckpt >"$checkpoint.part" ||
  [[ ! -s "$checkpoint.part" ]]; then
  rm -f "$checkpoint.part"
  echo "error: $file has no resnet_v1_101.ckpt; delete it and run this again" >&2
  exit 1
fi
mv "$checkpoint.part" "$checkpoint"
rm "$file"
echo "$checkpoint"
echo "sha256 $(sha256sum <"$checkpoint" | cut -d ' ' -f 1)" >&2

#!/usr/bin/env bash
# Brings the ImageNet weights of Keras's ResNet-101 (171 MB), checks them, and prints their path.
#
#   scripts/download_pretrained_resnet_101.sh [FOLDER]     default: data/weights
#
# RESNET101_URL and RESNET101_MD5 name a mirror or another file; https, http and file URLs work.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="${1:-$root/data/weights}"
url="${RESNET101_URL:-https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5}"
# As in WEIGHTS_HASHES of keras/src/applications/resnet.py.
md5="${RESNET101_MD5:-88cf7a10940856eca736dc7b7e228a21}"
file="$folder/${url##*/}"

matches() { [[ "$(md5sum <"$1" | cut -d ' ' -f 1)" == "$md5" ]]; }

mkdir -p "$folder"
if [[ -f "$file" ]] && matches "$file"; then
  echo "$file (already there)"
  exit 0
fi
fetch() {
  curl --fail --location --show-error --retry 3 --continue-at - --output "$file.part" "$url"
}

fetch_or_restart() {
  local status=0
  fetch || status=$?
  case $status in
    22 | 33 | 36) rm -f "$file.part" && fetch ;; # what was begun cannot be continued
    *) return "$status" ;;
  esac
}

if ! { [[ -f "$file.part" ]] && matches "$file.part"; } && ! fetch_or_restart; then
  echo "error: $url could not be fetched; run this again to continue, or put the file at $file" >&2
  exit 1
fi
if ! matches "$file.part"; then
  echo "error: what $url holds has another md5 than $md5; nothing was kept" >&2
  rm -f "$file.part"
  exit 1
fi
mv "$file.part" "$file"
echo "$file"

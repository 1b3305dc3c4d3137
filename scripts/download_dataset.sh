#!/usr/bin/env bash
# The public data sets: where they are to be had, and how to check and unpack a copy.
#
#   scripts/download_dataset.sh                                    says what can be used instead
#   scripts/download_dataset.sh FILE_OR_URL SHA256 [FOLDER]        fetches, checks, unpacks
#
# FOLDER must be new; by default it is data/raw.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

if [[ $# -lt 2 || $# -gt 3 ]]; then
  cat >&2 <<'END'
The authors' link to InstaPIC-1.1M is dead and we know of no lawful copy, so nothing was fetched.
Use one of these instead:
  your own crawl    posts.jsonl, one post per line (user, post, created_at, image, text, hashtags):
                    python -m scripts.build_dataset --source crawl --input posts.jsonl ...
  InstaPIC files    if you have them, one folder with insta-{caption,hashtag}-{train,test1,test2}.json:
                    python -m scripts.build_dataset --source instapic --input FOLDER ...
  YFCC100M split    one folder with yfcc-caption-{train,test}.json, yfcc-hashtag-{train,test1,test2}.json:
                    python -m scripts.build_dataset --source yfcc --input FOLDER ...
  toy world         python -m scripts.make_toy_world --out toy
The other data sets are to be had from their authors; no checksum is published, so look at them first:
  kts               https://github.com/DGU-AI-LAB/Korean-Tourist-Spot-Dataset (git clone; folder kts)
                    python -m scripts.build_dataset --source kts --input FOLDER ...
  harrison          https://github.com/minstone/HARRISON-Dataset (both lists; images by its torrent)
                    python -m scripts.build_dataset --source harrison --task hashtag --input FOLDER ...
  flickr30k         https://shannon.cs.illinois.edu/DenotationGraph/ (a form; captions and images)
                    split lists: https://github.com/VisionLearningGroup/caption-guided-saliency
                    python -m scripts.build_dataset --source flickr30k --input FOLDER --splits LISTS ...
  coco              https://cocodataset.org/#download (2014 images and annotations)
                    python -m scripts.build_dataset --source coco --input FOLDER ...
  msrvtt            https://www.microsoft.com/en-us/research/publication/msr-vtt-a-large-video-description-dataset-for-bridging-video-and-language/
                    (2016: train_val_videodatainfo.json, test_videodatainfo.json; clips in TrainValVideo, TestVideo)
                    python -m scripts.build_dataset --source msrvtt --input FOLDER ...
  entities          https://github.com/BryanPlummer/flickr30k_entities (annotations.zip: Sentences, Annotations)
                    boxes for the pictures of flickr30k: python -m scripts.pointing_game --help
A folder of your own, pictures or clips, with captions.tsv (FILE<TAB>CAPTION<TAB>train, val or test):
                    python -m scripts.build_dataset --source folder --input FOLDER ...
An archive that you have: scripts/download_dataset.sh FILE_OR_URL SHA256 [FOLDER]
END
  exit 1
fi

source="$1" sha256="$2" folder="${3:-$root/data/raw}"

fail() { echo "error: $*" >&2; exit 1; }

[[ ! -e "$folder" ]] || fail "$folder exists already; name a new folder as the third argument"
mkdir -p "$(dirname "$folder")"
work="$(mktemp -d "$folder.XXXXXX")"
trap 'rm -rf "$work"' EXIT

if [[ "$source" == *://* ]]; then
  archive="$work/$(basename "${source%%\?*}")"
  curl --proto '=https,file' --proto-redir '=https' --fail --location --show-error --retry 3 \
    --output "$archive" "$source" ||
    fail "$source could not be fetched (https only)"
else
  archive="$source"
  [[ -f "$archive" ]] || fail "there is no file $archive"
fi
found="$(sha256sum <"$archive" | cut -d ' ' -f 1)"
[[ "$found" == "$sha256" ]] || fail "$source has sha256 $found, expected $sha256; not unpacked"

python="$root/.venv/bin/python"
command -v "$python" >/dev/null || python=python3
# scripts/unpack.py refuses what leads out of the folder, links, devices, and bombs.
PYTHONPATH="$root" "$python" -m scripts.unpack "$archive" "$work/unpacked" ||
  fail "$source was not unpacked"
mv "$work/unpacked" "$folder"
echo "unpacked into $folder"

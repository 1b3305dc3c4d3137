#!/usr/bin/env bash
# From a fresh clone to a table of scores: installs, makes the toy world, builds both tasks' data,
# extracts features, trains a small CSMN for each task, evaluates, and draws a contact sheet.
# Everything lands in toy/. Run it again and it goes on with what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./scripts/setup.sh
python=.venv/bin/python
toy=toy
began=$SECONDS

step() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - began))"; }

# once FILE COMMAND...: runs the command unless the file, its last product, is there.
once() {
  local product=$1
  shift
  if [[ -e $product ]]; then
    echo "$product is there already"
  else
    "$@"
  fi
}

step "toy world"
once $toy/world/ceilings.json $python -m scripts.make_toy_world --out $toy/world --users 320 --heavy_posts 0

for task in caption hashtag; do
  step "data: $task"
  $python -m scripts.build_dataset --source crawl --input $toy/world --task $task --out $toy/data \
    --train_share 0.88 --test_posts 2000
done

step "image features (an untrained ResNet-101, so that nothing is downloaded)"
$python -m scripts.extract_features --data_dir $toy/data --images $toy/world/images --weights random

for task in caption hashtag; do
  step "training: $task"
  once $toy/runs/$task/metrics.json $python -m train --data_dir $toy/data --task $task \
    --run_dir $toy/runs/$task --word_dim 64 --memory_dim 128 --channels 32 --batch_size 50 --epochs 4
  step "evaluation: $task"
  once $toy/runs/$task/metrics.json $python -m eval --run_dir $toy/runs/$task
done

step "contact sheet"
once $toy/contact_sheet.png $python -m scripts.contact_sheet --images $toy/world/images \
  --predictions $toy/runs/caption/predictions.jsonl $toy/runs/hashtag/predictions.jsonl \
  --rows 3 --out $toy/contact_sheet.png

step "scores on test users that training has not seen, and the best possible ones"
$python -m scripts.toy_scores --world $toy/world $toy/runs/caption $toy/runs/hashtag
echo
echo "pictures: $toy/contact_sheet.png; for more commands: source .venv/bin/activate"

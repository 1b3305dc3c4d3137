#!/usr/bin/env bash
# Makes .venv-beam, where scripts.beam runs: requirements-beam.txt, and behind it the packages of
# .venv, so that features can be extracted too. One environment cannot have all: Apache Beam wants
# older versions of two packages. Safe to repeat.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./scripts/setup.sh
stamp=.venv-beam/requirements.sha256
wanted=$(sha256sum requirements.txt requirements-beam.txt)
if [[ ! -f $stamp || $(<"$stamp") != "$wanted" ]] || ! .venv-beam/bin/python -c '' 2>/dev/null; then
  # From the beginning: pip must not see the packages of .venv.
  .venv/bin/python -m venv --clear .venv-beam
  echo "setup: installing requirements-beam.txt into .venv-beam (0.2 GB to download, 0.6 GB on disk)"
  .venv-beam/bin/python -m pip install -qq --disable-pip-version-check -r requirements-beam.txt
  site='import sysconfig; print(sysconfig.get_path("purelib"))'
  # Searched last: where both have a package, Beam's version comes first.
  .venv/bin/python -c "$site" >"$(.venv-beam/bin/python -c "$site")/behind.pth"
  .venv-beam/bin/python -c 'import apache_beam, google.protobuf, tensorflow' 2>/dev/null
  echo "$wanted" >"$stamp"
fi
echo "setup: ready (.venv-beam)"

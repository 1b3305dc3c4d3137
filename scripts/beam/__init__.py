"""The way from a crawl to features on Apache Beam, for what one machine is too small for.

The transforms call the functions of `data_loader` that the local builder calls; docs/scale.md.
"""

import sys
from importlib.util import find_spec

if find_spec("apache_beam") is None:
    print(
        "error: scripts.beam needs Apache Beam, which has an environment of its own: "
        "./scripts/setup_beam.sh, then .venv-beam/bin/python -m scripts.beam...",
        file=sys.stderr,
    )
    sys.exit(2)

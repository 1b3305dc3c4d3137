"""A toy world: users, posts and pictures with planted rules and known best possible scores.

`rules` says how a post comes about, `ceilings` what can be predicted from that, `drawing` renders
`scenes` on a `canvas`, `dirt` plants what the filters must remove, `world` writes it all.
"""

from data_loader.toy_world.ceilings import load_ceilings
from data_loader.toy_world.world import WorldOptions, make_world

__all__ = ["WorldOptions", "load_ceilings", "make_world"]

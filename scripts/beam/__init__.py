"""The way from a crawl to features on Apache Beam, for what one machine is too small for.

The transforms call the functions of `data_loader` that the local builder calls; docs/scale.md.
"""

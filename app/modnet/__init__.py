"""MODNet (Ke et al., AAAI 2022): the network, its backbones, its weights and its input geometry.

Importing this package does not import torch; `network`, `backbone`, `inference`, `convert` and
`weights` do.
"""

# Part of the key of every cache of compiled networks: raise it whenever `inference` or `convert`
# compute anything else, or in another way.
REVISION = 3

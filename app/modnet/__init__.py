"""MODNet (Ke et al., AAAI 2022): the network, its backbones, its weights and its input geometry.

Importing this package does not import torch; `network`, `backbone` and `inference` do.
"""

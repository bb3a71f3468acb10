"""MODNet's training (Ke et al., AAAI 2022): supervised, and self-supervised on unlabelled video.

Everything here needs torch; nothing outside imports it until a command asks for it.
"""

"""Weights as files: which there are, where they come from, whether they are whole.

Nothing here imports torch; `app.modnet.weights` turns a file into a network.
"""

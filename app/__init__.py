"""Mattecam: cut a person out of webcam video with MODNet and put them on another background."""

__version__ = "0.1.0"

"""Where things lie: what came with the program, and what it writes for this user."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from app.system.files import make_private_folder

_ROOT = Path(__file__).resolve().parent.parent


def assets() -> Path:
    """Read only: the demo clip, icons, sample backgrounds."""
    return _ROOT / "assets"


def weights() -> Path:
    """The folder with the manifest; weights are fetched into it. MATTECAM_WEIGHTS overrides."""
    override = os.environ.get("MATTECAM_WEIGHTS")
    return Path(override) if override else _ROOT / "weights"


def manifest() -> Path:
    """The manifest that comes with the program, wherever the weights lie."""
    return _ROOT / "weights" / "manifest.toml"


def cache() -> Path:
    """Things that can be made again: compiled models. MATTECAM_CACHE overrides."""
    override = os.environ.get("MATTECAM_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("mattecam", False))


def make_config() -> Path:
    """The folder of settings, made if missing, for this user alone. Raises OSError.

    A folder that MATTECAM_CONFIG names and that is there already keeps its rights.
    """
    folder = config()
    if not (os.environ.get("MATTECAM_CONFIG") and folder.is_dir()):
        make_private_folder(folder)
    return folder


def config() -> Path:
    """The user's settings. MATTECAM_CONFIG overrides."""
    override = os.environ.get("MATTECAM_CONFIG")
    return Path(override) if override else Path(platformdirs.user_config_dir("mattecam", False))

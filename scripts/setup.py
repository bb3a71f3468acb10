"""Gets everything that Mattecam needs: `python scripts/setup.py [--dev]`.

A virtual environment in .venv, the pinned requirements, the system libraries that are missing on
Debian and Ubuntu, and MODNet's weights. Each part is skipped where it is there; a second run takes
a moment. Needs nothing but Python 3.10 to 3.13: this file uses the standard library only, and runs
on older Pythons far enough to say so.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 10), (3, 13)
RELEASED = "modnet-photographic"
WINDOWS = os.name == "nt"

# Shared library -> its package on Debian and Ubuntu, and what stops working without it. Which
# ones: what the wheels ask for that neither they nor a bare Debian bring along.
CV2 = "opencv-python, which reads cameras and resizes pictures"
QT = "PyQt6, the window"
XCB = "Qt on an X11 display"
WAYLAND = "Qt on a Wayland display"
SOUND = "sounddevice, the microphone of a recording"
LIBRARIES = (
    ("libGL.so.1", "libgl1", CV2),
    ("libgthread-2.0.so.0", "libglib2.0-0", CV2),
    ("libxcb.so.1", "libxcb1", CV2),
    ("libX11.so.6", "libx11-6", CV2),
    ("libXext.so.6", "libxext6", CV2),
    ("libSM.so.6", "libsm6", CV2),
    ("libICE.so.6", "libice6", CV2),
    ("libEGL.so.1", "libegl1", QT),
    ("libdbus-1.so.3", "libdbus-1-3", QT),
    ("libfontconfig.so.1", "libfontconfig1", QT),
    ("libfreetype.so.6", "libfreetype6", QT),
    ("libxkbcommon.so.0", "libxkbcommon0", QT),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", XCB),
    ("libX11-xcb.so.1", "libx11-xcb1", XCB),
    ("libxcb-cursor.so.0", "libxcb-cursor0", XCB),
    ("libxcb-icccm.so.4", "libxcb-icccm4", XCB),
    ("libxcb-image.so.0", "libxcb-image0", XCB),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", XCB),
    ("libxcb-randr.so.0", "libxcb-randr0", XCB),
    ("libxcb-render-util.so.0", "libxcb-render-util0", XCB),
    ("libxcb-shape.so.0", "libxcb-shape0", XCB),
    ("libxcb-shm.so.0", "libxcb-shm0", XCB),
    ("libxcb-sync.so.1", "libxcb-sync1", XCB),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0", XCB),
    ("libxcb-xkb.so.1", "libxcb-xkb1", XCB),
    ("libwayland-client.so.0", "libwayland-client0", WAYLAND),
    ("libwayland-cursor.so.0", "libwayland-cursor0", WAYLAND),
    ("libwayland-egl.so.1", "libwayland-egl1", WAYLAND),
    ("libportaudio.so.2", "libportaudio2", SOUND),
)
# Ubuntu 24.04 renamed packages when it went over to 64-bit time.
RENAMED = {"libglib2.0-0": "libglib2.0-0t64"}


class SetupError(Exception):
    """Set-up cannot go on; the message is one or two sentences with their remedy."""


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def run(command: list[str], *, failure: str, quiet: bool = False) -> None:
    """Runs `command`; raises SetupError with `failure` where it does not succeed.

    `quiet` keeps what it prints back, unless it fails.
    """
    output = subprocess.PIPE if quiet else None
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    except OSError as error:
        raise SetupError(f"{failure} ({error.strerror}: {command[0]})") from None
    if done.returncode != 0:
        if quiet:
            sys.stderr.write((done.stdout + done.stderr).decode(errors="replace"))
        raise SetupError(failure)


# ---- Python and its virtual environment ---------------------------------------------------------


def supported(version: tuple[int, int]) -> bool:
    return OLDEST <= version <= NEWEST


def venv_python(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if WINDOWS else "bin/python")


def version_of(python: Path) -> tuple[int, int] | None:
    """(major, minor) of a Python that can be started, else None."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
        major, minor = map(int, done.stdout.split())
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return major, minor


def can_make_venv() -> bool:
    """Debian splits venv from Python: `venv` is there, and fails for want of `ensurepip`."""
    code = "import venv, ensurepip"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def make_venv(venv: Path) -> None:
    """Makes `venv` if there is none, or only one that no longer starts or is out of range."""
    python = venv_python(venv)
    if venv.exists():
        version = version_of(python)
        if version is not None and supported(version):
            return
        say(f"{venv.name} holds no Python 3.10 to 3.13 that starts: making it anew.")
        shutil.rmtree(venv)
    if not can_make_venv():
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        missing = f"{sys.executable} cannot make virtual environments: {package} is missing."
        if not apt_install([package], why=missing):
            raise SetupError(f"{missing} Install it and run this again.")
    say(f"Making {venv.name} with Python {platform.python_version()}.")
    failure = f"The virtual environment {venv} could not be made; what went wrong is shown above."
    run([sys.executable, "-m", "venv", str(venv)], failure=failure)


# ---- System libraries on Debian and Ubuntu ------------------------------------------------------


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_packages() -> dict[str, str]:
    """Debian package -> why, for each shared library that cannot be loaded. Linux only."""
    if not sys.platform.startswith("linux"):
        return {}
    return {package: why for library, package, why in LIBRARIES if not loads(library)}


def privileges() -> list[str] | None:
    """What to put before apt-get: nothing as root, `sudo -n` where it asks nothing, else None."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def apt_install(packages: list[str], *, why: str) -> bool:
    """Says why and what, then installs it where that is allowed. False where it is not there after.

    Never asks for a password: where it may not install, it names the line to run.
    """
    say(why)
    if shutil.which("apt-get") is None:
        say("This is no Debian or Ubuntu; install what your system calls: " + " ".join(packages))
        return False
    before = privileges()
    if before is None:
        say("To install it, run: sudo apt-get install " + " ".join(packages))
        return False
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    update = [*before, "apt-get", "update", "-q"]
    say("Running: " + shlex.join(update))
    run(update, failure="apt-get update failed; are you online?", quiet=True)
    wanted = [name if in_apt(name) else RENAMED.get(name, name) for name in packages]
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *wanted]
    say("Running: " + shlex.join([*before, *install]))
    failure = "apt-get could not install it; what went wrong is shown above."
    run([*before, *environment, *install], failure=failure, quiet=True)
    return True


def in_apt(package: str) -> bool:
    """Whether apt has a candidate of `package` to install; a renamed one is only virtual."""
    done = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True)
    return "Candidate:" in done.stdout and "Candidate: (none)" not in done.stdout


def install_libraries() -> bool:
    """Installs missing shared libraries; True where none is missing after.

    Goes on without them, for not everything needs them all.
    """
    missing = missing_packages()
    if not missing:
        return True
    reasons = dict.fromkeys(missing.values())
    lines = ["System libraries are missing:"]
    for reason in reasons:
        packages = " ".join(package for package, why in missing.items() if why == reason)
        lines.append(f"  for {reason}: {packages}")
    try:
        apt_install(list(missing), why="\n".join(lines))
    except SetupError as error:
        say(f"{error} Going on without.")
    left = missing_packages()
    if left:
        say("Still missing, and what needs it will not start: " + " ".join(left))
    return not left


# ---- Python packages ----------------------------------------------------------------------------

# Which build of torch: pip's own choice, or one of uv's names for the places they are at.
TORCH_BACKENDS = {"cpu": "cpu", "cuda": "cu130"}
UV = "uv==0.13.9"


def requirement_files(*, dev: bool) -> tuple[str, ...]:
    return ("requirements.txt", "requirements-dev.txt") if dev else ("requirements.txt",)


def hash_files(*, dev: bool) -> tuple[str, ...]:
    """What the SHA-256 of each file must be; scripts/hash_requirements.py wrote them."""
    user = "requirements-hashes.txt"
    return (user, "requirements-dev-hashes.txt") if dev else (user,)


def digest(venv: Path, *, dev: bool, torch: str) -> str:
    """Changes with whatever would make another installation."""
    what = hashlib.sha256(f"{venv} {version_of(venv_python(venv))} {dev} {torch}".encode())
    for name in (*requirement_files(dev=dev), *hash_files(dev=dev)):
        what.update((ROOT / name).read_bytes())
    return what.hexdigest()


def torch_pin() -> str:
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.split(";")[0].strip()
    raise SetupError("requirements.txt pins no torch: restore it with git checkout.")


def install_torch(python: str, build: str) -> None:
    """The build of torch that was asked for, in place of one that is there.

    pip takes it as it is afterwards: `torch==2.13.0` also means 2.13.0+cpu.
    """
    pin = torch_pin()
    say(f"Installing {pin}, the {build} build.")
    failure = (
        f"The {build} build of torch did not install; what went wrong is shown above. "
        "TORCH=default is the one that pip picks."
    )
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    if build == "default":
        run([*pip, "--force-reinstall", "--no-deps", pin], failure=failure)
        return
    run([*pip, UV], failure=failure)
    backend = TORCH_BACKENDS.get(build, build)
    uv = [python, "-m", "uv", "pip", "install", "--python", python, "--reinstall-package", "torch"]
    run([*uv, pin, "--torch-backend", backend], failure=failure)


def install_hashed(venv: Path, *, dev: bool) -> None:
    """Every package but torch, each file only with the SHA-256 that was written down for it."""
    names = hash_files(dev=dev)
    say(f"Installing {requirement_files(dev=dev)[-1]}, each file checked by its SHA-256.")
    failure = (
        f"pip could not install {names[-1]}; what went wrong is shown above. "
        "If you are offline, connect and run this again: it goes on where it stopped. "
        "If a hash does not match, your package index serves another file than PyPI: use another "
        "index, or install what it serves with: scripts/setup.py --no-hashes"
    )
    pip = [str(venv_python(venv)), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    files = [part for name in names for part in ("-r", name)]
    # The files name all there is to install: none of it may bring along what has no hash.
    run([*pip, "--require-hashes", "--no-deps", *files], failure=failure)


def install_packages(venv: Path, *, dev: bool) -> None:
    """What is still missing: torch and what its build asks for."""
    name = requirement_files(dev=dev)[-1]
    say(f"Installing {name}. The first time this is a large download, for torch above all.")
    failure = (
        f"pip could not install {name}; what went wrong is shown above. "
        "If you are offline, connect and run this again: it goes on where it stopped."
    )
    pip = [str(venv_python(venv)), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    run([*pip, "-r", name], failure=failure)


# ---- All of it ----------------------------------------------------------------------------------


class Stamp:
    """What earlier runs finished, so that the next one need not look again. Lies in the venv."""

    def __init__(self, venv: Path) -> None:
        self._path = venv / "mattecam-setup.json"
        self._done: dict[str, str] = {}
        try:
            done = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(done, dict):
            self._done = {str(key): str(value) for key, value in done.items()}

    def get(self, key: str) -> str:
        return self._done.get(key, "")

    def set(self, **values: str) -> None:
        self._done.update(values)
        self._path.write_text(json.dumps(self._done) + "\n", encoding="utf-8")


def fetch_weights(venv: Path, stamp: Stamp) -> None:
    """The released weights, for `--plain`, comparing and training: the default model is here.

    Verified by `weights fetch`, which skips what is there and whole. A file that has not been
    touched since is not read again: commands verify what they load.
    """
    if stamp.get("weights") and stamp.get("weights") == _fingerprint(stamp.get("weights_file")):
        return
    main = [str(venv_python(venv)), "main.py", "weights"]
    failure = (
        "The weights are not there and could not be fetched. Connect and run this again, or bring "
        'MODNet\'s file from elsewhere; README.md, "When something is missing", says how.'
    )
    run([*main, "fetch"], failure=failure)
    listed = subprocess.run(
        [*main, "list", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for weights in json.loads(listed.stdout)["weights"]:
        if weights["name"] == RELEASED:
            stamp.set(weights_file=weights["path"], weights=_fingerprint(weights["path"]))


def _fingerprint(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    # Where MATTECAM_WEIGHTS points elsewhere now, it is another file that counts.
    return f"{status.st_size} {status.st_mtime_ns} {os.environ.get('MATTECAM_WEIGHTS', '')}"


def set_up(venv: Path, *, dev: bool, torch: str | None, weights: bool, hashes: bool = True) -> None:
    """Makes what is missing. Raises SetupError with a sentence that says what to do.

    torch: None keeps the build that was chosen before. hashes: False takes whatever files the
    package index has for the pinned versions.
    """
    if not supported(sys.version_info[:2]):
        raise SetupError(
            f"Mattecam needs Python 3.10 to 3.13, and this is {platform.python_version()}. "
            "Install one of them, and name it if it is not found: make setup PYTHON=python3.12"
        )
    make_venv(venv)
    stamp = Stamp(venv)
    had = stamp.get("torch") or "default"
    torch = torch or had
    if not stamp.get("libraries") and install_libraries():
        stamp.set(libraries="there")
    # What --dev installed serves a run without it as well.
    if stamp.get("packages") not in [digest(venv, dev=kind, torch=torch) for kind in {True, dev}]:
        stamp.set(packages="")
        if hashes:
            install_hashed(venv, dev=dev)
        if torch != had or (torch != "default" and not stamp.get("torch")):
            install_torch(str(venv_python(venv)), torch)
        stamp.set(torch=torch)
        install_packages(venv, dev=dev)
        stamp.set(packages=digest(venv, dev=dev, torch=torch))
    if weights:
        fetch_weights(venv, stamp)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="default: .venv")
    parser.add_argument("--dev", action="store_true", help="also what tests and linting need")
    parser.add_argument(
        "--torch",
        default=os.environ.get("TORCH") or None,
        metavar="default|cpu|cuda",
        help="which build of torch; default is what pip picks, and uv's names (cu128) work too",
    )
    parser.add_argument(
        "--no-hashes",
        action="store_true",
        help="take the pinned versions as the package index has them, whatever their SHA-256",
    )
    parser.add_argument("--no-weights", action="store_true", help="do not fetch MODNet's weights")
    options = parser.parse_args()
    try:
        set_up(
            options.venv.absolute(),
            dev=options.dev,
            torch=options.torch,
            weights=not options.no_weights,
            hashes=not options.no_hashes,
        )
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Run it again to go on.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What there is on this machine, what is missing, and what mends it.

Only looks: nothing is installed, opened for pictures or changed. The window and the command line
show the same `Check`s.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app import v4l2
from app.errors import MattecamError
from app.outputs import pipewire, virtual_camera
from app.sources.devices import CameraList, system_cameras
from app.system.openvino_import import import_openvino

State = Literal["ok", "warn", "missing"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    section: a heading ("Virtual cameras"). name: what it is ("v4l2loopback").
    sentence: how it stands. remedy: the command or page that mends it, None where nothing has to
    be mended. by_hand: the remedy is neither, but what a person does. essential: whether nothing
    works without it.
    """

    section: str
    name: str
    state: State
    sentence: str
    remedy: str | None = None
    essential: bool = False
    by_hand: bool = False


def _run(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _library_loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _class_is_registered(guid: str) -> bool:
    """Whether Windows knows a DirectShow filter."""
    if sys.platform != "win32":
        return False
    import winreg

    try:
        winreg.CloseKey(winreg.OpenKey(winreg.HKEY_CLASSES_ROOT, f"CLSID\\{guid}"))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Machine:
    """What the checks may ask of the machine; tests put their own here.

    system: platform.system(): "Linux", "Windows", "Darwin". root: of the file system.
    run: the output of a program, None where it is missing or fails. python_packages: a package's
    version, None where it is not installed.
    """

    system: str = field(default_factory=platform.system)
    root: Path = Path("/")
    release: str = field(default_factory=platform.release)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    which: Callable[[str], str | None] = shutil.which
    run: Callable[[Sequence[str]], str | None] = _run
    library_loads: Callable[[str], bool] = _library_loads
    package_version: Callable[[str], str | None] = _package_version
    class_is_registered: Callable[[str], bool] = _class_is_registered
    cameras: CameraList = field(default_factory=system_cameras)

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """A file's content, empty where it cannot be read."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def install(self, **packages: str) -> str | None:
        """The line that installs something on this distribution; by `debian`, `fedora`, `arch`."""
        known = {
            "debian": "sudo apt-get install",
            "fedora": "sudo dnf install",
            "arch": "sudo pacman -S",
        }
        pairs = (line.partition("=")[::2] for line in self.text("/etc/os-release").splitlines())
        about = {key: value.strip("\"'") for key, value in pairs}
        names = [about.get("ID", ""), *about.get("ID_LIKE", "").split()]
        family = next((name.replace("ubuntu", "debian") for name in names if name), "")
        for name in (family, *names):
            if name in packages:
                return f"{known[name]} {packages[name]}"
        return None


def examine(machine: Machine | None = None, *, deep: bool = False) -> Sequence[Check]:
    """Every check, in the order to show them. Takes a second or two.

    deep: also what has to be tried out: torch is imported and its devices are asked for, which
    takes seconds more.
    """
    machine = Machine() if machine is None else machine
    return [
        *virtual_cameras(machine),
        *cameras(machine),
        *weights(),
        *engines(machine, deep=deep),
        *graphics(machine),
        *codecs(),
        *display(machine),
    ]


def is_fit(checks: Sequence[Check]) -> bool:
    """Whether nothing essential is missing."""
    return not any(check.essential and check.state == "missing" for check in checks)


# ---- Virtual cameras ----------------------------------------------------------------------------

_VIRTUAL = "Virtual cameras"
_OBS_FILTER = "{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_UNITY_FILTER = "{5C2CD55C-92AD-4999-8666-912BD3E70010}"


def virtual_cameras(machine: Machine) -> Iterator[Check]:
    if machine.system == "Linux":
        yield from _loopback(machine)
        yield _pipewire(machine)
    elif machine.system == "Windows":
        yield from _windows_virtual_cameras(machine)
    elif machine.system == "Darwin":
        yield _mac_virtual_camera(machine)


def _loopback(machine: Machine) -> Iterator[Check]:
    name = "v4l2loopback"
    module = machine.path("/sys/module/v4l2loopback")
    if not module.exists():
        available = any(
            "v4l2loopback.ko" in machine.text(f"/lib/modules/{machine.release}/{listing}")
            for listing in ("modules.dep", "modules.builtin")
        )
        if available:
            yield Check(
                _VIRTUAL,
                name,
                "warn",
                "The module is installed and not loaded.",
                virtual_camera.LOAD_MODULE,
            )
            yield from _secure_boot(machine)
            return
        install = machine.install(
            debian="v4l2loopback-dkms", fedora="akmod-v4l2loopback", arch="v4l2loopback-dkms"
        )
        remedy: str | None
        if install is None:
            remedy = "https://github.com/v4l2loopback/v4l2loopback#install"
        else:
            remedy = f"{install} && {virtual_camera.LOAD_MODULE}"
        yield Check(_VIRTUAL, name, "missing", "The kernel module is not installed.", remedy)
        yield from _secure_boot(machine)
        return
    again = f"sudo modprobe -r v4l2loopback && {virtual_camera.LOAD_MODULE}"
    nodes = _loopback_nodes(machine)
    if not nodes:
        yield Check(_VIRTUAL, name, "warn", "The module is loaded and has no device.", again)
        return
    closed = [node for node in nodes if not os.access(machine.path(f"/dev/{node}"), os.W_OK)]
    if closed:
        yield Check(
            _VIRTUAL,
            name,
            "warn",
            f"You may not write to /dev/{closed[0]}.",
            "sudo usermod -aG video $USER, then log out and in again",
        )
        return
    listed = ", ".join(
        f"/dev/{node} ({title}){_open_in(machine, f'/dev/{node}')}" for node, title in nodes.items()
    )
    exclusive = machine.text("/sys/module/v4l2loopback/parameters/exclusive_caps")
    if exclusive and "Y" not in exclusive:
        yield Check(
            _VIRTUAL,
            name,
            "warn",
            f"{listed} is ready, but without exclusive_caps=1 Chrome and Zoom do not list it.",
            again,
        )
        return
    yield Check(_VIRTUAL, name, "ok", f"Ready: {listed}.")


def _open_in(machine: Machine, device: str) -> str:
    """The other programs that have it open, as far as may be seen: ", open in obs (process 77)"."""
    try:
        programs = v4l2.programs_with(
            machine.path(device), proc=machine.path("/proc"), without=(os.getpid(),)
        )
    except OSError:
        return ""
    return f", open in {', '.join(map(str, programs))}" if programs else ""


def _loopback_nodes(machine: Machine) -> Mapping[str, str]:
    """Node -> its label. The module's devices are those below /sys/devices/virtual."""
    folder = machine.path("/sys/devices/virtual/video4linux")
    try:
        nodes = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return {}
    return {node: machine.text(f"/sys/devices/virtual/video4linux/{node}/name") for node in nodes}


def _secure_boot(machine: Machine) -> Iterator[Check]:
    variable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    try:
        enabled = machine.path(variable).read_bytes()[-1:] == b"\x01"
    except OSError:
        return
    if enabled:
        yield Check(
            _VIRTUAL,
            "Secure Boot",
            "warn",
            "It is on: the kernel loads v4l2loopback only when the module is signed with a key "
            "that this machine trusts.",
            "sudo mokutil --import /var/lib/dkms/mok.pub, restart and choose Enroll MOK; or use "
            "the output pipewire",
        )


def _pipewire(machine: Machine) -> Check:
    name = "PipeWire"
    path = pipewire.socket_path(machine.environ)
    if path is None or not path.exists():
        install = machine.install(
            debian="pipewire wireplumber", fedora="pipewire wireplumber", arch="pipewire"
        )
        remedy: str | None = "systemctl --user start pipewire wireplumber"
        if machine.which("pipewire") is None and install is not None:
            remedy = f"{install} && {remedy}"
        return Check(_VIRTUAL, name, "missing", "It is not running in this session.", remedy)
    if machine.which(pipewire.LAUNCHER) is None:
        remedy = machine.install(
            debian=pipewire.PACKAGES,
            fedora="gstreamer1 gstreamer1-plugins-base pipewire-gstreamer",
            arch="gstreamer gst-plugins-base gst-plugin-pipewire",
        )
        return Check(_VIRTUAL, name, "missing", "GStreamer's gst-launch-1.0 is missing.", remedy)
    for element, packages in (
        ("pipewiresink", ("gstreamer1.0-pipewire", "pipewire-gstreamer", "gst-plugin-pipewire")),
        (
            "rawvideoparse",
            ("gstreamer1.0-plugins-base", "gstreamer1-plugins-base", "gst-plugins-base"),
        ),
    ):
        # Without a version it asks for GStreamer's own, which PipeWire's plug-in does not have.
        ask = ["gst-inspect-1.0", "--exists", "--atleast-version=0.0", element]
        if machine.run(ask) is None:
            debian, fedora, arch = packages
            remedy = machine.install(debian=debian, fedora=fedora, arch=arch)
            return Check(_VIRTUAL, name, "missing", f"GStreamer lacks {element}.", remedy)
    managers = ("wireplumber", "pipewire-media-")  # the kernel cuts names after 15 letters
    if not any(program.startswith(managers) for program in _programs(machine)):
        return Check(
            _VIRTUAL,
            name,
            "warn",
            "It runs without a session manager, so no program is connected to a camera.",
            "systemctl --user start wireplumber",
        )
    return Check(_VIRTUAL, name, "ok", "Ready: --output pipewire makes a camera in it.")


def _programs(machine: Machine) -> Iterator[str]:
    try:
        entries = list(machine.path("/proc").iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.isdigit():
            yield machine.text(f"/proc/{entry.name}/comm")


def _windows_virtual_cameras(machine: Machine) -> Iterator[Check]:
    obs = machine.class_is_registered(_OBS_FILTER)
    unity = machine.class_is_registered(_UNITY_FILTER)
    for name, there, other, page in (
        ("OBS Virtual Camera", obs, unity, virtual_camera.OBS_PAGE),
        ("UnityCapture", unity, obs, virtual_camera.UNITY_CAPTURE_PAGE),
    ):
        if there:
            yield Check(_VIRTUAL, name, "ok", "Installed.")
        else:
            # One of the two is enough.
            state: State = "ok" if other else "missing"
            sentence = "Not installed; the other one is." if other else "Not installed."
            yield Check(_VIRTUAL, name, state, sentence, None if other else page)


def _mac_virtual_camera(machine: Machine) -> Check:
    name = "OBS Virtual Camera"
    if not machine.path("/Applications/OBS.app").exists():
        return Check(_VIRTUAL, name, "missing", "OBS is not installed.", virtual_camera.OBS_PAGE)
    extensions = machine.run(["systemextensionsctl", "list"]) or ""
    active = any(
        "com.obsproject.obs-studio" in line and "activated enabled" in line
        for line in extensions.splitlines()
    )
    if active:
        return Check(_VIRTUAL, name, "ok", "Installed and allowed.")
    return Check(
        _VIRTUAL,
        name,
        "warn",
        "OBS is installed, but its camera extension is not allowed yet.",
        "Start OBS's virtual camera once, then System Settings > General > Login Items & "
        "Extensions > Camera Extensions.",
        by_hand=True,
    )


# ---- Cameras ------------------------------------------------------------------------------------


def cameras(machine: Machine) -> Iterator[Check]:
    section = "Cameras"
    try:
        found = machine.cameras.cameras()
    except MattecamError as error:
        yield Check(section, "Cameras", "warn", str(error))
        return
    if not any(not camera.virtual for camera in found):
        yield Check(
            section,
            "Cameras",
            "warn",
            "None is connected.",
            "Plug one in; until then the demo clip (--source demo) or a video can stand in.",
            by_hand=True,
        )
    for camera in found:
        if camera.problem is not None:
            yield Check(section, camera.name, "warn", camera.problem)
            continue
        best = max((item.size for item in camera.formats), default=None)
        size = f", up to {best[0]}x{best[1]}" if best is not None else ""
        users = _open_in(machine, camera.path) if camera.api == "v4l2" else ""
        yield Check(section, camera.name, "ok", f"camera:{camera.id} ({camera.path}){size}{users}")


# ---- Weights and engines ------------------------------------------------------------------------


def weights() -> Iterator[Check]:
    from app.weights import store

    section = "Weights"
    fetch = "python main.py weights fetch"
    try:
        lines = store.status()
    except MattecamError as error:
        yield Check(section, "weights", "missing", str(error), fetch, essential=True)
        return
    there = any(line.state == "present" for line in lines)
    for line in lines:
        if line.state == "present":
            yield Check(section, line.name, "ok", f"{line.bytes / 1e6:.1f} MB, {line.licence}.")
        elif line.name == store.PLAIN or line.state == "corrupt":
            yield Check(
                section,
                line.name,
                "warn" if there else "missing",
                line.problem or "Not fetched yet.",
                f"{fetch} {line.name}" if line.origin == "released" else None,
                essential=not there,
            )


def engines(machine: Machine, *, deep: bool) -> Iterator[Check]:
    section = "Engines"
    openvino, torch = machine.package_version("openvino"), machine.package_version("torch")
    install = "pip install -r requirements.txt"
    # Either of them will do.
    if openvino is None:
        yield Check(
            section, "OpenVINO", "missing", "Not installed.", install, essential=torch is None
        )
    else:
        yield _openvino(section, openvino)
    if torch is None:
        yield Check(
            section, "PyTorch", "missing", "Not installed.", install, essential=openvino is None
        )
    else:
        yield _torch(machine, section, torch, deep=deep)
    yield _processor(machine, section)


def _openvino(section: str, version: str) -> Check:
    try:
        openvino = import_openvino()

        core = openvino.Core()
        found = [
            f"{device.lower()} ({str(core.get_property(device, 'FULL_DEVICE_NAME')).strip()})"
            for device in core.available_devices
        ]
    # A driver that is broken raises from within C++, as whatever it likes.
    except Exception as error:  # noqa: BLE001
        return Check(
            section,
            "OpenVINO",
            "warn",
            f"Version {version} does not start ({error}).",
            "pip install --force-reinstall -r requirements.txt",
        )
    return Check(section, "OpenVINO", "ok", f"Version {version}: {', '.join(found)}.")


def _torch(machine: Machine, section: str, version: str, *, deep: bool) -> Check:
    cpu_only = version.endswith("+cpu")
    if _has_nvidia(machine) and cpu_only:
        return Check(
            section,
            "PyTorch",
            "warn",
            f"Version {version} cannot use the NVIDIA card.",
            "make setup TORCH=cuda",
        )
    if not deep:
        hint = "" if cpu_only else " (--deep asks for its devices)"
        return Check(section, "PyTorch", "ok", f"Version {version}{hint}.")
    code = (
        "import torch; d = ['cpu'];"
        "d += [f'cuda ({torch.cuda.get_device_name()})'] if torch.cuda.is_available() else [];"
        "d += ['mps'] if torch.backends.mps.is_available() else [];"
        "d += ['xpu'] if hasattr(torch, 'xpu') and torch.xpu.is_available() else [];"
        "print(', '.join(d))"
    )
    # In a process of its own: a broken driver may take the whole program with it.
    devices = machine.run([sys.executable, "-W", "ignore", "-c", code])
    if devices is None:
        return Check(
            section,
            "PyTorch",
            "warn",
            f"Version {version} does not start.",
            "pip install --force-reinstall -r requirements.txt",
        )
    return Check(section, "PyTorch", "ok", f"Version {version}: {devices.strip()}.")


def _processor(machine: Machine, section: str) -> Check:
    cores = os.cpu_count() or 1
    name, flags = platform.processor() or platform.machine(), set()
    for line in machine.text("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() in ("flags", "Features"):
            flags = set(value.split())
    fast = {
        "AMX": {"amx_bf16"},
        "AVX-512 bf16": {"avx512_bf16"},
        "AVX-512": {"avx512f"},
        "AVX2": {"avx2"},
        "NEON bf16": {"bf16"},
    }
    has = [title for title, needed in fast.items() if needed <= flags]
    can = f": {', '.join(has)}" if has else ""
    sentence = f"{name}, {cores} threads{can}."
    if flags & {"amx_bf16", "avx512_bf16", "bf16"}:
        sentence += " It multiplies bfloat16 natively, which is about twice as fast."
    return Check(section, "Processor", "ok", sentence)


# ---- Graphics, codecs, display ------------------------------------------------------------------

_VENDORS = {"0x10de": "NVIDIA", "0x8086": "Intel", "0x1002": "AMD"}


def _has_nvidia(machine: Machine) -> bool:
    return any("NVIDIA" in line for line in _nvidia(machine))


def _nvidia(machine: Machine) -> Sequence[str]:
    if machine.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    said = machine.run(query) or ""
    return [line.strip() for line in said.splitlines() if line.strip()]


def graphics(machine: Machine) -> Iterator[Check]:
    section = "Graphics"
    nvidia = _nvidia(machine)
    for line in nvidia:
        yield Check(section, "NVIDIA", "ok", f"{line}.")
    found = False
    for card in sorted(machine.path("/sys/class/drm").glob("card[0-9]*")):
        vendor = machine.text(f"/sys/class/drm/{card.name}/device/vendor")
        name = _VENDORS.get(vendor)
        if name is None or "-" in card.name:
            continue
        if name != "NVIDIA":
            found = True
            yield Check(section, name, "ok", f"/dev/dri/{card.name}.")
        elif not nvidia:
            found = True
            yield Check(
                section,
                name,
                "warn",
                "There is an NVIDIA card, and its driver does not answer.",
                machine.install(debian="nvidia-driver", fedora="akmod-nvidia", arch="nvidia"),
            )
    if not nvidia and not found and machine.system == "Linux":
        yield Check(section, "Graphics", "ok", "None found; the processor does the work.")
    if machine.system == "Darwin" and platform.machine() == "arm64":
        yield Check(section, "Apple", "ok", "Its graphics cores are used as --device mps.")


_ENCODERS = {
    "libx264": "MP4 and MKV",
    "libvpx-vp9": "WebM with transparency",
    "prores_ks": "MOV with transparency",
    "aac": "sound in MP4",
    "libopus": "sound in WebM",
}
_HARDWARE_ENCODERS = (
    "h264_nvenc",
    "h264_qsv",
    "h264_amf",
    "h264_vaapi",
    "h264_videotoolbox",
    "h264_mf",
    "h264_v4l2m2m",
)


def codecs() -> Iterator[Check]:
    section = "Codecs"
    install = "pip install --force-reinstall av"
    try:
        from av.codec import Codec
        from av.codec.codec import UnknownCodecError
    except ImportError as error:
        yield Check(section, "PyAV", "missing", f"It cannot be loaded ({error}).", install)
        return

    def can_encode(name: str) -> bool:
        try:
            Codec(name, "w")
        except UnknownCodecError:
            return False
        return True

    for name, what in _ENCODERS.items():
        if can_encode(name):
            yield Check(section, name, "ok", f"For {what}.")
        else:
            yield Check(section, name, "missing", f"PyAV lacks it, for {what}.", install)
    hardware = [name for name in _HARDWARE_ENCODERS if can_encode(name)]
    listed = ", ".join(hardware) or "none"
    yield Check(section, "hardware", "ok", f"Built in, where a device for them is there: {listed}.")


# What Qt's xcb platform asks for and neither its wheel nor a bare Debian has.
_XCB = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
_QT = {
    "libEGL.so.1": "libegl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
}


def display(machine: Machine) -> Iterator[Check]:
    section = "Window"
    version = machine.package_version("PyQt6")
    if version is None:
        yield Check(
            section, "PyQt6", "missing", "Not installed.", "pip install -r requirements.txt"
        )
    else:
        yield Check(section, "PyQt6", "ok", f"Version {version}.")
    if machine.system != "Linux":
        return
    wanted = {**_QT, **_XCB}
    missing = [package for library, package in wanted.items() if not machine.library_loads(library)]
    if missing:
        packages = " ".join(missing)
        yield Check(
            section,
            "Libraries",
            "warn",
            f"Qt does not find some of the system's: {packages}.",
            machine.install(debian=packages) or "make setup",
        )
    else:
        yield Check(section, "Libraries", "ok", "Everything that Qt needs is there.")
    shown = [name for name in ("WAYLAND_DISPLAY", "DISPLAY") if machine.environ.get(name)]
    if shown:
        yield Check(section, "Display", "ok", f"{shown[0]}={machine.environ[shown[0]]}")
    else:
        yield Check(
            section,
            "Display",
            "warn",
            "There is none, so the window cannot open; the command line works.",
            "Log in to a desktop, or use ssh -X.",
            by_hand=True,
        )


# ---- Who sees what ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """How a call program sees the kinds of virtual cameras; None where it does not."""

    program: str
    v4l2loopback: str | None
    pipewire: str | None
    obs: str | None
    unitycapture: str | None


# The kinds of each system: the field of Sight, and the name for people.
KINDS: Mapping[str, Mapping[str, str]] = {
    "Linux": {"v4l2loopback": "v4l2loopback", "pipewire": "PipeWire"},
    "Windows": {"obs": "OBS", "unitycapture": "UnityCapture"},
    "Darwin": {"obs": "OBS"},
}
# From what the programs and the drivers document; they change, so a hint and no promise.
SIGHTS: tuple[Sight, ...] = (
    Sight("Zoom", "yes", None, "yes", "yes"),
    Sight("Teams", "in a browser", "as its browser", "yes", "yes"),
    Sight("Chrome, Meet", "yes", "with a flag [1]", "yes", "yes"),
    Sight("Firefox", "yes", "with a setting [2]", "yes", "yes"),
    Sight("OBS", "yes", "yes [3]", "its own", "yes"),
    Sight("Discord", "yes", None, "yes", "yes"),
    Sight("Slack", "yes", None, "yes", "yes"),
)
SIGHT_NOTES = (
    "v4l2loopback and PipeWire: Linux. OBS: Windows and macOS. UnityCapture: Windows.",
    "[1] chrome://flags/#enable-webrtc-pipewire-camera",
    "[2] about:config, media.webrtc.camera.allow-pipewire; some distributions have set it",
    "[3] as the source Video Capture Device (PipeWire)",
    "Start Mattecam before the call program: Chrome, and programs made of it, list a v4l2loopback "
    "device only with exclusive_caps=1 and while it is fed.",
)

"""A virtual machine with real V4L2 devices: Debian's kernel in QEMU, on this very file system.

The guest sees the whole file system of this machine, read-only, below a layer in its own memory:
the checkout and its environment are there, and nothing that runs in the guest can change them.
One folder, `SHARED`, is common to both and can be written to. The kernel, its headers and the
source of v4l2loopback come through apt into a cache folder and are installed nowhere. QEMU emulates
the processor, 10 to 20 times slower than the machine. MATTECAM_VM_ACCEL=kvm takes the real one,
where the system lets it; in a container KVM is often there and does not work.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# In the guest: the folder that is common to both, and the kernel modules, all not yet loaded.
SHARED = Path("/o")
MODULES = Path("/tmp/mod")

# Command -> the Debian package that has it.
_TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "modprobe": "kmod",
    "cpio": "cpio",
    "make": "make",
    "gcc": "gcc",
    "dpkg-deb": "dpkg",
}
# Loaded at the start, for the file system; and those that the tests load.
_BOOT = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_rng")
_DEVICES = ("vivid", "v4l2loopback", "uvcvideo", "libcomposite", "usb_f_uvc", "dummy_hcd")
_TOO_EARLY = ("vivid", "v4l2loopback", "dummy_hcd")  # they make devices when they are loaded

_INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
for m in $($B grep -vE '^({too_early})[.]ko' /mod/list); do
    $B insmod /mod/$m || echo "insmod $m failed"
done
N9=trans=virtio,version=9p2000.L,msize=512000
$B mount -t 9p -o $N9,cache=loose,ro host /lower
$B mount -t tmpfs -o size=3g rw /rw
$B mkdir /rw/upper /rw/work
$B mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work all /new
for d in proc sys dev; do $B mount --move /$d /new/$d; done
$B mkdir -p /new/dev/shm /new/dev/pts /new{shared} /new{modules}
$B mount -t tmpfs shm /new/dev/shm
$B mount -t devpts pts /new/dev/pts
$B mount -t configfs config /new/sys/kernel/config
$B mount -t tmpfs run /new/run
$B chmod 1777 /new/tmp /new/dev/shm
$B cp /mod/* /new{modules}/
$B ifconfig lo 127.0.0.1 up
$B mount -t 9p -o $N9 shared /new{shared}
$B chroot /new /bin/bash {shared}/script
echo $? >/new{shared}/status
$B sync
$B poweroff -f
"""


class MachineError(Exception):
    """The virtual machine cannot be had here: one sentence with its remedy."""


@dataclass(frozen=True)
class Outcome:
    """How a script in the machine ended.

    status: its exit status, None where the machine was stopped or died before it. shared: the
    folder that both saw, which the caller removes.
    """

    status: int | None
    shared: Path


def cache_folder() -> Path:
    """MATTECAM_VM_CACHE, or mattecam/vm in the user's cache folder."""
    override = os.environ.get("MATTECAM_VM_CACHE")
    if override:
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mattecam" / "vm"


class Machine:
    """Boots as often as wanted once it was made.

    loopback: a folder with the source of a v4l2loopback; None takes Debian's.
    say: takes a line for the user while something takes long.
    """

    def __init__(
        self, say: Callable[[str], None], *, cache: Path | None = None, loopback: Path | None = None
    ) -> None:
        self._say = say
        self._cache = cache_folder() if cache is None else cache
        self._loopback = loopback
        self._home = self._cache  # of this kernel with this v4l2loopback, once it is made

    def make(self) -> None:
        """Downloads and builds what is not in the cache yet. Raises MachineError."""
        self._check_system()
        self._install_tools()
        kernel = self._kernel()
        self._home = self._cache / f"{kernel}-{self._loopback_version()}"
        if (self._home / "ready").exists():
            return
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(parents=True)
        root = self._download(kernel)
        self._build_loopback(root, kernel)
        self._pack(root, kernel)
        shutil.rmtree(root)
        (self._home / "ready").touch()

    def run(
        self, script: str, *, seconds: float, environment: Mapping[str, str], folder: Path
    ) -> Outcome:
        """Boots, runs `script` with bash as root in `folder`, and waits for the end.

        What it prints goes to this program's output. seconds: after which the machine is stopped.
        """
        shared = Path(tempfile.mkdtemp(prefix="shared-", dir=self._home))
        lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
        text = "\n".join([*lines, f"cd {shlex.quote(str(folder))}", script, ""])
        (shared / "script").write_text(text, encoding="utf-8")
        machine = subprocess.Popen(self._command(shared), stdin=subprocess.DEVNULL)
        try:
            machine.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._say(f"The machine is stopped: it has run for {seconds:.0f} seconds.")
        finally:
            machine.kill()
            machine.wait()
        with contextlib.suppress(OSError, ValueError):
            return Outcome(int((shared / "status").read_text(encoding="ascii")), shared)
        return Outcome(None, shared)

    # ---- making it -------------------------------------------------------------------------------

    def _check_system(self) -> None:
        if platform.system() != "Linux" or platform.machine() != "x86_64":
            raise MachineError("The virtual machine needs Linux on x86-64; run it on such a one.")
        if shutil.which("apt-get") is None:
            raise MachineError(
                "The virtual machine is made of Debian's packages; run it where apt-get is."
            )

    def _install_tools(self) -> None:
        packages = sorted({package for tool, package in _TOOLS.items() if not _has(tool)})
        if not packages:
            return
        line = f"apt-get install {' '.join(packages)}"
        if os.geteuid() != 0:
            raise MachineError(f"Some programs are missing. Run: sudo {line}")
        self._say(f"{line} ...")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _call(["apt-get", "update", "-qq"], environment=environment)
        _call(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            environment=environment,
        )

    def _kernel(self) -> str:
        """Debian's newest: "6.1.0-57-amd64"."""
        found = _dependency("linux-image-amd64", r"linux-image-(\d\S+)")
        if found is None:
            raise MachineError(
                "apt knows no package linux-image-amd64, from which the machine is made; run "
                "apt-get update, or run it on Debian."
            )
        return found

    def _loopback_version(self) -> str:
        if self._loopback is None:
            return "debian"
        if not (self._loopback / "v4l2loopback.c").is_file():
            raise MachineError(f"There is no v4l2loopback.c in {self._loopback}.")
        return re.sub(r"[^\w.]", "_", str(self._loopback.absolute())).strip("_")

    def _download(self, kernel: str) -> Path:
        """The packages' files, unpacked into a folder of this machine's cache."""
        self._say(f"The kernel {kernel} and its headers are downloaded ...")
        headers = f"linux-headers-{kernel}"
        common = f"linux-headers-{kernel.rpartition('-')[0]}-common"
        tools = _dependency(headers, r"(linux-kbuild-\S+)")
        packages = [f"linux-image-{kernel}", headers, common, "v4l2loopback-dkms"]
        packages += [] if tools is None else [tools]
        with tempfile.TemporaryDirectory(dir=self._home) as name:
            _call(["apt-get", "download", "-qq", *packages], folder=Path(name))
            root = self._home / "root"
            for package in sorted(Path(name).glob("*.deb")):
                _call(["dpkg-deb", "-x", str(package), str(root)])
        return root

    def _build_loopback(self, root: Path, kernel: str) -> None:
        headers = root / f"usr/src/linux-headers-{kernel}"
        # The headers name each other by absolute paths; here they are not installed.
        for name in ("Makefile", ".kernelvariables"):
            file = headers / name
            if file.exists():
                file.write_text(file.read_text().replace("/usr/src/", f"{root}/usr/src/"))
        source = self._loopback or next((root / "usr/src").glob("v4l2loopback-*"))
        self._say(f"{source.name} is built ...")
        build = self._home / "build"
        shutil.copytree(source, build)
        compiler = [] if _has("gcc-12") else ["CC=gcc"]
        _call(["make", "-s", "-C", str(headers), f"M={build}", *compiler, "modules"])
        extra = root / f"lib/modules/{kernel}/extra"
        extra.mkdir(parents=True)
        shutil.copy(build / "v4l2loopback.ko", extra)
        _call(["depmod", "-b", str(root), kernel])

    def _pack(self, root: Path, kernel: str) -> None:
        """The kernel, and what it starts from: busybox, the modules, and the script above."""
        start = self._home / "start"
        for name in ("bin", "proc", "sys", "dev", "lower", "rw", "new", "mod"):
            (start / name).mkdir(parents=True)
        shutil.copy(_busybox(), start / "bin/busybox")
        modules: dict[str, Path] = {}
        for name in (*_BOOT, *_DEVICES):
            said = _call(["modprobe", "-d", str(root), "-S", kernel, "--show-depends", name])
            for line in said.splitlines():
                if line.startswith("insmod"):
                    file = Path(line.split()[1])
                    modules.setdefault(file.name, file)
        for file in modules.values():
            shutil.copy(file, start / "mod")
        (start / "mod/list").write_text("\n".join([*modules, ""]))
        init = start / "init"
        fields = {"too_early": "|".join(_TOO_EARLY), "shared": SHARED, "modules": MODULES}
        text = _INIT
        for field, value in fields.items():
            text = text.replace(f"{{{field}}}", str(value))
        init.write_text(text)
        init.chmod(0o755)
        _call(["sh", "-c", "find . | cpio -o -H newc | gzip -1 >../initrd"], folder=start)
        shutil.copy(root / f"boot/vmlinuz-{kernel}", self._home / "kernel")

    def _command(self, shared: Path) -> Sequence[str]:
        mount = "security_model=none,mount_tag="
        return [
            "qemu-system-x86_64",
            *("-accel", os.environ.get("MATTECAM_VM_ACCEL", "tcg,thread=multi"), "-cpu", "max"),
            *("-smp", "2", "-m", "5000"),
            *("-nodefaults", "-no-user-config", "-no-reboot"),
            *("-display", "none", "-serial", "stdio"),
            *("-kernel", str(self._home / "kernel"), "-initrd", str(self._home / "initrd")),
            *("-append", "console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/init"),
            *("-device", "virtio-rng-pci"),
            *("-virtfs", f"local,path=/,{mount}host,readonly=on,multidevs=remap"),
            *("-virtfs", f"local,path={shared},{mount}shared"),
        ]


def _has(tool: str) -> bool:
    return shutil.which(tool) is not None


def _busybox() -> str:
    found = shutil.which("busybox")
    assert found is not None
    return found


def _dependency(package: str, pattern: str) -> str | None:
    """The first package that `package` depends on and that matches; its group."""
    said = _call(["apt-cache", "depends", package], may_fail=True)
    for line in said.splitlines():
        found = re.fullmatch(rf"\s*Depends: {pattern}", line)
        if found is not None:
            return found[1]
    return None


def _call(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    may_fail: bool = False,
) -> str:
    """What it printed. Raises MachineError with its last words."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode and not may_fail:
        raise MachineError(f"{shlex.join(command)} failed: {' '.join(_last_lines(done.stderr))}")
    return done.stdout


def _last_lines(text: str, count: int = 5) -> Iterator[str]:
    yield from [line.strip() for line in text.splitlines() if line.strip()][-count:]

"""The doctor, on machines that lack this or that."""

from __future__ import annotations

import ast
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import doctor
from app.doctor import SIGHTS, Check, Machine, examine, is_fit
from app.errors import InputError
from app.sources.devices import CameraFormat, CameraInfo

LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Mattecam"


class Cameras:
    def __init__(self, *cameras: CameraInfo) -> None:
        self._cameras = cameras

    def cameras(self) -> Sequence[CameraInfo]:
        return self._cameras

    def is_there(self, camera: CameraInfo) -> bool:
        raise AssertionError

    def trouble(self, camera: CameraInfo) -> str:
        raise AssertionError


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A Linux machine with nothing."""
    return Machine(
        system="Linux",
        root=tmp_path,
        release="6.1.0",
        environ={},
        which=lambda name: None,
        run=lambda command: None,
        library_loads=lambda name: True,
        package_version=lambda name: "1.0",
        class_is_registered=lambda guid: False,
        cameras=Cameras(),
    )


def put(machine: Machine, name: str, text: str = "") -> Path:
    path = machine.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def find(checks: Iterator[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def loopback(machine: Machine) -> Check:
    return find(doctor.virtual_cameras(machine), "v4l2loopback")


# ---- v4l2loopback -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "remedy"),
    [
        ("ID=debian", f"sudo apt-get install v4l2loopback-dkms && {LOAD}"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', "sudo apt-get install v4l2loopback-dkms"),
        ("ID=fedora", "sudo dnf install akmod-v4l2loopback"),
        ("ID=manjaro\nID_LIKE=arch", "sudo pacman -S v4l2loopback-dkms"),
        ("ID=haiku", "https://github.com/v4l2loopback/v4l2loopback#install"),
        ("", "https://github.com/v4l2loopback/v4l2loopback#install"),
    ],
)
def test_a_missing_module_is_installed_as_the_distribution_does_it(
    bare: Machine, release: str, remedy: str
) -> None:
    put(bare, "/etc/os-release", release)
    check = loopback(bare)
    assert check.state == "missing"
    assert (check.remedy or "").startswith(remedy)


def test_a_module_that_is_installed_has_only_to_be_loaded(bare: Machine) -> None:
    put(bare, "/lib/modules/6.1.0/modules.dep", "updates/dkms/v4l2loopback.ko.zst: kernel/x.ko\n")
    check = loopback(bare)
    assert (check.state, check.remedy) == ("warn", LOAD)


def ready(machine: Machine, *, exclusive: str = "Y,N,N") -> None:
    put(machine, "/sys/module/v4l2loopback/parameters/exclusive_caps", exclusive)
    put(machine, "/sys/devices/virtual/video4linux/video4/name", "Mattecam\n")
    put(machine, "/dev/video4")


def test_a_loaded_module_is_ready(bare: Machine) -> None:
    ready(bare)
    check = loopback(bare)
    assert (check.state, check.sentence) == ("ok", "Ready: /dev/video4 (Mattecam).")
    assert check.remedy is None


def have_open(machine: Machine, device: str, *programs: tuple[int, str]) -> None:
    for pid, name in programs:
        put(machine, f"/proc/{pid}/comm", name)
        link = machine.path(f"/proc/{pid}/fd/5")
        link.parent.mkdir()
        link.symlink_to(machine.path(device))


def test_programs_that_have_a_device_open_are_named(bare: Machine) -> None:
    ready(bare)
    have_open(bare, "/dev/video4", (77, "obs"), (9, "zoom"), (os.getpid(), "python"))
    sentence = "Ready: /dev/video4 (Mattecam), open in zoom (process 9), obs (process 77)."
    assert loopback(bare).sentence == sentence
    put(bare, "/dev/video0")
    have_open(bare, "/dev/video0", (78, "cheese"))
    webcam = CameraInfo("0", "HD Webcam", "/dev/video0")
    (check,) = doctor.cameras(replace(bare, cameras=Cameras(webcam)))
    assert check.sentence == "camera:0 (/dev/video0), open in cheese (process 78)"


def test_without_exclusive_caps_chrome_would_not_list_it(bare: Machine) -> None:
    ready(bare, exclusive="N,N,N")
    check = loopback(bare)
    assert check.state == "warn"
    assert "exclusive_caps=1" in check.sentence
    assert (check.remedy or "").startswith("sudo modprobe -r v4l2loopback &&")


def test_a_module_without_a_device_is_loaded_again(bare: Machine) -> None:
    put(bare, "/sys/module/v4l2loopback/version", "0.12.7")
    assert "has no device" in loopback(bare).sentence


def test_a_device_that_may_not_be_written_to_names_the_group(
    bare: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(bare)
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert "usermod -aG video" in (loopback(bare).remedy or "")


@pytest.mark.parametrize(("last", "told"), [(1, True), (0, False)])
def test_secure_boot_is_told_where_it_would_refuse_the_module(
    bare: Machine, last: int, told: bool
) -> None:
    variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    put(bare, variable).write_bytes(bytes([6, 0, 0, 0, last]))
    names = [check.name for check in doctor.virtual_cameras(bare)]
    assert ("Secure Boot" in names) is told
    ready(bare)  # it is loaded: nobody refused it
    assert "Secure Boot" not in [check.name for check in doctor.virtual_cameras(bare)]


# ---- PipeWire -----------------------------------------------------------------------------------


@pytest.fixture
def session(bare: Machine) -> Iterator[Machine]:
    """PipeWire runs, with everything that it needs."""
    with (
        tempfile.TemporaryDirectory(prefix="mattecam-") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        listener.bind(f"{folder}/pipewire-0")
        put(bare, "/proc/77/comm", "wireplumber\n")
        put(bare, "/etc/os-release", "ID=debian\n")
        yield replace(
            bare,
            environ={"XDG_RUNTIME_DIR": folder},
            which=lambda name: f"/usr/bin/{name}",
            run=lambda command: "",
        )


def pipewire(machine: Machine) -> Check:
    return find(doctor.virtual_cameras(machine), "PipeWire")


def test_pipewire_that_runs_is_ready(session: Machine) -> None:
    assert pipewire(session).state == "ok"


def test_pipewire_that_does_not_run_is_started_or_installed(session: Machine) -> None:
    start = "systemctl --user start pipewire wireplumber"
    stopped = replace(session, environ={})
    assert pipewire(stopped).remedy == start
    absent = replace(stopped, which=lambda name: None)
    assert pipewire(absent).remedy == f"sudo apt-get install pipewire wireplumber && {start}"


def test_what_gstreamer_lacks_is_named_with_its_package(session: Machine) -> None:
    no_launcher = replace(session, which=lambda name: None)
    assert "gstreamer1.0-tools" in (pipewire(no_launcher).remedy or "")

    def run(command: Sequence[str]) -> str | None:
        return None if command[-1] == "pipewiresink" else ""

    check = pipewire(replace(session, run=run))
    assert check.sentence == "GStreamer lacks pipewiresink."
    assert check.remedy == "sudo apt-get install gstreamer1.0-pipewire"


def test_pipewire_without_a_session_manager_connects_nobody(session: Machine) -> None:
    put(session, "/proc/77/comm", "bash\n")
    check = pipewire(session)
    assert (check.state, check.remedy) == ("warn", "systemctl --user start wireplumber")


# ---- Windows and macOS --------------------------------------------------------------------------


def test_on_windows_one_virtual_camera_is_enough(bare: Machine) -> None:
    windows = replace(bare, system="Windows")
    nothing = list(doctor.virtual_cameras(windows))
    assert [check.state for check in nothing] == ["missing", "missing"]
    assert all((check.remedy or "").startswith("https://") for check in nothing)
    obs = replace(windows, class_is_registered=lambda guid: guid.startswith("{A3FCE0F5"))
    assert [check.state for check in doctor.virtual_cameras(obs)] == ["ok", "ok"]


def test_on_macos_the_extension_has_to_be_allowed(bare: Machine) -> None:
    mac = replace(bare, system="Darwin")
    (check,) = doctor.virtual_cameras(mac)
    assert (check.state, check.remedy) == ("missing", "https://obsproject.com/download")
    mac.path("/Applications/OBS.app").mkdir(parents=True)
    (check,) = doctor.virtual_cameras(mac)
    assert check.state == "warn"
    assert "Camera Extensions" in (check.remedy or "")
    said = "*\t*\tcom.obsproject.obs-studio.mac-camera-extension (1/1)\t[activated enabled]"
    (check,) = doctor.virtual_cameras(replace(mac, run=lambda command: said))
    assert check.state == "ok"


# ---- Cameras, weights, engines ------------------------------------------------------------------


def test_cameras_are_listed_with_what_hinders_them(bare: Machine) -> None:
    good = CameraInfo("0", "HD Webcam", "/dev/video0", (CameraFormat((1920, 1080), (), "MJPG"),))
    bad = CameraInfo("2", "BRIO", "/dev/video2", problem="You may not use BRIO.")
    checks = list(doctor.cameras(replace(bare, cameras=Cameras(good, bad))))
    assert [(check.name, check.state) for check in checks] == [
        ("HD Webcam", "ok"),
        ("BRIO", "warn"),
    ]
    assert checks[0].sentence == "camera:0 (/dev/video0), up to 1920x1080"
    assert checks[1].sentence == "You may not use BRIO."


def test_no_camera_is_no_reason_to_give_up(bare: Machine) -> None:
    (check,) = doctor.cameras(bare)
    assert check.state == "warn"
    assert "--source demo" in (check.remedy or "")
    assert is_fit([check])


def test_a_list_that_fails_is_told(bare: Machine) -> None:
    class Failing(Cameras):
        def cameras(self) -> Sequence[CameraInfo]:
            raise InputError("The package is missing.")

    (check,) = doctor.cameras(replace(bare, cameras=Failing()))
    assert (check.state, check.sentence) == ("warn", "The package is missing.")


def test_missing_weights_are_essential_and_other_ones_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    checks = [check for check in doctor.weights() if check.state != "ok"]
    assert checks[0].remedy == "python main.py weights fetch modnet-photographic"
    own = [check for check in doctor.weights() if check.state == "ok"]
    # Weights that come with the program are enough.
    assert is_fit(checks) is bool(own)


def test_one_engine_is_enough_and_none_is_not(bare: Machine) -> None:
    def only(*names: str) -> Callable[[str], str | None]:
        return lambda name: "1.0" if name in names else None

    torch_alone = list(doctor.engines(replace(bare, package_version=only("torch")), deep=False))
    assert find(iter(torch_alone), "OpenVINO").state == "missing"
    assert is_fit(torch_alone)
    none = list(doctor.engines(replace(bare, package_version=only()), deep=False))
    assert not is_fit(none)
    assert all(
        check.remedy == "pip install -r requirements.txt" for check in none if check.essential
    )


def test_an_nvidia_card_with_a_cpu_build_of_torch_is_told(bare: Machine) -> None:
    def run(command: Sequence[str]) -> str | None:
        return "NVIDIA GeForce RTX 4060, 550.1, 8188 MiB\n" if command[0] == "nvidia-smi" else None

    versions = {"torch": "2.13.0+cpu"}
    machine = replace(
        bare, which=lambda name: f"/usr/bin/{name}", run=run, package_version=versions.get
    )
    check = find(doctor.engines(machine, deep=False), "PyTorch")
    assert (check.state, check.remedy) == ("warn", "make setup TORCH=cuda")
    assert "RTX 4060" in find(doctor.graphics(machine), "NVIDIA").sentence
    versions["torch"] = "2.13.0"
    assert find(doctor.engines(machine, deep=False), "PyTorch").state == "ok"


def test_torch_is_only_started_when_asked_for(bare: Machine) -> None:
    ran: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str | None:
        ran.append(command)
        return "cpu, cuda (RTX 4060)\n"

    machine = replace(bare, run=run, package_version={"torch": "2.13.0"}.get)
    assert find(doctor.engines(machine, deep=False), "PyTorch").state == "ok"
    assert ran == []
    deep = find(doctor.engines(machine, deep=True), "PyTorch")
    assert deep.sentence == "Version 2.13.0: cpu, cuda (RTX 4060)."
    assert len(ran) == 1
    broken = find(doctor.engines(replace(machine, run=lambda command: None), deep=True), "PyTorch")
    assert broken.state == "warn"


def test_what_the_processor_can_do_is_told(bare: Machine) -> None:
    put(bare, "/proc/cpuinfo", "model name\t: Xeon 6\nflags\t\t: avx2 avx512f amx_bf16 amx_tile\n")
    check = find(doctor.engines(bare, deep=False), "Processor")
    assert check.sentence.startswith("Xeon 6, ")
    assert "AMX, AVX-512, AVX2." in check.sentence
    assert "bfloat16 natively" in check.sentence


def test_cards_are_found_without_their_tools(bare: Machine) -> None:
    put(bare, "/sys/class/drm/card0/device/vendor", "0x8086\n")
    put(bare, "/sys/class/drm/card1/device/vendor", "0x10de\n")
    put(bare, "/sys/class/drm/card0-HDMI-A-1/device/vendor", "0x8086\n")
    put(bare, "/etc/os-release", "ID=ubuntu\n")
    checks = {check.name: check for check in doctor.graphics(bare)}
    assert checks["Intel"].state == "ok"
    assert checks["NVIDIA"].state == "warn"
    assert checks["NVIDIA"].remedy == "sudo apt-get install nvidia-driver"
    assert len(checks) == 2


# ---- Window and codecs --------------------------------------------------------------------------


def test_missing_libraries_are_named_by_their_packages(bare: Machine) -> None:
    put(bare, "/etc/os-release", "ID=debian\n")
    machine = replace(bare, library_loads=lambda name: name != "libxcb-cursor.so.0")
    check = find(doctor.display(machine), "Libraries")
    assert (check.state, check.remedy) == ("warn", "sudo apt-get install libxcb-cursor0")


def test_the_libraries_are_those_that_set_up_installs() -> None:
    script = Path(__file__).resolve().parent.parent / "scripts" / "setup.py"
    tree = ast.parse(script.read_text(encoding="utf-8"))
    (assignment,) = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LIBRARIES"
    ]
    assert isinstance(assignment.value, ast.Tuple)
    listed: dict[str, Any] = {}
    for item in assignment.value.elts:
        assert isinstance(item, ast.Tuple)
        library, package = (ast.literal_eval(part) for part in item.elts[:2])
        listed[library] = package
    mine = {**doctor._QT, **doctor._XCB}
    assert mine.items() <= listed.items()


def test_a_display_is_told_by_the_environment(bare: Machine) -> None:
    assert find(doctor.display(bare), "Display").state == "warn"
    shown = replace(bare, environ={"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"})
    assert find(doctor.display(shown), "Display").sentence == "WAYLAND_DISPLAY=wayland-0"


def test_the_encoders_that_convert_needs_are_there() -> None:
    pytest.importorskip("av")
    checks = {check.name: check.state for check in doctor.codecs()}
    needed = ("libx264", "libvpx-vp9", "prores_ks", "aac", "libopus")
    assert [checks[name] for name in needed] == ["ok"] * 5


# ---- The whole ----------------------------------------------------------------------------------


def test_every_check_that_is_not_well_says_what_to_do(bare: Machine) -> None:
    for machine in (bare, replace(bare, system="Windows"), replace(bare, system="Darwin")):
        checks = examine(replace(machine, package_version=lambda name: None))
        assert {check.section for check in checks} >= {"Virtual cameras", "Cameras", "Engines"}
        for check in checks:
            assert check.sentence.strip()
            if check.state == "missing":
                assert check.remedy, check
        assert not is_fit(checks)


def test_this_very_machine_can_be_examined() -> None:
    checks = examine()
    assert len({(check.section, check.name) for check in checks}) == len(checks)


def test_programs_that_run_are_asked_and_a_missing_one_is_none() -> None:
    machine = Machine()
    assert machine.run(["there-is-no-such-program"]) is None
    assert machine.package_version("there-is-no-such-package") is None
    assert not machine.library_loads("libthere-is-none.so.1")


def test_the_table_has_the_programs_that_people_call_with() -> None:
    programs = " ".join(sight.program for sight in SIGHTS)
    for name in ("Zoom", "Teams", "Chrome", "Meet", "Firefox", "OBS", "Discord", "Slack"):
        assert name in programs

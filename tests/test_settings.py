"""Settings: checked, saved whole, and never in the way of a start."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.chain import ChainSettings
from app.errors import OptionError, OutputError
from app.modnet.preprocess import NetworkSize
from app.settings import LiveSettings, SettingsFile, live_settings_file


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile[LiveSettings]:
    return live_settings_file(tmp_path / "deep" / "live.json")


def aside(file: SettingsFile[Any]) -> list[Path]:
    return sorted(file.path.parent.glob("*.unusable"))


def test_what_was_saved_is_loaded(file: SettingsFile[LiveSettings]) -> None:
    chosen = LiveSettings(
        background="image:größe.jpg", outputs=("pipewire", "null"), output_size=(640, 360), zoom=1.5
    )
    file.save(chosen)
    loaded = file.load()
    assert loaded.settings == chosen
    assert loaded.notes == ()
    assert [path.name for path in file.path.parent.iterdir()] == ["live.json"]


def test_without_a_file_there_are_the_defaults(file: SettingsFile[LiveSettings]) -> None:
    assert file.load().settings == LiveSettings()
    assert file.load().notes == ()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b'{"version": "new"}', b'{"zoom": 2}']
)
def test_an_unusable_file_is_kept_aside_and_named(
    file: SettingsFile[LiveSettings], content: bytes
) -> None:
    file.path.parent.mkdir()
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(content)
    loaded = file.load()
    assert loaded.settings == LiveSettings()
    (note,) = loaded.notes
    (kept,) = aside(file)
    assert str(kept) in note
    assert kept.read_bytes() == content
    assert file.load().notes == ()


def test_a_file_of_the_future_is_kept_aside(file: SettingsFile[LiveSettings]) -> None:
    file.path.parent.mkdir()
    file.path.write_text(json.dumps({"version": 99, "zoom": 2.0}))
    assert "version 99" in file.load().notes[0]
    assert len(aside(file)) == 1


def test_of_a_file_with_one_bad_field_the_others_are_used(file: SettingsFile[LiveSettings]) -> None:
    file.path.parent.mkdir()
    raw = {"version": 1, "background": "blur:30", "zoom": "far", "size": "12", "stranger": 1}
    file.path.write_text(json.dumps(raw))
    loaded = file.load()
    assert loaded.settings == LiveSettings(background="blur:30")
    (note,) = loaded.notes
    assert "zoom:" in note
    assert "size:" in note
    assert len(aside(file)) == 1


def test_old_files_are_brought_up_to_date_step_by_step(tmp_path: Path) -> None:
    class Newer(LiveSettings):
        version: int = 3

    def first(raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "background": raw.pop("backdrop")}

    def second(raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "zoom": raw["zoom"] / 100}

    file = SettingsFile(Newer, tmp_path / "a.json", migrations={1: first, 2: second})
    file.path.write_text(json.dumps({"version": 1, "backdrop": "blur:9", "zoom": 150}))
    loaded = file.load()
    assert loaded.notes == ()
    assert (loaded.settings.background, loaded.settings.zoom) == ("blur:9", 1.5)
    assert loaded.settings.version == 3
    file.path.write_text(json.dumps({"version": 1, "zoom": 150}))
    assert "cannot be converted" in file.load().notes[0]


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("not a folder")
    with pytest.raises(OutputError, match="MATTECAM_CONFIG"):
        live_settings_file(tmp_path / "folder" / "live.json").save(LiveSettings())
    target = tmp_path / "live.json"
    target.mkdir()
    with pytest.raises(OutputError):
        live_settings_file(target).save(LiveSettings())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "live.json"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"zoom": 0.5}, "zoom"),
        ({"size": "big"}, "size"),
        ({"output_size": (641, 480)}, "output_size"),
        ({"output_size": (0, 0)}, "output_size"),
        ({"output_rate": float("nan")}, "output_rate"),
        ({"precision": "int4"}, "precision"),
        ({"in_flight": 0}, "in_flight"),
    ],
)
def test_a_wrong_change_names_its_field(change: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=f"^{named}"):
        LiveSettings().but(**change)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        LiveSettings().zoom = 2.0  # type: ignore[misc]


def test_the_chain_gets_what_was_chosen() -> None:
    chosen = LiveSettings(size="512x288", temporal="off", background="transparent", refine=False)
    chain = chosen.chain()
    assert chain == ChainSettings(
        size=NetworkSize((512, 288)),
        temporal="off",
        background="transparent",
        refine=False,
        in_flight=1,
    )


def test_a_chain_comes_back_from_live_settings_as_it_went_in() -> None:
    """But for the frames in flight, which live chooses by itself."""
    chain = ChainSettings(
        weights="mine",
        engine="torch",
        device="cpu",
        precision="float32",
        size=NetworkSize((320, 192)),
        size_follows_subject=True,
        in_flight=1,
        compile=True,
        norms="fixed",
        temporal="ofd",
        refine=False,
        background="transparent",
        steps=("regions",),
        light=("match",),
    )
    assert LiveSettings().with_chain(chain).chain() == chain


def test_the_users_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTECAM_CONFIG", str(tmp_path))
    assert live_settings_file().path == tmp_path / "live.json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    raw=st.dictionaries(
        st.sampled_from(["version", *LiveSettings.model_fields]),
        st.none() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers()),
    )
)
def test_whatever_a_file_holds_the_start_goes_on(
    tmp_path_factory: pytest.TempPathFactory, raw: dict[str, Any]
) -> None:
    file = live_settings_file(tmp_path_factory.mktemp("settings") / "live.json")
    file.path.write_text(json.dumps({"version": 1, **raw}))
    loaded = file.load()
    assert isinstance(loaded.settings, LiveSettings)
    file.save(loaded.settings)
    assert file.load().notes == ()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"version": 1, "a": ' + b"[" * 100_000,
        '{"version": 1}'.encode("utf-16"),
        b"\0\1\xff",
        b'{"version": 1, "in_flight": ' + b"9" * 5000 + b"}",
        b" " * 2_000_000,
        b"null",
    ],
    ids=["deep", "deep inside", "utf-16", "binary", "digits", "large", "null"],
)
def test_a_file_that_is_no_settings_gives_the_defaults_and_a_note(
    file: SettingsFile[LiveSettings], content: bytes
) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(content)
    loaded = file.load()
    assert loaded.settings == LiveSettings()
    assert len(loaded.notes) == 1
    assert "\n" not in loaded.notes[0]


def test_a_byte_order_mark_before_the_settings_is_passed_over(
    file: SettingsFile[LiveSettings],
) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes('\ufeff{"version": 1, "zoom": 2}'.encode())
    assert file.load().settings.zoom == 2


def test_a_file_name_that_is_not_utf_8_is_saved_and_loaded(
    file: SettingsFile[LiveSettings],
) -> None:
    settings = LiveSettings(background="image:b\udcff.jpg")
    file.save(settings)
    assert file.load().settings == settings

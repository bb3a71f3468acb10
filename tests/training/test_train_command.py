"""`python main.py train`, as a user meets it: what is wrong is said before anything is spent."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from app.cli import main
from app.training import config
from tests.training.runs import SUPERVISED, random_weights, written

STILLS = '[[mix.people]]\nkind = "stills"\nfolder = "p"\n'


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("out = ", 2, "is no TOML"),
        ('out = "x"\n', 2, "names nothing to learn from"),
        ('out = "x"\nsteps = 0\n[supervised]\n', 2, "steps: Input should be greater than 0"),
        ('out = "x"\nlearning_rate = 1\n[soc]\n', 2, "learning_rate: Extra inputs"),
        ('out = "x"\nsizes = [[500, 288]]\n[soc]\n', 2, "sizes.0.0: Input should be a multiple"),
        ('out = "x"\nsizes = []\n[soc]\n', 2, "sizes: "),
        ('out = "x"\n[soc]\nshare = 0\n', 2, "every share is 0"),
        ('out = "x"\nweights = "none"\n[soc]\n', 2, "[mix] and [looks] teach"),
        ('out = "x"\nbackbone = "y"\n[soc]\n', 2, 'backbone is for weights = "none"'),
        ('out = "x"\n[mix]\npeople = []\n', 2, "mix.people: "),
        (f'out = "x"\n[mix]\nframes = [1, 4]\n{STILLS}', 2, "the least and the most"),
        (f'out = "x"\n[mix]\n{STILLS}', 2, "name some in mix.rooms"),
        (f'out = "x"\n[mix]\nnobody = 0.9\n{STILLS}', 2, "add up to more than 1"),
        ('out = "x"\n[looks]\nonly = "("\n', 2, "'(' is not a regular expression"),
        ('out = "x"\n[looks]\nplaces = ["nowhere.mp4"]\n', 1, "nowhere.mp4"),
        ('out = "x"\n[soc]\nclips = ["nowhere.mp4"]\n', 1, "nowhere.mp4"),
        ('out = "x"\nweights = "nobody"\n[supervised]\npairs = ["p"]\n', 1, "p is not there"),
        ('out = "x"\nweights = "none"\n[supervised]\npairs = ["p"]\n', 1, "p is not there"),
        ('out = "x"\nprecision = "float16"\ndevice = "cpu"\n[soc]\n', 2, "is for CUDA"),
        ('out = "x"\ndevice = "cuda:9"\n[soc]\n', 1, "finds no device 'cuda:9'"),
    ],
)
def test_a_configuration_that_cannot_be_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, said: str
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    assert main(["train", str(path)]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "nowhere.toml"]) == 1
    assert "There is no file nowhere.toml" in capsys.readouterr().err


def test_a_run_says_where_its_weights_are(
    tmp_path: Path, material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random_weights(tmp_path / "start.safetensors")
    path = written(tmp_path / "run.toml", SUPERVISED, weights="start.safetensors", steps=1)
    assert main(["train", str(path)]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "out/best.safetensors") in said
    assert main(["weights", "list"]) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate": 0.5}, "belongs to another configuration (it differs in rate)"),
        ({"learn": ["nothing"]}, "learn names 'nothing', and MODNet has"),
    ],
)
def test_what_does_not_fit_the_run_that_was_begun_is_refused(
    tmp_path: Path,
    material: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    said: str,
) -> None:
    random_weights(tmp_path / "start.safetensors")
    told = {"weights": "start.safetensors", "steps": 1}
    if "learn" not in changes:
        assert main(["train", str(written(tmp_path / "run.toml", SUPERVISED, **told))]) == 0
    path = written(tmp_path / "run.toml", SUPERVISED, **told, **changes)
    code = main(["train", str(path)])
    assert code in (1, 2)
    assert said in capsys.readouterr().err


def test_a_damaged_checkpoint_is_told(
    tmp_path: Path, material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/checkpoint.pt").write_bytes(b"half of it")
    path = written(tmp_path / "run.toml", SUPERVISED)
    assert main(["train", str(path)]) == 1
    assert "checkpoint.pt is damaged; remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "told"),
    [("kornia", "[augment]\n"), ("tensorboard", "")],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path,
    material: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    package: str,
    told: str,
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find_spec(name)
    )
    changes = {"tensorboard": True} if package == "tensorboard" else {}
    path = written(tmp_path / "run.toml", told + SUPERVISED, **changes)
    assert main(["train", str(path)]) == 2
    assert "needs" in (error := capsys.readouterr().err)
    assert "requirements.txt" in error


def test_a_backbone_that_is_none_is_refused(
    tmp_path: Path, material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "odd.pth")
    path = written(tmp_path / "run.toml", SUPERVISED, weights="none", backbone="odd.pth")
    assert main(["train", str(path)]) == 1
    assert "is not MODNet's" in capsys.readouterr().err


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path, material: Path) -> None:
    random_weights(tmp_path / "start.safetensors")
    told = config.read(written(tmp_path / "run.toml", SUPERVISED, weights="start.safetensors"))
    assert told.out == tmp_path / "out"
    assert told.weights == str(tmp_path / "start.safetensors")
    assert told.supervised is not None
    assert told.supervised.rooms == (tmp_path / "material/rooms",)
    named = config.read(written(tmp_path / "run.toml", SUPERVISED, weights="modnet-photographic"))
    assert named.weights == "modnet-photographic"


RECIPES = Path(__file__).resolve().parents[2] / "docs/recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_the_recipes_of_the_documentation_are_configurations(path: Path) -> None:
    told = config.read(path)
    assert told.validation is not None
    rooms = told.supervised.rooms if told.supervised is not None else ()
    rooms += told.mix.rooms if told.mix is not None else ()
    assert rooms
    # What comes with the program lies where they say.
    ours = [room for room in rooms if "assets" in room.parts]
    assert all(room.is_dir() for room in ours)

"""What all tests share: no network, no quarrel over cores, and the folder of real recordings."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import Forked
from hub_server import Hub, running_hub

from audio_ft.system.machine import rare_collections
from audio_ft.training import parity_check

# Read when torch, tokenizers and the Hugging Face libraries are imported, so set before any test imports them.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
# The number of threads changes the last bits of sums, so results must not depend on the machine's cores, nor on which
# test imports torch first. Thread pools of several workers on the same cores are ten times slower besides, measured.
os.environ["OMP_NUM_THREADS"] = "1"

REPOSITORY = Path(__file__).parents[1]
ASSETS = REPOSITORY / "audio_ft" / "assets"


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker a cache of its own, so that no test finds what another run or the user left."""
    config.stash[CACHE] = tempfile.mkdtemp(prefix="audio_ft-tests-")
    os.environ["HF_HOME"] = config.stash[CACHE]
    os.environ["AUDIO_FT_CACHE"] = os.path.join(config.stash[CACHE], "audio_ft")
    parity_check.CleanProcess = Forked
    # Saves an eighth of the time of tests that use torch.
    rarely = rare_collections()
    rarely.__enter__()
    config.add_cleanup(lambda: rarely.__exit__(None, None, None))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the cache."""
    shutil.rmtree(config.stash[CACHE], ignore_errors=True)


CACHE = pytest.StashKey[str]()


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Undo what an earlier test set; tests that do not need torch must not pay for importing it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real recordings and checkpoints: ../shared, or AUDIO_FT_SHARED."""
    folder = Path(os.environ.get("AUDIO_FT_SHARED", REPOSITORY.parent / "shared")).resolve()
    if folder.is_dir():
        return folder
    sentence = f"{folder} is missing: put the shared folder there, or name it in AUDIO_FT_SHARED"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """Return the folder of a finished run, for reading only: three steps on six clips of each shipped word.

    The scores are near chance; what the run left behind is complete. A test that writes into a run takes `own_run`.
    """
    from audio_ft import Data, Recipe
    from audio_ft.training.train import train

    recipe = Recipe(
        name="small",
        model=str(ASSETS / "wav2vec2-mini"),
        data=Data(path=str(ASSETS / "words"), limit=48),
        training={"max_steps": 3, "per_device_train_batch_size": 8},
    )
    folder = tmp_path_factory.mktemp("small") / "run"
    train(recipe, folder)
    pytestconfig.stash[SMALL_RUN] = folder, stamps(folder)
    return folder


@pytest.fixture
def own_run(small_run: Path, tmp_path: Path) -> Path:
    """Return a copy of `small_run` that a test may write into."""
    return Path(shutil.copytree(small_run, tmp_path / "own_run"))


@pytest.fixture(autouse=True)
def small_run_stays_as_it_is(pytestconfig: pytest.Config) -> Iterator[None]:
    """Fail the test that writes into the run that all tests share, and not whichever test comes later."""
    yield
    if SMALL_RUN in pytestconfig.stash:
        folder, before = pytestconfig.stash[SMALL_RUN]
        changed = sorted(name for name, _ in set(before) ^ set(stamps(folder)))
        if changed:
            pytestconfig.stash[SMALL_RUN] = folder, stamps(folder)
            pytest.fail(f"the test wrote {', '.join(changed)} into small_run; let it take own_run", pytrace=False)


SMALL_RUN = pytest.StashKey[tuple[Path, frozenset[tuple[str, int]]]]()


def stamps(folder: Path) -> frozenset[tuple[str, int]]:
    """Return every file below a folder with the time of its last change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return frozenset((str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in files)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Run a Hub on 127.0.0.1, empty."""
    with running_hub() as running:
        yield running

"""What all tests share: a home of their own, the shared data, a screen or a reason to skip."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.segmentation import Segmentation, TermMap
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue, coloured

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"

# Before anything imports napari, which reads its settings from the home folder at once.
_HOME = tempfile.mkdtemp(prefix="vslp-tests-")
for _name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
    os.environ[_name] = _HOME
# What fixtures of more than one test do; each test has folders of its own, see below.
for _name in ("cache", "models", "state"):
    os.environ[f"VSLP_{_name.upper()}"] = f"{_HOME}/{_name}"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_OPEN_A_WINDOW = "from qtpy.QtWidgets import QApplication; QApplication([])"


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@functools.cache
def _why_no_window() -> str:
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        return "there is no screen: install Xvfb (Debian, Ubuntu: apt-get install xvfb)"
    # In a process of its own, because Qt ends the whole process where it cannot start.
    tried = subprocess.run(
        [sys.executable, "-c", _OPEN_A_WINDOW],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if tried.returncode == 0:
        return ""
    said = " ".join(tried.stderr.split())[:300]
    return f"Qt cannot open a window: install the packages that .ci/run lists ({said})"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("window") is None or not (reason := _why_no_window()):
        return
    if os.environ.get("VSLP_WINDOW_REQUIRED"):
        pytest.fail(f"This run must not skip window tests, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _own_cache_and_models(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep every test off the user's folders and off what other tests left in theirs."""
    folder = tmp_path_factory.mktemp("user", numbered=True)
    monkeypatch.setenv("VSLP_CACHE", str(folder / "cache"))
    monkeypatch.setenv("VSLP_MODELS", str(folder / "models"))
    monkeypatch.setenv("VSLP_STATE", str(folder / "state"))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test reach another machine: nothing of the user's may leave this one."""

    def guarded(real: Callable[..., object]) -> Callable[..., object]:
        def act(one: socket.socket, *given: object) -> object:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                pytest.fail(f"{given[-1]} was called: nothing may leave the machine")
            return real(one, *given)

        return act

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))

    def no_name(host: object, *_: object, **__: object) -> None:
        pytest.fail(f"The address of {host} was asked for: nothing may leave the machine")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the shared histology data."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared histology data is not at {SHARED}")
    return SHARED


@pytest.fixture
def result() -> Segmentation:
    """Return a made-up result on a region of a 40 × 60 image: three tissues in stripes."""
    rng = np.random.default_rng(0)
    tissues = coloured(
        [Tissue("tumour", 0.5, 0.05), Tissue("Lymphozyten (µ)", 0.3, 0.0), Tissue("stroma")]
    )
    height, width = 30, 40
    labels = np.ones((height, width), np.uint8)
    labels[:, 20:32] = 2
    labels[:, 32:] = 3
    confidence = rng.dirichlet(np.ones(3), (height, width)).transpose(2, 0, 1).astype(np.float32)
    maps = rng.random((4, height, width)).astype(np.float32)
    return Segmentation(
        inputs=Inputs(
            ImageReference(shape=(40, 60), pixel_size_um=(0.5, 0.25)),
            tuple(tissues),
            (Click("tumour", 8, 12),),
        ),
        tissues=tuple(tissues),
        labels=labels,
        confidence=confidence,
        spread=maps[2],
        terms={
            "fidelity": TermMap.of(maps[0], "doubt: numbers"),
            "regularisation": TermMap.of(maps[1], "doubt: boundary"),
        },
        margin=maps[2],
        gap_map=maps[3],
        prices=np.array([0.1, -0.2, 0.0]),
        objective=1234.5,
        bound=1234.4,
        gap=8e-5,
        shares=np.array([0.5, 0.3, 0.2]),
        iterations=120,
        seconds=0.25,
        region=(5, 10, 5 + height, 10 + width),
        image_shape=(40, 60),
        settings=Settings(),
        weights_hash="abc",
        notes=("The image is grey; colour would help it.",),
        versions={"napari-vslp": "0.1.0"},
    )


@pytest.fixture
def image() -> np.ndarray:
    """Return the 30 × 40 region that `result` belongs to."""
    return np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)

"""Load the slow libraries beside the window without stopping it, as soon as the dock is open.

Measured on two cores, the window stands still while the libraries are imported for up to half a
second, for three reasons, each with its remedy here:

- Python opens libtorch_cpu.so (hundreds of MB) while it holds the interpreter's lock, and so does
  ``ctypes.CDLL``. But a function of a library that ctypes calls gives the lock away, dlopen
  itself among them; and a library that is open already costs the import nothing.
- The garbage collector runs again and again over the million objects that the imports make and
  keep, 0.2–0.4 s each time, and never gives the lock away. It pauses meanwhile, and afterwards
  leaves alone what is there by then (``gc.freeze``).
- The window waits 5 ms for the lock each time it needs it, many times an event. It waits a tenth
  of that meanwhile.

napari's colouring of labels compiles itself on first use, for more than a second: it does so here.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job, Progress
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue

_LIBRARIES = {
    "torch": ("lib", ("c10", "torch_cpu", "torch_cuda", "torch_python")),
    "llvmlite": ("binding", ("llvmlite",)),
}
_ENDINGS = ("lib{}.so", "lib{}.dylib", "{}.dll")
_MODULES = (
    "torch",
    "numba",
    "ot",
    "napari_vslp.pipeline",
    "napari_vslp.encoders.encoder",
    "napari_vslp.review.overview",
    "timm",
)
_SWITCH_S = 0.0005
_LOOK_S = 0.05
_SIDE = 64
_FEW = 10

_loading = threading.Lock()
_starting = threading.Lock()
_started: list[CancelToken] = []

_log = logging.getLogger(__name__)


def start() -> CancelToken:
    """Load everything in a thread of its own, once a process, so that the first Segment need not.

    Returns
    -------
    CancelToken
        Stops it, as at the end of the program.
    """
    with _starting:
        if not _started:
            _started.append(CancelToken())
            threading.Thread(
                target=_warm_up, args=(_started[0],), name="napari-vslp warm-up", daemon=True
            ).start()
    return _started[0]


def _warm_up(token: CancelToken) -> None:
    """Load libraries, network and compiled kernels by segmenting next to nothing."""
    job = Job(token)
    try:
        load_libraries(job)
        from napari_vslp import pipeline

        noise = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
        settings = Settings(cache=False, augmentation=False, max_iterations=_FEW)
        prepared = pipeline.prepare(noise, settings=settings, job=job)
        for names in ("ab", "abc"):  # two tissues have kernels of their own
            table = tuple(Tissue(name, 1 / len(names), 0.1) for name in names)
            clicks = [Click(name, 4, 4 + 9 * i) for i, name in enumerate(names)]
            pipeline.fuse(prepared, table, clicks=clicks, settings=settings, job=job)
    except Cancelled:
        _log.debug("the program ended before all was loaded")
    except VslpError as error:
        _log.debug("nothing could be tried out: %s", error)


def load_libraries(job: Job) -> None:
    """Open the shared libraries, import what the pipeline needs, and compile what napari needs.

    Two threads may ask at once; the second one waits for the first.
    """
    while not _loading.acquire(timeout=_LOOK_S):
        job.check()
    try:
        _load_libraries(job)
    finally:
        _loading.release()


def _load_libraries(job: Job) -> None:
    if all(module in sys.modules for module in _MODULES):
        return
    job.report(Progress("Starting: loading the libraries", 0.0))
    for package, (folder, names) in _LIBRARIES.items():
        for library in _found(package, folder, names):
            job.check()
            _open(library)
    with _gentle_on_the_window():
        for module in _MODULES[:-1]:
            job.check()
            importlib.import_module(module)
        from napari_vslp.encoders.timm_network import import_timm

        job.check()
        import_timm()
        _compile_label_colours()


@contextmanager
def _gentle_on_the_window() -> Iterator[None]:
    """Keep the garbage collector away and hand the interpreter's lock around more often."""
    collected, interval = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.freeze()
        if collected:
            gc.enable()


def _found(package: str, folder: str, names: tuple[str, ...]) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    home = Path(spec.origin).parent / folder
    paths = (home / ending.format(name) for name in names for ending in _ENDINGS)
    return [path for path in paths if path.exists()]


def _open(library: Path) -> None:
    """Open a library as the import will do; if it fails, only the head start is lost."""
    if sys.platform == "win32":
        # With the libraries beside it (0x100) and those of the usual folders (0x1000).
        ctypes.WinDLL("kernel32").LoadLibraryExW(str(library), None, 0x1100)
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    if not dlopen(os.fsencode(library), os.RTLD_NOW):
        _log.debug("%s could not be opened ahead", library)


def _compile_label_colours() -> None:
    from napari.utils.colormaps import DirectLabelColormap

    colours = DirectLabelColormap(color_dict={0: "transparent", 1: "red", None: "transparent"})
    colours.map(np.zeros((2, 2), np.uint8))

"""Puts a session file on its image: found among the open ones, where it lay, or pointed to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_vslp import demo
from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.progress import Job
from napari_vslp.core.saved.session_file import SavedSession, read_session
from napari_vslp.qt.sessions.keeper import Sessions
from napari_vslp.qt.viewer.source import Source, image_shape, read_source, reference
from napari_vslp.qt.work.worker import Runner

if TYPE_CHECKING:
    from napari_vslp.review.overview import Overview


@dataclass(frozen=True)
class _Checked:
    """Which of the images offered is the session's, and what is doubtful in its results."""

    place: int | None
    overviews: tuple[Overview | None, ...] = ()


class Opening(QObject):
    """Opens one session file at a time.

    Signals
    -------
    opened
        The image layer that it was put on.
    wanted
        A sentence: which image the session is of, which was not found or is another one. `retry`
        goes on with an image that the user points to.
    refused
        A sentence; nothing has changed.
    """

    opened = Signal(object)
    wanted = Signal(str)
    refused = Signal(str)

    def __init__(self, viewer: Viewer, sessions: Sessions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._sessions = viewer, sessions
        self._path = Path()
        self._own = True
        self._saved: SavedSession | None = None
        self._layers: Sequence[Image] = ()
        self._done: Callable[[], None] = lambda: None
        self._runner = Runner(self)
        self._runner.returned.connect(self._returned)
        self._runner.refused.connect(self.refused)
        self._runner.crashed.connect(lambda error: self.refused.emit(f"Not opened: {error}."))

    @property
    def busy(self) -> bool:
        """Whether a file is being opened."""
        return self._runner.busy

    def open(self, path: Path, done: Callable[[], None] | None = None) -> None:
        """Open a session file.

        Parameters
        ----------
        path
            The file.
        done
            For a file that is not the user's own, such as an autosave: called once its session is
            on its image and autosaved there; it then counts as unsaved.
        """
        self._path, self._own, self._done = path, done is None, done or (lambda: None)
        self._runner.start(lambda _job: read_session(path))

    def retry(self, path: Path) -> None:
        """Put the session on the image in a file that the user points to."""
        if self._saved is not None:
            self._check([], path)

    def shutdown(self) -> None:
        """Stop; the dock or the window is closing."""
        self._runner.let_go()

    def _returned(self, found: SavedSession | _Checked) -> None:
        if isinstance(found, SavedSession):
            self._saved = found
            self._look_for_image(found.history.inputs.image)
        elif self._saved is not None and found.place is not None:
            self._attach(self._saved, self._layers[found.place], found.overviews)
        else:
            self.wanted.emit(_sentence(self._asked, self._layers))

    @property
    def _asked(self) -> ImageReference:
        assert self._saved is not None  # noqa: S101 - it is read before an image is looked for
        return self._saved.history.inputs.image

    def _look_for_image(self, asked: ImageReference) -> None:
        layers = self._sessions.images.images()
        same = [x for x in layers if asked.path and str(x.source.path or "") == asked.path]
        alike = [x for x in layers if x not in same and _shape(x) == asked.shape]
        if self._saved is not None and not self._saved.identity.sha256:
            # Left before its pixels were ever hashed: by shape alone any image would do.
            alike = [x for x in alike if x.name == asked.name]
        if same or alike:
            self._check([*same, *alike])
        elif asked.path and Path(asked.path).is_file():
            self._check([], Path(asked.path))
        elif asked.name.startswith(demo.tumour_nest().title):
            sample = demo.tumour_nest()
            self._check([self._viewer.add_image(sample.image, name=sample.title, rgb=True)])
        else:
            self.wanted.emit(_sentence(asked, ()))

    def _check(self, layers: Sequence[Image], path: Path | None = None) -> None:
        """Compare the pixels of images with those of the session, in the thread."""
        if path is not None:
            try:
                layers = [x for x in self._viewer.open(path) if isinstance(x, Image)]
            except (OSError, ValueError) as error:
                self.refused.emit(f"“{path}” cannot be opened as an image ({error}).")
                return
        self._layers = layers
        if self._saved is None:
            return
        try:
            sources = [read_source(x, self._saved.identity.region) for x in layers]
        except VslpError as error:
            self.refused.emit(str(error))
            return
        self._runner.start(partial(_find, self._saved, sources))

    def _attach(
        self, saved: SavedSession, layer: Image, overviews: Sequence[Overview | None]
    ) -> None:
        if layer not in self._viewer.layers:
            self.wanted.emit(_sentence(self._asked, ()))
            return
        binding = self._sessions.images.binding(layer, Inputs(image=reference(layer)))
        keeping = self._sessions.keeping(binding)
        binding.take_over()
        had_work = keeping.dirty
        keeping.leave()  # what was unsaved here is not lost: it is offered
        for step, overview in zip(saved.history.steps, overviews, strict=True):
            if step.result is not None and overview is not None:
                binding.review.keep(step.result, overview, ())
        binding.session.restore(saved.history)
        binding.session.name_image(
            name=layer.name,
            path=str(layer.source.path or "") or self._asked.path,
            shape=image_shape(layer),
        )
        if self._own:
            keeping.saved(self._path, keeping.edits)
            kept = True
        else:
            keeping.touch()
            kept = keeping.keep_now()
        if had_work:
            self._sessions.left.emit()
        self._saved = None
        self.opened.emit(layer)
        if kept:  # else the file that was opened is the only copy
            self._done()


def _shape(layer: Image) -> tuple[int, int] | None:
    try:
        return image_shape(layer)
    except VslpError:
        return None


def _sentence(asked: ImageReference, others: Sequence[Image]) -> str:
    name = asked.name or Path(asked.path).name or "its image"
    if others:
        return f"This session is of another image, “{name}”: the pixels differ."
    where = f" It was at {asked.path}." if asked.path else ""
    return f"This session is of “{name}”, which was not found.{where}"


def _find(saved: SavedSession, sources: Sequence[Source], job: Job) -> _Checked:
    from napari_vslp.prepared import same_pixels
    from napari_vslp.review.overview import look_over

    shape, identity = saved.history.inputs.image.shape, saved.identity
    for place, source in enumerate(sources):
        job.check()
        if shape not in ((0, 0), source.shape):
            continue
        if same_pixels(source.data, identity.sha256, identity.region) is None:
            continue
        known: dict[int, Overview] = {}
        for step in saved.history.steps:
            if step.result is not None and id(step.result) not in known:
                known[id(step.result)] = look_over(step.result, job)
        return _Checked(place, tuple(known.get(id(s.result)) for s in saved.history.steps))
    return _Checked(None)

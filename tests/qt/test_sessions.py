"""Sessions in the window: autosaved, saved, opened, offered after a crash, asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from PIL import Image as Picture
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_vslp.core.saved import autosave
from napari_vslp.core.saved.autosave import Autosave, autosave_folder, left_behind
from napari_vslp.core.saved.session_file import read_session
from napari_vslp.encoders.cache import content_hash
from napari_vslp.qt.segment.dock import SegmentDock
from napari_vslp.qt.sessions import commands
from napari_vslp.qt.viewer.maps import LABELS
from tests.qt.conftest import Window

pytestmark = pytest.mark.window


@pytest.fixture
def file(tmp_path, picture):
    Picture.fromarray(picture).save(tmp_path / "slide.png")
    return tmp_path / "slide.png"


@pytest.fixture
def window(empty_window, file):
    """Return a hidden viewer with an image that has a file, and the dock."""
    (empty_window.image,) = empty_window.viewer.open(file, plugin="napari")
    settle(empty_window)
    return empty_window


def keeping(window):
    return window.dock.sessions.sessions.keeping(window.binding)


def settle(window):
    window.until(lambda: not window.dock.sessions.busy)
    if window.binding is not None:
        window.until(lambda: keeping(window).settled)


def move(window, steps):
    window.dock.table.rows[0].slider.setValue(steps)


def autosaved():
    return sorted(autosave_folder().glob("*.vslp"))


def save(window, path):
    window.dock.sessions.save_to(path)
    window.until(path.exists)
    settle(window)


@pytest.fixture
def second(make_napari_viewer):
    """Return what opens another window in the same process."""
    windows = []

    def make(window):
        windows.append(Window(make_napari_viewer(), window.qtbot))
        return windows[-1]

    yield make
    for one in windows:
        one.close()


def crash(window):
    """Let go of the autosaves as the end of a process does."""
    settle(window)
    keeping(window)._autosave.leave()


def closed(window):
    """Return whether the window may close, with the question asked before."""
    guard = window.dock.sessions.guard
    return not guard.eventFilter(window.viewer.window._qt_window, QCloseEvent())


# ---- autosave


def test_each_edit_is_on_the_disk_once_the_hand_rests(window):
    assert autosaved() == []
    for steps in (700, 650, 600):
        move(window, steps)
    settle(window)
    (path,) = autosaved()
    assert read_session(path).history.inputs == window.inputs
    window.dock.run.undo.click()
    settle(window)
    assert autosaved() == [path]
    assert read_session(path).history.inputs == window.inputs


def test_what_was_never_segmented_is_known_by_its_pixels(window, file):
    move(window, 700)
    settle(window)
    (path,) = autosaved()
    pixels = np.asarray(window.image.data)[..., :3]
    assert read_session(path).identity.sha256 == content_hash(pixels)
    crash(window)
    window.viewer.layers.clear()
    Picture.fromarray(255 - pixels).save(file)
    window.dock.sessions.look_for_left()
    window.until(lambda: not window.dock.session_bar.question.isHidden())
    window.dock.session_bar.answered.emit(True)
    window.until(lambda: "pixels differ" in window.dock.session_bar.sentence.text())
    assert path in autosaved()


def test_a_drag_without_rest_is_written_too(window):
    for step in range(40):
        move(window, 300 + 5 * step)
        window.qtbot.wait(40)
    assert len(autosaved()) == 1


def test_nothing_said_is_nothing_kept(window):
    window.qtbot.wait(400)
    assert autosaved() == []
    assert window.dock.session_bar.state.text() == "Session"


def test_a_full_disk_is_said_once_and_the_last_autosave_stays(window, monkeypatch):
    move(window, 700)
    settle(window)
    before = autosaved()[0].read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(autosave, "write_session", full)
    count = len(notification_manager.records)
    for steps in (600, 500):
        move(window, steps)
        settle(window)
    said = [record.message for record in list(notification_manager.records)[count:]]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert autosaved()[0].read_bytes() == before
    assert window.shares[0] == pytest.approx(0.5)


def test_an_image_that_is_removed_leaves_its_work(window):
    move(window, 700)
    settle(window)
    window.viewer.layers.remove(window.image)
    window.until(lambda: window.dock.session_bar.sentence.text() != "")
    assert "slide" in window.dock.session_bar.sentence.text()
    assert len(left_behind()) == 1


# ---- after a crash


def test_what_a_crash_left_is_offered_and_reopened(window, fake, second):
    row = window.dock.table.rows[1]
    row.pick.click()
    window.binding.clicks.layer.add([5, 6])
    window.segment()
    move(window, 700)
    inputs = window.inputs
    crash(window)
    again = second(window)
    bar = again.dock.session_bar
    again.until(lambda: not bar.question.isHidden())
    assert bar.sentence.text().startswith("“slide” was closed unsaved on ")
    assert bar.yes.text() == "Reopen"
    bar.yes.click()
    again.until(lambda: again.binding is not None and again.inputs.tissues == inputs.tissues)
    settle(again)
    assert again.inputs.clicks == inputs.clicks
    assert bar.question.isHidden()
    np.testing.assert_array_equal(again.binding.clicks.layer.data, [[5, 6]])
    assert bar.state.text() == "Unsaved changes"
    assert len(autosaved()) == 1
    assert left_behind() == []
    again.dock.run.undo.click()
    assert again.shares[0] == pytest.approx(0.45)


def test_what_a_crash_left_is_discarded(window, second):
    move(window, 700)
    crash(window)
    again = second(window)
    again.until(lambda: not again.dock.session_bar.question.isHidden())
    again.dock.session_bar.no.click()
    assert autosaved() == []
    assert again.dock.session_bar.question.isHidden()


def test_two_windows_at_work_do_not_take_each_others_autosave(window, file, second):
    move(window, 700)
    settle(window)
    again = second(window)
    again.viewer.open(file, plugin="napari")
    move(again, 600)
    settle(again)
    assert again.dock.session_bar.question.isHidden()
    assert len(autosaved()) == 2
    assert left_behind() == []
    again.close()
    closed(again)
    assert len(left_behind()) == 1  # a script closed it, and nobody was asked


def test_two_docks_keep_one_autosave(window):
    other = SegmentDock(window.viewer)
    window.qtbot.addWidget(other)
    move(window, 700)
    settle(window)
    assert other.session_bar.state.text() == "Unsaved changes"
    assert len(autosaved()) == 1
    other.controller.shutdown()


# ---- save and open


def test_a_saved_session_opens_with_results_and_undo(window, fake, tmp_path, second):
    first = window.segment()
    move(window, 900)
    last = window.segment()
    save(window, tmp_path / "a.vslp")
    assert window.dock.session_bar.state.text() == "a.vslp"
    assert autosaved() == []
    again = second(window)
    again.dock.sessions.opening.open(tmp_path / "a.vslp")
    again.until(lambda: again.session.result is not None)
    again.settle()
    assert again.inputs == window.inputs
    np.testing.assert_array_equal(again.binding.layers.layer(LABELS).data, last.labels)
    assert again.dock.session_bar.state.text() == "a.vslp"
    assert not again.session.stale
    assert again.binding.review.overview is not None
    again.dock.run.undo.click()
    again.settle()
    np.testing.assert_array_equal(again.binding.layers.layer(LABELS).data, first.labels)
    again.segment()


def test_a_session_goes_onto_the_image_that_is_open(window, tmp_path):
    move(window, 700)
    save(window, tmp_path / "a.vslp")
    move(window, 300)
    window.dock.sessions.opening.open(tmp_path / "a.vslp")
    window.until(lambda: window.shares[0] == pytest.approx(0.7))
    assert len(window.viewer.layers) == 1
    # What was unsaved is not lost.
    window.until(lambda: not window.dock.session_bar.question.isHidden())
    window.dock.session_bar.yes.click()
    window.until(lambda: window.shares[0] == pytest.approx(0.3))


def test_an_image_that_has_moved_is_asked_for_by_name(window, file, tmp_path, monkeypatch, second):
    move(window, 700)
    save(window, tmp_path / "a.vslp")
    moved = tmp_path / "else" / "other name.png"
    moved.parent.mkdir()
    file.rename(moved)
    again = second(window)
    again.dock.sessions.opening.open(tmp_path / "a.vslp")
    bar = again.dock.session_bar
    again.until(lambda: not bar.question.isHidden())
    assert bar.sentence.text() == (
        f"This session is of “slide”, which was not found. It was at {file}."
    )
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(moved), ""))
    bar.yes.click()
    again.until(lambda: again.binding is not None and again.shares[0] == pytest.approx(0.7))
    assert again.inputs.image.path == str(moved)


def test_an_image_of_other_pixels_is_said_and_nothing_applied(
    window, file, picture, tmp_path, second
):
    move(window, 700)
    save(window, tmp_path / "a.vslp")
    other = picture.copy()
    other[3, 4] ^= 1
    Picture.fromarray(other).save(file)
    again = second(window)
    again.dock.sessions.opening.open(tmp_path / "a.vslp")
    bar = again.dock.session_bar
    again.until(lambda: not bar.question.isHidden())
    assert bar.sentence.text() == "This session is of another image, “slide”: the pixels differ."
    assert again.shares[0] == pytest.approx(0.45)
    bar.no.click()
    assert bar.question.isHidden()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"{}"])
def test_a_damaged_file_is_refused_and_nothing_changes(content, window, tmp_path):
    move(window, 700)
    before = window.inputs
    (tmp_path / "a.vslp").write_bytes(content)
    window.dock.sessions.opening.open(tmp_path / "a.vslp")
    window.until(lambda: "a.vslp" in window.status)
    assert window.inputs == before


def test_a_folder_that_takes_no_file_is_said(window, tmp_path):
    move(window, 700)
    (tmp_path / "taken").write_text("a file")
    window.dock.sessions.save_to(tmp_path / "taken" / "a.vslp")
    window.until(lambda: "cannot be written" in window.status)
    assert keeping(window).dirty


def test_layers_deleted_renamed_and_reordered_do_not_disturb_a_save(window, fake, tmp_path):
    window.dock.table.rows[0].pick.click()
    window.binding.clicks.layer.add([5, 6])
    window.segment()
    layers = window.viewer.layers
    window.binding.layers.layer(LABELS).name = "mine"
    layers.move(0, len(layers))
    layers.remove(next(x for x in layers if x.name.endswith("doubt about boundaries")))
    layers.remove(window.binding.clicks.layer)
    save(window, tmp_path / "a.vslp")
    saved = read_session(tmp_path / "a.vslp")
    assert saved.history.inputs == window.inputs
    assert saved.history.inputs.clicks == ()
    window.dock.run.undo.click()
    assert len(window.inputs.clicks) == 1


# ---- closing


class Answer:
    """Answers the question before closing."""

    def __init__(self, monkeypatch, answer):
        self.asked = []

        def exec_(box):
            self.asked.append(box.text())
            return answer

        monkeypatch.setattr(QMessageBox, "exec", exec_)


@pytest.fixture
def shown(make_shown_window, file):
    window = make_shown_window()
    window.viewer.open(file, plugin="napari")
    return window


def test_closing_asks_and_can_be_called_off(shown, monkeypatch):
    answer = Answer(monkeypatch, QMessageBox.StandardButton.Cancel)
    move(shown, 700)
    shown.viewer.window._qt_window.close()
    assert len(answer.asked) == 1
    assert "“slide”" in answer.asked[0]
    assert shown.viewer.window._qt_window.isVisible()
    assert shown.shares[0] == pytest.approx(0.7)
    move(shown, 600)
    settle(shown)
    assert len(autosaved()) == 1


def test_closing_saves_what_is_asked_for(shown, monkeypatch, tmp_path):
    Answer(monkeypatch, QMessageBox.StandardButton.Save)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "a"), ""))
    move(shown, 700)
    inputs = shown.inputs
    assert closed(shown)
    assert read_session(tmp_path / "a.vslp").history.inputs == inputs
    assert autosaved() == []


def test_closing_discards_what_is_not_wanted(shown, monkeypatch):
    answer = Answer(monkeypatch, QMessageBox.StandardButton.Discard)
    move(shown, 700)
    settle(shown)
    assert closed(shown)
    assert len(answer.asked) == 1
    assert autosaved() == []


def test_closing_what_is_saved_or_untouched_asks_nothing(shown, monkeypatch, tmp_path):
    answer = Answer(monkeypatch, QMessageBox.StandardButton.Cancel)
    move(shown, 700)
    save(shown, tmp_path / "a.vslp")
    assert closed(shown)
    assert answer.asked == []


def test_a_window_closed_in_the_middle_of_a_run_leaves_its_work(window, fake):
    fake.gate.clear()
    move(window, 700)
    window.dock.run.segment.click()
    window.close()
    closed(window)
    (left,) = left_behind()
    assert read_session(left.path).history.inputs.tissues[0].value == pytest.approx(0.7)


# ---- napari's menus and reader


def test_the_commands_have_plain_titles():
    manifest = PluginManager.instance().get_manifest("napari-vslp")
    titles = {one.id: one.title for one in manifest.contributions.commands}
    assert titles["napari-vslp.save_session"] == "Save session"
    assert titles["napari-vslp.open_session"] == "Open session"


def test_a_dropped_session_opens_with_its_image(window, tmp_path, monkeypatch, second):
    move(window, 700)
    save(window, tmp_path / "a.vslp")
    again = second(window)
    monkeypatch.setattr(commands, "dock_of", lambda _: again.dock)
    monkeypatch.setattr(commands, "opened_dock", lambda _: again.dock)
    monkeypatch.setattr(commands.napari, "current_viewer", lambda: again.viewer)
    again.viewer.open(tmp_path / "a.vslp", plugin="napari-vslp")
    again.until(lambda: again.binding is not None and again.shares[0] == pytest.approx(0.7))
    assert [layer.name for layer in again.viewer.layers] == ["slide"]
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a: (asked.append(a[2]), ("", ""))[1]
    )
    commands.save_session()
    assert Path(asked[0]).name == "a.vslp"


def test_the_reader_leaves_other_files_alone():
    assert commands.read_vslp("a.png") is None
    assert commands.read_vslp(["a.vslp", "b.png"]) is None
    assert commands.read_vslp("A.VSLP") is not None


def test_the_picture_is_found_again_without_a_file_if_it_is_open(
    empty_window, picture, tmp_path, second
):
    window = empty_window
    window.viewer.add_image(picture, name="array", rgb=True)
    move(window, 700)
    save(window, tmp_path / "a.vslp")
    again = second(window)
    again.viewer.add_image(picture.copy(), name="the same", rgb=True)
    again.dock.sessions.opening.open(tmp_path / "a.vslp")
    again.until(lambda: again.shares[0] == pytest.approx(0.7))
    assert again.inputs.image.name == "the same"


def test_a_file_that_another_process_left_is_offered_by_its_image(window, result):
    from tests.core.saved.made import busy_session

    left = Autosave(window.inputs.image)
    left.write(busy_session(result).history())
    left.leave()
    window.dock.sessions.look_for_left()
    window.until(lambda: not window.dock.session_bar.question.isHidden())
    assert "“Schnitt ä.png”" in window.dock.session_bar.sentence.text()

"""The dock “Teach tissues”, driven as a hand would; most trainings only pretend."""

from __future__ import annotations

import csv
import math
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from PIL import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_vslp.cli.arguments import build_parser
from napari_vslp.core.errors import Remedy, VslpError
from napari_vslp.core.options import option
from napari_vslp.core.registries import LEARNERS
from napari_vslp.demo import tumour_nest
from napari_vslp.encoders.model_names import models_folder
from napari_vslp.qt.parts.small_plot import NO_PLOTS
from napari_vslp.qt.teach import messages
from napari_vslp.qt.teach import process as train_process
from napari_vslp.qt.teach.dock import TrainDock
from napari_vslp.qt.teach.form import BESIDE, ELSEWHERE, IN_THE_LIST, THOROUGHNESS
from napari_vslp.qt.teach.history import MetricHistory, StepTimer, lies_there
from napari_vslp.qt.teach.run import START_OVER, SURE

pytestmark = pytest.mark.window

# Writes what `napari-vslp train` writes, and leaves the folder that it leaves.
FAKE = """
import json, os, shutil, signal, sys, time
from pathlib import Path

how, given = sys.argv[1], dict(a.split("=", 1) for a in sys.argv[3:] if "=" in a)
out = Path(given["--out"])
work = out.with_name(out.stem + ".training")
if "--restart" in sys.argv:
    shutil.rmtree(work, ignore_errors=True)
if how.startswith("refuse:"):
    what, mend, remedy = how[7:].split("|")
    print(json.dumps({"kind": "refused", "what": what, "mend": mend, "remedy": remedy}))
    print(f"napari-vslp: {what}: {mend}.", file=sys.stderr)
    sys.exit(2)
asked = []
signal.signal(signal.SIGINT, lambda *_: asked.append(how != "deaf"))
work.mkdir(parents=True, exist_ok=True)
(work / "state.json").write_text("{}")
lines = work / "curves.csv"
if not lines.exists():
    lines.write_text("round,step,loss,held_out_loss,area_error,seconds\\n")
done = {tuple(map(int, row.split(",")[:2])) for row in lines.read_text().split()[1:]}


def say(**report):
    print(json.dumps(report), flush=True)


print("a library's advice", flush=True)
rounds = [int(steps) for steps in given.get("--steps", "50").split(",")]
say(kind="reading", stage="Reading the images", fraction=0.5, plan=rounds)
for turn, steps in enumerate(rounds):
    place = {"round": turn, "rounds": len(rounds), "steps": steps}
    place["stage"] = f"Learning, round {turn + 1} of {len(rounds)}"
    for step in range(25, steps + 1, 25):
        if (turn, step) in done:
            continue
        say(kind="round", fraction=(step - 1) / steps, step=step - 1, **place)
        time.sleep({"slow": 0.1, "deaf": 0.1}.get(how, 0.001))
        if any(asked):
            print("napari-vslp: Stopped and saved; give the same command again.", file=sys.stderr)
            sys.exit(130)
        known = {"loss": 1 / step, "held_out_loss": 1.0, "area_error": 5 / (step + 100 * turn)}
        if how == "few":
            del known["area_error"], known["held_out_loss"]
        with lines.open("a") as file:
            cells = [known.get(n, "") for n in ("loss", "held_out_loss", "area_error")]
            file.write(",".join(map(str, [turn, step, *cells, 1])) + "\\n")
        say(kind="check", fraction=step / steps, step=step, figures=known, **place)
        say(kind="saved", fraction=step / steps, step=step, **place)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "broken":
            raise RuntimeError("not enough room on the graphics card")
out.parent.mkdir(parents=True, exist_ok=True)
out.write_bytes(b"a model")
shutil.rmtree(work)
say(kind="done", stage="Done", fraction=1.0, path=str(out), note="That was all.")
"""


class Teacher:
    """A shown viewer with the dock, and what a hand does with it."""

    def __init__(self, viewer, qtbot, command):
        self.viewer, self.qtbot = viewer, qtbot
        self.dock = TrainDock(viewer, command)
        viewer.window.add_dock_widget(self.dock, name="Teach tissues", area="right")
        self.table, self.form, self.run = self.dock.table, self.dock.form, self.dock.run
        self.process = self.dock.controller.training.process

    @property
    def status(self):
        return self.run.status.text()

    def choose(self, thoroughness):
        self.form.options.controls["steps"].widget.setCurrentIndex(thoroughness)

    @property
    def difference(self):
        return self.dock.curves.history.line("area_error")

    def until(self, is_true, seconds=20):
        self.qtbot.waitUntil(is_true, timeout=int(1000 * seconds))

    def click(self, button):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def read(self, path):
        self.table.choose(path)
        self.settle()

    def settle(self):
        self.until(lambda: not self.dock.controller.runner.busy)

    def begin(self, steps=None):
        """Press Start and wait for the first check, or `steps` of them in all."""
        self.click(self.run.start)
        self.until(lambda: self.process.running)
        if steps is not None:
            self.until(lambda: len(self.dock.curves.history) >= steps)

    def ended(self, seconds=20):
        self.until(lambda: not self.process.running and self.run.start.isEnabled(), seconds)


@pytest.fixture
def teach(make_napari_viewer, qtbot, tmp_path):
    """Return what opens the dock with a training that pretends, in one of the ways of `FAKE`."""
    script, made = tmp_path / "fake.py", []
    script.write_text(FAKE, encoding="utf-8")

    def make(how="quick", command=None):
        command = command or (sys.executable, str(script), how)
        made.append(Teacher(make_napari_viewer(show=True), qtbot, command))
        return made[-1]

    yield make
    for teacher in made:
        teacher.dock.controller.end()


@pytest.fixture
def table(tmp_path):
    """Return a table of eight crops of the bundled sample, 64 px wide."""
    image, folder = tumour_nest().image, tmp_path / "colon"
    folder.mkdir()
    rows = [["image", "diagnosis", "Tumour", "Stroma", "split"]]
    for i in range(8):
        Image.fromarray(image[60 * i : 60 * i + 64, 200:264]).save(folder / f"{i}.png")
        split = "train" if i < 6 else "test"
        rows.append([f"{i}.png", "adenocarcinoma", f"{10 + 10 * i}", f"{90 - 10 * i}", split])
    return write(folder / "colon.csv", rows)


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def change(path, old, new):
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def sentences():
    return [note.message for note in notification_manager.records]


def test_a_dropped_table_is_summed_up(teach, table):
    teacher = teach()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(table))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    action = Qt.DropAction.CopyAction
    teacher.dock.dropEvent(QDropEvent(QPointF(50, 50), action, data, buttons, keys))
    teacher.settle()
    shown = teacher.table
    assert shown.path.text() == str(table)
    assert shown.summary.text() == "8 images, 2 tissues; their shares vary:"
    assert {n: s.text() for n, s in shown.ticks.spans.items()} == {
        "diagnosis": "",
        "Tumour": "10–80 %",
        "Stroma": "20–90 %",
    }
    assert shown.ticks.ticked() == ("Tumour", "Stroma")
    assert [shown.rows.itemText(i) for i in range(3)] == ["All rows", "test", "train"]
    assert teacher.form.name.text() == "colon"
    assert not shown.problem.isVisible()


def test_rows_ticks_and_precision_are_read_anew(teach, table):
    teacher = teach()
    teacher.read(table)
    shown = teacher.table
    shown.rows.setCurrentIndex(2)
    shown.rows.activated.emit(2)
    teacher.settle()
    assert shown.summary.text().startswith("6 images")
    teacher.click(shown.ticks.boxes["Stroma"])
    teacher.settle()
    assert shown.ticks.spans["other"].text() == "40–90 %"
    shown.tolerance.setValue(5)
    teacher.settle()
    assert shown.reading.query.tolerance == 5
    teacher.click(shown.ticks.boxes["Tumour"])
    teacher.settle()
    assert "tick the columns" in shown.problem.text()


def test_a_column_of_words_is_told_in_the_words_of_the_window(teach, table):
    teacher = teach()
    teacher.read(table)
    teacher.click(teacher.table.ticks.boxes["diagnosis"])
    teacher.settle()
    problem = teacher.table.problem
    assert problem.isVisible()
    assert "“adenocarcinoma” in the column “diagnosis”" in problem.text()
    assert "--" not in problem.text()
    assert teacher.status == problem.text()
    assert problem.text() in sentences()
    teacher.click(teacher.run.start)
    assert not teacher.process.running
    assert teacher.status == problem.text()
    teacher.click(teacher.table.ticks.boxes["diagnosis"])
    teacher.settle()
    assert not problem.isVisible()


def test_what_is_no_table_leaves_the_one_there_was(teach, table, tmp_path):
    teacher = teach()
    teacher.read(table)
    for name, text in (("no.csv", "a,b\n1,2\n"), ("empty.csv", "")):
        (tmp_path / name).write_text(text)
        teacher.read(tmp_path / name)
        assert name in teacher.status
        assert teacher.status in sentences()
        assert teacher.table.path.text() == str(table)
        assert teacher.table.summary.text().startswith("8 images")
    teacher.read(tmp_path / "missing.csv")
    assert "no file" in teacher.status


def test_images_elsewhere_are_found_by_choosing_their_folder(teach, table, monkeypatch):
    elsewhere = table.parent / "elsewhere"
    elsewhere.mkdir()
    for image in table.parent.glob("*.png"):
        image.rename(elsewhere / image.name)
    teacher = teach()
    teacher.read(table)
    assert "8 of the 8 images" in teacher.table.problem.text()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(elsewhere))
    teacher.click(teacher.table.images_button)
    teacher.settle()
    assert not teacher.table.problem.isVisible()
    assert teacher.table.images.text() == str(elsewhere)


def test_a_sum_that_is_off_is_told_without_flags(teach, table):
    change(table, "10,90", "10,70")
    teacher = teach()
    teacher.read(table)
    assert "add up to 80 %" in teacher.table.problem.text()
    assert "tick the right columns" in teacher.table.problem.text()


def test_a_training_shows_its_way_and_its_end(teach, table):
    teacher = teach("slow")
    teacher.choose(0)
    teacher.read(table)
    teacher.begin(1)
    assert not teacher.table.isEnabled()
    assert not teacher.run.start.isEnabled()
    teacher.until(lambda: "About 10 s of learning left." in teacher.status)
    assert teacher.status.startswith("Learning, round 1 of 2…")
    assert teacher.dock.curves.difference.plot.isVisible()
    teacher.ended()
    steps, points = teacher.difference
    assert steps[:4] == [25, 50, 75, 100]
    assert math.isnan(points[4])
    assert steps[-1] == 300
    drawn = teacher.dock.curves.difference.curve.getData()[1]
    np.testing.assert_allclose(drawn, [100 * value for value in points])
    assert teacher.status == (
        "“colon” is ready, in the list of models. On images kept aside its areas are "
        "1.7 points from the typed ones."
    )
    assert (models_folder() / "colon.safetensors").exists()
    assert teacher.table.isEnabled()
    teacher.click(teacher.run.start)
    assert teacher.status == "There is already a model called “colon”: type another name."


def test_what_is_chosen_is_what_the_training_is_told(teach, table, monkeypatch, tmp_path):
    teacher, told = teach(), []
    teacher.read(table)
    teacher.table.tolerance.setValue(2.5)
    teacher.settle()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "mine"))
    places = [teacher.form.place.itemText(i) for i in range(teacher.form.place.count())]
    assert places == [IN_THE_LIST, ELSEWHERE]
    teacher.form.place.setCurrentIndex(1)
    teacher.form.place.activated.emit(1)
    monkeypatch.setattr(teacher.process, "start", told.extend)
    teacher.click(teacher.run.start)
    parsed = build_parser().parse_args(["train", *told, "--json-lines"])
    assert parsed.cohort == table
    assert parsed.out == tmp_path / "mine" / "colon.safetensors"
    assert parsed.encoder == "bundled"
    assert (parsed.tissues, parsed.split, parsed.images) == ("Tumour,Stroma", None, None)
    assert parsed.tolerance == 2.5
    assert parsed.steps == (200, 150, 150, 150)
    assert parsed.learner == "proportions"
    assert not parsed.restart


@pytest.mark.parametrize("name", ["", "bundled", "a/b"])
def test_a_name_that_cannot_be_is_refused(teach, table, name):
    teacher = teach()
    teacher.read(table)
    teacher.form.name.setText(name)
    teacher.click(teacher.run.start)
    assert not teacher.process.running
    assert "name" in teacher.status


def test_without_a_table_nothing_starts(teach):
    teacher = teach()
    teacher.click(teacher.run.start)
    assert teacher.status == messages.NO_TABLE
    assert teacher.run.start.isEnabled()


def test_stop_saves_and_go_on_goes_on(teach, table):
    teacher = teach("slow")
    teacher.choose(0)
    teacher.read(table)
    teacher.begin(2)
    teacher.click(teacher.run.stop)
    assert teacher.status == messages.STOPPING
    assert not teacher.run.stop.isEnabled()
    teacher.ended()
    assert teacher.status == messages.STOPPED
    assert teacher.run.start.text() == "Go on"
    before = teacher.difference[0]
    teacher.begin(len(before) + 1)
    assert teacher.difference[0][: len(before)] == before
    teacher.ended()
    assert teacher.run.start.text() == "Start"
    assert len(set(teacher.difference[0])) == 12


def test_another_day_the_stopped_training_is_offered(teach, table):
    folder = models_folder() / "colon.training"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{}")
    (folder / "curves.csv").write_text("round,step,loss,area_error\n0,25,1,0.2\n0,5")
    teacher = teach("slow")
    teacher.read(table)
    assert (teacher.run.start.text(), teacher.status) == ("Go on", messages.SAVED_BEFORE)
    teacher.form.name.setText("another")
    assert teacher.run.start.text() == "Start"
    assert not teacher.run.over.isVisible()
    teacher.form.name.setText("colon")
    teacher.click(teacher.run.over)
    assert teacher.run.over.text() == SURE
    assert not teacher.process.running
    teacher.click(teacher.run.over)
    teacher.until(lambda: teacher.process.running)
    assert teacher.run.over.text() == START_OVER
    assert teacher.difference == ([], [])
    assert "--restart" in teacher.dock.controller.training.order.arguments


def test_a_killed_training_is_told_and_goes_on(teach, table):
    teacher = teach("killed")
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    assert teacher.status == (
        "The system ended the training, perhaps because memory ran out: press Go on to go on "
        "from the last save."
    )
    assert teacher.status in sentences()
    assert teacher.run.start.text() == "Go on"


def test_a_fault_of_ours_is_one_sentence(teach, table):
    teacher = teach("broken")
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    assert "RuntimeError: not enough room on the graphics card" in teacher.status
    assert "press Go on" in teacher.status


@pytest.mark.parametrize(
    ("what", "mend", "remedy", "shown"),
    [
        (
            "The training in /a was begun with other settings",
            "add --restart to begin anew, or name another folder with --work",
            "restart or folder",
            "The training in /a was begun with other settings: press Start over, or type another "
            "name.",
        ),
        (
            "Training needs one more package",
            "pip install “napari-vslp[train]”",
            "",
            "Training needs one more package: pip install “napari-vslp[train]”.",
        ),
    ],
)
def test_errors_of_the_training_are_shown(teach, table, what, mend, remedy, shown):
    teacher = teach(f"refuse:{what}|{mend}|{remedy}")
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    assert teacher.status == shown
    assert shown in sentences()


def test_a_program_that_is_not_there_is_told(teach, table):
    teacher = teach(command=("/no/such/python",))
    teacher.read(table)
    teacher.click(teacher.run.start)
    teacher.ended()
    assert "could not be started" in teacher.status
    assert teacher.status.endswith("press Start to try again.")


def test_a_training_that_does_not_answer_is_ended(teach, table, monkeypatch):
    teacher = teach("deaf")
    teacher.process._ask_again.setInterval(20)
    monkeypatch.setattr(train_process, "_ASKS", 3)
    teacher.read(table)
    teacher.begin(1)
    teacher.click(teacher.run.stop)
    teacher.ended()
    assert teacher.status == messages.STOPPED


def test_closing_the_dock_stops_and_saves(teach, table):
    teacher = teach("slow")
    teacher.read(table)
    teacher.begin(1)
    teacher.viewer.window.remove_dock_widget(teacher.dock)
    assert messages.STOPPED_BY_CLOSING in sentences()
    teacher.until(lambda: not teacher.process.running)
    assert lies_there(models_folder() / "colon.safetensors")


def test_hiding_the_dock_does_not_stop(teach, table):
    teacher = teach("slow")
    teacher.read(table)
    teacher.begin(1)
    teacher.dock.parentWidget().close()
    teacher.qtbot.wait(300)
    assert teacher.process.running
    assert not teacher.process.stopping


def test_closing_napari_stops_and_saves(teach, table):
    teacher = teach("slow")
    teacher.read(table)
    teacher.begin(1)
    began = time.monotonic()
    teacher.dock.controller.end()  # what aboutToQuit calls
    assert time.monotonic() - began < 5
    assert not teacher.process.running
    assert lies_there(models_folder() / "colon.safetensors")


def test_too_few_images_to_keep_some_aside_are_told(teach, table):
    teacher = teach("few")
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    assert teacher.dock.curves.note.text() == messages.NONE_ASIDE
    assert not teacher.dock.curves.difference.isVisible()
    assert teacher.status.endswith("It was not tried on images kept aside: too few.")


def test_without_the_package_of_the_curves_all_else_works(teach, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    teacher = teach()
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    assert teacher.dock.curves.note.text() == NO_PLOTS
    assert "is ready" in teacher.status


def test_the_curves_follow_the_theme(teach, table):
    teacher = teach()
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    plot = teacher.dock.curves.difference.plot
    seen = []
    for theme in ("light", "dark"):
        teacher.viewer.theme = theme
        seen.append(plot.backgroundBrush().color().lightnessF())
    assert seen[0] > 0.5 > seen[1]


@pytest.mark.parametrize("is_open", [True, False])
def test_the_new_model_is_used_where_images_are_segmented(teach, table, is_open):
    from napari_vslp.qt.segment.dock import SegmentDock
    from napari_vslp.qt.viewer.launch import open_dock

    teacher = teach()
    before = open_dock(teacher.viewer) if is_open else None
    teacher.read(table)
    teacher.begin()
    teacher.ended()
    teacher.click(teacher.run.use)
    docks = teacher.viewer.window.dock_widgets.values()
    (dock,) = [one for one in docks if isinstance(one, SegmentDock)]
    assert before is None or dock is before
    assert dock.advanced.value().encoder == "colon"
    dock.controller.shutdown()


def test_a_model_kept_elsewhere_is_used_by_its_file(teach, table, monkeypatch, tmp_path):
    from napari_vslp.qt.viewer.launch import use_model

    teacher = teach()
    dock = use_model(teacher.viewer, str(tmp_path / "own.safetensors"))
    assert dock.advanced.value().encoder == str(tmp_path / "own.safetensors")
    dock.controller.shutdown()


def test_napari_opens_it_from_its_menu(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-vslp", "Teach tissues")
    assert isinstance(dock, TrainDock)
    assert dock.controller.training.process.command[0] == sys.executable
    dock.controller.use_asked.emit("bundled")
    assert len(viewer.window.dock_widgets) == 2


@pytest.mark.parametrize("remedy", [code for code in get_args(Remedy) if code])
def test_each_remedy_has_words_of_the_window(remedy):
    error = VslpError("It is off", mend="add --flag", remedy=remedy)
    assert messages.refusal(error) == f"It is off: {messages.REMEDIES[remedy]}."
    assert "--" not in messages.refusal(error)


@dataclass(frozen=True)
class ToyOptions:
    grain: int = option(3, "Grain", "How fine the toy is", flag="--grain", low=1, high=9)


class Toy:
    name, title, columns, makes = "toy", "Toys", ("image", "tissues"), "regulariser"
    Options = ToyOptions


@pytest.fixture
def toy():
    LEARNERS.add("toy", Toy())
    yield
    LEARNERS.remove("toy")


def test_a_learner_is_in_the_dock_by_one_line(teach, toy, table):
    change(table, "80,20", "10,90")
    text = table.read_text(encoding="utf-8").splitlines()
    alike = [text[0], *(",".join([*r.split(",")[:2], "10", "90", "x"]) for r in text[1:])]
    table.write_text("\n".join(alike), encoding="utf-8")
    teacher = teach()
    teacher.read(table)
    assert "not identifiable" in teacher.table.problem.text()
    kinds = teacher.form.kind
    assert [kinds.itemText(i) for i in range(3)] == [
        "Shares of tissues",
        "Shapes of tissues",
        "Toys",
    ]
    kinds.setCurrentIndex(2)
    teacher.settle()
    assert not teacher.table.problem.isVisible()
    assert teacher.form.place.itemText(0) == BESIDE
    grain = teacher.form.options.controls["grain"]
    assert grain.widget.toolTip() == "How fine the toy is"
    grain.set_value(5)
    teacher.begin()
    teacher.ended()
    order = teacher.dock.controller.training.order
    assert {"--from=toy", "--toy-grain=5"} < set(order.arguments)
    assert order.out == table.parent / "colon.safetensors"
    assert teacher.status == f"“colon” is ready, in {order.out}. That was all."
    assert not teacher.run.use.isVisible()
    assert not teacher.dock.curves.difference.isVisible()
    assert teacher.difference[0] == [25, 50]
    kinds.setCurrentIndex(0)
    teacher.settle()
    assert teacher.form.place.itemText(0) == IN_THE_LIST
    assert "not identifiable" in teacher.table.problem.text()


def test_time_left_is_measured_and_said_only_after_a_check():
    timer = StepTimer((100, 200))
    timer.follow(0, 1, checked=False, now=10)
    timer.follow(0, 24, checked=False, now=33)
    assert timer.seconds_left() is None
    timer.follow(0, 25, checked=True, now=58)
    assert timer.seconds_left() == pytest.approx(2 * 275)
    timer.follow(1, 1, checked=False, now=500)
    assert timer.seconds_left() == pytest.approx(2 * 199)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3, "about 10 s"), (44, "about 40 s"), (700, "about 12 min"), (8000, "about 2 h 10 min")],
)
def test_time_left_in_words(seconds, said):
    assert messages.left(seconds) == said


def test_a_check_done_again_is_counted_once():
    history = MetricHistory((100, 200))
    for value in (0.4, 0.3):
        history.add(0, 25, {"area_error": value})
    assert history.line("area_error") == ([25], [0.3])
    assert history.last("loss") is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_real_training_is_stopped_gone_on_with_and_used(teach, table, monkeypatch):
    monkeypatch.setitem(THOROUGHNESS, "Quick", (2, 2))
    teacher = teach(command=(sys.executable, "-m", "napari_vslp.cli"))
    teacher.choose(0)
    teacher.read(table)
    teacher.begin()
    teacher.until(lambda: "Reading the images" in teacher.status, 60)
    os.kill(teacher.process.process.processId(), signal.SIGINT)  # as from a terminal
    teacher.ended(60)
    assert teacher.status == messages.STOPPED
    teacher.begin()
    teacher.ended(100)
    assert teacher.status.startswith("“colon” is ready")
    assert teacher.dock.curves.history.line("loss")[0] == [2, 4, 4]
    teacher.click(teacher.run.use)
    from napari_vslp.encoders.library import check_model

    assert check_model("colon").card.tissues == ("Tumour", "Stroma")
    assert Path(check_model("colon").path).parent == models_folder()

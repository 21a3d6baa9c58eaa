"""The dock's row on sessions: what is unsaved, Save and Open, and at times a calm question."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

NOTHING = "Session"


class SessionBar(QWidget):
    """Two small buttons and a line; below them, where there is one, a question with two answers.

    Signals
    -------
    save_asked, open_asked
        What the hand pressed.
    answered
        Whether the first answer was pressed.
    """

    save_asked = Signal()
    open_asked = Signal()
    answered = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = QLabel(NOTHING, self)
        self.state.setObjectName("quiet")
        self.state.setAccessibleName("Session")
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.save = self._button("Save session…", "Save all that was said and found to one file")
        self.open = self._button("Open session…", "Go on with a saved session")
        self.save.clicked.connect(self.save_asked)
        self.open.clicked.connect(self.open_asked)
        self.question = QWidget(self)
        self.sentence = QLabel(self.question)
        self.sentence.setObjectName("hint")
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setAccessibleName("Question")
        self.yes, self.no = self._button("", ""), self._button("", "")
        self.yes.clicked.connect(lambda: self.answered.emit(True))
        self.no.clicked.connect(lambda: self.answered.emit(False))
        self._lay_out()
        self.ask("")

    def ask(self, sentence: str, yes: str = "", no: str = "") -> None:
        """Show a question, which stays until it is answered; none for an empty sentence."""
        self.sentence.setText(sentence)
        for button, text in ((self.yes, yes), (self.no, no)):
            button.setText(text)
            button.setAccessibleName(text)
        self.question.setVisible(bool(sentence))

    def show_state(self, text: str, tip: str = "") -> None:
        """Say what is unsaved."""
        self.state.setText(text)
        self.state.setToolTip(tip)

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAccessibleName(text)
        return button

    def _lay_out(self) -> None:
        first, answers = QHBoxLayout(), QHBoxLayout()
        for row in (first, answers):
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(4)
        first.addWidget(self.state, 1)
        first.addWidget(self.save)
        first.addWidget(self.open)
        answers.addStretch(1)
        answers.addWidget(self.yes)
        answers.addWidget(self.no)
        asked = QVBoxLayout(self.question)
        asked.setContentsMargins(0, 2, 0, 0)
        asked.setSpacing(4)
        asked.addWidget(self.sentence)
        asked.addLayout(answers)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addLayout(first)
        rows.addWidget(self.question)

"""Sentences to the user: a notification of napari's, never a dialogue that must be closed."""

from __future__ import annotations

import time

from napari.utils.notifications import ErrorNotification, notification_manager, show_warning

_AGAIN_AFTER_S = 5.0


class Notifier:
    """Shows sentences, but not the same one again at every move of a slider."""

    def __init__(self) -> None:
        self._last = ("", 0.0)

    def tell(self, sentence: str) -> None:
        """Show something that the user can mend."""
        now = time.monotonic()
        if sentence == self._last[0] and now - self._last[1] < _AGAIN_AFTER_S:
            return
        self._last = (sentence, now)
        show_warning(sentence)

    def crash(self, error: BaseException) -> str:
        """Show an error of ours, with its traceback at hand, and return the sentence."""
        sentence = (
            f"Something went wrong ({type(error).__name__}: {error}). "
            "What was there before is kept; the log holds the details."
        )
        notification = ErrorNotification(error)
        notification.message = sentence
        notification_manager.dispatch(notification)
        return sentence

"""Write docs/words.md, all that the window says, from the code: ``python docs/make_words.py``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from napari_vslp.core.options import options_of
from napari_vslp.core.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("words.md")
PLACES = ("qt/segment", "qt/review", "qt/teach", "qt/viewer", "qt/parts", "core/edits.py")
INTRODUCTION = """# What the window says

Made from the code by `docs/make_words.py`: every text of the window that has a word in it. A test
holds the page to the code, and the texts to their length and to words that a pathologist knows
(`tests/docs/test_words.py`). “…” stands for what is filled in.
"""
# A text has a space or begins with a capital letter, and reads as language.
_TEXT = re.compile(r"^(?=.*[^\W\d_]{2})[A-Z“…✓◂▸±≥]|^[a-z“…][^_=;:{}<>/\\|]* [^_=;{}<>/\\|]*$")
# Names of methods, modes, files and styles are no texts.
_CODE = re.compile(r"^[A-Za-z_]+(\.\w+)+$|^[A-Z]\w*[a-z][A-Z]\w*$|^Q[A-Z]|Key_|: #|px;|^Ctrl|^F\d$")
_KEYS = {"known encoder"}
_CALLS = {"bind_key", "setObjectName", "getattr", "invokeMethod"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION]
    for place, texts in words().items():
        rows = "\n".join(f"| {_cell(text)} |" for text in texts)
        parts.append(f"## {place}\n\n| text |\n|---|\n{rows}\n")
    return "\n".join(parts)


def words() -> dict[str, list[str]]:
    """Return all texts by the file they stand in, and those of the options."""
    found = {}
    for place in PLACES:
        path = ROOT / "napari_vslp" / place
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            texts = list(dict.fromkeys(_texts(ast.parse(file.read_text(encoding="utf-8")))))
            if texts:
                found[file.relative_to(ROOT / "napari_vslp").as_posix()] = texts
    options = [described for _, described in options_of(Settings) if described.dock]
    found["options"] = [text for one in options for text in (one.label, one.tip) if text]
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ⏎ ")


def _texts(tree: ast.Module) -> Iterator[str]:
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or _silent(node, parents):
            continue
        text = _written(node).strip()
        if _TEXT.search(text) and not _CODE.search(text) and text not in _KEYS:
            yield text


def _written(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_written(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{[^}]*\}", "…", node.value)
    return "…" if isinstance(node, ast.FormattedValue) else ""


def _silent(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Return whether a constant is a docstring, an annotation, a part, or the name of something."""
    above = parents.get(node)
    if isinstance(above, ast.Expr | ast.JoinedStr | ast.FormattedValue | ast.Subscript):
        return True
    if isinstance(above, ast.Call):
        called = above.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in _CALLS
    while above is not None:
        if isinstance(above, ast.AnnAssign | ast.arg) and node is above.annotation:
            return True
        if isinstance(above, ast.FunctionDef) and above.name == "style":
            return True
        above = parents.get(above)
    return False


if __name__ == "__main__":
    main()

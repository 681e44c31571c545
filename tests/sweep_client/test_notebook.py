from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_client.errors import ParameterError, TemplateError
from sweep_client.languages import injected_source
from sweep_client.notebook import make_template, read_template
from sweep_client.result_cells import last_name
from tests.sweep_client.builders import cell, notebook, write_notebook

MARKDOWN = {"cell_type": "markdown", "metadata": {}, "source": "text"}


def refused(path: Path) -> str:
    with pytest.raises(TemplateError) as error:
        read_template(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1"], "no cell has the tag 'parameters'"),
        ([cell("a = 1", "P"), "1", cell("b = 2", "P")], "cell 0 and cell 2 have the tag 'parameters'"),
        (
            [cell("a = 1", "P"), "1", cell("# only a comment\n", "R")],
            "cell 2 has the tag 'results' but is empty",
        ),
        ([cell("a = ", "P")], "cell 0 (parameters), line 1: invalid syntax"),
        (
            [cell("a = 1", "P"), {**MARKDOWN, "metadata": {"tags": ["results"]}}],
            "cell 1 has the tag 'results' but is no code cell",
        ),
        (
            [{**MARKDOWN, "metadata": {"tags": ["parameters"]}}],
            "cell 0 has the tag 'parameters' but is no code cell",
        ),
        (
            [cell("a = 1", "P"), cell("a", "concatenate")],
            "cell 1 has the tag 'concatenate' without the tag 'results'",
        ),
    ],
)
def test_an_error_names_the_cell(tmp_path: Path, cells: list[Any], message: str) -> None:
    assert message in refused(write_notebook(tmp_path / "t.ipynb", *cells))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "invalid JSON"),
        ("[]", "it has no member nbformat"),
        ('{"nbformat": 3, "nbformat_minor": 0, "worksheets": []}', "nbformat 3 is not supported"),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
            "invalid notebook",
        ),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "t.ipynb"
    path.write_text(content)
    assert message in refused(path)


def test_a_missing_file_and_binary_content_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.ipynb")
    (tmp_path / "t.ipynb").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refused(tmp_path / "t.ipynb")


def test_results_are_named_by_their_variable_or_tag() -> None:
    cells = [
        cell("a = 1", "P"),
        cell("x = 1\nx", "R"),
        cell("y = 2", "C"),
        cell("x + y", "R"),
        cell("x", "R"),
        cell("1", "R", "name:one"),
    ]
    template = make_template("t", notebook(*cells))
    assert [(r.name, r.cell, r.concatenate) for r in template.results] == [
        ("x", 2, False), ("y", 3, True), ("result_3", 4, False), ("x_4", 5, False), ("one", 6, False),
    ]  # fmt: skip


def test_an_injected_cell_of_an_earlier_run_is_replaced() -> None:
    template = make_template("t", notebook(cell("a = 1", "P"), cell("a = 7", "injected-parameters"), "a"))
    assert [item["source"] for item in template.cells] == ["a = 1", "", "a"]


def test_text_and_outputs_do_not_change_the_hash_but_code_does() -> None:
    plain = notebook(cell("a = 1", "P"), "a")
    with_text = notebook(cell("a = 1", "P", "other"), MARKDOWN, "a")
    with_text["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    changed = notebook(cell("a = 1", "P"), "a + 1")
    hashes = [make_template("t", content).hash for content in (plain, with_text, changed)]
    assert hashes[0] == hashes[1] != hashes[2]


@given(
    st.lists(st.text(max_size=40), max_size=4),
    st.text(max_size=20),
    st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=9), max_size=2),
)
def test_a_spliced_variant_is_what_nbformat_would_write(
    sources: list[str], value: str, metadata: dict[str, str]
) -> None:
    content = notebook(cell("a = ''", "P"), *sources)
    content["metadata"] |= {"own": metadata}
    template = make_template("t", content)
    outputs = [
        {"data": {"text/plain": ["1"]}, "execution_count": 3, "metadata": {}, "output_type": "execute_result"}
    ]
    text = template.variant({"a": value}, {1: (3, json.dumps(outputs, indent=1))})
    read = nbformat.reads(text, as_version=4)
    nbformat.validate(read)
    assert read.cells[1].outputs[0].data == {"text/plain": "1"}
    assert read.cells[1].execution_count == 3
    assert [item.source for item in read.cells[2:]] == sources
    namespace: dict[str, Any] = {}
    exec(read.cells[1].source, namespace)
    assert namespace["a"] == value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x", "x"),
        ("x = 1", "x"),
        ("y: int = 1", "y"),
        ("x += 1", "x"),
        ("a = b = 1", "b"),
        ("x + 1", None),
        ("", None),
        ("(", None),
        ("x.y", None),
    ],
)
def test_the_last_name_of_a_cell_is_found(text: str, name: str | None) -> None:
    assert last_name(text) == name


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("r", 'a = 3L\nb = "x"\nc = TRUE\nd = list(1L, 2.5)\ne = NULL\nf = NaN\ng = list("k" = 1L)'),
        ("julia", 'a = 3\nb = "x"\nc = true\nd = [1, 2.5]\ne = nothing\nf = NaN\ng = "{\'k\': 1}"'),
        ("bash", "a=3\nb=x\nc=true\nd=(1 2.5)\ne=''\nf=nan\ng='{'\"'\"'k'\"'\"': 1}'"),
    ],
)
def test_parameters_are_written_in_other_languages(language: str, expected: str) -> None:
    values = {"a": 3, "b": "x", "c": True, "d": [1, 2.5], "e": None, "f": float("nan"), "g": {"k": 1}}
    assert injected_source(language, values) == "# Parameters\n" + expected


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ParameterError, match="known languages: bash, julia, python, r"):
        injected_source("cobol", {})

"""Tags are content hashes: the same content gives the same tag, any change a new one, also in the children."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

from images import build, catalogue
from tests.cluster import engine
from tests.cluster.errors import ClusterError

TABLE: dict[str, dict[str, dict[str, object]]] = {
    "images": {"child": {"dir": "child", "parent": "base"}, "base": {"dir": "base", "parent": None}}
}


def name_of(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


def digest_of(reference: str) -> str:
    """As if a registry had every image."""
    return f"sha256:{name_of(reference)}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout with two images, the child listed before its parent."""
    for name in ("base", "child"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "Dockerfile").write_text(f"# {name}\n")
    (tmp_path / "images" / "versions.json").write_text(json.dumps(TABLE))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    monkeypatch.setattr(catalogue, "IMAGES", tmp_path / "images")
    return tmp_path


def test_a_parent_comes_before_its_children(checkout: Path) -> None:
    assert list(catalogue.catalogue()) == ["base", "child"]


def test_the_same_content_has_the_same_tag(checkout: Path) -> None:
    assert catalogue.tags() == catalogue.tags()


def test_a_change_of_the_parent_changes_the_child_too(checkout: Path) -> None:
    before = catalogue.tags()
    (checkout / "images" / "base" / "Dockerfile").write_text("# base, changed\n")
    after = catalogue.tags()
    assert before["base"] != after["base"]
    assert before["child"] != after["child"]


def test_a_change_of_the_child_leaves_the_parent_alone(checkout: Path) -> None:
    before = catalogue.tags()
    (checkout / "images" / "child" / "extra").write_text("new file\n")
    after = catalogue.tags()
    assert before["base"] == after["base"]
    assert before["child"] != after["child"]


def test_a_readme_and_ignored_files_change_no_tag(checkout: Path) -> None:
    before = catalogue.tags()
    (checkout / ".gitignore").write_text("*.log\n")
    (checkout / "images" / "base" / "build.log").write_text("noise\n")
    (checkout / "images" / "base" / "README.md").write_text("words\n")
    assert catalogue.tags() == before


def test_an_image_without_a_known_parent_is_named(checkout: Path) -> None:
    table = {"images": {"orphan": {"dir": "child", "parent": "nobody"}}}
    (checkout / "images" / "versions.json").write_text(json.dumps(table))
    with pytest.raises(ValueError, match=r"\['orphan'\] have no parent that is built"):
        catalogue.catalogue()


def test_an_unknown_image_lists_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"no such image: slurmctl\n  next: known are: base, "):
        build.build_all("localhost:1/hpc", ["slurmctl"])


def test_a_registry_that_does_not_answer_is_named_with_the_next_step() -> None:
    with pytest.raises(ClusterError, match=r"no registry answers at localhost:1: .*\n  next: make cluster"):
        build.build_all("localhost:1/hpc", ["base"])


def test_every_image_folder_has_a_dockerfile() -> None:
    for image in catalogue.catalogue().values():
        assert (image.folder / "Dockerfile").is_file(), image.name
    assert shutil.which("git")


def test_an_optional_image_is_built_by_its_name_alone(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"images": {**TABLE["images"], "child": {**TABLE["images"]["child"], "optional": True}}}
    (checkout / "images" / "versions.json").write_text(json.dumps(table))
    monkeypatch.setattr(build, "TOOLS", checkout)
    monkeypatch.setattr(build, "digest", digest_of)
    assert list(build.build_all("registry.example/hpc", [])) == ["base"]
    assert list(build.build_all("registry.example/hpc", ["child"])) == ["base", "child"]


def test_children_of_one_parent_are_built_at_once_and_after_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"images": {**TABLE["images"], "sibling": TABLE["images"]["child"]}}
    (checkout / "images" / "versions.json").write_text(json.dumps(table))
    both = threading.Barrier(2, timeout=30)
    begun: list[tuple[str, list[str]]] = []
    pushed: list[str] = []

    def made(image: catalogue.Image, reference: str, *_: object) -> None:
        begun.append((image.name, list(pushed)))
        if image.parent:
            both.wait()

    def docker(command: list[str], **_: object) -> str:
        pushed.append(name_of(command[-1]))
        return ""

    monkeypatch.setattr(build, "TOOLS", checkout)
    monkeypatch.setattr(build, "_build", made)
    monkeypatch.setattr(build, "run", docker)
    monkeypatch.setattr(engine, "docker", lambda: "docker")
    monkeypatch.setattr(
        build, "digest", lambda reference: digest_of(reference) if name_of(reference) in pushed else None
    )
    assert list(build.build_all("registry.example/hpc", [])) == ["base", "child", "sibling"]
    assert begun[0] == ("base", [])
    assert {(name, tuple(there)) for name, there in begun[1:]} == {
        ("child", ("base",)),
        ("sibling", ("base",)),
    }


def test_building_one_image_keeps_the_others_in_the_values_file(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "TOOLS", checkout)
    monkeypatch.setattr(build, "digest", digest_of)
    build.build_all("registry.example/hpc", [])
    build.build_all("registry.example/hpc", ["base"])
    written = yaml.safe_load((checkout / "images.yaml").read_text())["global"]["image"]
    assert set(written["tags"]) == {"base", "child"}
    assert written["digests"]["child"] == "sha256:child"

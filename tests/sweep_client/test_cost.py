"""Time and money of a sweep, predicted from probes: each figure recomputed here by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep_client.cost import Measured, break_even, monthly, predict, took
from sweep_client.errors import InputRefused
from sweep_client.prices import Offer, Owned, Place, Seconds, read_prices
from sweep_client.results import Results
from tests.cluster.paths import ROOT
from tests.sweep_client.builders import cell, sweep_command, write_notebook

EXAMPLE = ROOT / "docs" / "examples" / "prices.yaml"
PROBES = Measured(finished=4, mean_seconds=10.0, margin_seconds=2.0, bytes_each=2.0**30)
OWNED = Owned(workers=10, purchase=4800, life_years=4, watts_idle=0, watts_busy=1000, per_kwh=0.5)


def test_a_line_per_service_is_predicted_with_start_stop_and_polling() -> None:
    place = Place(
        "cloud",
        "kubernetes",
        {"on-demand": Offer(3.6)},
        storage_per_gib_month=0.5,
        storage_months=2,
        transfer_per_gib=0.1,
        control_per_hour=36,
        seconds=Seconds(start=60, stop=20, poll=10),
    )
    (found,) = predict(PROBES, [place], variants=100, workers=10)
    assert found.wall_seconds == 60 + 10 * 10 + 5 + 20
    assert found.compute == pytest.approx(10 * (100 + 80) / 3600 * 3.6)
    assert found.storage == pytest.approx(100 * 0.5 * 2)
    assert found.transfer == pytest.approx(10)
    assert found.control == pytest.approx(185 / 100)
    assert found.total == pytest.approx(1.8 + 100 + 10 + 1.85)
    assert found.high - found.low == pytest.approx(2 * 10 * 20 / 3600 * 3.6)


def test_spot_work_is_done_partly_twice_and_the_smallest_bill_is_paid() -> None:
    offers = {"spot": Offer(1.0, lost_share=0.1), "on-demand": Offer(2.0)}
    place = Place("cloud", "kubernetes", offers, seconds=Seconds(smallest_bill=3600, poll=0))
    cheapest, other = predict(PROBES, [place], variants=3, workers=10)
    assert (cheapest.offer, cheapest.workers) == ("spot", 3)
    assert cheapest.compute == pytest.approx(3 * 1.1)
    assert other.compute == pytest.approx(6)


def test_an_owned_cluster_s_run_bears_its_share_of_what_is_paid_anyway() -> None:
    place = Place("own", "slurm", owned=OWNED, seconds=Seconds(poll=0))
    (found,) = predict(PROBES, [place], variants=3600, workers=50)
    assert found.workers == 10
    assert found.wall_seconds == 3600
    assert found.compute == pytest.approx(10 / (10 * 730 * 0.5) * 100 + 1 * 0.5)


def test_the_break_even_point_is_where_both_cost_the_same() -> None:
    offer = Offer(0.1)
    share = break_even(OWNED, offer)
    assert share is not None
    assert monthly(OWNED, 10, share) == pytest.approx(monthly(offer, 10, share))
    assert monthly(OWNED, 10, share + 0.1) < monthly(offer, 10, share + 0.1)
    assert break_even(OWNED, Offer(0.05)) is None
    assert break_even(OWNED, Offer(0.1, reserved=True)) == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read as YAML"),
        ("currency: EUR", "no `places`"),
        ("places: {x: {executor: slurm}}", "places.x: neither `compute` nor `owned`"),
        ("places: {x: {compute: {a: 1}}}", "places.x: 'executor' is missing"),
        ("places: {x: {executor: slurm, compute: {a: {per_hours: 1}}}}", "compute.a: unknown key 'per_hours'; known keys: per_hour"),
        ("places: {x: {executor: slurm, compute: {a: -1}}}", "compute.a.per_hour: -1 is no number from 0"),
    ],
)  # fmt: skip
def test_a_price_file_that_makes_no_sense_is_refused_by_place_and_key(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(InputRefused) as refused:
        read_prices(path)
    assert message in str(refused.value)


def test_a_sweep_without_a_finished_variant_says_how_to_run_a_few(tmp_path: Path) -> None:
    template = write_notebook(tmp_path / "t.ipynb", cell("a = 1", "P"), "1 / 0")
    sweep_command("run", template, "--grid", "a=1:2", "--out", tmp_path / "out")
    refused = sweep_command("cost", tmp_path / "out", "--prices", EXAMPLE)
    assert refused.returncode == 2
    assert "no variant has finished; run a few first: sweep run … --first 3" in refused.stderr


def test_probes_are_run_the_whole_predicted_and_then_compared_with_what_it_took(tmp_path: Path) -> None:
    template = write_notebook(
        tmp_path / "t.ipynb", cell("a = 1", "P"), "import time; time.sleep(0.05)", cell("a", "R")
    )
    run: list[str | Path] = ["run", template, "--grid", "a=1:6", "--out", tmp_path / "out", "-j", "2"]
    assert sweep_command(*run, "--first", "2").returncode == 0
    asked: list[str | Path] = ["cost", tmp_path / "out", "--prices", EXAMPLE, "-j", "2", "--variants", "6"]
    chart = tmp_path / "cost.svg"
    first = json.loads(sweep_command(*asked, "--json", "--chart", chart).stdout)
    assert first["measured"]["finished"] == 2
    assert first["measured"]["mean_seconds"] >= 0.05
    assert [entry["total"] for entry in first["predictions"]] == sorted(
        e["total"] for e in first["predictions"]
    )
    assert "<svg" in chart.read_text()
    assert sweep_command(*run).returncode == 0
    said = sweep_command(*asked).stdout
    assert "cluster: costs less, busy above" in said
    assert "predicted for laptop, owned on 2 workers" in said
    assert took(Results(tmp_path / "out"))["worker_seconds"] > 6 * 0.05

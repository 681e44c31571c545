"""The subcommand ``cost``: what the whole sweep will take and cost, from a few variants that ran, and what it did take."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep_client.cli_options import AsJson

if TYPE_CHECKING:
    from sweep_client.cost import Prediction
    from sweep_client.prices import Place
    from sweep_client.results import Results

FILE = "cost.json"


def cost(
    results: Annotated[
        Path, typer.Argument(help="The results directory; some variants have finished.", show_default=False)
    ],
    prices: Annotated[Path, typer.Option("--prices", help="The price file (YAML).", show_default=False)],
    *,
    workers: Annotated[int, typer.Option("--workers", "-j", min=1, help="How many at once.")] = 4,
    variants: Annotated[
        int | None, typer.Option(min=1, help="How many; by default those of the sweep.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Draw monthly cost against utilisation into this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict time and money of a sweep at every place of a price file; after the run, compare with what it took."""
    from sweep_client.cost import measure, predict, took
    from sweep_client.files import read_json, write_json
    from sweep_client.prices import read_prices
    from sweep_client.results import Results

    currency, places = read_prices(prices)
    found = Results(results)
    if chart is not None:
        from sweep_client.cost_chart import draw

        draw(places, currency, chart)
    measured = measure(found)
    total = variants or sum(found.counts().values())
    predictions = predict(measured, places, total, workers)
    path = found.directory.root / FILE
    earlier = (read_json(path) or {}).get("predictions", [])
    content: dict[str, Any] = {
        "currency": currency,
        "variants": total,
        "measured": asdict(measured),
        "predictions": [{**asdict(entry), "total": entry.total} for entry in predictions],
        "break_even": _break_even(places),
    }
    if measured.finished < total:
        write_json(path, content)
    else:
        spent = took(found)
        content |= {"took": spent, "comparison": _comparison(found, earlier, spent["wall_seconds"])}
    typer.echo(json.dumps(content) if as_json else _text(content, predictions))


def _break_even(places: list[Place]) -> list[dict[str, Any]]:
    from sweep_client.cost import break_even

    return [
        {"owned": own.name, "place": place.name, "offer": label, "utilisation": break_even(own.owned, offer)}
        for own in places
        if own.owned is not None
        for place in places
        for label, offer in place.compute.items()
    ]


def _comparison(results: Results, earlier: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """Predictions made before the run, for the executor that ran it, beside what it took."""
    from sweep_client.executors.base import read_submissions

    used = {entry.executor for entry in read_submissions(results.directory)}
    return [
        {"place": entry["place"], "offer": entry["offer"], "workers": entry["workers"],
         "predicted_wall_seconds": entry["wall_seconds"], "wall_seconds": seconds}
        for entry in earlier
        if entry["executor"] in used
    ]  # fmt: skip


def _text(content: dict[str, Any], predictions: list[Prediction]) -> str:
    measured, currency = content["measured"], content["currency"]
    lines = [
        f"{measured['finished']} variants took {measured['mean_seconds']:.3g} ± {measured['margin_seconds']:.2g} s each; "
        f"predicted for {content['variants']}:",
        f"{'place':<28}{'workers':>8}{'time':>12}{'compute':>10}{'storage':>10}{'transfer':>10}{'control':>10}{'total':>10}  95 %",
    ]
    for entry in predictions:
        amounts = (entry.compute, entry.storage, entry.transfer, entry.control, entry.total)
        name = f"{entry.place}, {entry.offer}"
        lines.append(
            f"{name:<28}{entry.workers:>8}{entry.wall_seconds:>10.0f} s"
            + "".join(f"{amount:>10.4g}" for amount in amounts)
            + f"  {entry.low:.4g}-{entry.high:.4g} {currency}".rstrip()
        )
    for point in content["break_even"]:
        share = point["utilisation"]
        when = (
            "never costs less than"
            if share is None
            else f"costs less, busy above {share:.0%} of the time, than"
            if share
            else "always costs less than"
        )
        lines.append(f"{point['owned']}: {when} {point['place']}, {point['offer']}")
    if "took" in content:
        lines.append(
            f"took {content['took']['wall_seconds']:.1f} s, {content['took']['worker_seconds']:.1f} s of workers"
        )
    for entry in content.get("comparison", []):
        lines.append(
            f"  predicted for {entry['place']}, {entry['offer']} on {entry['workers']} workers: "
            f"{entry['predicted_wall_seconds']:.1f} s"
        )
    return "\n".join(lines)

"""edgeyolo bench: latency of a bundle on this machine."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, engine_flag, engines_of, json_flag, setting


@click.command(short_help="Measure the latency of a bundle on this machine.")
@click.argument("bundle", type=click.Path(path_type=Path))
@engine_flag("Engines to time, comma-separated; as configured or the bundle's default if left out.")
@setting("threads")
@click.option("--data", help="Take the images from this data set; a made-up one if left out.")
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True)
@click.option("--runs", type=click.IntRange(1), default=20, show_default=True, help="Per round.")
@json_flag
def command(
    bundle: Path,
    engine: str | None,
    threads: int | None,
    data: str | None,
    rounds: int,
    runs: int,
    as_json: bool,
) -> None:
    """Time BUNDLE in a clean process: the engine alone, and image to detections.

    Several engines take turns. Raw times of every run are in the JSON.
    """
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.measure.environment import environment
    from edgeyolo.measure.latency import Subject, measure

    opened = Bundle.open(bundle)
    engines = engines_of(opened, engine)
    subjects = [Subject(opened.root, name, threads) for name in engines]
    images = data_choice(data).open().images("val")[:16] if data else ()
    with closing(Narrator()) as narrator:
        narrator.stage(f"{opened.name} at {opened.width} px: {', '.join(engines)}", 1, 1)
        samples = measure(subjects, images, rounds=rounds, runs=runs, progress=narrator.step)
    results = [sample.summary() for sample in samples]
    if as_json:
        answer = {
            "bundle": opened.name,
            "precision": opened.precision,
            "spec": opened.provenance.get("spec"),
            "classes": len(opened.names),
            "imgsz": opened.width,
            "images": len(images),
            "environment": environment(),
            "results": [
                {**result, "samples": sample.to_dict()}
                for result, sample in zip(results, samples, strict=True)
            ],
        }
        click.echo(json.dumps({**(results[0] if len(results) == 1 else {}), **answer}))
        return
    click.echo(f"{'ms':<24}{'p50':>9}{'p90':>9}{'p99':>9}")
    for result in results:
        for scope, label in (("engine_only_ms", "engine only"), ("end_to_end_ms", "end to end")):
            row = "".join(f"{result[scope][p]:>9.2f}" for p in ("p50", "p90", "p99"))
            click.echo(f"{result['engine'] + ', ' + label:<24}{row}")
        click.echo(
            f"  {result['runs']} runs on {result['threads']} threads, {result['verdict']}; "
            f"load {result['load_ms']:.0f} ms, first {result['first_ms']:.0f} ms, "
            f"peak memory {result['peak_rss_mb']:.0f} MB"
        )
    if not images:
        click.echo("  One made-up image without objects; name real ones with --data.")

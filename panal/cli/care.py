"""`panal care …`: how good the fall detectors are, on recordings that somebody has."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Fall detection.")


@app.callback()
def subject() -> None:
    """Fall detection."""


@app.command()
def evaluate(
    data: Annotated[Path, typer.Argument(help="Recordings, .npz: docs/falls.md says what is in it.")],
    profile: Annotated[str, typer.Option(help="posture or classic")] = "posture",
    second_stage: Annotated[bool, typer.Option("--second-stage", help="With the server's second stage.")] = False,
    subjects: Annotated[str, typer.Option(help="Only these, comma-separated.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object on stdout.")] = False,
) -> None:
    """Play every recording to a fresh detector and count: how many falls it finds, how often it is wrong."""
    from panal.cells.care import recordings

    if profile not in recordings.PROFILES:
        _refuse(f"--profile is {' or '.join(recordings.PROFILES)}.")
    try:
        trials = recordings.load(data)
    except recordings.Unreadable as error:
        _refuse(str(error))
    wanted = {name.strip() for name in subjects.split(",") if name.strip()}
    chosen = [trial for trial in trials if not wanted or trial.subject in wanted]
    if not chosen:
        _refuse("There is no recording of these subjects.")
    tally = recordings.evaluate(chosen, profile, second_stage)
    found = {"data": data.name, "profile": profile, "second_stage": second_stage, **tally.document()}
    typer.echo(json.dumps(found) if as_json else _table(found))


def _refuse(sentence: str) -> None:
    typer.echo(f"panal: {sentence}", err=True)
    raise typer.Exit(2)


def _table(found: dict[str, Any]) -> str:
    def line(name: str, key: str) -> str:
        low, high = found[f"{key}_ci"]
        return f"  {name:18s} {100 * found[key]:6.2f} %   ({100 * low:.2f} to {100 * high:.2f})"

    stage = ", with the second stage" if found["second_stage"] else ""
    lines = [
        f"{found['data']}: profile {found['profile']}{stage}",
        f"  {found['falls']} falls, {found['adl']} recordings of daily life, {found['adl_hours']} hours of it",
        line("sensitivity", "SE"),
        line("specificity", "SP"),
        line("balanced accuracy", "BA"),
        line("accuracy", "ACC"),
        f"  F1 {found['F1']}, {found['FA_per_h']} false alarms an hour of acted daily life,"
        f" {found['early_alarms_in_fall_trials']} alarms before the fall",
        "  In brackets: 95 % intervals (Wilson). What they do not cover: docs/falls.md",
    ]
    return "\n".join(lines)

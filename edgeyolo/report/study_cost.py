"""What a study would train and what it costs, for reading."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.plan import duration
from edgeyolo.report.study import widest


def study_plan_table(planned: dict[str, Any]) -> str:
    """What would be trained, and what it costs."""
    width = widest(planned["entries"])
    lines = [
        f"{'':<{width}}{'parameters':>12}{'GFLOPs':>9}{'epochs':>8}{'training':>10}  starts from"
    ]
    for entry in planned["entries"]:
        lines.append(
            f"{entry['name']:<{width}}{entry['parameters']:>12,}{entry['gflops']:>9.2f}"
            f"{entry['epochs']:>8}{duration(entry['training_seconds']):>10}  {entry['start']}"
        )
    extra = planned["trainings"] - planned["rows"]
    wide = f" and {extra} of wide nets to slim from" if extra else ""
    lines.append(
        f"{planned['trainings']} trainings ({planned['rows']} rows{wide}), "
        f"{duration(planned['training_seconds'])} on {planned['machine']}, roughly, as busy as it "
        f"is now; {planned['data']['train_images']} training images."
    )
    return "\n".join(lines)

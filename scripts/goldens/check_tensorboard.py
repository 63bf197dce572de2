"""A run's TensorBoard events hold what its metrics.jsonl holds, read by TensorBoard itself.

    python scripts/goldens/check_tensorboard.py RUN_FOLDER
"""
import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = Path(sys.argv[1])
events = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0})
events.Reload()
found = {(name, event.step): event.value for name in events.Tags()["scalars"] for event in events.Scalars(name)}
expected = {}
for line in (run / "metrics.jsonl").read_text().splitlines():
    row = json.loads(line)
    expected.update({(name, row["step"]): value for name, value in row.items() if name != "step" and isinstance(value, (int, float))})
wrong = [key for key, value in expected.items() if abs(found.get(key, float("inf")) - value) > 1e-6 * abs(value)]  # events are fp32
pictures = {name: len(events.Images(name)) for name in events.Tags()["images"]}
print(f"{run}: {len(expected)} numbers in metrics.jsonl, {len(found)} in the events, {len(wrong)} differ; pictures: {pictures}")
sys.exit(1 if wrong or set(found) != set(expected) else 0)

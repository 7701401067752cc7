import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import REPOSITORY
from tests.test_training import recipe

LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1", "--mixed_precision", "no"]


def launched(tmp_path: Path, encoder: Path, data: Path, processes: int) -> dict[str, Any]:
    """Train with so many processes, four windows a step in all, and return the metrics."""
    plan = recipe(encoder, data, tmp_path / f"model-{processes}", per_device_train_batch_size=4 // processes)
    path = tmp_path / f"recipe-{processes}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in vars(plan).items() if value is not None}))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(REPOSITORY)}
    port = str(29_500 + os.getpid() % 1000)
    command = [*LAUNCH, "--num_processes", str(processes), "--main_process_port", port, "scripts/train.py", str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("model folder: ") == 1, "one process alone reports"
    metrics: dict[str, Any] = json.loads((Path(plan.output) / "metrics.json").read_text())
    return metrics


def test_two_processes_train_what_one_does(tmp_path: Path, encoder_folder: Path, labelled_file: Path) -> None:
    one, two = (launched(tmp_path, encoder_folder, labelled_file, processes) for processes in (1, 2))
    assert one["gold_sentences"]["spans"]["micro"]["f1"] > 0.6
    for kind, name in (("spans", "micro"), ("stances", "macro_f1")):
        single, double = (metrics["gold_sentences"][kind][name] for metrics in (one, two))
        if kind == "spans":
            single, double = single["f1"], double["f1"]
        assert abs(single - double) < 0.25
    assert two["gold_sentences"].items() <= two["raw_text_float32"].items(), (
        "windows of two processes are put together in order"
    )

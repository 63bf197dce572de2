#!/usr/bin/env python3
"""Prints the result table of scripts/demo.sh and where the reports lie: demo_table.py OUTPUT_FOLDER"""
import json
import pathlib
import sys


def metric(folder, name):
    """'0.812 (0.780 to 0.840)' of metrics.json, or '-' where it is undefined."""
    value = json.loads((folder / "metrics.json").read_text())["metrics"].get(name)
    if value is None or value["value"] is None:
        return "-"
    low, high = value.get("low"), value.get("high")
    return f"{value['value']:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "")


def main():
    output = pathlib.Path(sys.argv[1])
    columns = [("macro AUROC (95 % interval)", "macro_auroc"), ("macro AUPR", "macro_aupr"), ("accuracy", "accuracy")]
    rows = [("classifier from the pretrained encoder", "evaluation-classifier"), ("classifier from random weights", "evaluation-classifier-scratch")]
    print(f"\n{'':42}" + "".join(f"{title:30}" for title, _ in columns))
    for title, folder in rows:
        print(f"{title:42}" + "".join(f"{metric(output / folder, name):30}" for _, name in columns))
    audit = json.loads((output / "audit/metrics.json").read_text())
    copies, agreement = audit["memorization"], audit["label_agreement"]["synthetic"]["all"]
    print(f"\nOf {audit['synthetic_images']} synthetic images {copies['copies']} copy a training image (of held-out real ones "
          f"{100 * copies['false_alarm_rate']['value']:.1f} % seem to);")
    print(f"the classifier confirms the label of {agreement['value']:.3f} ({agreement['low']:.3f} to {agreement['high']:.3f}).")
    print("\nReports:")
    for report in sorted(output.glob("*/report.html"), key=lambda path: path.stat().st_mtime):
        print(f"  {report}")


main()

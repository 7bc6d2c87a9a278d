"""Put the result into words: `summary.md`, and names that never promise too much."""

from collections.abc import Mapping

from brain_mri.comparison import HEADLINE

Scores = Mapping[str, float | int | None]


def model_names(weights: str) -> dict[str, str]:
    """Return what to call the two models, given where VGG-16's weights come from."""
    pretrained = "ImageNet" if weights == "imagenet" else "not pretrained"
    return {"scratch": "CNN from scratch", "vgg": f"VGG-16, {pretrained}"}


def side_by_side(scores: Mapping[str, Scores], names: Mapping[str, str]) -> str:
    """Return a Markdown table of the test metrics, a row a metric, a column a model."""
    rows = [
        "| test | " + " | ".join(names[model] for model in scores) + " |",
        "| --- |" + " ---: |" * len(scores),
    ]
    for metric in (*HEADLINE, "tp", "fp", "fn", "tn", "n_groups", "n_images"):
        cells = (_number(test[metric]) for test in scores.values())
        rows.append(f"| {metric.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def summary(
    audit: Mapping[str, int],
    split: Mapping[str, Mapping[str, int]],
    scores: Mapping[str, Scores],
    comparison: Mapping[str, Mapping[str, int]],
    champion: str,
    names: Mapping[str, str],
) -> str:
    """Return the summary as Markdown: the table, what it rests on, and its limits."""
    paired, n = comparison["paired"], comparison["n_groups"]
    return f"""# {names["scratch"]} against {names["vgg"]}

{side_by_side(scores, names)}

Every number counts each group of near-duplicate images once: {n} test groups.

- Both right {paired["both_right"]}, only the CNN from scratch \
{paired["scratch_only"]}, only VGG-16 {paired["vgg_only"]}, none \
{paired["both_wrong"]}; exact McNemar p = {_number(comparison["mcnemar_exact_p"])}.
- `model: {champion}` in params.yaml names the {names[champion]} as champion.
- {audit["files"]} files, {audit["accepted"]} used, {audit["rejected"]} left out; \
{audit["distinct_images"]} distinct images (groups).
- {split["groups_shared"]} groups shared between train, val and test.
- Images: {_parts(split)}.

Research software, not for diagnosis.
"""


def _parts(split: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(
        f"{part} {split[part]['images']} ({split[part]['groups']} groups)"
        for part in ("train", "val", "test")
    )


def _number(value: object) -> str:
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.3f}"

"""report: draw the pictures and write the summary."""

from pathlib import Path

from _stage import run

from brain_mri import arrays, figures, report, tables

MODELS = ("scratch", "vgg")


def main(
    data: Path,
    metrics: Path,
    pictures: Path,
    summary: Path,
) -> None:
    comparison = tables.read_json(metrics / "comparison.json")
    names = report.model_names(comparison["vgg_weights"])
    scores = {m: tables.read_json(metrics / f"{m}.json")["test"] for m in MODELS}
    predictions = {m: tables.read_csv(metrics / f"{m}_predictions.csv") for m in MODELS}
    histories = {m: tables.read_csv(metrics / f"{m}_history.csv") for m in MODELS}
    roc = {m: tables.read_csv(metrics / f"{m}_roc.csv") for m in MODELS}
    test = arrays.read(data / "split" / "test")

    drawn = {
        "examples": figures.examples(
            tables.read_csv(data / "crop.csv"), data / "cropped"
        ),
        "class-counts": figures.class_counts(tables.read_csv(data / "split.csv")),
        "augmentation": figures.augmentation(arrays.read(data / "augmented")),
        "accuracy": figures.accuracies(scores, names),
        "confusion": figures.confusions(scores, names),
        "roc": figures.roc(roc, names),
        **{f"curves-{m}": figures.curves(histories[m], names[m]) for m in MODELS},
        **{
            f"predictions-{m}": figures.predictions(test, predictions[m], names[m])
            for m in MODELS
        },
    }
    for name, figure in drawn.items():
        figures.save(figure, pictures / f"{name}.png")
    text = report.summary(
        audit=tables.read_json(metrics / "audit.json"),
        split=tables.read_json(metrics / "split.json"),
        scores=scores,
        comparison=comparison,
        champion=tables.read_json(metrics / "selected.json")["model"],
        names=names,
    )
    summary.write_text(text, encoding="utf-8")
    print(f"report: {summary}, and {len(drawn)} pictures in {pictures}")


if __name__ == "__main__":
    run(main)

"""external: summarise how networks and baselines do on another collection."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import likeness
from brain_mri.evidence import external, observations
from brain_mri.files import arrays, tables, values, vectors
from brain_mri.files.names import NETWORKS
from brain_mri.presentation import wording


def main(data: Path, models: Path, metrics: Path, *, params: Params) -> None:
    here, reference = data / "external", arrays.read(models / "likeness")
    images = arrays.read(here / "images")
    described = likeness.described(images, tables.read_csv(here / "crop.csv"))
    distance = likeness.distances(reference, described)
    scored = {name: tables.read_csv(here / f"{name}.csv") for name in NETWORKS}
    nulls = tables.read_csv(here / "baselines.csv")
    distance_of = dict(zip(images.index["image_id"], distance, strict=True))
    out = metrics / "external_predictions.csv"
    tables.write_csv(out, external.together(scored, nulls, distance_of))
    trained = {name: metrics / f"{name}_train_predictions.csv" for name in NETWORKS}
    contents = external.summarise(
        external.read(out),
        {m: observations.read(p, observations.TRAINED) for m, p in trained.items()},
        threshold=params.evaluate.threshold,
        weights=params.vgg.weights,
        drawn=wording.is_mechanics_only(params.dataset, params.external.dataset),
    )
    counts = values.read(here / "counts.csv")
    contents[external.HEADLINE] |= {
        "n_left_out": counts["left_out_pictures"],
        **{f"{name}_model": vectors.digest(models / name) for name in NETWORKS},
    }
    contents[external.STATISTICS] |= {
        "counts": counts,
        "distance": likeness.summary(reference.index["distance"].to_numpy(), distance),
    }
    for name, content in contents.items():
        values.write(metrics / name, content)
    print(f"external: {contents[external.STATISTICS]['sentence']}")


if __name__ == "__main__":
    run(main)

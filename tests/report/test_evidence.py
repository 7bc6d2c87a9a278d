import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from page import Page

from brain_mri import config
from brain_mri.evidence import external, summaries
from brain_mri.evidence.labels import signed
from brain_mri.files import arrays, tables, values, vectors
from brain_mri.report import evidence
from brain_mri.report.evidence_results import Evidence

CROSSVAL = ["result", "folds", "learning", "needed", "noise"]
ALWAYS = ["elsewhere", "reproduce", "limits"]
NETWORKS = ("scratch", "vgg")
NULLS = ("majority", "file_facts", "nearest", "histogram", "edges")
N = 40
IDS = [f"{i:012x}" for i in range(N)]
RNG = np.random.default_rng(4)


def scored(ids, **more):
    """Predictions of some images, half of them tumours; scores that mostly fit."""
    y_true = np.arange(len(ids)) % 2
    y_score = np.clip(0.25 + 0.5 * y_true + RNG.normal(0, 0.3, len(ids)), 0, 1).round(6)
    table = pd.DataFrame({"image_id": ids, "picture": ids, "patient": ids})
    table = table.assign(y_true=y_true, y_score=y_score, **more)
    return table.assign(y_pred=(y_score >= 0.5).astype(int))


def crossval_predictions():
    """Two repeats of two folds, a share of 50 % and a second seed."""
    rows = []

    def add(classifier, repeat, fold, share=100, seed=0):
        held = IDS[:20] if (fold == 1) == (repeat == 1) else IDS[20:]
        run = {"classifier": classifier, "repeat": repeat, "fold": fold}
        learnt = 0.8 + fold / 20 if classifier in NETWORKS else np.nan
        run |= {"share": share, "seed": seed, "train_roc_auc": learnt}
        rows.append(scored(held, **run))

    for fold in (1, 2):
        for repeat in (1, 2):
            for classifier in (*NETWORKS, *NULLS):
                add(classifier, repeat, fold)
        for classifier in (*NETWORKS, "edges"):
            add(classifier, 1, fold, share=50)
    for classifier in NETWORKS:
        add(classifier, 1, 1, seed=1)
    return pd.concat(rows, ignore_index=True).drop(columns="y_pred")


def write_crossval(metrics, predictions):
    tables.write_csv(metrics / "crossval_predictions.csv", predictions)
    contents = summaries.of_crossval(predictions, rope=0.02, weights="imagenet")
    for name, content in contents.items():
        values.write(metrics / name, content)


def write_main(metrics):
    """The numbers of the test part, of 20 pictures."""
    both = pd.concat([scored(IDS[:6], part="val"), scored(IDS[6:26], part="test")])
    models = {name: both for name in NETWORKS}
    trained = {name: scored(IDS, part="train") for name in NETWORKS}
    settings = {"champion": "scratch", "threshold": 0.5, "weights": "imagenet"}
    nulls = {name: both for name in NULLS}
    contents = summaries.of_comparison(models, nulls, trained, **settings)
    values.write(metrics / "statistics.csv", contents["statistics.csv"])


def write_external(data, models, metrics, drawn=True):
    """Another collection of 30 pictures, with Grad-CAM of the surest errors."""
    ids = [f"e{i:011x}" for i in range(30)]
    table = pd.DataFrame({"image_id": ids, "file": [f"no/<{i}>.png" for i in ids]})
    tables.write_csv(data / "external" / "manifest.csv", table)
    index = scored(ids)[["image_id", "picture", "patient", "y_true"]]
    pixels = RNG.integers(0, 256, (30, 8, 8)).astype(np.uint8)
    arrays.write(data / "external" / "images", index, [pixels])
    found = {}
    for name in (*NETWORKS, *NULLS):
        distance = RNG.uniform(1, 9, len(ids)).round(3)
        found[name] = scored(ids, part="external", distance=distance)
    for name in NETWORKS:
        errors = external.surest_errors(found[name])
        maps = np.full((len(errors), 4, 4), 90, np.uint8)
        arrays.write(data / "external" / "explain" / name, errors, [maps])
    trained = {name: scored(IDS, part="train") for name in NETWORKS}
    settings = {"threshold": 0.5, "weights": "imagenet", "drawn": drawn}
    contents = external.summarise(found, trained, **settings)
    distance = {"training_median": 3.5, "training_fence": 5.25, "median": 4.75}
    distance |= {"n_images": 30, "n_beyond_fence": 7}
    digests = {f"{name}_model": vectors.digest(models / name) for name in NETWORKS}
    contents["external.json"] |= digests | {"n_left_out": 3}
    contents["external_statistics.csv"] |= {"distance": distance}
    for name, content in contents.items():
        values.write(metrics / name, content)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folders data, models and metrics after both optional pipelines."""
    folder = tmp_path_factory.mktemp("made")
    data, models, metrics = (folder / name for name in ("data", "models", "metrics"))
    manifest = pd.DataFrame({"image_id": [*IDS, "broken"], "accepted": True})
    manifest.loc[N, "accepted"] = False
    tables.write_csv(data / "manifest.csv", manifest)
    for name in NETWORKS:
        (models / name).mkdir(parents=True)
        (models / name / "weights.npy").write_bytes(name.encode())
    write_main(metrics)
    write_crossval(metrics, crossval_predictions())
    write_external(data, models, metrics)
    return folder


@pytest.fixture(scope="module")
def text(made):
    """The page of those folders."""
    return page_of(made)


@pytest.fixture
def folder(made, tmp_path):
    """A copy of those folders to change."""
    return shutil.copytree(made, tmp_path / "copy")


def page_of(folder, **changed):
    shown = config.load(ROOT / "params.yaml").model_dump(exclude={"check"}) | changed
    parts = (folder / name for name in ("data", "models", "metrics"))
    evidence.write(Evidence(*parts, shown), folder / "reports")
    return (folder / "reports" / "evidence.html").read_text(encoding="utf-8")


def cells_of(page, label):
    """The rows of one table of the page, each a list of its cells' text."""
    body = page.split(f'aria-label="{label}"')[1].split("<tbody>")[1]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body.split("</tbody>")[0], re.DOTALL)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[plain(cell) for cell in row] for row in found]


def plain(text):
    return text.replace("\xa0", " ").replace("&nbsp;", " ")


def statistics(folder, name="crossval_statistics.csv"):
    return values.read(folder / "metrics" / name)


def limited(found, metric):
    value, low, high = (found[f"{metric}{end}"] for end in ("", "_low", "_high"))
    limits = "no interval" if low is None else f"{low:.2f} to {high:.2f}"
    return f"{value:.2f} ({limits})"


def between(found):
    found = {k: found[k] for k in ("difference", "low", "high")}
    if found["low"] is None:
        return f"{signed(found['difference'])} (no interval)"
    return "{} ({} to {})".format(*(signed(found[k]) for k in found))


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(text):
    page = Page(text)
    assert [section["id"] for section in page.all("section")] == CROSSVAL + ALWAYS
    links = {link["href"] for link in page.all("a")}
    assert links == {"index.html", *(f"#{id}" for id in CROSSVAL + ALWAYS)}
    assert not page.all("script")
    assert not page.all("link")
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]+", "", text)
    assert len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(head["scope"] in ("row", "col") for head in page.all("th"))
    pictures = page.all("img")
    assert len(pictures) > 6
    for picture in pictures:
        assert picture["src"].startswith("data:image/png;base64,")
        assert len(picture["alt"]) > 20
    assert not re.search(r">[^<]*\b(nan|NaN|None)\b", text)
    assert text.count("not for diagnosis") == 2


def test_the_verdict_comes_first(made, text):
    found = statistics(made)
    assert f"split: {found['verdict']}</title>" in text
    assert f'<p class="verdict">{found["sentence"]}</p>' in text.split("<nav")[0]
    assert "phantoms" in text.split("<nav")[0]


def test_the_headline_table_holds_the_numbers_of_the_statistics(made, text):
    found = statistics(made)
    rows = cells_of(text, "Headline table")
    for row, (name, scores) in zip(rows, found["scores"].items(), strict=True):
        assert row[1:3] == [limited(scores, m) for m in ("accuracy", "roc_auc")]
        if name in NULLS:
            against = (found["against"][network][name] for network in NETWORKS)
            assert row[3:] == [between(each) for each in against]
    assert rows[0][3:] == ["", between(found["primary"])]
    assert rows[1][3:] == ["", ""]


def test_the_secondary_numbers_are_those_of_the_statistics(made, text):
    secondary = statistics(made)["secondary"]
    equal, claim = secondary["probability"]["equal"], secondary["claim"]
    assert f"over 4 folds: {between(secondary['roc_auc'])}" in plain(text)
    assert f"equal in practice: {equal:.2f}; that VGG-16" in text
    assert f"is false: {claim['false']:.2f} for trained networks" in text
    assert f"{claim['false_retrained']:.2f} for networks trained anew" in text


def test_a_network_that_did_not_learn_is_named_so(folder, text):
    found = statistics(folder)["training"]["vgg"]
    area = limited(found, "roc_auc")
    assert f"VGG-16, ImageNet: ROC AUC {area} on the images that it was" in text
    assert text.count("It learnt them.") == 2
    predictions = crossval_predictions()
    predictions.loc[predictions["classifier"] == "vgg", "train_roc_auc"] = 0.5
    write_crossval(folder / "metrics", predictions)
    changed = page_of(folder)
    assert changed.count("It did not learn.") == 1
    assert "No verdict: VGG-16, ImageNet did not learn" in changed.split("<nav")[0]


def test_every_fold_and_repeat_has_its_numbers(made, text):
    table = tables.read_csv(made / "metrics" / "crossval_folds.csv")
    table = table[(table["share"] == 100) & (table["seed"] == 0)]
    by_run = table.set_index(["repeat", "fold", "classifier"])
    rows = cells_of(text, "Folds")
    assert len(rows) == 4
    for repeat, fold, n, *numbers in rows:
        of = [by_run.loc[(int(repeat), int(fold), name)] for name in NETWORKS]
        assert {int(each["n_pictures"]) for each in of} == {int(n)}
        accuracies, areas = ([x[m] for x in of] for m in ("accuracy", "roc_auc"))
        difference = signed(accuracies[1] - accuracies[0])
        right, area = ([f"{x:.3f}" for x in values] for values in (accuracies, areas))
        assert numbers == [*right, difference, *area]
    for repeat, *numbers in cells_of(text, "Repeats"):
        found = statistics(made)["repeats"][repeat]
        assert numbers == [
            f"{found['scratch_accuracy']:.3f}",
            f"{found['vgg_accuracy']:.3f}",
            signed(found["difference"]),
            str(found["scratch_only"]),
            str(found["vgg_only"]),
            signed(found["roc_auc_difference"]),
        ]


def test_the_learning_curve_and_the_noise_have_their_numbers(made, text):
    found = statistics(made)
    learning = found["learning"]
    rows = iter(cells_of(text, "Learning curve"))
    for share in ("50", "100"):
        for name in (*NETWORKS, "edges"):
            point = learning[name][share]
            row, areas = next(rows), limited(point, "roc_auc")
            assert row[:2] == [f"{share} %", str(point["n_train"])]
            assert row[3:5] == [limited(point, "accuracy"), areas]
            minus = between(learning["difference"][share]) if name == "vgg" else ""
            assert row[5] == minus
    assert next(rows, None) is None
    for row, name in zip(
        cells_of(text, "Noise of training"), (*NETWORKS, "difference"), strict=True
    ):
        seeds = found["seeds"][name]
        assert row[1::2] == [signed(seeds["accuracy"]), signed(seeds["roc_auc"])]
        spreads = (seeds[f"{m}_standard_deviation"] for m in ("accuracy", "roc_auc"))
        assert row[2::2] == [f"{spread:.3f}" for spread in spreads]


def test_the_pictures_needed_are_those_of_the_statistics(made, text):
    rows = cells_of(text, "Pictures needed")
    for row, points in zip(rows, ("5", "10", "15"), strict=True):
        found = statistics(made)["needed"][points]
        counts = (found[kind] for kind in ("one_test", "cross_validation"))
        told = ["more than 100,000" if n is None else f"{n:,}" for n in counts]
        assert row == [f"{found['difference']:.2f}", *told]


def test_each_place_has_its_numbers(made, text):
    test = summaries.scoring.from_statistics(
        tables.read_csv(made / "metrics" / "statistics.csv")
    )
    places = (
        statistics(made)["scores"],
        test,
        statistics(made, "external_statistics.csv")["classifiers"],
    )
    for metric, label in (("accuracy", "accuracy"), ("roc_auc", "ROC AUC")):
        rows = cells_of(text, f"{label} in each place")
        for row, name in zip(rows, (*NETWORKS, *NULLS), strict=True):
            assert row[1:] == [limited(place[name], metric) for place in places]


def test_nothing_is_claimed_for_other_images(folder):
    found = statistics(folder)
    manifest = tables.read_csv(folder / "data" / "manifest.csv")
    tables.write_csv(folder / "data" / "manifest.csv", manifest.iloc[1:])
    claims_nothing(page_of(folder), found)


def test_nothing_is_claimed_for_other_weights(folder):
    vgg = config.load(ROOT / "params.yaml").vgg.model_dump()
    found = statistics(folder)
    claims_nothing(page_of(folder, vgg=vgg | {"weights": "random"}), found)


def claims_nothing(text, found):
    page = Page(text)
    assert [section["id"] for section in page.all("section")] == ALWAYS
    assert "No cross-validation of these images and networks" in text
    assert found["sentence"] not in text
    assert f"split: {found['verdict']}" not in text
    assert "Nadeau" not in text
    assert len(cells_of(text, "accuracy in each place")[0]) == 3


def test_nothing_is_claimed_for_other_networks(folder):
    found = statistics(folder, "external_statistics.csv")
    assert found["sentence"] in page_of(folder)
    (folder / "models" / "vgg" / "weights.npy").write_bytes(b"trained again")
    text = page_of(folder)
    assert "Not run for these networks" in text
    assert found["sentence"] not in text
    assert "surest errors" not in text
    assert len(cells_of(text, "accuracy in each place")[0]) == 3
    assert statistics(folder)["sentence"] in text


def test_the_other_collection_says_what_was_left_out_and_how_unlike_it_is(made, text):
    assert "3 more are also in the training collection and were left out" in text
    assert "is 4.75; between the training images themselves it is 3.50" in text
    assert "7 of 30 images are farther away than 5.25" in text
    thirds = statistics(made, "external_statistics.csv")["by_distance"]
    for row, (name, third) in zip(
        cells_of(text, "Scores by distance"), thirds.items(), strict=True
    ):
        assert row[0] == name
        assert row[2] == str(third["n_pictures"])
        pairs = [(n, m) for m in ("accuracy", "roc_auc") for n in NETWORKS]
        assert row[3:] == [limited(third[n], m) for n, m in pairs]


@pytest.mark.parametrize("drawn", [True, False])
def test_drawn_images_are_called_mechanics_only(folder, drawn):
    parts = (folder / name for name in ("data", "models", "metrics"))
    write_external(*parts, drawn=drawn)
    assert ("<strong>Mechanics only</strong>" in page_of(folder)) == drawn


def test_only_errors_are_shown_with_escaped_names(made, text):
    found = statistics(made, "external_statistics.csv")["paired"]
    for name, title in (("scratch", "CNN from scratch"), ("vgg", "VGG-16, ImageNet")):
        index = arrays.read(made / "data" / "external" / "explain" / name).index
        wrong = index[index["wrong"]]
        total = 30 - found["both_right"] - found[f"{name}_only"]
        assert f"{title}: {len(wrong)} of {total} wrong" in text
        for image_id, score in zip(wrong["image_id"], wrong["y_score"], strict=True):
            assert f"no/&lt;{image_id}&gt;.png" in text
            assert f"score {score:.3f}, WRONG" in text
    assert "no/<e" not in text


def test_one_class_in_a_fold_and_no_spread_still_make_a_page(folder):
    predictions = crossval_predictions()
    alone = predictions["image_id"].isin(IDS[:20])
    predictions.loc[alone, "y_true"] = 0
    # the same pictures are wrong everywhere, so that no fold differs
    wrong = predictions["image_id"].isin(IDS[::5])
    predictions["y_score"] = 0.1 + 0.8 * (predictions["y_true"] ^ wrong)
    write_crossval(folder / "metrics", predictions)
    text = page_of(folder)
    assert "No verdict" in text.split("<nav")[0]
    assert "undefined" in cells_of(text, "Folds")[0]
    assert cells_of(text, "Pictures needed")[0][2] == "undefined"
    assert not re.search(r">[^<]*\b(nan|NaN|None)\b", text)


def test_two_thresholds_are_told_apart(folder, text):
    assert "call a tumour at" not in text
    chosen = {"threshold": 0.45, "calibrate": False}
    assert "call a tumour at a score of 0.45 or above" in page_of(
        folder, evaluate=chosen
    )


def test_same_tables_same_bytes(folder):
    def written():
        page_of(folder)
        files = sorted((folder / "reports").rglob("*.*"))
        return {path.name: path.read_bytes() for path in files}

    first = written()
    shutil.rmtree(folder / "reports")
    assert first == written()
    assert len(first) == 7

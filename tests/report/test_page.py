import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page import Page

from brain_mri import config
from brain_mri.evidence import observations, summaries
from brain_mri.files import tables as files
from brain_mri.files import values
from brain_mri.presentation import wording
from brain_mri.report import page
from brain_mri.report.results import Results

SECTIONS = [
    "result",
    "data",
    "leakage",
    "crops",
    "augmentation",
    "training",
    "errors",
    "curves",
    "images",
    "reproduce",
    "limits",
]
MODELS = ("scratch", "vgg")


@pytest.fixture
def results(project, tmp_path):
    """What the shrunk run left, with a copy of its metrics and images to change."""
    shutil.copytree(project / "metrics", tmp_path / "metrics")
    shutil.copytree(project / "data" / "phantom", tmp_path / "scans")
    params = config.load(project / "params.yaml")
    known = params.model_dump(exclude={"check", "crossval", "external"})
    folders = tmp_path / "scans", project / "data", tmp_path / "metrics"
    return Results(*folders, known)


def written(results, tmp_path):
    """Make the report, and return page and summary."""
    page.write(results, tmp_path / "reports")
    return tuple(
        (tmp_path / "reports" / name).read_text(encoding="utf-8")
        for name in ("index.html", "summary.md")
    )


def learnt(path):
    """Make of what a network says of its training images what one that learnt would."""
    table = observations.read(path, observations.TRAINED)
    table = table.assign(y_score=table["y_true"], y_pred=table["y_true"])
    files.write_csv(path, table)
    return table


def repredict(metrics, change, metric="accuracy"):
    """Change all predictions, then make anew what follows from them."""
    tested = {}
    for model in MODELS:
        path = metrics / f"{model}_predictions.csv"
        tested[model] = change(observations.read(path))
        files.write_csv(path, tested[model])
        write(metrics, summaries.of_network(model, tested[model], 0.5, temperature=1.0))
    nulls = observations.read_baselines(metrics / "baselines_predictions.csv")
    nulls = {name: change(table) for name, table in nulls.items()}
    trained = {m: learnt(metrics / f"{m}_train_predictions.csv") for m in MODELS}
    settings = {"champion": "scratch", "threshold": 0.5, "weights": "random"}
    settings |= {"metric": metric}
    write(metrics, summaries.of_comparison(tested, nulls, trained, **settings))


def write(metrics, contents):
    for name, content in contents.items():
        values.write(metrics / name, content)


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(results, tmp_path):
    text, _ = written(results, tmp_path)
    page = Page(text)
    assert [section["id"] for section in page.all("section")] == SECTIONS
    links = {link["href"] for link in page.all("a")}
    assert links == {"evidence.html", *(f"#{id}" for id in SECTIONS)}
    assert not page.all("script")
    assert not page.all("link")
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]+", "", text)
    assert len(page.all("h1")) == 1
    assert page.all("html") == [{"lang": "en"}]


def test_who_cannot_see_the_pictures_is_told_what_they_show(results, tmp_path):
    page = Page(written(results, tmp_path)[0])
    pictures = page.all("img")
    assert len(pictures) > 30
    for picture in pictures:
        assert picture["src"].startswith("data:image/png;base64,")
        assert len(picture["alt"]) > 20
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(head["scope"] in ("row", "col") for head in page.all("th"))


def test_every_text_says_verdict_weights_and_limits(results, tmp_path):
    page, summary = written(results, tmp_path)
    model_card = (tmp_path / "reports" / "model-card.md").read_text(encoding="utf-8")
    for text in (page, summary, model_card):
        assert results.comparison["sentence"] in text
        assert "VGG-16, random convolutions" in text
        assert "not for diagnosis" in text.lower()
    assert len(summary.splitlines()) <= 40


def test_file_names_are_escaped(results, tmp_path):
    manifest = results.manifest.copy()
    tested = results.tests["vgg"]["image_id"].iloc[0]  # its card names the file
    first = manifest.index[manifest["image_id"] == tested][0]
    evil = f"{manifest.loc[first, 'label']}/<img src=x onerror=alert(1)> & \"'.png"
    (results.dataset / manifest.loc[first, "file"]).rename(results.dataset / evil)
    manifest.loc[first, "file"] = evil
    results.__dict__["manifest"] = manifest
    text, _ = written(results, tmp_path)
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror" in text
    assert all("onerror" not in picture for picture in Page(text).all("img"))


def test_few_pictures_of_one_class_still_make_a_report(results, tmp_path):
    repredict(results.metrics, lambda table: table.assign(y_true=0))
    page, summary = written(results, tmp_path)
    assert "No verdict: 6 test pictures are too few" in page
    for text in (page, summary):
        assert "There is no verdict against the null baselines either" in text
        assert "better than every" not in text
    assert "<td>undefined</td>" in page
    assert "| undefined | " in summary
    assert not re.search(r">[^<]*\b(nan|NaN|None)\b", page)


def headings(page):
    """The columns of the headline table, without the first."""
    table = page[page.index("Headline table") : page.index("</thead>")]
    return re.findall(r'<th scope="col">([^<]+)</th>', table)[1:]


def test_a_rare_class_changes_what_the_headline_table_leads_with(results, tmp_path):
    page, summary = written(results, tmp_path)
    usual = ["Right", "Accuracy", "Sensitivity", "Specificity", "ROC AUC"]
    assert headings(page) == usual
    for text in (page, summary):
        assert "so the table leads with" not in text

    tested = observations.read(results.metrics / "vgg_predictions.csv")
    one = tested.loc[tested["part"] == "test", "picture"].min()
    repredict(
        results.metrics,
        lambda table: table.assign(y_true=(table["picture"] == one).astype(int)),
    )
    again = Results(results.dataset, results.data, results.metrics, results.parameters)
    page, summary = written(again, tmp_path)
    leads = ["Right", "Balanced accuracy", "ROC AUC", "Sensitivity", "Specificity"]
    assert headings(page) == leads
    assert "| right | balanced accuracy | ROC AUC | sensitivity | specificity |" in (
        summary
    )
    for text in (page, summary):
        assert "“yes” is rare (1 of 6 test pictures), so the table leads with" in text
    assert 'alt="Balanced accuracy of both networks' in page
    row = wording.headline(again.scores, again.names)[0]
    cells = [row[key] for key in ("right", *again.columns)]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in page.replace("\xa0", " ")
    assert "| " + " | ".join(cells) + " |\n" in summary


def test_a_verdict_on_balanced_accuracy_speaks_of_nothing_else(results, tmp_path):
    def rarer(table):
        """Make a third of the training images tumours."""
        return table.assign(y_true=(np.arange(len(table)) % 3 == 0).astype(int))

    path = results.metrics / "vgg_train_predictions.csv"
    files.write_csv(path, rarer(observations.read(path, observations.TRAINED)))
    repredict(results.metrics, lambda table: table, "balanced_accuracy")
    again = Results(results.dataset, results.data, results.metrics, results.parameters)
    page, summary = written(again, tmp_path)
    card = (tmp_path / "reports" / "model-card.md").read_text(encoding="utf-8")
    cut = f"{again.comparison['threshold']:.3g}"
    assert cut.startswith("0.3")
    assert headings(page)[1] == "Balanced accuracy"
    assert (
        f"the difference in balanced accuracy at a threshold of {cut}, the share of "
        "tumours among the training images" in page
    )
    assert "difference in accuracy" not in page
    assert "0.724" not in page  # the power of a verdict on accuracy
    assert "Paired table: 6 pictures, threshold " + cut in page
    assert "pictures labelled “yes”, both networks are right on" in page
    assert "left out: it compares accuracies" in page
    assert "McNemar" not in summary
    assert f"| threshold fixed beforehand | {cut}, the share of tumours among" in card
    assert "not computed for balanced accuracy" in card
    for text in (page, summary, card):
        assert f"comparisons with them use {cut}." in text
        assert again.comparison["sentence"] in text
    for text in (page, summary):
        assert wording.blind(again.comparison, again.scores, again.names) in text


def test_balanced_class_weights_are_said(results, tmp_path):
    page, _ = written(results, tmp_path)
    assert "losses are weighted" not in page
    results.parameters["class_weight"] = "balanced"
    page, _ = written(results, tmp_path)
    assert "Both losses are weighted" in page
    card = (tmp_path / "reports" / "model-card.md").read_text(encoding="utf-8")
    assert "both classes of equal weight in the loss" in card


def test_equal_scores_still_make_a_report(results, tmp_path):
    repredict(results.metrics, lambda table: table.assign(y_score=0.5, y_pred=1))
    page, summary = written(results, tmp_path)
    assert "says “a tumour” for every test picture" in page
    assert "says “a tumour” for every test picture" in summary
    assert "no interval" in page


def test_two_thresholds_are_told_apart(results, tmp_path):
    page, summary = written(results, tmp_path)
    assert "calls a tumour" not in page
    results.parameters["evaluate"]["threshold"] = 0.45
    page, summary = written(results, tmp_path)
    for text in (page, summary):
        assert "calls a tumour at a score of 0.45 or above" in text
        assert "them use 0.5" in text


def test_what_was_left_out_or_contradicts_itself_is_named(results, tmp_path):
    manifest = results.manifest.copy()
    lost = {"file": "no/broken.jpg", "label": "no", "accepted": False}
    lost |= {"reason": "not an image"}
    odd = manifest.index[manifest["label"] == "yes"][0]
    partner = manifest.index[manifest["label"] == "no"][0]
    manifest.loc[[odd, partner], "picture"] = manifest.loc[odd, "picture"]
    table = pd.concat([manifest, pd.DataFrame([lost])], ignore_index=True)
    results.__dict__["manifest"] = table.astype({"accepted": bool})
    page, _ = written(results, tmp_path)
    assert "<td>no/broken.jpg</td><td>not an image</td>" in page
    assert "1 scan is in both classes" in page
    for row in (odd, partner):
        assert manifest.loc[row, "file"] in page


def test_phantoms_are_called_drawn(results):
    assert not results.drawn
    drawn = Results(Path(wording.DRAWN), results.data, results.metrics, {})
    assert drawn.drawn

import pytest

from brain_mri.evidence.comparison import HEADLINE
from brain_mri.presentation import wording

NAMES = wording.names("random")
TEST = (
    dict.fromkeys(HEADLINE, 0.75)
    | {
        f"{metric}{end}": value
        for metric in (*wording.COLUMNS, "balanced_accuracy")
        for end, value in (("_low", 0.5), ("_high", 0.9))
    }
    | {"tp": 1, "fp": 2, "fn": 3, "tn": 4, "n_pictures": 10}
)
UNDEFINED = {"roc_auc": None, "roc_auc_low": None, "roc_auc_high": None}
BETTER = {"difference": 0.3, "low": 0.1, "high": 0.5}
UNSURE = {"difference": 0.1, "low": -0.1, "high": 0.3}
NOTHING = dict.fromkeys(BETTER)


def test_an_untrained_vgg_is_never_called_pretrained():
    assert NAMES["vgg"] == "VGG-16, random convolutions"
    assert wording.names("imagenet")["vgg"] == "VGG-16, ImageNet"
    (note,) = wording.limits("random", drawn=False)
    assert "random, a control" in note
    assert wording.limits("imagenet", drawn=False) == []


def test_phantoms_say_nothing_about_patients():
    assert "nothing about patients" in wording.limits("imagenet", drawn=True)[0]


def test_the_table_has_a_row_a_metric_and_a_column_a_model():
    lines = wording.side_by_side({"scratch": TEST, "vgg": TEST}, NAMES).splitlines()
    assert lines[0] == "| test | CNN from scratch | VGG-16, random convolutions |"
    assert "| roc auc | 0.750 (0.50–0.90) | 0.750 (0.50–0.90) |" in lines
    assert "| brier | 0.750 | 0.750 |" in lines
    assert "| n pictures | 10 | 10 |" in lines
    assert len(lines) == 2 + len(HEADLINE) + 5


def test_what_is_undefined_is_said():
    table = wording.side_by_side({"vgg": TEST | UNDEFINED}, NAMES)
    assert "| roc auc | undefined |" in table
    assert wording.with_interval(TEST | UNDEFINED, "roc_auc") == "undefined"
    perfect = TEST | UNDEFINED | {"roc_auc": 1.0}
    assert wording.with_interval(perfect, "roc_auc") == "1.00 (no interval)"


def test_the_headline_counts_and_marks_the_null_baselines():
    rows = wording.headline({"scratch": TEST, "majority": TEST}, NAMES)
    assert [row["right"] for row in rows] == ["5 of 10"] * 2
    assert [row["null"] for row in rows] == [False, True]
    assert rows[0]["accuracy"] == "0.75 (0.50 to 0.90)"


@pytest.mark.parametrize(
    ("tp", "fn", "fp", "tn", "rare"),
    [
        (1, 0, 1, 4, "yes"),
        (3, 1, 1, 0, None),  # one of five is a fifth, not less
        (3, 2, 1, 0, "no"),
        (2, 17, 0, 81, "yes"),
        (2, 18, 0, 80, None),
        (0, 0, 2, 4, None),  # without a tumour nothing but accuracy is defined
    ],
)
def test_a_class_below_a_fifth_of_the_pictures_changes_the_lead(tp, fn, fp, tn, rare):
    test = TEST | {
        "tp": tp,
        "fn": fn,
        "fp": fp,
        "tn": tn,
        "n_pictures": tp + fn + fp + tn,
    }
    said = wording.rare_class(test)
    (row,) = wording.headline({"scratch": test}, NAMES)
    if rare is None:
        assert said == []
        assert wording.columns(test)[0] == "accuracy"
        assert row["accuracy"] == "0.75 (0.50 to 0.90)"
    else:
        assert said[0].startswith(f"“{rare}” is rare (")
        assert wording.columns(test)[:2] == ("balanced_accuracy", "roc_auc")
        assert row["balanced_accuracy"] == "0.75 (0.50 to 0.90)"
        assert "accuracy" not in row
        assert said[0].endswith("The verdict still compares accuracy.")
        (said,) = wording.rare_class(test, "balanced_accuracy")
        assert said.endswith("The verdict compares balanced accuracy.")
    # what the verdict compares leads, rare or not
    assert wording.columns(test, "balanced_accuracy")[0] == "balanced_accuracy"
    (row,) = wording.headline({"scratch": test}, NAMES, "balanced_accuracy")
    assert row["balanced_accuracy"] == "0.75 (0.50 to 0.90)"


@pytest.mark.parametrize(
    ("by_baseline", "sentence"),
    [
        ({"majority": BETTER}, "VGG-16, random convolutions: better than every null"),
        (
            {"majority": BETTER, "nearest": UNSURE},
            "not shown to be better than nearest",
        ),
        ({"majority": NOTHING}, "majority class (difference undefined)"),
        ({"majority": BETTER | {"low": 0.0}}, "not shown to be better than majority"),
    ],
)
def test_only_an_interval_above_0_beats_a_baseline(by_baseline, sentence):
    compared = {"verdict": "not separable", "baselines": {"vgg": by_baseline}}
    (said,) = wording.unbeaten(compared, NAMES)
    assert sentence in said


def test_a_count_is_written_whole_and_a_metric_with_its_digits():
    assert wording.number(3) == "3"
    assert wording.number(0.12345) == "0.123"
    assert wording.number(None) == "undefined"


def test_a_tiny_p_is_never_written_as_0():
    found = [wording.p_value(value) for value in (0.04, 0.001, 1e-5, None)]
    found = [text.replace("\N{NO-BREAK SPACE}", " ") for text in found]
    assert found == ["= 0.040", "= 0.001", "< 0.001", "undefined"]


def test_the_blind_classifiers_are_set_against_the_networks():
    scores = {"majority": TEST, "file_facts": TEST | {"tp": 3}}
    paired = {"both_right": 4, "scratch_only": 1, "vgg_only": 2, "both_wrong": 3}
    said = wording.blind({"n_pictures": 10, "paired": paired}, scores, NAMES)
    assert "5 of 10 test pictures by the majority class, 7 by file facts only" in said
    assert "the image: CNN from scratch: 5; VGG-16, random convolutions: 6." in said


def test_the_blind_classifiers_are_set_against_the_networks_in_the_verdicts_metric():
    compared = {
        "verdict_metric": "balanced_accuracy",
        "scores": {"scratch": TEST, "vgg": TEST | {"balanced_accuracy": 0.8}},
    }
    null = TEST | {"balanced_accuracy": 0.5}
    said = wording.blind(compared, {"majority": null, "file_facts": TEST}, NAMES)
    assert "0.50 by the majority class, 0.75 by file facts only" in said
    assert "From the image: CNN from scratch: 0.75 (0.50 to 0.90); VGG-16, " in said
    assert said.endswith("0.80 (0.50 to 0.90).")


@pytest.mark.parametrize("verdict", ["too few pictures", "one class"])
def test_without_a_verdict_no_baseline_is_beaten(verdict):
    compared = {"verdict": verdict, "baselines": {"vgg": {"majority": BETTER}}}
    (said,) = wording.unbeaten(compared, NAMES)
    assert said == "There is no verdict against the null baselines either."


def test_two_thresholds_are_said_only_where_there_are_two():
    assert wording.two_thresholds(0.5) == []
    (said,) = wording.two_thresholds(0.45)
    assert "at a score of 0.45 or above" in said
    assert "them use 0.5" in said
    assert wording.two_thresholds(0.0808080, 0.0808080) == []
    (said,) = wording.two_thresholds(0.5, 0.0808080)
    assert "them use 0.0808." in said


def test_a_network_that_always_says_the_same_is_named():
    always = TEST | {"tp": 4, "fp": 6, "fn": 0, "tn": 0}
    never = TEST | {"tp": 0, "fp": 0, "fn": 4, "tn": 6}
    assert wording.one_answer({"scratch": TEST, "vgg": TEST}, NAMES) == []
    first, second = wording.one_answer({"scratch": always, "vgg": never}, NAMES)
    assert first.startswith("CNN from scratch says “a tumour” for every test picture")
    assert "VGG-16, random convolutions says “no tumour”" in second


def test_a_difference_has_its_interval():
    assert wording.difference(UNSURE) == "0.10 (−0.10 to 0.30)"
    alone = {"difference": 0.0, "low": None, "high": None}
    assert wording.difference(alone) == "0.00 (no interval)"
    assert wording.difference(None) == ""


def test_the_pictures_needed_are_counted_to_a_limit():
    assert wording.pictures_needed(1200) == "1,200"
    assert wording.pictures_needed(None) == "more than 100,000"


def test_a_leaky_split_is_named_with_what_it_hides():
    assert wording.as_given({}, NAMES) == []
    found = {"n_images": 394, "n_leaked": 57, "scratch": 0.912, "vgg": 0.956}
    (sentence,) = wording.as_given({"as_given": found}, NAMES)
    assert "of its 394 test images, 57 show a picture or a patient" in sentence
    assert "CNN from scratch 0.91 and VGG-16, random convolutions 0.96." in sentence


def test_slices_of_volumes_are_announced():
    assert wording.volumes({"volume_pairs": 0}) == []
    assert "by the mean of their scores" in wording.volumes({"volume_pairs": 7})[0]

from brain_mri import report
from brain_mri.comparison import HEADLINE

TEST = dict.fromkeys(HEADLINE, 0.75) | {
    "tp": 1,
    "fp": 2,
    "fn": 3,
    "tn": 4,
    "n_groups": 10,
    "n_images": 12,
}
PART = {"images": 12, "groups": 10}


def summary(**changes):
    return report.summary(
        audit={"files": 50, "accepted": 48, "rejected": 2, "distinct_images": 40},
        split={"groups_shared": 0, "train": PART, "val": PART, "test": PART},
        scores={"scratch": TEST, "vgg": TEST | changes},
        comparison={
            "paired": {
                "both_right": 5,
                "scratch_only": 1,
                "vgg_only": 2,
                "both_wrong": 2,
            },
            "n_groups": 10,
            "mcnemar_exact_p": 1.0,
        },
        champion="scratch",
        names=report.model_names("random"),
    )


def test_an_untrained_vgg_is_never_called_pretrained():
    names = report.model_names("random")
    assert names["vgg"] == "VGG-16, not pretrained"
    assert report.model_names("imagenet")["vgg"] == "VGG-16, ImageNet"
    assert summary().count("VGG-16, not pretrained") == 2


def test_the_table_has_a_row_a_metric_and_a_column_a_model():
    lines = report.side_by_side(
        {"scratch": TEST, "vgg": TEST}, report.model_names("random")
    ).splitlines()
    assert lines[0] == "| test | CNN from scratch | VGG-16, not pretrained |"
    assert "| roc auc | 0.750 | 0.750 |" in lines
    assert "| n groups | 10 | 10 |" in lines
    assert len(lines) == 2 + len(HEADLINE) + 6


def test_what_is_undefined_is_said():
    assert "| sensitivity | 0.750 | undefined |" in summary(sensitivity=None)


def test_the_summary_says_what_it_rests_on():
    text = summary()
    for part in (
        "10 test groups",
        "0 groups shared",
        "2 left out",
        "not for diagnosis",
    ):
        assert part in text

import pytest
from conftest import ROOT
from ruamel.yaml import YAML, YAMLError

from brain_mri import config
from brain_mri.errors import InputError

GOOD = (ROOT / "params.yaml").read_text(encoding="utf-8")


def load(tmp_path, old="", new="", text=GOOD):
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new, 1))
    return config.load(path)


@pytest.mark.parametrize(
    "written", ["1e-4", "1E-4", "0.0001", "1.0e-4", '"1e-4"', "+1e-4", ".1e-3"]
)
def test_every_way_to_write_a_number_means_the_number(tmp_path, written):
    assert load(tmp_path, "lr: 0.001", f"lr: {written}").lr == 1e-4


@pytest.mark.parametrize(("written", "value"), [("1e-05", 1e-5), ("1", 1.0)])
def test_what_dvc_writes_for_a_number_is_a_float(tmp_path, written, value):
    lr = load(tmp_path, "lr: 0.001", f"lr: {written}").lr
    assert lr == value
    assert isinstance(lr, float)


NUMBERS = """
0 -0 00 7 +1 -1 010 -010 08 0o10 +0o7 0o8 0O10 0x1F -0x1f 0X1F 0xG 0b101 -0b1 0b2
1_000 0x1_F 0o17_7 0_1 1__0 _1 1_ 12345678901234567890
.5 -.5 +.5 1. -1. 0.0 09.5 1.5 1_000.5 ._5 .5_0 . ._ + +_ 1.2.3
1e-4 1e-05 1E4 +1e-4 1.e3 .1e-3 .1e3 1.5e3 1_0e3 1e 1e+ e4 1e4_0
1:30 -1:30 190:20:30 1:30.5
.inf -.inf +.inf .Inf .INF .iNf .nan .NaN .NAN +.nan ~ null Null NULL nULL true yes
"""


@pytest.mark.parametrize("written", NUMBERS.split())
@pytest.mark.parametrize(("line", "key"), [("lr: 0.001", "lr"), ("seed: 7", "seed")])
def test_a_number_that_is_taken_is_the_one_that_dvc_records(
    tmp_path, written, line, key
):
    """DVC reads with ruamel.yaml and records 010 as 10: no stage may train with 8."""
    try:
        recorded = YAML(typ="safe", pure=True).load(f"k: {written}")["k"]
    except (ValueError, YAMLError):
        recorded = None
    try:
        taken = getattr(load(tmp_path, line, f"{key}: {written}"), key)
    except InputError:
        return
    assert taken == recorded


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_a_flag_is_true_or_false(tmp_path, word):
    params = load(tmp_path, "calibrate: false", f"calibrate: {word}")
    assert params.evaluate.calibrate is (word.lower() == "true")


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "1", "0"])
def test_no_other_word_is_a_flag(tmp_path, word):
    with pytest.raises(InputError, match=r"evaluate\.calibrate: .* received"):
        load(tmp_path, "calibrate: false", f"calibrate: {word}")


def test_an_alias_is_refused_by_name(tmp_path):
    """Nine of nine each, nested, are few bytes and 10^9 values."""
    with pytest.raises(
        InputError,
        match=r"line 3: expected the values themselves, found the alias \*one",
    ):
        load(tmp_path, text="a: &one {x: 1}\nb: 2\nc: *one\n")
    nested = [
        f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(9))}}}"
        for i in range(1, 9)
    ]
    with pytest.raises(InputError, match=r"line 2: .* found the alias \*a0"):
        load(tmp_path, text="\n".join(["a0: &a0 {x: 1}", *nested]))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lr: 0.001", "lr: -1", ["params.yaml: lr: ", "greater than 0", "-1"]),
        ("lr: 0.001", "lr: abc", ["lr", "number", "abc"]),
        ("lr: 0.001", "lr: .nan", ["lr", "number", ".nan"]),
        ("lr: 0.001", "lr: nan", ["lr", "finite"]),
        ("lr: 0.001", "lr: true", ["lr", "number", "true"]),
        ("lr: 0.001", "lr: null", ["lr", "number", "null"]),
        ("lr: 0.001", "lr: [1, 2]", ["lr", "number"]),
        ("lr: 0.001", "lrr: 0.001", ["unknown key 'lrr'; did you mean 'lr'?"]),
        ("lr: 0.001", "", ["'lr' is missing"]),
        ("dataset: data/phantom", "dataset:", ["dataset", "at least 1 character"]),
        ("data/phantom ", "data/phantom/ ", ["dataset", "without a slash at its end"]),
        ("copies: 2", "", ["'augment.copies' is missing"]),
        ("copies: 2", "copies: 0.5", ["augment.copies", "integer", "0.5"]),
        ("copies: 2", "copies: -1", ["augment.copies", "greater than or equal to 0"]),
        ("copies: 2", "copeis: 2", ["'augment.copeis'; did you mean 'augment.copies'"]),
        ("test_size: 0.2", "test_size: 1.5", ["split.test_size", "less than 1", "1.5"]),
        ("model: scratch", "model: vgh", ["model", "'scratch' or 'vgg'", "vgh"]),
        ("weight: none", "weight: null", ["class_weight", "'none' or 'balanced'"]),
        ("weight: none", "weight: both", ["class_weight", "or 'balanced'", "both"]),
        ("class_weight: none", "", ["'class_weight' is missing"]),
        ("verdict_metric: accuracy", "verdict_metric: f1", ["evaluate.verdict_metric"]),
        ("seed: 7", "seed: 4294967296", ["seed", "less than 4294967296"]),
        ("seed: 7", "seed: {a: 1}", ["seed: ", "integer"]),
        ("evaluate:", "evaluate: 3\nother:", ["unknown key 'other'"]),
        ("repeats: [1, 2, 3]", "repeats: [1, 3]", ["crossval.repeats: expected 1, 2"]),
        ("repeats: [1, 2, 3]", "repeats: 3", ["crossval.repeats", "valid list", "3"]),
        ("repeats: [1, 2, 3]", "repeats: []", ["crossval.repeats", "at least 1 item"]),
        ("[1, 2, 3, 4, 5]", "[1]", ["crossval.folds", "at least 2 items"]),
        ("[1, 2, 3, 4, 5]", "[2, 1]", ["crossval.folds: expected 1, 2", "[2, 1]"]),
        ("shares: [25, 50]", "shares: [0]", ["crossval.shares.0", "or equal to 1"]),
        ("shares: [25, 50]", "shares: [100]", ["crossval.shares.0", "or equal to 99"]),
        ("shares: [25, 50]", "shares: [50, 50]", ["crossval.shares: expected each"]),
        ("seeds: [1, 2, 3, 4]", "seeds: [0]", ["crossval.seeds.0", "or equal to 1"]),
        ("rope: 0.02", "rope: 1", ["crossval.rope", "less than 1"]),
        ("seed: 7", "seed: 7\nseed: 8", ["seed is given twice"]),
        ("seed: 7", "seed: 7\nvgg.epochs: 2", ["unknown key 'vgg.epochs'"]),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_key(tmp_path, old, new, told):
    with pytest.raises(InputError) as error:
        load(tmp_path, old, new)
    message = str(error.value)
    assert "\n" not in message
    for part in told:
        assert part in message


def test_a_section_that_is_no_section_is_one_line(tmp_path):
    text = GOOD[: GOOD.index("check:")] + "check: 3\n"
    with pytest.raises(InputError, match="check: expected keys with values, received"):
        load(tmp_path, text=text)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "a: 'x", "\tb: 1"])
def test_a_file_that_is_no_mapping_is_one_line(tmp_path, text):
    with pytest.raises(InputError) as error:
        load(tmp_path, text=text)
    assert "params.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="not found; run this in the project's"):
        config.load(tmp_path / "params.yaml")


CHECK = """check:
  max_patients_shared: 1
  require_imagenet: true
  floors: {scratch: {test: {accuracy_low: 5e-1}, val.roc_auc: 1}}
  drops: {vgg: {test: {brier: 0.05}}}
"""


def rules(tmp_path, check):
    return load(tmp_path, text=GOOD[: GOOD.index("check:")] + check).check


def test_the_rules_of_the_check_are_read(tmp_path):
    assert rules(tmp_path, CHECK) == config.Check(
        floors={"scratch.test.accuracy_low": 0.5, "scratch.val.roc_auc": 1.0},
        drops={"vgg.test.brier": 0.05},
        max_patients_shared=1,
        require_imagenet=True,
    )


@pytest.mark.parametrize("check", ["check: {}", "check:", "check: {floors: }"])
def test_what_the_rules_leave_out_is_the_default(tmp_path, check):
    assert rules(tmp_path, check) == config.Check()


def test_rules_that_are_not_there_are_a_slip_of_the_pen(tmp_path):
    with pytest.raises(InputError, match=r"unknown key 'chock'; did you mean"):
        rules(tmp_path, "chock: {}")
    with pytest.raises(InputError, match="'check' is missing"):
        rules(tmp_path, "")


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("floor: {}", "unknown key 'check.floor'; did you mean 'check.floors'?"),
        ("1: 2", "unknown key 'check.1'"),
        ("floors: 0.5", "check.floors: expected keys with values, received 0.5"),
        ("floors: {accuracy: 0.5}", "check.floors: expected a classifier, a part"),
        ("floors: {vgg: }", "check.floors: expected a classifier, a part"),
        ("floors: {vgg: {a: x}}", "check.floors.vgg.a: input should be a"),
        ("floors: {vgg: {a: true}}", "check.floors.vgg.a: input should be a"),
        ("floors: {vgg: {a: [1]}}", "check.floors.vgg.a: input should be a"),
        ("drops: {vgg: {a: -0.1}}", "check.drops.vgg.a: input should be greater"),
        ("drops: {vgg: {a: nan}}", "check.drops.vgg.a: input should be"),
        (
            "max_patients_shared: -1",
            "check.max_patients_shared: input should be greater",
        ),
        ("require_imagenet: perhaps", "check.require_imagenet: input should be a"),
    ],
)
def test_a_bad_rule_is_one_line_that_names_the_key(tmp_path, check, told):
    with pytest.raises(InputError) as error:
        rules(tmp_path, f"check: {{{check}}}")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_less_is_better_of_errors_alone():
    better = [
        key
        for key in ("a.brier", "a.log_loss", "a.fn", "a.n_pictures", "brier.f1")
        if config.lower_is_better(key)
    ]
    assert better == ["a.brier", "a.log_loss", "a.fn"]


def test_a_dotted_key_never_hides_another():
    with pytest.raises(ValueError, match=r"a\.b is given twice"):
        config.flatten({"a": {"b": 1}, "a.b": 2})

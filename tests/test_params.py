from typing import Annotated, Literal

import pytest
from annotated_types import Ge
from ruamel.yaml import YAML, YAMLError

from brain_mri import params
from brain_mri.errors import InputError
from brain_mri.gate import rules


def feed(
    path,
    *,
    lr: params.Rate,
    copies: params.NonNegative,
    test_size: params.Proportion,
    seed: params.Seed,
    model: Literal["scratch", "vgg"],
): ...


GOOD = """
lr: 0.001
seed: 7
model: vgg
part: {copies: 2, test_size: 0.2}
"""


def arguments(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return params.arguments(feed, ["part"], params.load(path))


@pytest.mark.parametrize(
    "written", ["1e-4", "1E-4", "0.0001", "1.0e-4", '"1e-4"', "+1e-4", ".1e-3"]
)
def test_every_way_to_write_a_number_means_the_number(tmp_path, written):
    assert arguments(tmp_path, GOOD.replace("0.001", written))["lr"] == 1e-4


def test_the_form_that_dvc_writes_is_a_number(tmp_path):
    lr = arguments(tmp_path, GOOD.replace("0.001", "1e-05"))["lr"]
    assert lr == 1e-5
    assert isinstance(lr, float)


def test_a_whole_number_is_a_float_where_a_float_is_due(tmp_path):
    lr = arguments(tmp_path, GOOD.replace("0.001", "1"))["lr"]
    assert isinstance(lr, float)


def test_a_word_with_an_e_stays_a_word(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: e4\nb: 1e\nc: 12e3a")
    assert params.load(path) == {"a": "e4", "b": "1e", "c": "12e3a"}


def test_booleans_and_words_are_those_that_dvc_reads(tmp_path):
    """DVC reads and writes parameters with ruamel.yaml, as YAML 1.2."""
    words = "no No NO yes Yes YES on On OFF y n true True TRUE false False FALSE tRUE"
    text = "no: [no]\nyes: [a]\n" + "".join(
        f"k{i}: {word}\n" for i, word in enumerate(words.split())
    )
    (tmp_path / "params.yaml").write_text(text)
    values = params.load(tmp_path / "params.yaml")
    assert values == YAML(typ="safe", pure=True).load(text)
    assert values["no"] == ["no"]
    assert values["k0"] == "no"
    assert values["k11"] is True
    assert values["k17"] == "tRUE"


NUMBERS = """
0 -0 00 7 +1 -1 010 -010 08 0o10 +0o7 0o8 0O10 0x1F -0x1f 0X1F 0xG 0b101 -0b1 0b2
1_000 0x1_F 0o17_7 0_1 1__0 _1 1_ 12345678901234567890
.5 -.5 +.5 1. -1. 0.0 09.5 1.5 1_000.5 ._5 .5_0 . ._ + +_ 1.2.3
1e-4 1e-05 1E4 +1e-4 1.e3 .1e-3 .1e3 1.5e3 1_0e3 1e 1e+ e4 1e4_0
1:30 -1:30 190:20:30 1:30.5
.inf -.inf +.inf .Inf .INF .iNf .nan .NaN .NAN +.nan ~ null Null NULL nULL true yes
"""


def read(reader, source):
    """What a reader makes of parameters, with its type; nothing of what it refuses."""
    try:
        return repr(reader(source))
    except (ValueError, YAMLError):
        return None


LINES = ("k: {}", "k: [{}, 1]", "k: {{a: {}}}", "{}: k")


@pytest.mark.parametrize("written", NUMBERS.split())
def test_numbers_are_those_that_dvc_reads(tmp_path, written):
    """DVC records 010 as 10: no stage may train with 8."""
    path = tmp_path / "params.yaml"
    for line in LINES:
        path.write_text(line.format(written))
        expected = read(YAML(typ="safe", pure=True).load, path.read_text())
        assert read(params.load, path) == expected


def test_an_alias_is_refused_by_name(tmp_path):
    """Nine of nine each, nested, are few bytes and 10^9 values."""
    path = tmp_path / "params.yaml"
    path.write_text("a: &one {x: 1}\nb: 2\nc: *one\n")
    message = r"params\.yaml, line 3: expected the values themselves, found \*one$"
    with pytest.raises(InputError, match=message):
        params.load(path)
    nested = [
        f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(9))}}}"
        for i in range(1, 9)
    ]
    path.write_text("\n".join(["a0: &a0 {x: 1}", *nested]))
    with pytest.raises(InputError, match=r"line 2: .* found \*a0$"):
        params.load(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lr: 0.001", "lr: -1", ["lr", "greater than 0", "-1"]),
        ("lr: 0.001", "lr: abc", ["lr", "number", "'abc'"]),
        ("lr: 0.001", "lr: .nan", ["lr", "finite"]),
        ("lr: 0.001", "lr: true", ["lr", "number", "True"]),
        ("lr: 0.001", "lr: null", ["lr", "number", "None"]),
        ("lr: 0.001", "lr: [1, 2]", ["lr", "number"]),
        ("lr: 0.001", "lrr: 0.001", ["'part.lr' or 'lr' is missing", "mean 'lrr'"]),
        ("copies: 2, ", "", ["'part.copies' or 'copies' is missing"]),
        ("copies: 2", "copies: 0.5", ["part.copies", "integer", "0.5"]),
        ("copies: 2", "copies: -1", ["part.copies", "greater than or equal to 0"]),
        (
            "copies: 2",
            "copeis: 2",
            ["'part.copies'", "is missing", "did you mean 'part.copeis'"],
        ),
        ("test_size: 0.2", "test_size: 1.5", ["part.test_size", "less than 1", "1.5"]),
        ("model: vgg", "model: vgh", ["model", "'scratch' or 'vgg'", "'vgh'"]),
        ("seed: 7", "seed: 4294967296", ["seed", "less than 4294967296"]),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_key(tmp_path, old, new, told):
    assert old in GOOD
    with pytest.raises(InputError) as error:
        arguments(tmp_path, GOOD.replace(old, new))
    message = str(error.value)
    assert "\n" not in message
    for part in told:
        assert part in message


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "a: 'x", "\tb: 1"])
def test_a_file_that_is_no_mapping_is_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        params.load(path)
    assert "params.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        params.load(tmp_path / "params.yaml")


def test_a_key_in_two_places_is_refused():
    """DVC would track one of them, and the other would rule."""

    def train(*, lr: params.Rate): ...

    values = {"lr": 0.1, "vgg": {"lr": 0.2}}
    assert params.arguments(train, ["scratch"], values) == {"lr": 0.1}
    with pytest.raises(InputError, match=r"one of lr and vgg\.lr, found both"):
        params.arguments(train, ["scratch", "vgg"], values)


TAKES = {"lr": params.Rate, "vgg.epochs": Annotated[int, Ge(1)], "dataset": str}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"lr": 0.1, "vgg": {"epochs": 2, "x": 1}, "dataset": "d"}, "'vgg.x'"),
        ({"lr": 0.1, "vgg": {"epoch": 2}, "dataset": "d"}, "did you mean 'vgg.epochs'"),
        ({"lr": 0.1, "vgg": {}, "dataset": "d"}, "'vgg.epochs' is missing"),
        ({"lr": 0.1, "vgg": {"epochs": 2}}, "'dataset' is missing"),
        ({"lr": 0.1, "vgg": 3, "dataset": "d"}, "nothing takes 'vgg'"),
        ({"lr": 0.1, "vgg": {"epochs": 0}, "dataset": "d"}, "vgg.epochs"),
        ({"lr": 0.1, "vgg": {"epochs": 2}, "dataset": 3}, "dataset"),
    ],
)
def test_the_whole_file_is_checked(values, told):
    with pytest.raises(InputError) as error:
        params.check(values, TAKES)
    assert told in str(error.value)


def test_a_good_file_passes():
    params.check({"lr": 0.1, "vgg": {"epochs": 2}, "dataset": "d"}, TAKES)


CHECK = {
    "max_groups_shared": 1,
    "require_imagenet": True,
    "floors": {"scratch": {"test": {"accuracy_low": "5e-1"}, "val.roc_auc": 1}},
    "drops": {"vgg": {"test": {"brier": 0.05}}},
}


def test_the_rules_of_the_check_are_read():
    assert rules.read({"check": CHECK, "lr": 0.1}) == rules.Rules(
        floors={"scratch.test.accuracy_low": 0.5, "scratch.val.roc_auc": 1.0},
        drops={"vgg.test.brier": 0.05},
        max_groups_shared=1,
        require_imagenet=True,
    )


@pytest.mark.parametrize(
    "values", [{"check": {}}, {"check": None}, {"check": {"floors": None}}]
)
def test_what_the_rules_leave_out_is_the_default(values):
    assert rules.read(values) == rules.Rules()


def test_rules_that_are_not_there_are_a_slip_of_the_pen():
    with pytest.raises(InputError, match=r"'check' is missing; did you mean 'chock'"):
        rules.read({"chock": {}, "lr": 1e-3})


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (3, "params.yaml: check: expected keys with values, received 3"),
        ({"floor": {}}, "nothing takes 'check.floor'; did you mean 'check.floors'?"),
        ({1: 2}, "nothing takes 'check.1'"),
        ({"floors": 0.5}, "check.floors: expected keys with values, received 0.5"),
        ({"floors": {"accuracy": 0.5}}, "check.floors.accuracy: expected a file of"),
        ({"floors": {"vgg": None}}, "check.floors.vgg: expected a file of metrics/"),
        ({"floors": {"vgg": {"a": "x"}}}, "check.floors.vgg.a: input should be a"),
        ({"floors": {"vgg": {"a": True}}}, "check.floors.vgg.a: expected a number"),
        ({"floors": {"vgg": {"a": [1]}}}, "check.floors.vgg.a: input should be a"),
        ({"drops": {"vgg": {"a": -0.1}}}, "check.drops.vgg.a: input should be greater"),
        ({"drops": {"vgg": {"a": float("nan")}}}, "check.drops.vgg.a: input should be"),
        ({"max_groups_shared": -1}, "check.max_groups_shared: input should be greater"),
        ({"require_imagenet": "perhaps"}, "check.require_imagenet: input should be a"),
    ],
)
def test_a_bad_rule_is_one_line_that_names_the_key(check, told):
    with pytest.raises(InputError) as error:
        rules.read({"check": check})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_less_is_better_of_errors_alone():
    better = [
        key
        for key in ("a.brier", "a.log_loss", "a.fn", "a.n_groups", "brier.f1")
        if rules.lower_is_better(key)
    ]
    assert better == ["a.brier", "a.log_loss", "a.fn"]


def test_a_key_that_stands_there_twice_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    for text, key in (
        ("seed: 7\nseed: 8\n", "seed"),
        ("vgg: {epochs: 1, epochs: 2}\n", "epochs"),
        ("vgg: {epochs: 1}\nvgg.epochs: 2\n", "vgg.epochs"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=f"{key} stands there twice"):
            params.load(path)

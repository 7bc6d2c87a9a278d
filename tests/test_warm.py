"""The programs that the tests start quickly behave as programs of their own."""

import sys

import pytest
from conftest import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
LOADED = "import sys\nprint('tensorflow' in sys.modules, sys.argv[1:], __name__)\n"


def test_it_is_warm_unless_a_variable_is_given(tmp_path):
    (tmp_path / "loaded.py").write_text(LOADED)
    warm = run(tmp_path, "python", "loaded.py", "a b", "$c").stdout
    assert warm == "True ['a b', '$c'] __main__\n"
    own = run(tmp_path, "python", "loaded.py", "a b", "$c", ODD="1").stdout
    assert own == warm.replace("True", "False")


def test_its_folder_modules_and_variables_are_those_of_the_asker(tmp_path):
    (tmp_path / "beside.py").write_text("import os\nprint(os.getcwd(), *os.environ)\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "program.py").write_text("import beside\n")
    (tmp_path / "beside.py").rename(tmp_path / "a" / "beside.py")
    told = run(tmp_path, "python", "a/program.py").stdout.split()
    assert told[0] == str(tmp_path)
    assert "PATH" in told
    assert "TF2_BEHAVIOR" not in told  # TensorFlow sets it


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os.abort()", 250, ""),  # as of a signal, less 256
    ],
)
def test_its_end_is_told(tmp_path, code, status, said):
    (tmp_path / "ends.py").write_text(code)
    ended = run(tmp_path, "python", "ends.py", check=False)
    assert ended.returncode == status
    assert said in ended.stderr

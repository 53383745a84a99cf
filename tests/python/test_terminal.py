"""What the program looks like to someone who sits before it."""

import os
import re
import subprocess

import pytest

from running import HEAD, PROGRAM, environment, run, write_input

WIDTH = 80
ESCAPE = "\x1b["
WARNING = HEAD + '[[stage]]\nkind = "hold"\ntemperature_k = 900\nduration_ps = 0.1234567\n'


def told_on_a_terminal(*arguments, **more):
    """What goes to the error stream where that is a terminal."""
    ours, theirs = os.openpty()
    # `CI` is taken as a wish for colour, even where `TERM` is dumb.
    unset = ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI")
    variables = {name: value for name, value in environment().items() if name not in unset}
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=variables | {"TERM": "xterm"} | more,
        timeout=60,
    )
    os.close(theirs)
    told = b""
    try:
        while part := os.read(ours, 4096):
            told += part
    except OSError:  # the end, for a terminal
        pass
    os.close(ours)
    return done.returncode, told.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", [["nowhere.toml"], ["chek"], ["inspect", "nowhere.h5"]])
def test_errors_are_coloured_on_terminals_only(arguments):
    piped = subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, env=environment())
    assert piped.stderr.startswith("error: ") and ESCAPE not in piped.stderr
    code, told = told_on_a_terminal(*arguments)
    assert code == piped.returncode != 0
    assert told.startswith(ESCAPE) and re.match(r"(\x1b\[\d+m)+error:", told), told
    assert re.sub(r"\x1b\[\d*m", "", told) == piped.stderr
    assert told_on_a_terminal(*arguments, NO_COLOR="1") == (code, piped.stderr)
    assert told_on_a_terminal(*arguments, TERM="dumb") == (code, piped.stderr)


def test_warnings_are_coloured_on_terminals_only(tmp_path):
    path = write_input(tmp_path, WARNING)
    code, told = told_on_a_terminal("check", path)
    assert code == 0 and re.match(r"(\x1b\[\d+m)+warning:", told), told
    code, told = told_on_a_terminal("check", path, NO_COLOR="1")
    assert code == 0 and told.startswith("warning: ") and ESCAPE not in told
    assert "warn: " not in told and "warning: warning" not in told


def test_a_plan_says_what_it_waits_for_on_terminals_only(tmp_path):
    path = write_input(tmp_path, WARNING.replace("0.1234567", "0.1"))
    words = ["plan", path, "--ranks", "2", "--speed", "1000000"]
    code, told = told_on_a_terminal(*words)
    assert code == 0 and "making the structure" in told
    piped = subprocess.run([str(PROGRAM), *map(str, words)], capture_output=True, text=True, env=environment())
    assert (piped.returncode, piped.stderr) == (0, "")


def test_a_bar_says_what_is_left_as_soon_as_something_is_done(tmp_path):
    path = write_input(tmp_path, WARNING.replace("0.1234567", "0.2"))
    code, told = told_on_a_terminal("--threads", "1", "--oversubscribe", "--output", tmp_path / "out", path)
    bars = re.findall(r"\d+/100 steps(.*?)[\r\x1b]", told)
    assert code == 0 and bars[0].strip() == "" and any("ns/day" in bar for bar in bars), told
    assert all(re.fullmatch(r"(  [\d.]+ ns/day)?(  \d+[smhd] left)?\s*", bar) for bar in bars), bars


def test_the_log_fits_a_terminal(tmp_path, monkeypatch):
    """But for paths, commands and the table of reference structures, which are not broken."""
    monkeypatch.chdir(tmp_path)
    write_input(tmp_path, HEAD + '[[stage]]\nkind = "hold"\ntemperature_k = 900\nduration_ps = 0.04\n')
    done = run("--output", "out", "pair.toml")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("Next:")[0].splitlines()
    long = [line for line in lines if len(line) > WIDTH and not line.startswith("reference ")]
    assert long == []


def test_the_commands_that_a_run_prints_work_where_they_are_printed(tmp_path, monkeypatch):
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_input(folder, HEAD + '[[stage]]\nkind = "hold"\ntemperature_k = 900\nduration_ps = 0.04\n')
    done = run("--output", "the out", "pair.toml")
    assert done.returncode == 0, done.stderr
    hints = dict(re.findall(r"^  (\S.*?\S)  +(.*)$", done.stdout.split("Next:")[1], re.M))
    commands = [hints["what it holds"], hints["go on for longer"].replace("--extend 10ps", "--extend 0.02ps")]
    commands += [hints["draw the neck"]] if "draw the neck" in hints else []
    for command in commands:
        again = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment())
        assert again.returncode == 0, f"{command}\n{again.stderr}"

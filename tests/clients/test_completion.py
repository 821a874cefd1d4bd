"""Completion of blastctl, by the real shells."""

import subprocess
from pathlib import Path

import pytest
from elastic_blast_client.blastctl import COMMANDS, main
from elastic_blast_client.completion import SCRIPTS, WORDS

BASH = """
source completion
COMP_WORDS=({words}); COMP_CWORD={current}
_blastctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
# What is complete is handed to `compadd` by the function; only its choice by prefix is left out.
compdef() {{ [[ $1 = _blastctl && $2 = blastctl ]] }}
compadd() {{
    shift
    for word; do [[ $word == ${{words[CURRENT]}}* ]] && print -r -- $word; done
    true
}}
_files() {{ print -l -- *.fa }}
source completion
words=(blastctl {zsh_words}); CURRENT={zsh_current}
_blastctl
"""
TEMPLATES = {"bash": BASH, "zsh": ZSH}


@pytest.fixture(params=["bash", "zsh"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A shell whose blastctl has two jobs, in a folder with a query."""
    name: str = request.param
    (tmp_path / "completion").write_text(SCRIPTS[name])
    (tmp_path / "query.fa").touch()
    stub = tmp_path / "blastctl"
    stub.write_text(
        "#!/bin/sh\n"
        "[ \"$*\" = 'list --ids' ] && printf 'job-1\\njob-2\\n'\n"
        "[ \"$*\" = 'list --help' ] && echo 'usage: [--limit LIMIT] [--status STATUS] [--ids]'\n"
        "true\n"
    )
    stub.chmod(0o755)
    return name


@pytest.mark.parametrize(
    ("words", "complete"),
    [
        ([""], WORDS.split()),
        (["c"], ["cancel", "completion"]),
        (["wait", "job-"], ["job-1", "job-2"]),
        (["fetch", ""], ["job-1", "job-2"]),
        (["list", "--"], ["--ids", "--limit", "--status"]),
        (["completion", ""], ["bash", "zsh"]),
        (["submit", "blastn", "nt", "q"], ["query.fa"]),
    ],
    ids=str,
)
def test_words_are_completed(
    shell: str, tmp_path: Path, words: list[str], complete: list[str]
) -> None:
    quoted = " ".join(f"'{word}'" for word in words)
    program = TEMPLATES[shell].format(
        words=f"blastctl {quoted}",
        current=len(words),
        zsh_words=quoted,
        zsh_current=len(words) + 1,
    )
    argv = [shell, "-f", "-c", program] if shell == "zsh" else [shell, "--norc", "-c", program]
    ended = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        timeout=30,
    )
    assert (ended.stderr, ended.stdout.split()) == ("", complete)


def test_the_completion_knows_every_command() -> None:
    assert sorted(WORDS.split()) == sorted(COMMANDS)


@pytest.mark.parametrize(("argv", "name"), [([], "bash"), (["zsh"], "zsh")], ids=str)
def test_a_shells_completion_is_printed(
    argv: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", *argv]) == 0
    assert capsys.readouterr().out == SCRIPTS[name]

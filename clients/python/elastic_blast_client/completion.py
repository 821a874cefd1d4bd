"""Completion of blastctl's commands, flags and job ids in shells."""

WORDS = "submit wait list show hits fetch cancel databases completion"
_FLAGS = r"grep -oE -- '--[a-z][a-z-]*' | sort -u"
_IDS = "blastctl list --ids 2>/dev/null"

_BASH = f"""\
_blastctl() {{
    local words="{WORDS}"
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "$words" -- "$word"))
    elif [[ "$word" == -* ]]; then
        local flags="$(blastctl "${{COMP_WORDS[1]}}" --help | {_FLAGS})"
        COMPREPLY=($(compgen -W "$flags" -- "$word"))
    else case "${{COMP_WORDS[1]}}" in
        wait|show|hits|fetch|cancel)
            COMPREPLY=($(compgen -W "$({_IDS})" -- "$word"));;
        completion) COMPREPLY=($(compgen -W "bash zsh" -- "$word"));;
        *) COMPREPLY=($(compgen -f -- "$word"));;
    esac; fi
}}
complete -F _blastctl blastctl
"""

_ZSH = f"""\
#compdef blastctl
_blastctl() {{
    if (( CURRENT == 2 )); then
        compadd -- {WORDS}
    elif [[ "${{words[CURRENT]}}" == -* ]]; then
        compadd -- ${{(f)"$(blastctl "${{words[2]}}" --help | {_FLAGS})"}}
    else case "${{words[2]}}" in
        wait|show|hits|fetch|cancel) compadd -- ${{(f)"$({_IDS})"}};;
        completion) compadd -- bash zsh;;
        *) _files;;
    esac; fi
}}
compdef _blastctl blastctl
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH}
"""By shell. That of zsh needs `autoload -U compinit && compinit` before it."""

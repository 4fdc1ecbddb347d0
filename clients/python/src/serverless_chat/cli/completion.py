"""Completion of commands and options for bash and zsh."""

from __future__ import annotations

import argparse

BASH = """_chat() {{
    local words
    case "$COMP_CWORD ${{COMP_WORDS[1]}}" in
        "1 "*) words="{commands}" ;;
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _chat chat
"""
ZSH = """#compdef chat
(( $+functions[compdef] )) || { autoload -U +X compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
"""


def script(shell: str, commands: dict[str, argparse.ArgumentParser]) -> str:
    """Return the script that a shell sources: `source <(chat completion bash)`."""
    cases = "\n".join(
        f'        *" {name}") words="{" ".join(_options(parser))}" ;;' for name, parser in sorted(commands.items())
    )
    bash = BASH.format(cases=cases, commands=" ".join(sorted(commands)))
    return bash if shell == "bash" else ZSH + bash


def _options(parser: argparse.ArgumentParser) -> list[str]:
    actions = parser._actions  # argparse has no public list of them
    options = [option for action in actions for option in action.option_strings if option.startswith("--")]
    choices = [str(choice) for action in actions if not action.option_strings for choice in action.choices or ()]
    return [*options, *choices]

"""The commands that a training ends with."""

import shlex

from keras_transformers.cli.next_commands import program


def printed_commands(out):
    """Returns the words of each command that was printed, without what starts the program."""
    start = shlex.split(program())
    lines = out[out.index("\nNext:\n") :].splitlines()[2:]
    commands = [shlex.split(line) for line in lines]
    assert 0 < len(commands) <= 3
    assert all(words[: len(start)] == start for words in commands)
    return [words[len(start) :] for words in commands]

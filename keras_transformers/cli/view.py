"""`keras-transformers view MODEL TEXT [TEXT]`."""

import argparse
from pathlib import Path

from keras_transformers.cli.options import Commands, add_trust


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("view", help="see what a model looks at in a text")
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a .keras file, the directory of a training, a BERT's directory or name on Hugging "
        "Face, or news-small-bert, which comes with the package",
    )
    parser.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help="the text, with [MASK] in it to see a BERT's guesses; a second one for a BERT that "
        "reads pairs, or the translation of the first",
    )
    add_trust(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("attention.html"),
        metavar="HTML",
        help="the file to write, which a browser opens (default: attention.html)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the page."""
    if len(options.texts) > 2:
        raise ValueError(f"expected one text or two, found {len(options.texts)}")
    text = options.texts[0] if len(options.texts) == 1 else tuple(options.texts)
    from keras_transformers.viewer import view

    view(*_open(options.model, options.trust, text)).save(options.output)
    print(f"Wrote {options.output}: open it in a browser.")
    return 0


def _open(model, trust, text):
    """Returns what `view` takes."""
    from keras_transformers.checkpoints.find_checkpoint import find_checkpoint
    from keras_transformers.models import BertEncoder, load_trained, masked_language_model
    from keras_transformers.models.fill_mask import MASK
    from keras_transformers.text import WordPieceTokenizer

    if model.endswith(".keras") or Path(model, "model.keras").is_file():
        return load_trained(model, trust=trust), text
    if MASK in text:
        return masked_language_model(model), text
    directory = find_checkpoint(model)
    encoder = BertEncoder.from_checkpoint(directory)
    return (
        encoder,
        text,
        WordPieceTokenizer.from_checkpoint(directory, max_length=encoder.max_positions),
    )

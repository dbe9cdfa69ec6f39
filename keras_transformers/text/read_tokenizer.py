"""The settings of a published tokeniser, from its files."""

from pathlib import Path
from typing import Any

from keras_transformers.checkpoints.read_saved_bert import lowers_case
from keras_transformers.checkpoints.vocabulary import (
    SPECIAL_TOKENS,
    check_vocabulary,
    read_vocabulary,
)
from keras_transformers.utils import read_json, reading

MAX_CHARS_PER_WORD = 100
# Hugging Face's classes that cut texts as BERT does, and those that go by tokenizer.json alone.
TOKENIZERS = (
    *("BertTokenizer", "ConvBertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"),
    *("FunnelTokenizer", "LayoutLMTokenizer", "LxmertTokenizer", "MobileBertTokenizer"),
    *("RetriBertTokenizer", "SqueezeBertTokenizer", "PreTrainedTokenizer", "TokenizersBackend"),
)
# Their names in tokenizer_config.json, in the order of SPECIAL_TOKENS.
SPECIAL_KEYS = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")

# What tokenizer.json must say.
_BERT_MODEL = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": MAX_CHARS_PER_WORD,
}
_NOTHING = {
    "clean_text": False,
    "split_chinese": False,
    "lower_case": False,
    "strip_accents": False,
}
# What is done by normalisers one after the other, and by pre-tokenisers.
_NORMALIZERS = {
    (): {},
    ("Lowercase",): {"lower_case": True},
    ("NFD", "StripAccents"): {"strip_accents": "marks"},
    ("NFD", "Lowercase", "StripAccents"): {"lower_case": True, "strip_accents": "marks"},
    ("NFD", "StripAccents", "Lowercase"): {"lower_case": True, "strip_accents": "marks"},
}
_PRE_TOKENIZERS = {
    ("BertPreTokenizer",): "punctuation",
    ("WhitespaceSplit", "Punctuation"): "punctuation",
    ("Whitespace",): "words",
    ("WhitespaceSplit",): "blanks",
}


def read_tokenizer(directory: Path) -> dict[str, Any]:
    """Reads the arguments of a `WordPieceTokenizer` from a checkpoint.

    Args:
        directory: a directory in Hugging Face's layout, or a BERT SavedModel of TensorFlow Hub.

    Returns:
        A dict with `vocabulary` and, where the files say, `lower_case` and `strip_accents`.

    Raises:
        FileNotFoundError: if there is no vocabulary.
        ValueError: if a file is malformed, or asks for something else than BERT's word pieces.
    """
    names = ("tokenizer.json", "vocab.txt", "assets/vocab.txt")
    file = next((directory / name for name in names if (directory / name).is_file()), None)
    if file is None:
        raise FileNotFoundError(
            "`name_or_directory` must have tokenizer.json or vocab.txt, or be a BERT of "
            f"TensorFlow Hub. Received: {directory}"
        )
    if file.name == "tokenizer.json":
        settings = _read_tokenizer_json(file)
    elif file.parent == directory:
        settings = {"vocabulary": _last_counts(read_vocabulary(file))}
        _check_added_tokens(directory / "added_tokens.json", settings["vocabulary"])
    else:
        settings = {"vocabulary": read_vocabulary(file)}
        lower_case = lowers_case(directory)
        settings |= {} if lower_case is None else {"lower_case": lower_case}
    check_vocabulary(str(file), settings["vocabulary"])
    if (special := directory / "special_tokens_map.json").is_file():
        _check_special_tokens(special, read_json(special))
    # Where the normaliser is another than BERT's, Hugging Face does not look for more.
    if (directory / "tokenizer_config.json").is_file() and settings.get("clean_text", True):
        path = directory / "tokenizer_config.json"
        settings |= _read_tokenizer_config(path, settings["vocabulary"])
    return settings


def _last_counts(pieces):
    """Leaves the last of equal pieces, as Hugging Face does; the others' ids stand for nothing."""
    last = {piece: i for i, piece in enumerate(pieces)}
    # No piece has a blank in it.
    return [piece if last[piece] == i else f"[repeated {i}]" for i, piece in enumerate(pieces)]


def _check_added_tokens(path, vocabulary):
    """Refuses tokens that Hugging Face would find in texts and this tokeniser would not."""
    added = read_json(path) if path.is_file() else {}
    _refuse_added(path, set(added) - (set(SPECIAL_TOKENS) & set(vocabulary)))
    _check_ids(path, added, vocabulary)


def _refuse_added(path, tokens):
    if tokens:
        raise ValueError(
            f"{path.name} must name no tokens but {', '.join(SPECIAL_TOKENS)}. "
            f"Received: {path} with {sorted(tokens)}"
        )


def _check_ids(path, ids, vocabulary):
    """Refuses other ids of tokens than the vocabulary, which has all of them, gives them."""
    for token, number in ids.items():
        if number != (expected := vocabulary.index(token)):
            raise ValueError(
                f"{path.name} must give {token} the id that it has in the vocabulary, {expected}. "
                f"Received: {path} with {number!r}"
            )


def _read_tokenizer_config(path, vocabulary):
    config = read_json(path)
    kind = str(config.get("tokenizer_class") or TOKENIZERS[0])
    if kind.removesuffix("Fast") not in TOKENIZERS:
        raise ValueError(
            f"{path.name} must have one of these for its tokenizer_class, with or without Fast: "
            f"{', '.join(TOKENIZERS)}. Received: {path} with {kind}"
        )
    _require(path, {"do_basic_tokenize": True, **config}, do_basic_tokenize=True)
    _check_special_tokens(path, config)
    with reading(path):
        decoder = config.get("added_tokens_decoder") or {}
        ids = {_content(token): int(number) for number, token in decoder.items()}
    _check_ids(path, {token: ids[token] for token in ids if token in vocabulary}, vocabulary)
    names = {
        "do_lower_case": "lower_case",
        "strip_accents": "strip_accents",
        "tokenize_chinese_chars": "split_chinese",
    }
    return {name: config[key] for key, name in names.items() if key in config}


def _check_special_tokens(path, config):
    """Refuses special tokens of other names than BERT's, and further ones."""
    special = dict(zip(SPECIAL_KEYS, SPECIAL_TOKENS, strict=True))
    with reading(path):
        named = {key: _content(config[key]) for key in special if config.get(key)}
        _require(path, special | named, **special)
        added = [
            *(config[key] for key in ("bos_token", "eos_token") if config.get(key)),
            *(config.get("never_split") or []),
            *(config.get("additional_special_tokens") or []),
            *_values(config.get("extra_special_tokens") or []),
            *(config.get("added_tokens_decoder") or {}).values(),
        ]
        unknown = {_content(token) for token in added} - set(SPECIAL_TOKENS)
    _refuse_added(path, unknown)


def _values(tokens):
    return tokens.values() if isinstance(tokens, dict) else tokens


def _content(token):
    """Returns what a token is, which may be given with how it is looked for."""
    return token["content"] if isinstance(token, dict) else token


def _read_tokenizer_json(path):
    content = read_json(path)
    try:
        # Early files do not name the model's type.
        _require(path, {"type": "WordPiece", **content["model"]}, **_BERT_MODEL)
        settings = _normalization(path, content["normalizer"])
        settings["split"] = _known(path, "pre_tokenizer", content["pre_tokenizer"], _PRE_TOKENIZERS)
        _check_post_processor(path, content.get("post_processor"))
        added = {token["content"]: token["id"] for token in content["added_tokens"]}
        ids = {**content["model"]["vocab"], **added}
        without_gaps = set(ids.values()) == set(range(len(ids)))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path.name} must describe a WordPiece tokeniser. Received: {path}, where reading "
            f"failed with {error!r}"
        ) from error
    _refuse_added(path, set(added) - set(SPECIAL_TOKENS))
    if not without_gaps:
        raise ValueError(
            f"{path.name} must number its {len(ids)} pieces from 0 without gaps. Received: {path}"
        )
    return {"vocabulary": sorted(ids, key=ids.get), **settings}


def _check_post_processor(path, processor):
    """Refuses what puts other tokens around texts than BERT does."""
    kind = processor["type"] if processor else "none"
    around = None
    if kind == "BertProcessing":
        around = [processor["cls"][0], "A", processor["sep"][0]]
    elif kind == "TemplateProcessing":
        around = [part["id"] for step in processor["single"] for part in step.values()]
    if around != ["[CLS]", "A", "[SEP]"]:
        raise ValueError(
            f"{path.name} must put [CLS] and [SEP] around texts by its post_processor, as BERT "
            f"does. Received: {path} with {kind}{f' {around}' if around else ''}"
        )


def _normalization(path, normalizer):
    """Returns what a normaliser does, in the arguments of a `WordPieceTokenizer`."""
    if normalizer is not None and normalizer["type"] == "BertNormalizer":
        return {
            "clean_text": normalizer["clean_text"],
            "split_chinese": normalizer["handle_chinese_chars"],
            "lower_case": normalizer["lowercase"],
            "strip_accents": normalizer.get("strip_accents"),
        }
    return _NOTHING | _known(path, "normalizer", normalizer, _NORMALIZERS)


def _known(path, part, content, known):
    """Returns what is known of a part, which may be a sequence of parts, or refuses it by name."""
    steps = [content] if content else []
    if content and content["type"] == "Sequence":
        steps = content[part.replace("_", "") + "s"]
    names = tuple(map(_name, steps))
    if names not in known:
        raise ValueError(
            f"{path.name} must have one of these for its {part}: "
            f"{'; '.join(', '.join(names) or 'none' for names in known)}. "
            f"Received: {path} with {', '.join(names) or 'none'}"
        )
    return known[names]


def _name(step):
    """Returns the type of a step, with what it does where that is not the usual."""
    behavior = step.get("behavior", "Isolated")
    return step["type"] if behavior == "Isolated" else f"{step['type']} ({behavior})"


def _require(path, settings, **expected):
    for key, value in expected.items():
        if settings[key] != value:
            raise ValueError(
                f"{path.name} must have {key}={value!r}, as BERT does. "
                f"Received: {path} with {key}={settings[key]!r}"
            )

"""The command line: train, evaluate, predict."""

import argparse
import json
import math
import os
import sys
from pathlib import Path

PROGRAM = "keras-transformers"
STOPPED = 130
SIZES = {
    "vocab_size": (20_000, "different word ids"),
    "maxlen": (256, "words of a text that are read"),
    "embed_dim": (32, "length of the vectors"),
    "num_heads": (2, "attention heads in a block"),
    "ff_dim": (32, "hidden width of the feed-forward networks"),
    "num_blocks": (1, "Transformer blocks"),
}
DATA_HELP = (
    "'ag-news', 'sample' (1,000 fictional briefs that come with the package), a directory with "
    "train.csv and test.csv in AG News' layout, or 'auto': AG News where it is on disk or can be "
    "downloaded, else the sample (default: auto)"
)
MIN_STEPS = 150
FROZEN_EPOCHS = 20
FINE_TUNING_EPOCHS = 3
FROZEN_RATE = 0.01
FINE_TUNING_RATE = 3e-5
COMPARED_ROWS = 8000
SMALL_BERT = "the small BERT of 4 layers and 128 numbers on TensorFlow Hub"
HUGGING_FACE_BERT = "google-bert/bert-base-uncased"


def console() -> None:
    """Runs the command line and ends the process."""
    code = main()
    if code == STOPPED:
        # Threads of TensorFlow's that an interrupt left waiting can keep a process from ending.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code, 2 where something given to it was wrong."""
    options = _parse(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError) as error:
        print(f"{PROGRAM}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped", file=sys.stderr)
        return STOPPED


def _parse(arguments):
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse gives up on TEXT... once an option stands between MODEL and the first of them.
    if rest and (not hasattr(options, "texts") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.texts += rest
    return options


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def _parser():
    parser = _Parser(
        prog=PROGRAM, description="Transformers in Keras 3: train, evaluate and use them."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_compare(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    return parser


def _add_train(commands):
    train = commands.add_parser("train", help="train a model on news texts")
    models = train.add_subparsers(title="models", required=True, metavar="MODEL")
    scratch = models.add_parser(
        "from-scratch",
        help="a small Transformer, trained from random weights",
        description="Trains a small Transformer classifier from random weights. Leaves "
        "model.keras, metrics.json, training.png and confusion_matrix.png in the output directory.",
    )
    _add_training_options(
        scratch,
        output="runs/from-scratch",
        epochs=f"as many as make {MIN_STEPS} steps, which for AG News is 1",
    )
    scratch.add_argument("--jit", action="store_true", help="compile the training step with XLA")
    for name, (default, text) in SIZES.items():
        scratch.add_argument(
            f"--{name.replace('_', '-')}",
            type=_positive_int,
            default=default,
            metavar="N",
            help=f"{text} (default: {default})",
        )
    scratch.add_argument(
        "--rate", type=_rate, default=0.1, metavar="P", help="dropout (default: 0.1)"
    )
    scratch.set_defaults(run=_train_from_scratch)

    frozen = models.add_parser(
        "frozen-bert",
        help="a small layer on a BERT from TensorFlow Hub that stays as it is",
        description="Trains a softmax layer on what a BERT gives for each text. The BERT runs once "
        "over the texts; what it gave is kept in DIR/features.",
    )
    _add_training_options(
        frozen, output="runs/frozen-bert", epochs=FROZEN_EPOCHS, default_epochs=FROZEN_EPOCHS
    )
    _add_hub_encoder(frozen)
    _add_head_options(frozen)
    _add_learning_rate(frozen, FROZEN_RATE)
    frozen.set_defaults(run=_train_frozen_bert)

    tuned = models.add_parser(
        "fine-tuned-bert",
        help="a BERT from TensorFlow Hub, all of it trained",
        description="Trains a BERT and a softmax layer on it together, with AdamW and warm-up.",
    )
    _add_training_options(
        tuned,
        output="runs/fine-tuned-bert",
        epochs=FINE_TUNING_EPOCHS,
        default_epochs=FINE_TUNING_EPOCHS,
        batch_size=32,
    )
    _add_native_encoder(tuned, default=None, what=SMALL_BERT)
    _add_head_options(tuned)
    _add_learning_rate(tuned, FINE_TUNING_RATE)
    _add_fine_tuning_options(tuned)
    tuned.set_defaults(run=_train_bert, model="fine-tuned-bert", fine_tune=True)

    hugging_face = models.add_parser(
        "hf-bert",
        help="a BERT from Hugging Face, frozen or fine-tuned",
        description="Trains a softmax layer on what a BERT from Hugging Face gives for each text, "
        "or with --fine-tune both together.",
    )
    _add_training_options(
        hugging_face,
        output="runs/hf-bert",
        epochs=f"{FROZEN_EPOCHS}; with --fine-tune {FINE_TUNING_EPOCHS}",
        batch_size=32,
    )
    _add_native_encoder(hugging_face, default=HUGGING_FACE_BERT, what=HUGGING_FACE_BERT)
    _add_head_options(hugging_face)
    hugging_face.add_argument("--fine-tune", action="store_true", help="train the BERT as well")
    hugging_face.add_argument(
        "--learning-rate",
        type=_positive_float,
        metavar="RATE",
        help="the highest learning rate "
        f"(default: {FROZEN_RATE}; with --fine-tune {FINE_TUNING_RATE})",
    )
    _add_fine_tuning_options(hugging_face.add_argument_group("with --fine-tune"))
    hugging_face.set_defaults(run=_train_bert, model="hf-bert")


def _add_hub_encoder(parser):
    parser.add_argument(
        "--encoder",
        metavar="BERT",
        help="a TensorFlow Hub handle, a directory with the pair that export_to_hub writes, or a "
        f"Hugging Face directory (default: {SMALL_BERT})",
    )
    parser.add_argument(
        "--preprocessor",
        metavar="HANDLE",
        help="the preprocessing model of a TensorFlow Hub handle (default: BERT's for English, "
        "uncased)",
    )


def _add_native_encoder(parser, default, what):
    parser.add_argument(
        "--encoder",
        metavar="BERT",
        default=default,
        help="a model's name on Hugging Face, a directory with one, or a TensorFlow Hub encoder, "
        f"its handle or its directory (default: {what})",
    )


def _add_fine_tuning_options(parser):
    add = parser.add_argument
    add(
        "--warmup",
        type=_rate,
        default=0.1,
        metavar="P",
        help="the share of the steps in which the rate rises (default: 0.1)",
    )
    add(
        "--weight-decay",
        type=_not_negative_float,
        default=0.01,
        metavar="W",
        help="the decoupled weight decay (default: 0.01)",
    )
    add(
        "--validation-split",
        type=_rate,
        default=0.1,
        metavar="P",
        help="the share of the training texts to choose the best epoch by (default: 0.1)",
    )
    add(
        "--head-epochs",
        type=_natural,
        default=0,
        metavar="N",
        help="passes in which only the softmax layer is trained, on features computed once, "
        "before the others (default: 0)",
    )
    add("--jit", action="store_true", help="compile the training step with XLA")


def _add_head_options(parser):
    add = parser.add_argument
    add(
        "--pooling",
        choices=("pooled", "mean"),
        default="mean",
        help="what stands for a text: BERT's pooled output, or the mean over its tokens "
        "(default: mean)",
    )
    add("--rate", type=_rate, default=0.1, metavar="P", help="dropout (default: 0.1)")
    add(
        "--mixed-precision",
        choices=("float16", "bfloat16"),
        help="compute in this type and keep the weights in float32",
    )


def _add_learning_rate(parser, default):
    parser.add_argument(
        "--learning-rate",
        type=_positive_float,
        default=default,
        metavar="RATE",
        help=f"the highest learning rate (default: {default})",
    )


def _add_training_options(parser, output, epochs, default_epochs=None, batch_size=128):
    add = parser.add_argument
    add("--data", default="auto", metavar="DATA", help=DATA_HELP)
    add(
        "--epochs",
        type=_positive_int,
        default=default_epochs,
        metavar="N",
        help=f"passes over the training texts (default: {epochs})",
    )
    add(
        "--batch-size",
        type=_positive_int,
        default=batch_size,
        metavar="N",
        help=f"texts in a batch (default: {batch_size})",
    )
    _add_run_options(parser, output)


def _add_run_options(parser, output):
    add = parser.add_argument
    add(
        "--output",
        type=Path,
        default=Path(output),
        metavar="DIR",
        help=f"where the results go (default: {output})",
    )
    add("--seed", type=_natural, default=0, metavar="N", help="of all that is random (default: 0)")
    add("--resume", action="store_true", help="go on from a stopped run's last finished epoch")


def _add_compare(commands):
    compare = commands.add_parser(
        "compare",
        help="train all models on the same texts, and make a table of them",
        description="Trains a linear classifier on words, the Transformer from scratch, and a BERT "
        "frozen and fine-tuned, all on the same texts. Leaves comparison.md, comparison.json and "
        "comparison.png in the output directory, and in it a directory for each model.",
    )
    add = compare.add_argument
    add("--data", default="auto", metavar="DATA", help=DATA_HELP)
    add(
        "--rows",
        type=_positive_int,
        default=COMPARED_ROWS,
        metavar="N",
        help=f"training texts to draw, or all if there are fewer (default: {COMPARED_ROWS})",
    )
    _add_hub_encoder(compare)
    _add_run_options(compare, "runs/compare")
    compare.set_defaults(run=_compare)


def _add_evaluate(commands):
    evaluate = commands.add_parser("evaluate", help="measure a trained model on test texts")
    _add_model(evaluate)
    evaluate.add_argument("--data", default="auto", metavar="DATA", help=DATA_HELP)
    evaluate.set_defaults(run=_evaluate)


def _add_predict(commands):
    predict = commands.add_parser("predict", help="classify texts with a trained model")
    _add_model(predict)
    predict.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="what to classify; left out, every line of standard input is a text",
    )
    predict.add_argument("--json", action="store_true", help="print a JSON object for each text")
    predict.set_defaults(run=_predict)


def _add_model(parser):
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a .keras file, or the directory of a training"
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a model with a SavedModel in it, which runs code of its own",
    )


def _positive_int(text):
    return _int_from(text, 1, "a positive integer")


def _natural(text):
    return _int_from(text, 0, "an integer of at least 0")


def _int_from(text, least, expected):
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
    return value


def _rate(text):
    value = _float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a number in [0, 1), found {text!r}")
    return value


def _positive_float(text):
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a positive number, found {text!r}")
    return value


def _not_negative_float(text):
    value = _float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, found {text!r}")
    return value


def _float(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def _train_from_scratch(options):
    _check_writable(options.output)
    from keras_transformers.data import load_news
    from keras_transformers.training import train_from_scratch

    news = load_news(options.data)
    model, metrics = train_from_scratch(
        news,
        options.output,
        epochs=options.epochs or _enough_epochs(len(news.train_texts), options.batch_size),
        batch_size=options.batch_size,
        seed=options.seed,
        rate=options.rate,
        jit=options.jit,
        resume=options.resume,
        verbose=_verbose(),
        **{name: getattr(options, name) for name in SIZES},
    )
    return _print_run(model, news, metrics, options.output)


def _train_frozen_bert(options):
    _check_writable(options.output)
    import keras

    from keras_transformers.data import load_news
    from keras_transformers.training import train_frozen

    news = load_news(options.data)
    keras.utils.set_random_seed(options.seed)
    _set_precision(options)
    model, arguments = _hub_model(options, news)
    metrics = train_frozen(
        model,
        news,
        options.output,
        arguments={
            "model": "frozen-bert",
            **arguments,
            "mixed_precision": options.mixed_precision,
        },
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        seed=options.seed,
        resume=options.resume,
        verbose=_verbose(),
    )
    return _print_run(model, news, metrics, options.output)


def _train_bert(options):
    _check_writable(options.output)
    import keras

    from keras_transformers.data import load_news
    from keras_transformers.hub.lesson_bert import ENCODER
    from keras_transformers.models import bert_classifier
    from keras_transformers.training import fine_tune, train_frozen

    news = load_news(options.data)
    keras.utils.set_random_seed(options.seed)
    _set_precision(options)
    parts = {"encoder": options.encoder or ENCODER}
    parts |= {"pooling": options.pooling, "rate": options.rate}
    model = bert_classifier(
        num_classes=len(news.class_names), freeze=not options.fine_tune, **parts
    )
    model.class_names = news.class_names
    arguments = {"model": options.model, **parts, "mixed_precision": options.mixed_precision}
    shared = {name: getattr(options, name) for name in ("batch_size", "seed", "resume")}
    shared["verbose"] = _verbose()
    if options.fine_tune:
        metrics = fine_tune(
            model,
            news,
            options.output,
            arguments=arguments,
            epochs=options.epochs or FINE_TUNING_EPOCHS,
            learning_rate=options.learning_rate or FINE_TUNING_RATE,
            warmup=options.warmup,
            weight_decay=options.weight_decay,
            validation_split=options.validation_split,
            head_epochs=options.head_epochs,
            jit=options.jit,
            **shared,
        )
    else:
        metrics = train_frozen(
            model,
            news,
            options.output,
            arguments=arguments,
            epochs=options.epochs or FROZEN_EPOCHS,
            learning_rate=options.learning_rate or FROZEN_RATE,
            **shared,
        )
    return _print_run(model, news, metrics, options.output)


def _set_precision(options):
    import keras

    if options.mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{options.mixed_precision}")


def _hub_model(options, news):
    from keras_transformers.hub import bert_pair, hub_classifier
    from keras_transformers.hub.lesson_bert import ENCODER, PREPROCESSOR

    preprocessor, encoder = bert_pair(
        options.encoder or ENCODER,
        options.preprocessor or (None if options.encoder else PREPROCESSOR),
        options.output,
    )
    parts = {"preprocessor": preprocessor, "encoder": encoder}
    parts |= {"pooling": options.pooling, "rate": options.rate}
    model = hub_classifier(num_classes=len(news.class_names), **parts)
    model.class_names = news.class_names
    return model, parts


def _compare(options):
    _check_writable(options.output)
    from keras_transformers.data import draw_news, load_news
    from keras_transformers.training import compare

    news = draw_news(load_news(options.data), options.rows, options.seed)
    compare(
        news,
        options.output,
        encoder=options.encoder,
        preprocessor=options.preprocessor,
        seed=options.seed,
        resume=options.resume,
        verbose=_verbose(),
    )
    print(f"\n{(options.output / 'comparison.md').read_text()}")
    print(f"All results are in {options.output}")
    return 0


def _verbose():
    return 1 if sys.stdout.isatty() else 2


def _print_run(model, news, metrics, output):
    _print_test(metrics["test"])
    _print_examples(model, news)
    print(f"\nTrained in {metrics['seconds']:.0f} s; all results are in {output}")
    return 0


def _check_writable(directory):
    """Finds out before the training, not after it."""
    probe = directory / ".writable"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"argument --output: expected a directory that can be written, found {directory}: "
            f"{error.strerror}"
        ) from error


def _enough_epochs(rows, batch_size):
    return -(-MIN_STEPS // -(-rows // batch_size))


def _print_test(test):
    width = max(len(name) for name in test["classes"])
    print(f"\n{'class':{width}}  precision  recall  texts")
    for name, scores in test["classes"].items():
        print(
            f"{name:{width}}  {scores['precision']:9.4f}  {scores['recall']:6.4f}  "
            f"{scores['support']:5.0f}"
        )
    print(f"\nTest accuracy {test['accuracy']:.4f}, loss {test['loss']:.4f}")


def _print_examples(model, news, count=4):
    print("\nFrom the test texts:")
    texts = news.test_texts[:count]
    for text, row, label in zip(
        texts, model.predict_texts(texts), news.test_labels[:count], strict=True
    ):
        best = row.argmax()
        print(
            f"  {model.class_names[best]} ({row[best]:.2f}; it is {news.class_names[label]}): "
            f"{_shorten(text)}"
        )


def _shorten(text, width=80):
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _evaluate(options):
    model = _load(options.model, options.trust)
    from keras_transformers.data import load_news
    from keras_transformers.training import evaluate

    news = load_news(options.data)
    test, _ = evaluate(model, news.test_texts, news.test_labels)
    _print_test(test)
    return 0


def _predict(options):
    if not options.texts and sys.stdin.isatty():
        raise ValueError("expected texts as arguments or on standard input, found none")
    model = _load(options.model, options.trust)
    texts = options.texts or [line.rstrip("\n") for line in _read_input()]
    for text, row in zip(texts, model.predict_texts(texts), strict=True):
        probabilities = dict(zip(model.class_names, row.tolist(), strict=True))
        label = max(probabilities, key=probabilities.get)
        if options.json:
            line = {"text": text, "class": label, "probabilities": probabilities}
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"{label}\t{probabilities[label]:.4f}\t{text}")
    return 0


def _read_input():
    try:
        return sys.stdin.readlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"standard input: expected UTF-8 text, found {error}") from error


def _load(path, trust):
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a .keras file, found none")
    import keras

    from keras_transformers.models import TextClassifier

    try:
        model = keras.saving.load_model(path, safe_mode=not trust)
    except Exception as error:  # zipfile, JSON, HDF5 and Keras each raise their own
        if "safe_mode" in str(error):
            raise ValueError(
                f"{path}: expected a model without a SavedModel, found one with it; pass --trust "
                "if you trust where it comes from, for a SavedModel runs code of its own"
            ) from error
        if "`handle` must lead" in str(error):
            raise ValueError(f"{path}: the SavedModel in it is gone: {_one_line(error)}") from error
        reason = _shorten(_one_line(error))
        raise ValueError(f"{path}: expected a .keras file, found another: {reason}") from error
    if not isinstance(model, TextClassifier):
        raise ValueError(
            f"{path}: expected a text classifier as '{PROGRAM} train' saves it, "
            f"found a {type(model).__name__}"
        )
    return model

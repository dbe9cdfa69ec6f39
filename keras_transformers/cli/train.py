"""`keras-transformers train MODEL`."""

import argparse

from keras_transformers.checkpoints.encoder_at_hand import (
    ENCODER,
    HUGGING_FACE_BERT,
    encoder_at_hand,
)
from keras_transformers.checkpoints.find_checkpoint import NEWS_SMALL_BERT
from keras_transformers.cli import report
from keras_transformers.cli.next_commands import (
    after_classifier,
    after_translator,
    print_next,
)
from keras_transformers.cli.options import (
    PAIRS_HELP,
    SMALL_BERT,
    Commands,
    add_distribute,
    add_hub_encoder,
    add_run,
    add_settings,
    check_writable,
    given,
    join,
)
from keras_transformers.training.settings import (
    FineTuning,
    FromScratch,
    Frozen,
    Head,
    Reading,
    Translation,
)


def add_parser(commands: Commands) -> None:
    """Adds the command and the models it trains."""
    train = commands.add_parser("train", help="train a classifier of news, or a translator")
    models = train.add_subparsers(title="models", required=True, metavar="MODEL")
    _add_from_scratch(models)
    _add_frozen_bert(models)
    _add_fine_tuned_bert(models)
    _add_hf_bert(models)
    _add_translator(models)


def _add_from_scratch(models):
    parser = models.add_parser(
        "from-scratch",
        help="a small Transformer, trained from random weights",
        description="Trains a small Transformer classifier from random weights. Leaves "
        "model.keras, metrics.json, training.png and confusion_matrix.png in the output directory.",
    )
    add_run(parser, "runs/from-scratch")
    add_settings(parser, FromScratch)
    add_distribute(parser)
    parser.set_defaults(run=train_from_scratch)


def _add_frozen_bert(models):
    parser = models.add_parser(
        "frozen-bert",
        help="a small layer on a BERT from TensorFlow Hub that stays as it is",
        description="Trains a softmax layer on what a BERT gives for each text. The BERT runs once "
        "over the texts; what it gave is kept in DIR/features.",
    )
    add_hub_encoder(parser)
    add_run(parser, "runs/frozen-bert")
    add_settings(parser, Frozen, Head)
    parser.set_defaults(run=train_frozen_bert)


def _add_fine_tuned_bert(models):
    parser = models.add_parser(
        "fine-tuned-bert",
        help="fine-tune a BERT from TensorFlow Hub",
        description="Trains a BERT and a softmax layer on it together, with AdamW and warm-up.",
    )
    _add_native_encoder(parser, SMALL_BERT)
    add_run(parser, "runs/fine-tuned-bert")
    add_settings(parser, FineTuning, Head, Reading)
    add_distribute(parser)
    parser.set_defaults(run=train_bert, name="fine-tuned-bert", published=ENCODER, fine_tune=True)


def _add_hf_bert(models):
    parser = models.add_parser(
        "hf-bert",
        help="a BERT from Hugging Face, frozen or fine-tuned",
        description="Trains a softmax layer on what a BERT from Hugging Face gives for each text, "
        "or with --fine-tune both together.",
    )
    _add_native_encoder(parser, HUGGING_FACE_BERT)
    add_run(parser, "runs/hf-bert")
    parser.add_argument("--fine-tune", action="store_true", help="train the BERT as well")
    frozen, tuned = Frozen(), FineTuning()
    add_settings(
        parser,
        FineTuning,
        Head,
        Reading,
        epochs=f"passes over the training texts (default: {frozen.epochs}; with --fine-tune "
        f"{tuned.epochs})",
        learning_rate=f"the highest learning rate (default: {frozen.learning_rate}; with "
        f"--fine-tune {tuned.learning_rate})",
    )
    add_distribute(parser)
    parser.set_defaults(
        run=train_bert, name="hf-bert", published=HUGGING_FACE_BERT, batch_size=tuned.batch_size
    )


def _add_translator(models):
    parser = models.add_parser(
        "translator",
        help="an encoder-decoder: recurrent, recurrent with attention, or a Transformer",
        description="Trains a translator on sentence pairs from random weights. Leaves "
        "model.keras, metrics.json and training.png in the output directory.",
    )
    add_run(parser, "runs/translator", PAIRS_HELP)
    add_settings(parser, Translation)
    add_distribute(parser)
    parser.set_defaults(run=train_translator)


def _add_native_encoder(parser, published):
    parser.add_argument(
        "--encoder",
        metavar="BERT",
        help="a model's name on Hugging Face, a directory with one, a TensorFlow Hub encoder, its "
        f"handle or its directory, or {NEWS_SMALL_BERT}, which comes with the package (default: "
        f"{published}, or where it cannot be had {NEWS_SMALL_BERT})",
    )


def train_from_scratch(options: argparse.Namespace) -> int:
    """Trains the from-scratch classifier."""
    join(options)
    check_writable(options.output)
    from keras_transformers.data import load_news
    from keras_transformers.training import train_from_scratch

    news = load_news(options.data)
    model, metrics = train_from_scratch(
        news,
        options.output,
        resume=options.resume,
        verbose="line",
        distribute=options.distribute,
        **given(options, FromScratch),
    )
    return _end_classifier(model, news, metrics, options)


def train_translator(options: argparse.Namespace) -> int:
    """Trains a translator."""
    join(options)
    check_writable(options.output)
    from keras_transformers.data import load_pairs
    from keras_transformers.training import train_translator

    pairs = load_pairs(options.data)
    model, metrics = train_translator(
        pairs,
        options.output,
        resume=options.resume,
        verbose="line",
        distribute=options.distribute,
        **given(options, Translation),
    )
    report.print_translation_test(metrics["test"])
    report.print_translations(model, pairs)
    report.print_results(metrics, options.output)
    attention = metrics["arguments"]["model"] != "rnn"
    print_next(
        *after_translator(options.output, pairs.test_sources[0], options.data, attention=attention)
    )
    return 0


def train_frozen_bert(options: argparse.Namespace) -> int:
    """Trains the head of a classifier on a BERT SavedModel."""
    check_writable(options.output)
    from keras_transformers.data import load_news
    from keras_transformers.hub import bert_pair, hub_classifier
    from keras_transformers.training import train_frozen

    settings, head = given(options, Frozen), Head(**given(options, Head))
    preprocessor, encoder = bert_pair(options.encoder, options.preprocessor, options.output)
    news = load_news(options.data)
    _prepare(Frozen(**settings).seed, head)
    model = hub_classifier(
        preprocessor, encoder, pooling=head.pooling, rate=head.rate, class_names=news.class_names
    )
    made_of = {"model": "frozen-bert", "preprocessor": preprocessor, "encoder": encoder}
    metrics = train_frozen(
        model,
        news,
        options.output,
        arguments=made_of | head.record(),
        resume=options.resume,
        verbose="line",
        **settings,
    )
    return _end_classifier(model, news, metrics, options, trust=True)


def train_bert(options: argparse.Namespace) -> int:
    """Trains a classifier on a BERT of our own blocks, frozen or fine-tuned."""
    join(options)
    check_writable(options.output)
    from keras_transformers.data import load_news
    from keras_transformers.models import bert_classifier
    from keras_transformers.training import fine_tune, train_frozen

    train, kind = (fine_tune, FineTuning) if options.fine_tune else (train_frozen, Frozen)
    settings, head = given(options, kind), Head(**given(options, Head))
    reading = Reading(**given(options, Reading))
    encoder = options.encoder or encoder_at_hand(options.published)
    news = load_news(options.data)
    _prepare(kind(**settings).seed, head)
    model = bert_classifier(
        encoder,
        trainable=options.fine_tune,
        pooling=head.pooling,
        rate=head.rate,
        max_length=reading.max_length,
        class_names=news.class_names,
    )
    metrics = train(
        model,
        news,
        options.output,
        arguments={"model": options.name, "encoder": encoder} | head.record() | reading.record(),
        resume=options.resume,
        verbose="line",
        distribute=options.distribute,
        **settings,
    )
    return _end_classifier(model, news, metrics, options)


def _end_classifier(model, news, metrics, options, *, trust=False):
    report.print_classifier(model, news, metrics, options.output)
    print_next(*after_classifier(options.output, news.test_texts[0], options.data, trust=trust))
    return 0


def _prepare(seed, head):
    import keras

    keras.utils.set_random_seed(seed)
    if head.mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{head.mixed_precision}")

import numpy as np
import pytest
from support.bert_checkpoints import BERT, DISTILBERT, bert_tensors, distilbert_tensors, write


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write(tmp_path_factory.mktemp("bert"), BERT, bert_tensors())


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory):
    return write(tmp_path_factory.mktemp("distilbert"), DISTILBERT, distilbert_tensors())


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A small BERT with masked-language-modelling head as TensorFlow Hub has them."""
    import tensorflow as tf
    from official.legacy.bert.configs import BertConfig
    from official.nlp.tools import export_tfhub_lib

    folder = tmp_path_factory.mktemp("tf_hub")
    config = {name: value for name, value in BERT.items() if name in BertConfig(40).to_dict()}
    config = BertConfig.from_dict(config)
    _, pretrainer = export_tfhub_lib._create_model(bert_config=config, with_mlm=True)
    rng = np.random.default_rng(5)
    for variable in pretrainer.variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    checkpoint = tf.train.Checkpoint(**pretrainer.checkpoint_items).save(str(folder / "checkpoint"))
    (folder / "vocab.txt").write_text("\n".join(f"token{i}" for i in range(40)))
    export_tfhub_lib.export_model(
        str(folder / "model"),
        bert_config=config,
        model_checkpoint_path=checkpoint,
        with_mlm=True,
        vocab_file=str(folder / "vocab.txt"),
        do_lower_case=True,
    )
    return folder / "model"

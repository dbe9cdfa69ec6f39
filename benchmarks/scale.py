"""What pre-training BERT-base takes here, and by calculation on larger machines.

    .venv/bin/python benchmarks/scale.py

Measures on JAX a training step of BERT-base on this machine, and how long two processes on it take
to add up as many numbers as it has weights, which is what they tell each other in a step. The rest
is arithmetic from these and from the figures of PUBLISHED, which are not measured.
"""

import os
import statistics
import subprocess
import sys
import time

BATCH, LENGTH, HIDDEN_PIECES = 8, 128, 20
STEPS = 3
ADDRESS = "127.0.0.1:29511"
# Pieces of English Wikipedia, 2.5 billion words (Devlin et al., 2019, section 3.1), 40 times over.
TOKENS = 40 * 3.3e9
TOKENS_IN_STEP = 256 * 512
# Of makers' data sheets: operations a second, a third of an H100's peak in bfloat16; bytes a second
# between the GPUs of a machine (NVLink) and between machines (a network of 400 Gbit/s).
PUBLISHED = {"H100": 1e15 / 3, "NVLink": 450e9, "network": 50e9}


def main() -> None:
    from keras_transformers.utils import markdown_table

    weights, per_token, seconds = map(float, run("step").split())
    speed = per_token * BATCH * LENGTH / seconds
    reduced = max(float(line) for line in together("add-up", str(int(weights))))
    print(f"{weights / 1e6:.0f} million weights, {per_token / 1e6:.0f} million operations a token")
    print(f"here: {seconds:.1f} s a step of {BATCH} x {LENGTH}, {speed / 1e9:.0f} GFLOP/s")
    print(f"two processes add up {weights / 1e6:.0f} million numbers in {reduced:.2f} s\n")
    machines = [
        ("this machine", 1, speed, None),
        ("8 GPUs", 8, PUBLISHED["H100"], PUBLISHED["NVLink"]),
        ("16 machines of 8 GPUs", 128, PUBLISHED["H100"], PUBLISHED["network"]),
    ]
    rows = [estimate(weights, per_token, *machine) for machine in machines]
    print(markdown_table(rows))


def estimate(weights, per_token, name, devices, speed, bandwidth):
    """Returns the times of a step and of the whole training by calculation.

    Each device sends and receives all gradients about twice (a ring: Patarasuk and Yuan, 2009).
    """
    computing = per_token * TOKENS_IN_STEP / (devices * speed)
    telling = 2 * 4 * weights * (devices - 1) / devices / bandwidth if bandwidth else 0.0
    days = TOKENS / TOKENS_IN_STEP * (computing + telling) / 86400
    return {
        "machine": name,
        "computing, s a step": f"{computing:.3g}",
        "communicating, s a step": f"{telling:.2g}",
        "days": f"{days:.2g}",
    }


def step():
    """Prints the number of weights, operations a token and the seconds of a step."""
    import numpy as np

    from keras_transformers.models import BertEncoder, masked_language_model
    from keras_transformers.training.pretrain import compile_masked_lm
    from keras_transformers.training.settings import Pretraining

    encoder = BertEncoder(30522, 12, 768, 12, 3072, LENGTH, pooler=False)
    model = masked_language_model(encoder)
    compile_masked_lm(model, Pretraining(), 1000)
    ids = np.random.default_rng(0).integers(1000, 30000, (BATCH, LENGTH)).astype("int32")
    positions = np.tile(np.arange(1, HIDDEN_PIECES + 1, dtype="int32"), (BATCH, 1))
    batch = {"input_word_ids": ids, "masked_positions": positions}, ids[:, :HIDDEN_PIECES]
    model.train_on_batch(*batch)
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        model.train_on_batch(*batch)
        times.append(time.perf_counter() - started)
    # Two operations a weight forward, four backward; the vocabulary at hidden pieces alone.
    vocabulary = 30522 * 768
    every = sum(
        weight.shape[0] * weight.shape[1]
        for b in encoder.blocks
        for weight in b.weights
        if len(weight.shape) == 2
    )
    per_token = 6 * (every + vocabulary * HIDDEN_PIECES / LENGTH)
    print(model.count_params(), per_token, statistics.median(times))


def add_up(count):
    """Prints how long two processes take to add up as many numbers each."""
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from keras_transformers.distribution import join_processes

    join_processes()
    mesh = Mesh(np.array(jax.devices()), ["batch"])
    divided, everywhere = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["batch"], []))
    ones = np.ones((jax.device_count(), int(count)), "float32")
    values = jax.make_array_from_callback(ones.shape, divided, ones.__getitem__)
    total = jax.jit(lambda x: x.sum(axis=0), out_shardings=everywhere)
    total(values).block_until_ready()
    started = time.perf_counter()
    total(values).block_until_ready()
    print(time.perf_counter() - started)


def run(*arguments, **env):
    return finish(start(*arguments, **env))


def together(*arguments):
    where = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": ADDRESS, "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    running = [start(*arguments, **where, KERAS_DISTRIBUTION_PROCESS_ID=n) for n in "01"]
    return [finish(process).splitlines()[-1] for process in running]


def start(*arguments, **env):
    env = os.environ | {"KERAS_BACKEND": "jax"} | env
    command = [sys.executable, __file__, *arguments]
    return subprocess.Popen(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process):
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors)
    return output


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["step"]:
            step()
        case ["add-up", count]:
            add_up(count)

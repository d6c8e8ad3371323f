import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from simviz import cli
from simviz.cli import options
from simviz.runs import checked
from simviz.runs.command import command

letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters=",=")
name = st.text(letters, min_size=1)

fields = st.fixed_dictionaries(
    {
        "dataset": name,
        "loss": st.sampled_from(["ce", "simloss@words:keep=0.05", "simloss:normalize=columns@order:r=0.5", "emd2"]),
    },
    optional={
        "seed": st.integers(0, 9),
        "epochs": st.integers(1, 50),
        "lr": st.floats(1e-5, 1),
        "batch_size": st.integers(1, 512),
        "model": name,
        "test": name,
        "drop": st.lists(name, max_size=2).map(tuple),
        "words": st.dictionaries(name, name, max_size=2),
        "image_size": st.integers(8, 64),
        "warmup": st.integers(0, 3),
        "patience": st.integers(1, 5),
        "monitor": st.sampled_from(["nll", "mean_cost"]),
        "train_size": st.integers(2, 500),
        "precision": st.just("float32"),
        "device": st.just("cuda:1"),
        "ruler": st.sampled_from(["groups", "D.csv"]),
        "schedule": st.just("constant"),
        "augment": st.booleans(),
        "standardize": st.booleans(),
        "class_weights": st.booleans(),
        "crop": st.integers(8, 64),
        "mirror": st.booleans(),
    },
)
sgd = st.fixed_dictionaries({"optimizer": st.just("sgd"), "momentum": st.floats(0.1, 0.99)})
falling = st.fixed_dictionaries({"schedule": st.just("exponential"), "decay": st.floats(0.5, 1)})
nothing = st.just({})


@given(fields, st.one_of(nothing, sgd), st.one_of(nothing, falling))
def test_the_command_says_the_very_spec(values, optimizer, schedule):
    spec = checked(**values | optimizer | schedule)
    head, *words = shlex.split(command(spec))[2:]
    arguments = cli._parser().parse_args(words)
    assert (head, words[0]) == ("simviz", "train")
    assert checked(loss=arguments.loss, seed=arguments.seed, **options.spec_fields(arguments)) == spec


@given(name, st.sampled_from([None, "groups", "-D.csv"]), st.one_of(st.none(), name))
def test_predictions_made_elsewhere_are_evaluated_again(file, ruler, table):
    values = {"predictions": file, "ruler": ruler, "class_table": table}
    head, *words = shlex.split(command(checked(dataset="mine", loss="mine", **values)))[2:]
    arguments = cli._parser().parse_args(words)
    assert (head, words[0]) == ("simviz", "evaluate")
    assert [p.name for p in arguments.predictions] == [Path(file).name]
    assert (arguments.ruler, arguments.classes) == (ruler, table)

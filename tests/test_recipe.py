from pathlib import Path

import pytest

from escalation.recipe import RecipeError, load_recipe
from tests.conftest import REPOSITORY

MINIMAL = "name: mine\nencoder: some/encoder\ntrain: a.jsonl\ndev: [b.jsonl]\noutput: out\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_and_overridden(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "head_learning_rate: 1e-3\ntrainer:\n  num_train_epochs: 2\n")
    recipe = load_recipe(path, output="elsewhere", dev=None)
    assert (recipe.train, recipe.dev, recipe.output) == (["a.jsonl"], ["b.jsonl"], "elsewhere")
    assert recipe.head_learning_rate == 0.001
    arguments = recipe.training_arguments()
    assert arguments.num_train_epochs == 2
    assert arguments.output_dir == str(Path("elsewhere") / "checkpoints")


def test_any_value_can_be_set(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "trainer:\n  num_train_epochs: 2\n")
    settings = ["trainer.seed=7", "window_tokens=128", "stances=[a, b]", "encoder_settings.dropout=0.0", "teacher="]
    recipe = load_recipe(path, settings)
    assert recipe.training_arguments().seed == 7
    assert recipe.training_arguments().num_train_epochs == 2
    assert recipe.window_tokens == 128
    assert recipe.stances == ["a", "b"]
    assert recipe.encoder_settings == {"dropout": 0.0}
    assert recipe.teacher is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("trainer.seed", "must have the form key=value"),
        ("=3", "must have the form key=value"),
        ("trainer.=3", "must have the form key=value"),
        ("name=[", "the value is not valid YAML"),
        ("name.first=a", "'name' holds no settings"),
        ("epochs=3", "unknown key 'epochs'"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path, MINIMAL), [setting])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "epochs: 3\n", "unknown key 'epochs'; known keys are name, "),
        (MINIMAL + "window_tokens: many\n", "'window_tokens' must be of type int, not 'many'"),
        (MINIMAL + "head_dropout: []\n", "'head_dropout' must be of type float"),
        (MINIMAL + "train: [1]\n", r"'train' must be of type list\[str\]"),
        ("name: mine\n", "missing key 'encoder'"),
        ("- a\n", "must be a YAML mapping"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_mistakes_are_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(path)
    assert str(path) in str(error.value)


def test_unknown_trainer_arguments_are_named(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, MINIMAL + "trainer: {epochs: 3}\n"))
    with pytest.raises(RecipeError, match=r"'trainer': .*'epochs'"):
        recipe.training_arguments()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("trainer.seed=abc", "'trainer.seed' must be a number, not 'abc'"),
        ("trainer.num_train_epochs=two", "'trainer.num_train_epochs' must be a number"),
        ("trainer.learning_rate=.nan", "'trainer.learning_rate' must be a number"),
        ("trainer.eval_strategy=no", "'trainer.eval_strategy' must be a word in quotes"),
        ("trainer.output_dir=elsewhere", "'trainer.output_dir' is not for recipes to set"),
        ("trainer.label_names=[x]", "'trainer.label_names' is not for recipes to set"),
    ],
)
def test_trainer_values_that_would_fail_late_are_refused(tmp_path: Path, setting: str, message: str) -> None:
    recipe = load_recipe(write(tmp_path, MINIMAL), [setting])
    with pytest.raises(RecipeError, match=message):
        recipe.training_arguments()


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_repository_are_valid(path: Path) -> None:
    recipe = load_recipe(path, output="out")
    assert recipe.training_arguments().num_train_epochs > 0 or recipe.average_with


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("layer_decay: 0", "'layer_decay' must be above 0"),
        ("starting_weight: 2", "'starting_weight' must be from 0 to 1"),
        ("teacher: small\nteacher_weight: 1.5", "'teacher_weight' must be from 0 to 1"),
        ("teacher: small", "'teacher' has nothing to read"),
        ("teacher_weight: 0.5", "need a 'teacher'"),
        ("vote_loss_weight: 0.5", "need a 'teacher'"),
        ("focal_gamma: -1", "'focal_gamma' must not be below 0"),
        ("tag_loss_weight: -1", "'tag_loss_weight' must not be below 0"),
        ("head_learning_rate: .nan", "'head_learning_rate' must be of type float"),
        ("quantization_block: 7", "'quantization_block' must be a power of two from 16, not 7"),
        ("quantization_block: -32", "'quantization_block' must be a power of two"),
        ("labelled_repeats: 0", "'labelled_repeats' must be above 0"),
    ],
)
def test_values_out_of_range_are_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path, f"{MINIMAL}{line}\n"))


def test_numbers_as_people_write_them_and_empty_keys(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "trainer: {learning_rate: 3e-5}\nentity_labels:\ncard_notes: null\n")
    recipe = load_recipe(path)
    assert recipe.training_arguments().learning_rate == 3e-5
    assert recipe.entity_labels is None
    with pytest.raises(RecipeError, match="'dev' names no file"):
        load_recipe(write(tmp_path, MINIMAL.replace("[b.jsonl]", "[]")))

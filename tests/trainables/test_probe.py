import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from models.networks.native import native_model, random_state
from models.networks.registry import resolve_spec
from trainables.probe import knn_hits, pooled_features, probe_state

SPEC = resolve_spec("vit_micro", 10, 8, 1, args={"depth": 2})


def digits(count: int, start: int = 0) -> tuple[Tensor, Tensor]:
    images, labels = load_digits(return_X_y=True)
    chosen = slice(start, start + count)
    pixels = torch.tensor(images[chosen] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return pixels, torch.tensor(labels[chosen])


def trained_on_half_the_digits(steps: int = 150) -> dict[str, Tensor]:
    """Trained on images that the probe does not see."""
    model = native_model(SPEC, seed=1)
    images, labels = digits(1000, start=400)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = torch.randint(len(labels), (64,), generator=generator)
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@pytest.mark.slow
def test_trained_features_win_and_random_ones_do_not() -> None:
    images, labels = digits(400)
    trained = probe_state(SPEC, trained_on_half_the_digits(), images, labels, seed=0)
    assert trained.wins
    assert trained.accuracy > trained.random_accuracy + 0.03
    random = probe_state(SPEC, random_state(SPEC, 7), images, labels, seed=0)
    assert not random.wins
    same = probe_state(SPEC, random_state(SPEC, 0), images, labels, seed=0)
    assert same.accuracy == same.random_accuracy
    assert same.standard_error == 0.0
    assert not same.wins


def test_the_normalisation_enters_both_sides() -> None:
    images, labels = digits(60)
    state = random_state(SPEC, 2)
    plain = probe_state(SPEC, state, (images - 0.25) / 0.5, labels, seed=0)
    told = probe_state(SPEC, state, images, labels, seed=0, mean=[0.25], std=[0.5])
    assert plain.to_json() == told.to_json()


@pytest.mark.parametrize("mode", [True, False])
def test_features_are_what_the_classifier_reads_and_the_mode_stays(mode: bool) -> None:
    model = native_model(SPEC, seed=0).train(mode)
    images, _ = digits(10)
    features = pooled_features(model, images, batch_size=3)
    assert model.training is mode
    model.eval()
    with torch.no_grad():
        wanted = model.forward_head(model.forward_features(images), pre_logits=True).double()
    torch.testing.assert_close(features, wanted - wanted.mean(dim=0), atol=1e-6, rtol=1e-5)


def test_the_nearest_neighbour_agrees_with_scikit_learn() -> None:
    images, labels = digits(150)
    model = native_model(SPEC, seed=0)
    features = pooled_features(model, images)
    hits = knn_hits(model, images, labels, neighbours=1)
    for index in range(0, 150, 10):
        others = [other for other in range(150) if other != index]
        reference = KNeighborsClassifier(1, metric="cosine").fit(features[others], labels[others])
        assert bool(hits[index]) == (reference.predict(features[index : index + 1])[0] == labels[index])

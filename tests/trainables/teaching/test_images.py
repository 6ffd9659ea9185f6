"""A teacher is shown what it would be shown by itself: the same pixels in its own normalisation, channels and size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.data.batching import Normalisation
from trainables.data.in_memory import resize
from trainables.teaching.images import Scale, ShownItsOwn

COLOURS = Scale.of((0.3, 0.5, 0.7), (0.2, 0.25, 0.3))
OTHERS = Scale.of((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GREY = Scale.of((0.3,), (0.4,))


def pixels(channels: int, side: int = 8) -> Tensor:
    """uint8 images, with the extremes among them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (5, channels, side, side), generator=generator, dtype=torch.uint8)
    images[0, :, :4], images[0, :, 4:] = 0, 255
    return images


def normalised(images: Tensor, scale: Scale) -> Tensor:
    return Normalisation.of(scale.mean, scale.std, torch.device("cpu"))(images)


def shown(images: Tensor, seen: Scale, own: Scale, size: int = 8) -> Tensor:
    return ShownItsOwn(nn.Identity(), seen, own, size)(normalised(images, seen))


def test_images_of_its_own_kind_reach_it_untouched() -> None:
    images = normalised(pixels(3), COLOURS)
    assert ShownItsOwn(nn.Identity(), COLOURS, COLOURS, 8)(images) is images


@pytest.mark.parametrize(("seen", "own"), [(COLOURS, OTHERS), (OTHERS, COLOURS)])
def test_another_normalisation_is_undone_and_its_own_applied(seen: Scale, own: Scale) -> None:
    expected = normalised(pixels(3), own)
    torch.testing.assert_close(shown(pixels(3), seen, own), expected, rtol=0, atol=1e-6)


def test_there_and_back_is_where_it_began() -> None:
    images = normalised(pixels(3), COLOURS)
    there = ShownItsOwn(nn.Identity(), COLOURS, OTHERS, 8)(images)
    torch.testing.assert_close(ShownItsOwn(nn.Identity(), OTHERS, COLOURS, 8)(there), images, rtol=0, atol=1e-6)


def test_grey_images_reach_a_teacher_of_colours_with_the_same_in_every_channel() -> None:
    expected = normalised(pixels(1).expand(-1, 3, -1, -1), OTHERS)
    torch.testing.assert_close(shown(pixels(1), GREY, OTHERS), expected, rtol=0, atol=1e-6)
    repeated = Scale.of(GREY.mean * 3, GREY.std * 3)
    assert shown(pixels(1), GREY, repeated).shape == (5, 3, 8, 8)


@pytest.mark.parametrize("size", [5, 20])
@pytest.mark.parametrize(("channels", "seen", "own"), [(3, COLOURS, OTHERS), (3, OTHERS, OTHERS), (1, GREY, OTHERS)])
def test_another_size_is_that_of_the_pixels_within_black_and_white(
    channels: int, seen: Scale, own: Scale, size: int
) -> None:
    images = pixels(channels)
    plain = functional.interpolate(images.float() / 255, (size, size), mode="bicubic", antialias=True)
    assert size < 8 or bool((plain > 1).any()), "what lies beyond white is among what is tested"
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (own.mean, own.std))
    expected = (plain.clamp(0, 1) - mean) / std
    found = shown(images, seen, own, size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    # Data are resized to whole grey values; the teacher's images are no further off than that.
    rounded = normalised(resize(images, size).expand(-1, 3, -1, -1), own)
    assert float((found - rounded).abs().max()) <= 0.5 / 255 / min(own.std) + 1e-5


def test_the_teacher_answers_for_what_it_is_shown() -> None:
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4))
    network = ShownItsOwn(teacher, GREY, OTHERS, 8)
    assert torch.equal(network(normalised(pixels(1), GREY)), teacher(shown(pixels(1), GREY, OTHERS)))
    assert [name for name, _ in network.named_parameters()] == ["teacher.1.weight", "teacher.1.bias"]

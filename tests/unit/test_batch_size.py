"""The largest batch: a GPU is imitated by what a step takes there, as none is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeyolo.errors import UsageError
from edgeyolo.train.batch_size import Found, largest_batch
from edgeyolo.train.outcomes import is_out_of_memory
from edgeyolo.train.recipe import Job, Recipe
from tests.command import edgeyolo_here

MB = 1 << 20
MANY = 100_000  # images


class Gpu:
    """Takes ``fixed`` MB and so many for each image, and fails beyond ``free``."""

    def __init__(self, free: int, image: float, fixed: float = 300) -> None:
        self.free, self._image, self._fixed = free * MB, image, fixed
        self.tried: list[int] = []

    def needs(self, batch: int) -> int | None:
        self.tried.append(batch)
        needed = int((self._fixed + self._image * batch) * MB)
        return needed if needed <= self.free else None


@pytest.mark.parametrize("image", [20, 55, 118, 700, 1500])
@pytest.mark.parametrize("free", [3_500, 7_600, 23_000])
def test_as_many_as_leave_a_fifth_of_the_memory(free: int, image: float) -> None:
    gpu = Gpu(free, image)
    found = largest_batch(gpu.needs, gpu.free, MANY)
    room = 0.8 * free
    assert 300 + image * found.batch <= room
    if found.limit == "memory":
        grain = 8 if found.batch >= 8 else 1
        assert 300 + image * (found.batch + grain + 1) > room
    else:
        assert (found.limit, found.batch) == ("use", 128)
    assert max(gpu.tried) <= 128


def test_what_it_answers_was_tried() -> None:
    """Memory that grows faster than in proportion is found out."""
    gpu = Gpu(8_000, 0)

    def needs(batch: int) -> int | None:
        gpu.tried.append(batch)
        needed = (300 + batch**2) * MB
        return needed if needed <= gpu.free else None

    found = largest_batch(needs, gpu.free, MANY)
    assert found.batch in gpu.tried
    assert 40 <= found.batch <= 78 and found.limit == "memory"


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (20, Found(16, "images")),
        (205, Found(16, "images")),
        (600, Found(32, "images")),
        (5_000, Found(128, "use")),
    ],
)
def test_a_small_data_set_keeps_its_steps(images: int, expected: Found) -> None:
    gpu = Gpu(140_000, 118)
    assert largest_batch(gpu.needs, gpu.free, images) == expected


def test_where_hardly_one_image_fits() -> None:
    for free in (1_900, 400):
        gpu = Gpu(free, 1_000)
        assert largest_batch(gpu.needs, gpu.free, MANY) == Found(1, "memory")


@pytest.mark.parametrize(
    ("stored", "asked", "kept"), [(None, None, None), (24, None, 24), (8, 16, 8), (None, 16, 16)]
)
def test_a_batch_that_was_found_stays_when_the_job_is_written_anew(
    tmp_path: Path, stored: int | None, asked: int | None, kept: int | None
) -> None:
    Job("data.yaml", Recipe(1, 64, batch=stored)).save(tmp_path)
    Job("data.yaml", Recipe(1, 64, batch=asked)).save_anew(tmp_path)
    assert Job.load(tmp_path).recipe.batch == kept


def test_a_batch_has_to_be_shared_evenly() -> None:
    assert Recipe(1, 64, batch=16, device="0,1").batch == 16
    with pytest.raises(UsageError, match="batch 15 cannot be shared by 2 devices") as error:
        Recipe(1, 64, batch=15, device="cuda:0,cuda:1")
    assert error.value.hint == "Use 14."


@pytest.mark.parametrize(("batch", "code"), [("auto", 0), ("AUTO", 0), ("8", 0), ("many", 2)])
def test_a_batch_by_name_or_number(
    batch: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edgeyolo_here("train", "--data", "demo", "--batch", batch, "--dry-run") == code
    assert ("batch 'many' is not possible." in capsys.readouterr().err) == (code == 2)


@pytest.mark.parametrize(
    ("said", "is_full"),
    [
        ("CUDA out of memory. Tried to allocate 20 GiB", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)", True),
        ("FIND was unable to find an engine to execute this computation", True),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_what_torch_says_where_memory_ends(said: str, is_full: bool) -> None:
    assert is_out_of_memory(RuntimeError(said)) == is_full


def test_layers_that_learned_nothing_are_not_frozen(
    capsys: pytest.CaptureFixture[str], in_tmp: Path
) -> None:
    assert edgeyolo_here("train", "--data", "demo", "--freeze", "backbone", "--detach") == 2
    assert "--freeze backbone would keep layers that have learned nothing." in (
        capsys.readouterr().err
    )
    assert not (in_tmp / "runs").exists()

"""Stain normalisation: a cell as it would look on the reference's slide, under its light.

Both methods come from tissue, where stain covers the picture. Here most of it is ground, so two
things differ from the papers: light is read relative to each picture's own clear ground, which
becomes the reference's (ground never takes on the colour of a stain), and statistics are those of
the stained pixels alone. Given back as they are: pictures in which no stain can be told from the
ground, and cells cut out on black, which show neither ground nor red cells to compare, unless the
reference was cut out too (its ground is 0,0,0). So these steps come before ``segment``.
"""

from collections.abc import Callable

import cv2
import numpy as np

from features.ground import clear_ground, is_cut_out, lit

Step = Callable[[np.ndarray], np.ndarray]

STAINED = 0.15  # optical density from which a pixel counts as stained, as in Macenko et al.
FEWEST = 50  # stained pixels; statistics of fewer are noise
MOST = 20_000  # stained pixels looked at; more change nothing
STRETCH = 1.6  # at most, of contrasts and strengths: beyond it noise and haze are what grow
WHITE = np.full(3, 255.0)
NARROWEST = np.deg2rad(8.0)  # between two stains; nearer ones cannot be told apart

# Medians over 240 cells of Acevedo et al. 2020 (doi:10.1016/j.dib.2020.105474, CC BY 4.0), 30 of
# each class, May-Gruenwald-Giemsa; made by `measure_reinhard` and `measure_macenko`.
REINHARD = (254.2, 228.1, 201.6, 62.34, 19.71, -5.4, 15.03, 10.58, 18.19)
MACENKO = (254.2, 228.1, 201.6, 0.4635, 0.8799, 0.1041, 0.5443, 0.6781, 0.4939, 1.183, 0.3362)


def reinhard(*reference: float) -> Step:
    """Give the stained pixels the mean and spread in CIE L*a*b* that the reference's have.

    Reinhard et al. 2001, doi:10.1109/38.946629. Pixels between ground and stain are moved in
    proportion to their density, so that no edge appears.

    Args:
        reference: nothing for the built-in one, or nine numbers: RGB of the ground, then mean and
            standard deviation of L*, a* and b*, as ``measure_reinhard`` gives.

    Raises:
        ValueError: another number of them, or values that no picture has.
    """
    values = _checked(reference or REINHARD, 9)
    ground, mean, spread = values[:3], values[3:6], values[6:]
    if np.abs(values[3:]).max() > 128 or spread.min() < 0:
        raise ValueError("needs L*a*b* of -128 to 128, and standard deviations of 0 or more")

    def apply(image: np.ndarray) -> np.ndarray:
        density = _density(image)
        stained = _stained(image, density)
        if stained.sum() < FEWEST or not _comparable(image, ground):
            return image
        lab = _to_lab(_relit(image, ground))
        own, own_spread = lab[stained].mean(axis=0), lab[stained].std(axis=0)
        stretch = np.clip(spread / np.maximum(own_spread, 1e-3), 1 / STRETCH, STRETCH)
        moved = lab + _share(density) * ((lab - own) * stretch + mean - lab)
        return _on_black(image, _from_lab(moved))

    return apply


def measure_reinhard(image: np.ndarray) -> tuple[float, ...] | None:
    """The nine numbers of ``reinhard`` for a reference (h, w, 3) uint8; None without stain."""
    density = _density(image)
    stained = _stained(image, density)
    if stained.sum() < FEWEST:
        return None
    lab = _to_lab(image.astype(np.float32))[stained]
    return tuple(map(float, (*_reference_ground(image), *lab.mean(axis=0), *lab.std(axis=0))))


def macenko(*reference: float) -> Step:
    """Part the picture into two stains and give each the reference's colour and strength.

    Macenko et al. 2009, doi:10.1109/ISBI.2009.5193250: the stains are the two extreme directions
    of optical density in the plane of its two largest singular vectors. What no amount of the two
    explains is kept, unlike in the paper: blood shows three dyes, and the red granules of an
    eosinophil would turn grey.

    Args:
        reference: nothing for the built-in one, or eleven numbers: RGB of the ground, direction
            (red, green and blue density) of azure in nuclei and of eosin with haemoglobin, and
            the strength of both, as ``measure_macenko`` gives.

    Raises:
        ValueError: another number of them, or values that no picture has.
    """
    values = _checked(reference or MACENKO, 11)
    ground, target, strengths = values[:3], values[3:9].reshape(2, 3), values[9:]
    if np.abs(target).max() > 1 or np.linalg.norm(np.cross(*target)) < 1e-3:
        raise ValueError("needs two directions of their own, in numbers of -1 to 1")
    if strengths.min() <= 0 or strengths.max() > 10:
        raise ValueError("needs two strengths above 0 and at most 10")

    def apply(image: np.ndarray) -> np.ndarray:
        density = _density(image)
        found = _two_stains(density[_stained(image, density)])
        if found is None or not _comparable(image, ground):
            return image
        stains, own = found
        amounts = _amounts(density, stains)
        factors = np.clip(strengths / own, 1 / STRETCH, STRETCH)
        density += amounts @ (factors[:, None] * target - stains).astype(np.float32)
        return _on_black(image, _light(density, ground if ground.any() else WHITE))

    return apply


def measure_macenko(image: np.ndarray) -> tuple[float, ...] | None:
    """The eleven numbers of ``macenko`` for a reference (h, w, 3) uint8; None without stains."""
    density = _density(image)
    found = _two_stains(density[_stained(image, density)])
    if found is None:
        return None
    return tuple(map(float, (*_reference_ground(image), *found[0].ravel(), *found[1])))


def vary_stains(image: np.ndarray, factors: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Change the amounts of both stains, ``amount * factor + offset``, and of the rest by a factor.

    Tellez et al. 2018, doi:10.1109/TMI.2018.2820199, in the space of the built-in reference's
    stains, and relative to the clear ground, whose own light stays. What was cut out stays black.

    Args:
        image: (h, w, 3) uint8 RGB.
        factors: (3,) for azure, eosin and the rest.
        offsets: (2,) for azure and eosin, as shares of how strong eosin is in the reference; laid
            on where there is stain.

    Returns:
        (h, w, 3) uint8.
    """
    stains = np.array(MACENKO[3:9]).reshape(2, 3)
    rest = np.cross(*stains)
    basis = np.vstack([stains, rest / np.linalg.norm(rest)])
    density = _density(image)
    change = np.linalg.inv(basis) @ np.diag(factors) @ basis
    offset = offsets * MACENKO[10] @ stains
    density = cv2.transform(density, change.T) + _share(density) * offset.astype(np.float32)
    return _on_black(image, _light(density, _ground(image)))


def _checked(values: tuple[float, ...], count: int) -> np.ndarray:
    if len(values) != count:
        raise ValueError(
            f"found {len(values)} numbers, expected none, {count}, or the name of an image file"
        )
    numbers = np.array(values, np.float64)
    if not ((numbers[:3] >= 0) & (numbers[:3] <= 255)).all():
        raise ValueError("the first three numbers are the ground's RGB, 0 to 255")
    return numbers


def _comparable(image: np.ndarray, ground: np.ndarray) -> bool:
    """Whether picture and reference both show ground, or were both cut out on black."""
    return (clear_ground(image) is None) == (not ground.any())


def _reference_ground(image: np.ndarray) -> np.ndarray:
    ground = clear_ground(image)
    return np.zeros(3) if ground is None else ground


def _ground(image: np.ndarray) -> np.ndarray:
    """RGB of the clear ground; where a cell was cut out, it was read against full white."""
    ground = clear_ground(image)
    return WHITE if ground is None else ground


def _density(image: np.ndarray) -> np.ndarray:
    """Optical density (h, w, 3) float32 against the clear ground; noise may be negative."""
    levels = np.arange(256)[:, None] + 1.0
    table = np.log10((_ground(image) + 1.0) / levels).astype(np.float32)
    return np.dstack([table[image[..., channel], channel] for channel in range(3)])


def _stained(image: np.ndarray, density: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(density, axis=2) > STAINED) & lit(image)


def _share(density: np.ndarray) -> np.ndarray:
    """How much each pixel is stain, (h, w, 1), 0 to 1; shading of the ground is none."""
    strength = np.linalg.norm(density, axis=2, keepdims=True) / STAINED
    return np.clip(1.5 * strength - 0.5, 0.0, 1.0)


def _two_stains(density: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Directions (2, 3), azure first, and strengths (2,), from stained pixels (n, 3)."""
    density = density[:: max(1, len(density) // MOST)].astype(np.float64)
    if len(density) < FEWEST:
        return None
    plane = np.linalg.eigh(density.T @ density)[1][:, [2, 1]]
    plane *= np.where(plane.sum(axis=0) < 0, -1.0, 1.0)  # eigenvectors come with either sign
    angles = np.arctan2(*(density @ plane).T[::-1])
    least, most = np.percentile(angles, (1, 99))
    if most - least < NARROWEST:
        return None
    stains = np.array([[np.cos(angle), np.sin(angle)] for angle in (least, most)]) @ plane.T
    stains = stains[np.argsort(stains[:, 2])]  # azure lets blue pass, haemoglobin absorbs it
    strengths = np.percentile(density @ np.linalg.pinv(stains), 99, axis=0)
    return (stains, strengths) if strengths.min() > 0.02 else None


def _light(density: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The picture (h, w, 3) uint8 of an optical density under the light of a ground."""
    passing = np.exp(density * np.float32(-np.log(10.0)))
    return _to_uint8(passing * (ground + 1.0).astype(np.float32) - np.float32(1.0))


def _amounts(density: np.ndarray, stains: np.ndarray) -> np.ndarray:
    """How much of each stain (2, 3) explains a density (h, w, 3) best, never less than none."""
    amounts = density @ np.linalg.pinv(stains).astype(np.float32)
    alone = np.maximum(density @ stains.T.astype(np.float32), 0.0)
    for one, other in ((0, 1), (1, 0)):
        lacking = amounts[..., one] < 0
        amounts[lacking, one] = 0.0
        amounts[lacking, other] = alone[lacking, other]
    return amounts


def _relit(image: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The picture under the light of another ground, float32 0 to 255."""
    own = clear_ground(image)
    if own is None:
        return image.astype(np.float32)
    return np.minimum(image * (ground / np.maximum(own, 1.0)), 255.0).astype(np.float32)


def _to_lab(image: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (L* 0 to 100) of a float32 RGB picture of 0 to 255."""
    return cv2.cvtColor(image / np.float32(255.0), cv2.COLOR_RGB2LAB)


def _from_lab(lab: np.ndarray) -> np.ndarray:
    lab = lab.astype(np.float32)
    lab[..., 0] = np.clip(lab[..., 0], 0.0, 100.0)
    return _to_uint8(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255.0)


def _to_uint8(light: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _on_black(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if is_cut_out(before):
        after[~lit(before)] = before[~lit(before)]
    return after

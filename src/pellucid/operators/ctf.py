"""The contrast transfer function of an electron microscope."""

from __future__ import annotations

import math

import torch
from scipy.constants import c, e, h, m_e
from torch import Tensor

Number = Tensor | float


def ctf(
    size: int,
    *,
    pixel_size_angstrom: Number,
    defocus_um: Number,
    astigmatism_um: Number = 0.0,
    astigmatism_angle: Number = 0.0,
    voltage_kv: Number = 300.0,
    spherical_aberration_mm: Number = 2.7,
    amplitude_contrast: Number = 0.1,
    phase_shift: Number = 0.0,
    b_factor_angstrom2: Number = 0.0,
    scale: Number = 1.0,
) -> Tensor:
    r"""Return contrast transfer functions in the convention of RELION: positive at frequency zero.

    .. math::
        C(s, \alpha) = A \, e^{-B s^2 / 4} \sin\bigl(\pi \lambda \, \Delta f(\alpha) \, s^2
            - \tfrac{\pi}{2} C_s \lambda^3 s^4 + \varphi + \arcsin w\bigr), \quad
        \Delta f(\alpha) = \Delta f + a \cos 2(\alpha - \alpha_0)

    Every parameter may be a tensor; their shapes broadcast, and the result can be differentiated in each.

    Parameters
    ----------
    size
        Of the images in pixels.
    pixel_size_angstrom
        1 / (size * pixel size) is the step of s.
    defocus_um
        Mean defocus, positive below focus: half the sum of RELION's U and V.
    astigmatism_um
        Half the difference, U less V.
    astigmatism_angle
        Of the axis of U, from the x towards the y axis.
    voltage_kv
        Of acceleration; it gives the relativistic wavelength.
    spherical_aberration_mm
        C_s.
    amplitude_contrast
        w, a fraction of the whole contrast.
    phase_shift
        Of a phase plate.
    b_factor_angstrom2
        B of the Gaussian envelope.
    scale
        A, such as the cosine of the tilt.

    Returns
    -------
    Tensor
        Real, shape (..., size, size // 2 + 1), laid out as by `torch.fft.rfft2`. Of single precision, or of the
        widest type of the parameters.

    Notes
    -----
    Dense matter is bright where this function multiplies a positive volume, as in the inverted images that RELION
    works on. Phases are summed in double precision: at high frequencies they reach hundreds of radians.

    References
    ----------
    Rohou, Grigorieff, "CTFFIND4: Fast and accurate defocus estimation from electron micrographs", Journal of
    Structural Biology 192 (2015). Zivanov et al., "New tools for automated high-resolution cryo-EM structure
    determination in RELION-3", eLife 7 (2018).

    Examples
    --------
    >>> ctf(4, pixel_size_angstrom=1.0, defocus_um=1.0)[0, 0].item()  # the amplitude contrast
    0.1000...
    """
    given = [pixel_size_angstrom, defocus_um, astigmatism_um, astigmatism_angle, voltage_kv]
    given += [spherical_aberration_mm, amplitude_contrast, phase_shift, b_factor_angstrom2, scale]
    tensors = [value for value in given if isinstance(value, Tensor)]
    dtype, device = torch.float32, tensors[0].device if tensors else None
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    pixel, defocus, astigmatism, axis, voltage, aberration, amplitude, shift, b, a = (
        torch.as_tensor(value, dtype=torch.float64, device=device)[..., None, None] for value in given
    )
    y = torch.fft.fftfreq(size, dtype=torch.float64, device=device)[:, None]
    x = torch.fft.rfftfreq(size, dtype=torch.float64, device=device)
    wavelength = electron_wavelength_angstrom(voltage)
    squared = (x**2 + y**2) / pixel**2
    focus = 1e4 * (defocus + astigmatism * torch.cos(2 * (torch.atan2(y, x) - axis)))
    spread = 1e7 * aberration * wavelength**2 * squared / 2
    phase = math.pi * wavelength * squared * (focus - spread) + shift + torch.asin(amplitude)
    return (a * torch.exp(-b * squared / 4) * torch.sin(phase)).to(dtype)


def electron_wavelength_angstrom(voltage_kv: Tensor) -> Tensor:
    """Return the de Broglie wavelength of electrons behind an accelerating voltage, with relativity.

    Examples
    --------
    >>> electron_wavelength_angstrom(torch.tensor(300.0)).item()
    0.01968...
    """
    volts = 1e3 * voltage_kv
    wavelength: Tensor = 1e10 * (h * c / e) / torch.sqrt(volts * (volts + 2 * m_e * c**2 / e))
    return wavelength

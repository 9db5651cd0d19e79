import torch

from pellucid.solvers import gerchberg_papoulis


def test_extrapolates_a_spectrum_from_a_known_support(rng):
    """Papoulis 1975: low frequencies and the support of an object determine the rest."""
    x = torch.zeros(2, 1, 32, dtype=torch.complex128)
    x[..., 14:18] = torch.randn(2, 1, 4, generator=rng, dtype=torch.float64) + 2
    spectrum, seen = torch.fft.fft(x), (torch.fft.fftfreq(32).abs() < 0.35)

    def replace(v):
        return torch.fft.ifft(torch.where(seen, spectrum, torch.fft.fft(v)))

    def constrain(v):
        inside = torch.zeros_like(v)
        inside[..., 14:18] = v.real[..., 14:18]
        return inside

    start = torch.fft.ifft(spectrum * seen)
    found = gerchberg_papoulis(replace, constrain, start, iterations=3000, tolerance=1e-12)
    assert torch.allclose(found, x, atol=1e-6)
    errors = [
        float((gerchberg_papoulis(replace, constrain, start, iterations=k) - x).abs().square().sum())
        for k in (1, 2, 4, 8)
    ]
    assert errors == sorted(errors, reverse=True)

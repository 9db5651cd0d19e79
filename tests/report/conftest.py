"""Evidence for the page: small, complete, and with a known answer in every part."""

import numpy as np
import pytest

from pellucid.report.evidence import (
    Candidate,
    Choice,
    Evidence,
    Learning,
    Noise,
    Pictures,
    Residual,
    Transfer,
    Verdict,
)


def build(text: str = "cells", correlated: bool = False) -> Evidence:
    """Return full evidence in which every string is `text`."""
    rng = np.random.default_rng(0)
    restored = 100 + 50 * np.sin(np.arange(96) / 7)[:, None] * np.cos(np.arange(128) / 9)
    intensity = np.linspace(10, 200, 12)
    autocorrelation = np.zeros((7, 7))
    autocorrelation[3, 3], autocorrelation[4, 3], autocorrelation[3, 4] = 1.0, 0.02, 0.3
    t = np.arange(0.0, 100.0)
    learning = Learning(at=t, loss=np.exp(-t / 20), held_at=t[::10], held=(t[::10] - 60) ** 2 + 1)
    return Evidence(
        title=text,
        verdict=Verdict(level="amber", sentence=text, reasons=(text,), not_checked=(text, text), warnings=(text,)),
        pictures=Pictures(
            noisy=rng.normal(restored, 12),
            restored=restored,
            spread=np.sqrt(restored),
            plane=text,
            pixel_size=0.1,
            unit=text,
        ),
        noise=Noise(
            model=text,
            gain=2.0,
            offset=None,
            sigma=3.0,
            lag1=(0.01, 0.3 if correlated else 0.01),
            correlated=correlated,
            transfer=Transfer(intensity=intensity, variance=2 * intensity + 9, fitted=2 * intensity + 9),
        ),
        residual=Residual(autocorrelation=autocorrelation, count=10_000),
        choice=Choice(
            candidates=(
                Candidate(method=text, risk=0.5235, risk_se=0.0012, seconds=40.0, chosen=True),
                Candidate(method=text, risk=float("nan"), risk_se=float("nan"), seconds=2.0),
            ),
            learning=learning,
            truth={text: 34.25},
        ),
        provenance={"command": text, text: text, "settings": {text: text}},
    )


@pytest.fixture
def evidence() -> Evidence:
    return build()


@pytest.fixture
def evidence_of():
    return build

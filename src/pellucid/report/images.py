"""The parts of the page that show pictures: before and after, spread, residual."""

from __future__ import annotations

import numpy as np

from pellucid.report import picture
from pellucid.report.evidence import Claim, Pictures, Residual, Values
from pellucid.report.markup import absent, facts, figure, items, number, paragraph, safe, section


def colour_bar(stops: tuple[tuple[int, int, int], ...], limits: picture.Window) -> str:
    """Return the colours of a picture with the values at both ends."""
    ramp = picture.colour(np.linspace(*limits, 256)[None], limits, stops)
    low, high = map(number, limits)
    return f'<span class="bar">{low} <img src="{picture.data_uri(ramp)}" alt="to"> {high}</span>'


def comparison(
    pictures: Pictures,
    names: tuple[str, str] = ("Noisy", "Restored"),
    units: str = "in the units of the input",
    heading: str = "Before and after",
) -> str:
    """Return both pictures, by their names, under one divider, drawn with one window."""
    noisy, restored = picture.centre(pictures.noisy), picture.centre(pictures.restored)
    low, high = limits = picture.window(noisy, restored)
    length = picture.scale_bar(noisy.shape[1], pictures.pixel_size)
    bar = f'<span class="scale">{length[0]:g} {safe(pictures.unit)}</span>' if length else ""
    return section(
        heading,
        paragraph(
            f"{_shown(pictures)}Both are drawn with the same window: black is {number(low)} or less and "
            f"white is {number(high)} or more, {units}. Whatever you change below "
            "changes both."
        ),
        '<div id="frame" data-zoom="fit"><div id="stage">',
        _layer("noisy", names[0], noisy, limits, bar),
        _layer("restored", names[1], restored, limits, bar),
        '<span id="handle"></span></div></div>',
        _controls(limits),
    )


def _layer(place: str, name: str, plane: Values, limits: picture.Window, bar: str) -> str:
    rows, columns = plane.shape
    source = picture.data_uri(picture.grey(plane, limits))
    return (
        f'<figure class="{place}"><figcaption>{name}</figcaption><img src="{source}" '
        f'width="{columns}" height="{rows}" alt="The {name.lower()} image" draggable="false">{bar}</figure>'
    )


def _shown(pictures: Pictures) -> str:
    rows, columns = pictures.noisy.shape
    height, width = picture.centre(pictures.noisy).shape
    if (height, width) == (rows, columns):
        return ""
    return (
        f"The middle {width} × {height} of {columns} × {rows} pixels are shown: "
        "shrinking the picture would average the noise away. "
    )


def _controls(limits: picture.Window) -> str:
    zoom = "".join(
        f'<label><input type="radio" name="zoom" value="{value}"{" checked" * (value == "fit")}>{label}</label>'
        for value, label in (("fit", "Fit"), ("1", "1 : 1"), ("4", "4 : 1"))
    )
    curve = "".join(f'<feFunc{c} type="gamma" amplitude="1" exponent="1"/>' for c in "RGB")
    return (
        '<div class="controls"><input type="range" id="split" min="0" max="100" step="0.5" value="50" '
        'aria-label="Divider: how much of the picture is the noisy image, in percent">'
        '<p class="hint">Drag the divider, or use the arrow keys; Home and End show one image '
        "alone. Fit resizes the picture; 1 : 1 shows its pixels as they are.</p>"
        '<div class="row"><fieldset><legend>Zoom</legend>' + zoom + '</fieldset><form id="contrast">'
        '<label>White point <input type="range" id="white" min="5" max="100" value="100"></label>'
        '<label>Gamma <input type="range" id="gamma" min="0.3" max="1.7" step="0.05" value="1"></label>'
        f'<output id="window" data-low="{limits[0]!r}" data-high="{limits[1]!r}"></output>'
        '<button type="reset">Reset</button></form></div></div>'
        '<svg class="hidden" aria-hidden="true"><filter id="tone" x="0" y="0" width="1" height="1" '
        f'color-interpolation-filters="sRGB"><feComponentTransfer>{curve}</feComponentTransfer></filter></svg>'
    )


def spread(plane: Values | None, claim: Claim) -> str:
    """Return the map of what is claimed as standard deviation, and whether that was checked."""
    if plane is None:
        return section("Spread", absent("This method gives no spread: it does not say how sure it is of a pixel."))
    shown = picture.centre(plane)
    limits = (0.0, picture.symmetric(shown)[1])
    meaning = (
        "How far several answers to the same recording lie apart. What all of them get wrong does not show: a small "
        "disagreement is no proof."
        if claim.name.startswith("Disagreement")
        else "The standard deviation that the method itself claims for each pixel, given its noise model. A detail "
        "fainter than this is not to be believed."
    )
    checked = claim.sentences or ("Nobody checked whether it is right.",)
    return section(
        "Spread",
        '<div class="pair">',
        figure(
            picture.data_uri(picture.colour(shown, limits, picture.SEQUENTIAL)),
            f"{safe(claim.name)}, input units. {colour_bar(picture.SEQUENTIAL, limits)}",
            f"Map of the {safe(claim.name.lower())}",
        ),
        f"<div>{paragraph(meaning)}{items(checked)}</div>",
        "</div>",
    )


def unsupported(plane: Values | None) -> str:
    """Return the map of detail that the recording does not bear out."""
    title = "Detail that the recording does not bear out"
    if plane is None:
        return section(title, absent("Nobody looked whether the recording bears out the restored detail."))
    shown = picture.centre(plane)
    limits = (0.0, max(float(shown.max()), 1.0))
    found = (
        f"It is strongest at {number(float(plane.max()))}."
        if plane.max() > 0
        else "Nothing was found: the picture is dark throughout."
    )
    return section(
        title,
        '<div class="pair">',
        figure(
            picture.data_uri(picture.colour(shown, limits, picture.SEQUENTIAL)),
            f"Least strength, in standard deviations of the noise in such detail. "
            f"{colour_bar(picture.SEQUENTIAL, limits)}",
            "Map of detail that the recording does not bear out",
        ),
        paragraph(
            "Where this is bright, the restored image shows detail of 1 to 4 pixels that the recording does not "
            "repeat: detail that was made up, moved or sharpened too far. By chance alone a place is bright less than "
            "once in a million. Dark does not mean proven: what is fainter than the noise can be made up without a "
            f"trace. {found}"
        ),
        "</div>",
    )


def residual(pictures: Pictures, measured: Residual | None, notes: tuple[str, ...] = ()) -> str:
    """Return noisy minus restored, and its autocorrelation."""
    difference = picture.centre(pictures.noisy) - picture.centre(pictures.restored)
    limits = picture.symmetric(difference)
    return section(
        "What was removed",
        paragraph(
            "If only noise was removed, this picture shows no trace of the object, save that its strength "
            "may follow the brightness, as shot noise does. Edges or shapes in it are signal that was "
            "lost."
        ),
        '<div class="pair">',
        figure(
            picture.data_uri(picture.colour(difference, limits, picture.DIVERGING)),
            f"Noisy minus restored, input units. {colour_bar(picture.DIVERGING, limits)}",
            "The residual, noisy minus restored",
        ),
        _autocorrelation(measured),
        "</div>",
        items(notes) if notes else "",
    )


def _autocorrelation(measured: Residual | None) -> str:
    if measured is None:
        return absent("The autocorrelation of the residual was not measured.")
    centre = measured.autocorrelation.shape[0] // 2
    shown = np.array(measured.autocorrelation, np.float64)
    shown[centre, centre] = 0.0
    high = max(float(np.abs(shown).max()), 0.05)
    lags = {
        f"Next pixel along {axis}": f"{number(lag)}, "
        + ("within chance" if abs(lag) <= measured.bound else f"{abs(lag) / measured.bound:.1f} times the bound")
        for axis, lag in zip("YX", measured.lag1, strict=True)
    }
    return (
        "<div>"
        + figure(
            picture.data_uri(picture.colour(shown, (-high, high), picture.DIVERGING)),
            f"Autocorrelation of the residual, lags up to {centre} pixels; the centre, 1 by definition, is "
            f"left blank. {colour_bar(picture.DIVERGING, (-high, high))}",
            "Map of the autocorrelation of the residual",
            pixels=True,
        )
        + facts(lags)
        + paragraph(
            f"White noise stays within ±{number(measured.bound, 2)} in 95 of 100 images of this size. A "
            "value beyond that is detectable; how much it matters is its size. A method that also uses "
            "the pixel itself leaves a weakly correlated residual even where it is right."
        )
        + "</div>"
    )

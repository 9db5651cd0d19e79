"""Write the tables of `benchmarks/README.md` from the rows in `benchmarks/results/`.

python benchmarks/table.py
"""

import re
from statistics import mean

from measuring import record

README = record.HERE / "README.md"
TIMES = {"median ratio": "ratio .3f", "least": "least .3f", "largest": "largest .3f", "rounds": "rounds"}
COLUMNS = {  # header: column of the rows, and how its number is written
    "cryo_speed": {"projector": "projector", "images/s": "rate .0f", "times faster": "ratio .1f"}
    | {"with gradient, images/s": "gradient_rate .0f", "times": "gradient_ratio .1f", "error": "error .4f"},
    "cryo_particles": {"method": "method", "correlation": "correlation .3f", "FSC 0.5, Å": "angstrom .1f"}
    | {"seconds": "seconds .1f"},
    "cryo_toy_hand": {"method": "method", "unexplained": "unexplained .3f"}
    | {"correlation with hand-vol": "correlation .3f", "seconds": "seconds .1f"},
    "cryogan": {"map": "map", "correlation": "correlation .3f", "FSC 0.5, of Nyquist": "detail .2f"}
    | {"hand": "hand", "seconds": "seconds .0f"},
    "cryogan_padding": {"box": "size", "padding": "padding", "error": "error .4f"}
    | {"ms for 16 images, with gradient": "milliseconds .1f"},
    "cryogan_parts": {"told": "map", "correlation": "correlation .3f", "FSC 0.5, of Nyquist": "detail .2f"}
    | {"hand": "hand", "seconds": "seconds .0f"},
    "multi_cryogan": {"map": "map", "state": "state", "correlation": "correlation .3f"}
    | {"with the other state": "with_other .3f", "FSC 0.5, of Nyquist": "detail .2f", "seconds": "seconds .0f"},
    "spatial_vae": {"angles": "angles", "turns": "turns", "steps": "steps", "resultant": "resultant .3f"}
    | {"apart": "apart .3f", "independent": "independent .3f", "shift": "shift .3f", "code": "code .3f"}
    | {"pull of angles": "angle_pull .2f", "pull of shifts": "shift_pull .2f"}
    | {"PSNR, dB": "psnr .1f", "10 components, dB": "pca .1f"}
    | {"mean image, dB": "mean .1f", "seconds": "seconds .0f"},
    "spatial_vae_hand": {"turns": "turns", "steps": "steps", "unexplained": "left .3f", "5 components": "pca .3f"}
    | {"seconds": "seconds .0f"},
    "training_overhead": {"batch": "batch", "precision": "precision", "`fit`, steps/s": "fit .2f"}
    | {"bare, steps/s": "bare .2f"}
    | TIMES,
    "unrolled_speed": {"network": "network", "size": "size", "coils": "coils", "bare, s": "bare_seconds .3f"}
    | {"ours, s": "ours_seconds .3f", "ratio": "ours_ratio .2f"}
    | {"implicit, s": "implicit_seconds .3f", "its ratio": "implicit_ratio .2f"}
    | {f"{name}, GiB": f"{name}_gib .2f" for name in ("bare", "ours", "implicit")},
    "unrolled_memory": {"step": "way", "network": "network", "size": "size", "coils": "coils"}
    | {"estimate, GiB": "estimate_gib .2f", "peak, GiB": "peak_gib .2f", "ratio": "ratio .2f"}
    | {"seconds": "seconds .1f"},
    "unrolled_gradient": {"way back": "way", "steps": "steps", "s a step": "seconds .3f"}
    | {"loss": "loss .4f", "PSNR, dB": "psnr .2f", "µ": "penalty .4f"},
    "unrolled_start": {"iterations": "iterations", "from z": "from_z .1e", "from zero": "from_zero .1e"},
    "gpu_training": {"network": "network", "cuDNN tuning": "tuning", "`fit`, patches/s": "fit ,.0f"}
    | {"bare, patches/s": "bare ,.0f"}
    | TIMES
    | {"peak memory, GiB": "peak_gib .2f"},
    "gpu_restoring": {
        "network": "network",
        "cuDNN tuning": "tuning",
        "image": "image",
        "Mpx/s": "tiled .0f",
        "bare, Mpx/s": "bare .0f",
        "ratio": "ratio .3f",
        "first call, s": "first_seconds .2f",
        "tile": "tile",
        "halo": "halo",
        "peak memory, GiB": "peak_gib .2f",
    },
    "gpu_agreement": {
        "what": "subject",
        "precision on the GPU": "precision",
        "largest difference": "largest .3g",
        "RMS difference": "rms .3g",
        "RMS of the values": "scale .3g",
        "relative RMS": "relative .2e",
    },
    "memory": {
        "image": "side",
        "peak, GiB": "peak_gib .2f",
        "import, GiB": "import_gib .2f",
        "above the import, GiB": "above_gib .2f",
        "seconds": "seconds .1f",
        "import, s": "import_seconds .1f",
        "ns a pixel": "ns_per_pixel .0f",
    },
    "mri_normal": {"image": "image", "ours, ms": "ours_ms .2f", "by hand, ms": "hand_ms .2f", "ratio": "ratio .2f"},
    "mri_coil_maps": {
        "data": "data",
        "ours": "ours .4f",
        "sigpy": "sigpy .4f",
        "ours, cropped at 0.95": "ours_at_95 .4f",
    }
    | {"sigpy, at 0.85": "sigpy_at_85 .4f", "ours, s": "ours_s .2f", "sigpy, s": "sigpy_s .2f"},
    "mri_sense": {"every n-th line": "step", "centre": "centre", "samples": "part .2f", "maps": "maps"}
    | {name: f"{name} .4f" for name in ("cg", "tv", "wavelet")},
    "zs_ssl_summary": {"seed": "seed", "floor": "floor .3f"}
    | {name: f"{name} .4f" for name in ("cg", "tv", "wavelet", "mean", "zs_ssl")}
    | {"excess / best classical": "ratio .2f", "with no floor": "ratio_zero .2f"},
    "zs_ssl_phantom": {name: f"{name} .4f" for name in ("cg", "tv", "wavelet", "zs_ssl")}
    | {"zs_ssl, tolerance 1e-4": "zs_ssl_1e4 .4f"},
    "mri_tv": {
        "sigpy's solver": "sigpy_solver",
        "ours, s": "ours_s .2f",
        "sigpy, s": "sigpy_s .2f",
        "ratio": "ratio .2f",
    }
    | {"objective": "objective .4f", "sigpy's least": "sigpy_objective .4f", "reached": "reached"},
    "fpm_held_out": {"method": "method", "in bright field": "bright .3f", "in dark field": "dark .3f"}
    | {"seconds": "seconds .1f"},
    "fpm_resolution": {"bright field, µm": "before .2f", "reconstruction, µm": "after .2f", "λ / NA, µm": "limit .2f"},
    "blur_speed": {
        "image": "image",
        "boundary": "boundary",
        "forward, ms": "forward .2f",
        "adjoint, ms": "adjoint .2f",
        "bare, ms": "bare .2f",
        "forward / bare": "forward_ratio .2f",
        "adjoint / bare": "adjoint_ratio .2f",
    },
    "deconvolution_bars": {"method": "method", "PSNR, dB": "psnr .2f"},
    "deconvolution_beads": {"stack": "stack", "method": "method"}
    | {"along, voxels": "along .2f", "across, voxels": "across .2f", "hollow": "hollow .2f"},
    "ot_cyclegan": {"method": "method", "seed": "seed", "PSNR, dB": "psnr .2f", "residual / noise": "residual .3f"}
    | {"chosen": "chosen", "PSNR of the last weights": "last", "kernel": "kernel"}
    | {"steps": "steps", "seconds": "seconds .0f"},
    "ot_cyclegan_stacks": {"stack": "stack", "method": "method", "seed": "seed", "PSNR, dB": "psnr"}
    | {"along, voxels": "along .2f", "across, voxels": "across .2f", "hollow": "hollow .2f"}
    | {"steps": "steps", "seconds": "seconds .0f"},
    "kspace_ot_cyclegan": {"method": "method", "PSNR, dB": "psnr .2f", "steps": "steps", "seconds": "seconds .0f"},
    "ot_cyclegan_course": {"method": "method", "seed": "seed", "step": "step", "PSNR, dB": "psnr .2f"}
    | {"residual / noise": "residual .3f", "forward risk / noise power": "risk .3f"},
    "nufft": {"image": "image", "precision": "precision", "direction": "direction"}
    | {"ours, ms": "ours .1f", "bare, ms": "bare .1f", "bare as it comes, ms": "default .1f", "ratio": "ratio .2f"},
    "radon_speed": {"bins": "detector", "direction": "direction", "ours, ms": "ours .2f", "its calls, ms": "calls .2f"}
    | {"ratio": "ratio .2f", "scikit-image, ms": "skimage .0f", "times faster": "faster .0f"}
    | {"largest buffer, images": "buffer .1f"},
    "radon_accuracy": {"phantom": "phantom", "ours": "ours .4f", "scikit-image": "skimage .4f"}
    | {"RMS error of back-projection": "back .3f"},
    "ct_tooth": {
        "method": "method",
        "prediction error": "error .4f",
        "of the noise": "noise .2f",
        "seconds": "seconds .0f",
    },
    "sms_leakage": {"slices": "slices", "every n-th line": "step", "way": "way", "error": "error .3f"}
    | {"leakage": "leakage .3f", "seconds": "seconds .1f"},
    "sms_radial": {"what is told of the scan": "told", "residual": "residual .3f", "top": "top .3f"}
    | {"bottom": "bottom .3f", "top with bottom": "top_with_bottom .3f", "bottom with top": "bottom_with_top .3f"},
    "odt_speed": {
        "direction": "direction",
        "ours, s": "ours .2f",
        "its transforms, s": "parts .2f",
        "ratio": "ratio .2f",
    }
    | {"peak, GiB": "peak_gib .2f"},
    "odt_cell": {"method": "method", "settings": "settings", "RMS in the cell": "rms_cell .5f"}
    | {"RMS everywhere": "rms_all .5f", "total": "total .3f", "seconds": "seconds .0f"},
    "fig3": {"method": "method", "risk": "risk .3f", "s.e.": "se .3f", "error": "error .3f"}
    | {"noise variance": "noise .3f", "seconds": "seconds .0f"},
    "fig4": {"way": "way", "tSNR": "tsnr .1f", "ROC area": "roc .3f", "phase": "phase .4f", "bias": "bias .3f"}
    | {"change": "change .4f", "width": "width .3f", "pixels": "pixels .2f", "height": "height .2f"}
    | {"tSNR of GRAPPA as wide": "tsnr_width .1f", "its ROC area": "roc_width .3f"}
    | {"tSNR of GRAPPA on as many pixels": "tsnr_pixels .1f", "its ROC area there": "roc_pixels .3f"},
    "calcium": {"method": "method", "chosen": "chosen", "PSNR, dB": "psnr .2f", "least": "least .2f"}
    | {"largest": "largest .2f", "steps": "steps", "seconds": "seconds .0f"},
    "time_to_quality": {"method": "method", "steps": "taken", "seconds": "seconds .1f"}
    | {"PSNR, dB": "psnr .2f", "verdict": "verdict"},
    "ssdu_summary": {"R": "acceleration", "lines": "sampling", "coils": "coils", "method": "method"}
    | {"PSNR, dB": "psnr .2f", "above CG-SENSE": "above_sense", "above supervised": "above_supervised"}
    | {"seeds": "seeds", "largest less least": "spread .2f"},
    "mri_gan": {"method": "method", "seed": "seed", "PSNR, dB": "psnr .2f", "steps": "steps"}
    | {"seconds of a core": "seconds .0f"},
    "coverage_means": {"method": "method", "data": "data", "images": "images", "hidden, as claimed": "hidden_before"}
    | {"hidden, calibrated": "hidden", "truth, as claimed": "truth_before", "truth, calibrated": "truth"},
    "learned_variants_summary": {"case": "case", "method": "method", "PSNR, dB": "psnr"}
    | {"above CG-SENSE": "above_sense", "least": "least", "seeds": "seeds"},
    "divergences": {"divergence": "divergence", "closed form": "closed .4f", "estimate": "estimate .4f"}
    | {"error": "error +.1%", "integral": "integral .4f", "steps": "steps", "seconds": "seconds .1f"},
    "divnoising_fmd": {"image": "image", "method": "setting", "PSNR, dB": "psnr .2f"}
    | {"steps": "steps", "seconds of a core": "seconds .0f"},
    "divnoising_draws": {"image": "image", "truth in 90 % interval": "within .1%", "KL, nats a pixel": "kl .2f"}
    | {f"{k} draws, dB": f"draws_{k} .2f" for k in (2, 4, 8, 32, 128)}
    | {"mode, dB": "mode .2f"},
    "divnoising_blur": {"image": "image", "recorded, dB": "recorded .2f", "Richardson-Lucy, dB": "richardson_lucy .2f"}
    | {"mean of draws, dB": "mean .2f", "one draw, dB": "one .2f", "truth in 90 % interval": "within .1%"},
    "divnoising_behind": {"seed": "seed", "recorded, dB": "recorded .2f", "Richardson-Lucy, dB": "richardson_lucy .2f"}
    | {"rl, dB": "rl .2f", "tv, dB": "tv .2f", "mean of draws, dB": "mean .2f", "one draw, dB": "one .2f"}
    | {"truth in 90 % interval": "within .1%", "seconds of a core": "seconds .0f"},
    "translate_content": {"method": "method", "seed": "seed", "correlation": "correlation .3f", "kept": "kept .3f"}
    | {"cycle": "cycle .3f", "steps": "steps", "seconds": "seconds .0f"},
    "translate_filaments": {
        "method": "method",
        "PSNR, dB": "psnr .2f",
        "MS-SSIM": "ms_ssim .3f",
        "detail": "detail .2f",
    }
    | {"steps": "steps", "seconds": "seconds .0f"},
    "ambient_gan": {"instrument": "instrument", "method": "learns", "seed": "seed", "distance": "distance .4f"}
    | {"floor": "floor .4f", "measurements": "measured .4f", "mean intensity": "intensity .1%", "steps": "steps"}
    | {"seconds": "seconds .0f"},
    "score_model": {"task": "task", "method": "method", "PSNR, dB": "psnr .2f", "coverage": "coverage .1%"}
    | {"distance, 3 x 3": "distance .4f", "12 x 12": "distance_12 .4f", "gradients": "gradients .1%", "seed": "seed"}
    | {"steps": "steps", "seconds": "seconds .0f"},
    "start_up": {"command": "command", "best, s": "seconds .3f", "repeats": "repeats"},
}


def cell(row, form):
    """Return one value of a row, written as the form says: a column, and maybe a format of its number."""
    column, _, how = form.partition(" ")
    return format(float(row[column]), how) if how and row[column] else row[column]


def plain(rows, columns):
    """Return header and lines of a table with a line for each row."""
    return [list(columns), *([cell(row, form) for form in columns.values()] for row in rows)]


def quality(rows):
    """Return PSNR by image and setting, the means, and how far each lies above fixed references."""
    value = {(row["image"], row["setting"]): float(row["psnr"]) for row in rows}
    images, names = (list(dict.fromkeys(key[k] for key in value)) for k in (0, 1))
    lines = [["image", *names]]
    for image in images:
        lines.append([image, *(f"{value[image, n]:.2f}" if (image, n) in value else "" for n in names)])
    lines.append(["**mean**", *(gain(value, images, n, None) for n in names)])
    for other in (n for n in ("nlm_fixed", "bm3d") if n in names):
        lines.append([f"above {other}", *(gain(value, images, n, other) for n in names)])
    for header, column in (("seconds, mean", "seconds"), ("steps, mean", "steps")):
        found = {n: [float(r[column]) for r in rows if r["setting"] == n and r[column]] for n in names}
        if any(found.values()):
            lines.append([header, *(f"{mean(found[n]):.0f}" if found[n] else "" for n in names)])
    return lines


def gain(value, images, name, other):
    """Return the mean of a setting, or of its difference to another, over the images that have both."""
    needed = [name] if other is None else [name, other]
    both = [image for image in images if all((image, n) in value for n in needed)]
    if not both:
        return ""
    number = mean(value[image, name] - (value[image, other] if other else 0.0) for image in both)
    partial = f" ({len(both)} of {len(images)})" if len(both) < len(images) else ""
    return (f"{number:+.2f}" if other else f"**{number:.2f}**") + partial


def table(name, rows):
    """Return a table in Markdown, and what it was measured on."""
    if not rows:
        return "Not measured yet."
    columns = COLUMNS.get(name) or {column: column for column in rows[0] if column not in record.ORIGIN}
    head, *lines = quality(rows) if name.startswith(("fmd", "set12")) else plain(rows, columns)
    rule = ["---", *["---:"] * (len(head) - 1)]
    origins = {}
    for row in rows:
        origins.setdefault(f"{row['machine']}, PyTorch {row['torch']}", {})[row["commit"]] = True
    told = "; ".join(f"{machine}, commit {', '.join(commits)}" for machine, commits in origins.items())
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines)) + f"\n\nMeasured on {told}."


def show(name, folder=record.RESULTS):
    """Print the table of a benchmark."""
    print(table(name, record.read(name, folder)))


def main():
    def filled(found):
        return f"{found[1]}\n{table(found[2], record.read(found[2]))}\n{found[3]}"

    pattern = r"(<!-- table (\w+) -->)\n.*?(<!-- end -->)"
    README.write_text(re.sub(pattern, filled, README.read_text("utf-8"), flags=re.S), "utf-8")


if __name__ == "__main__":
    main()

from pellucid.data.io.signature import signature, told


def test_a_line_is_cut_to_what_fits_and_still_tells_what_was_made_up():
    line = signature({"generated": True, "settings": "ü" * 100}, 80)
    assert len(line) == 80
    assert told(line) == {"generated": True}
    assert told(signature({"method": "generated=True"}, 80)) == {}

"""What a camera's program says: the line that tells why it failed is found."""

from __future__ import annotations

import pytest

from edgeyolo.device.sources.talk import Talk


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("", ""),
        ("Made DRM preview window\n", ""),
        (
            "[0:11:29.72] [24] ERROR IPAModule ipa_module.cpp:172 Symbol ipaModuleInfo not found\n"
            "[0:11:29.84] [25]  INFO Camera camera_manager.cpp:284 libcamera v0.2.0\n"
            "ERROR: *** failed to acquire camera /base/soc/i2c0mux/i2c@1/imx708@1a ***\n",
            "failed to acquire camera /base/soc/i2c0mux/i2c@1/imx708@1a",
        ),
        (
            "ERROR: rpicam-apps currently only supports the Raspberry Pi platforms.\n"
            "Contributions for other platforms are welcome.\n",
            "rpicam-apps currently only supports the Raspberry Pi platforms.",
        ),
        (
            'WARNING: erroneous pipeline: no element "nvarguscamerasrc"\n',
            'erroneous pipeline: no element "nvarguscamerasrc"',
        ),
        (
            "GST_ARGUS: Creating output stream\n"
            "Error generated. /dvs/git/dirty/gst-nvarguscamera/gstnvarguscamerasrc.cpp, "
            "execute:751 Failed to create CaptureSession\nExecution ended after 0:00:00.03\n",
            "Failed to create CaptureSession",
        ),
        (
            "ERROR: from element /GstPipeline:pipeline0/GstNvArgusCameraSrc:nvarguscamerasrc0: "
            "TIMEOUT\nAdditional debug info:\nArgus Error Status\nFreeing pipeline ...\n",
            "from element /GstPipeline:pipeline0/GstNvArgusCameraSrc:nvarguscamerasrc0: TIMEOUT",
        ),
        ("\x1b[1;31mERROR:\x1b[0m *** no cameras available ***", "no cameras available"),
        ("gst-launch-1.0: \0cannot open\n\n", "gst-launch-1.0: cannot open"),
    ],
)
def test_the_line_that_tells_why_a_program_failed(said: str, complaint: str) -> None:
    at_once, in_pieces = Talk(), Talk()
    at_once.hear(said.encode())
    for byte in said.encode():
        in_pieces.hear(bytes([byte]))
    assert at_once.complaint() == in_pieces.complaint() == complaint


def test_a_program_that_says_too_much_is_not_remembered() -> None:
    talk = Talk()
    for _ in range(100):
        talk.hear(b"#1 (30.00 fps) " * 100)
        talk.hear(b"\r" * 3 + b"line\n" * 50)
    assert len(talk._lines) <= 60
    assert sum(map(len, talk._lines)) + len(talk._begun) < 60 * 300

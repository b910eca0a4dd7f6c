"""Which files are taken, and what their sender reads of one that is not."""

import io
import struct

import pytest

from recourse.evidence.kinds import UnusableFile, can_be_shown, check_content, kind_of_name
from tests.evidence.samples import GIF, HTML, JPEG, PDF, SVG, ZIP, png


@pytest.mark.parametrize(
    ("name", "content", "media_type", "shown"),
    [
        ("screen.png", png(), "image/png", True),
        ("IMG_7.JPG", JPEG, "image/jpeg", True),
        ("a.gif", GIF, "image/gif", True),
        ("bomb.png", png(60_000, 60_000), "image/png", False),
        ("bomb.gif", b"GIF89a" + struct.pack("<HH", 65_535, 65_535), "image/gif", False),
        ("torn.jpeg", JPEG[:12], "image/jpeg", False),
        ("torn.png", png()[:10], "image/png", False),
        ("contract.v2.pdf", PDF, "application/pdf", False),
        ("chat <script>.txt", HTML, "text/plain", False),
        ("größe.csv", "1;ä\n".encode(), "text/plain", False),
        ("all.zip", ZIP, "application/zip", False),
    ],
)
def test_a_file_is_taken_as_what_it_is(name: str, content: bytes, media_type: str, shown: bool) -> None:
    kind, file = kind_of_name(name), io.BytesIO(content)
    check_content(kind, file)
    assert (kind.media_type, can_be_shown(kind, file)) == (media_type, shown)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("page.html", HTML, "Files of this type are not taken. Send one of these: png,"),
        ("drawing.svg", SVG, "Files of this type are not taken."),
        ("run.exe", b"MZ", "Files of this type are not taken."),
        ("png", png(), "Files of this type are not taken."),
        ("a.png", HTML, "It is called .png, but its content is something else."),
        ("a.png", b"", "It is called .png"),
        ("a.pdf", png(), "It is called .pdf"),
        ("a.txt", png(), "It is called a text, but it is no text in UTF-8."),
        ("a.txt", b"a\x00b", "It is called a text, but its content is something else."),
        ("a.txt", "ä".encode()[:1], "It is called a text, but it is no text in UTF-8."),
        (f"{'x' * 5000}.png", png(), "Its name is longer than 200 letters."),
        ("gpj.\u202egnp.png", png(), "Its name cannot be used: it holds a character that nobody can see: gpj.\\u202e"),
        ("a\n.png", png(), "Its name cannot be used: it holds a character that nobody can see"),
        (" a.png", png(), "Its name cannot be used: it may not begin or end with a blank."),
        ("../../etc/a.png", png(), "Its name may hold no slash."),
        ("C:\\a.png", png(), "Its name may hold no slash."),
        ("", png(), "It has no name."),
    ],
)
def test_what_is_not_taken_says_why_in_a_sentence(name: str, content: bytes, says: str) -> None:
    with pytest.raises(UnusableFile) as error:
        check_content(kind_of_name(name), io.BytesIO(content))
    assert str(error.value).startswith(says)
    assert str(error.value).endswith(".")

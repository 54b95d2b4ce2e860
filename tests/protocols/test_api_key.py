from uuid import UUID

import pytest

from app.protocols import api_key

ROW = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
VECTORS = [
    (UUID(int=0), "0" * 43),
    (UUID(int=(1 << 128) - 1), "z" * 43),
    (ROW, SECRET),
]


@pytest.mark.parametrize(("row_id", "secret"), VECTORS)
def test_a_key_is_read_as_it_was_written(row_id, secret):
    text = api_key.write(row_id, secret)
    assert len(text) == 76 == api_key.CHARACTERS
    assert text.isascii()
    found = api_key.read(text)
    assert found is not None
    assert found.row_id == row_id
    assert text.startswith(f"ask_{found.key_id}_{secret}")
    assert api_key.row_id_of(api_key.key_id_of(row_id)) == row_id


def test_the_form_is_what_scanners_and_other_programs_rely_on():
    # The CRC-32 that gzip writes at the end of a file of the first 70 characters, in base62: 0x53404ec2, 0x3a2fce88.
    assert api_key.write(UUID(int=0), "0" * 43) == "ask_" + "0" * 22 + "_" + "0" * 43 + "1WWVYg"
    assert api_key.write(ROW, SECRET) == "ask_02tcRIyrxLXTR81B3dqdOx_" + SECRET + "1445EG"


def test_ids_of_one_time_sort_together():
    rows = [UUID(int=number << 80) for number in (1, 61, 62, 63, 3843, 3844)]
    assert sorted(map(api_key.key_id_of, rows)) == list(map(api_key.key_id_of, rows))


@pytest.mark.attack("API-01")
def test_what_is_nearly_a_key_is_none():
    text = api_key.write(ROW, SECRET)
    for position in range(len(text)):
        for other in "0zA_":
            if text[position] != other:
                assert api_key.read(text[:position] + other + text[position + 1 :]) is None
    for wrong in (
        "",
        "ask_",
        text[:-1],
        text + "0",
        f" {text}",
        f"{text} ",
        f"{text}\n",
        text.lower(),
        text.upper(),
        text.swapcase(),
        text.replace("ask_", "ASK_"),
        text[:-1] + "\u0661",
        text.replace("_", "-"),
    ):
        assert api_key.read(wrong) is None


def test_an_id_that_no_row_can_have_is_none():
    assert api_key.row_id_of("z" * 22) is None
    assert api_key.row_id_of("0" * 21) is None
    assert api_key.row_id_of("0" * 21 + "\n") is None
    assert api_key.row_id_of(str(ROW)) is None

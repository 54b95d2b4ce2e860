"""What pages and mails say stands in every catalogue, translated; what nobody says any more does not."""

import pytest

from app.foundation.language import CATALOGUES
from tools.messages import faults, renewed, said

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: de\\n"\n\n'


@pytest.mark.parametrize("path", sorted(CATALOGUES.glob("*.po")), ids=lambda path: path.stem)
def test_every_message_is_translated_and_every_translation_is_used(path):
    assert list(faults(path, said())) == []


@pytest.fixture
def project(tmp_path):
    (tmp_path / "app" / "templates" / "locales").mkdir(parents=True)
    (tmp_path / "app" / "pages.py").write_text('title = language.gettext("Sign in")\n')
    (tmp_path / "app" / "templates" / "page.html").write_text(
        "{% trans %}\n  Hello\n  {{ name }}\n{% endtrans %}{{ gettext('Bye') }}"
    )
    return tmp_path


def test_messages_are_found_in_code_and_templates(project):
    assert {message.id for message in said(project) if message.id} == {"Sign in", "Hello %(name)s", "Bye"}


def test_a_message_that_nobody_translated_or_says_is_named(project):
    path = project / "app" / "templates" / "locales" / "de.po"
    path.write_text(
        HEADER + 'msgid "Sign in"\nmsgstr "Anmelden"\n\nmsgid "Hello %(name)s"\nmsgstr "Hallo %(nam)s"\n\n'
        'msgid "Gone"\nmsgstr "Weg"\n'
    )
    found = "\n".join(faults(path, said(project)))
    assert "not in step" in found
    assert "'Hello %(name)s': its placeholders are not ['name']" in found
    path.write_bytes(renewed(path, said(project)))
    text = path.read_text()
    assert "Gone" not in text
    assert 'msgid "Sign in"\nmsgstr "Anmelden"' in text
    assert list(faults(path, said(project))) == [
        "de.po: 'Bye': no translation",
        "de.po: 'Hello %(name)s': its placeholders are not ['name']",
    ]

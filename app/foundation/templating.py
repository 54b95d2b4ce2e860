"""How templates become text: Jinja with what every template of ours has in common."""

from collections.abc import Mapping

from jinja2 import BaseLoader, Environment, StrictUndefined, select_autoescape

from app.foundation.language import Language, Languages


def environments(languages: Languages, loader: BaseLoader) -> Mapping[str, Environment]:
    """An environment for each language, by its tag.

    Every value is escaped, save in templates named `.txt`. A name that nobody passed is an error, never an empty
    place. Templates have `{% trans %}`, `gettext`, `language` and the filters `date`, `time`, `duration` and
    `number`; a placeholder of a translation is escaped like any value.
    """
    return {language.tag: _environment(language, loader) for language in languages}


def _environment(language: Language, loader: BaseLoader) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=(), disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        # Nothing on disk changes while the process lives.
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    # The extension adds this to the environment when it is built; its type does not know it.
    environment.install_gettext_translations(language.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["language"] = language
    environment.filters |= {
        "date": language.date,
        "time": language.time,
        "duration": language.duration,
        "number": language.number,
    }
    return environment

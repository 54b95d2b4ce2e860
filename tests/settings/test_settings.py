"""Settings are read strictly, and what is wrong with them is said in words."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.environment import Fault, SettingsError, variables
from app.foundation.settings import issuer_url
from app.settings import Environment, Settings, load_settings, refuse_demo_data

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
GOOD = {
    "PUBLIC_URL": "https://auth.example.com",
    "DATABASE__URL": "postgresql+asyncpg://auth:hunter2@db/auth",
    "ENCRYPTION__KEYS": KEY,
    "ACCOUNTS__HIDE_EXISTENCE": "false",
}
DEVELOPMENT = GOOD | {"ENVIRONMENT": "development", "PUBLIC_URL": "http://localhost:8000"}


def load(environ: dict[str, str], **options: object) -> Settings:
    return load_settings(environ, env_file=None, **options)


def faults(environ: dict[str, str], **options: object) -> dict[str, Fault]:
    with pytest.raises(SettingsError) as caught:
        load(environ, **options)
    message = str(caught.value)
    assert "Traceback" not in message
    assert "hunter2" not in message
    found = {fault.variable: fault for fault in caught.value.faults}
    for fault in found.values():
        assert fault.words.endswith((".", "?"))
        assert fault.example.split("=")[0].startswith(fault.variable[:3].upper())
        assert str(fault) in message
    return found


def test_good_settings_are_read_with_their_defaults():
    settings = load(GOOD)
    assert settings.environment is Environment.PRODUCTION
    assert settings.public_url == "https://auth.example.com"
    assert settings.database.pool_size == 10
    assert settings.jwt.access_token_seconds == 600
    assert settings.jwt.refresh_token_seconds == 14 * 86_400
    assert settings.jwt.refresh_grace_seconds == 10
    assert settings.jwt.algorithm == "RS256"
    assert settings.sessions.absolute_seconds == 30 * 86_400
    assert settings.signing.jwks_max_age_seconds == 240
    assert settings.passwords.min_length == 8
    assert settings.http.drain(production=True) == 5
    assert settings.redis.url is None


def test_every_setting_is_taken_from_its_variable():
    settings = load(
        GOOD
        | {
            "TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7/32",
            "DATABASE__POOL_SIZE": "25",
            "REDIS__URL": "redis://cache/0",
            "CORS__ORIGINS": '["https://app.example.com"]',
            "JWT__ALGORITHM": "ES256",
            "HTTP__DRAIN_SECONDS": "0.5",
            "HTTP__ALLOW_PRIVATE": "hooks.internal, 10.1.0.0/16",
            "AUDIENCES__DECLARED": '[{"name": "orders-api", "scopes": {"orders:read": null}}]',
        }
    )
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "192.0.2.7/32"]
    assert settings.database.pool_size == 25
    assert settings.redis.url is not None
    assert [str(entry) for entry in settings.http.allow_private] == ["hooks.internal", "10.1.0.0/16"]
    assert settings.cors.origins == ("https://app.example.com",)
    assert settings.jwt.algorithm == "ES256"
    assert settings.http.drain(production=True) == 0.5
    assert [audience.name for audience in settings.audiences.declared] == ["orders-api"]


def test_what_is_missing_is_named_all_at_once():
    found = faults({})
    assert set(found) == {"PUBLIC_URL", "DATABASE__URL", "ENCRYPTION__KEYS"}
    assert found["PUBLIC_URL"].words == "This is required."
    assert found["PUBLIC_URL"].example == "PUBLIC_URL=https://auth.example.com"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("PUBLIC_URL", "auth.example.com"),
        ("DATABASE__URL", "postgresql://auth:hunter2@db/auth"),
        ("DATABASE__URL", "sqlite:///hunter2.db"),
        ("DATABASE__POOL_SIZE", "0"),
        ("DATABASE__POOL_SIZE", "many"),
        ("REDIS__URL", "http://:hunter2@cache"),
        ("ENCRYPTION__KEYS", "hunter2"),
        ("ENCRYPTION__KEYS", base64.b64encode(b"x" * 31).decode()),
        ("ENCRYPTION__KEYS", KEY + ",hunter2"),
        ("JWT__ALGORITHM", "HS256"),
        ("JWT__ACCESS_TOKEN_SECONDS", "3601"),
        ("JWT__ACCESS_TOKEN_SECONDS", "10 minutes"),
        ("PASSWORDS__MIN_LENGTH", "7"),
        ("ACCOUNTS__HIDE_EXISTENCE", "maybe"),
        ("TRUSTED_PROXIES", "*"),
        ("HTTP__ALLOW_PRIVATE", "0.0.0.0/0"),
        ("HTTP__ALLOW_PRIVATE", "http://hooks.internal"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("CORS__ORIGINS", "*"),
        ("CORS__ORIGINS", "null"),
        ("CORS__ORIGINS", "https://*.example.com"),
        ("CORS__ORIGINS", "http://app.example.com"),
        ("CORS__ORIGINS", "https://app.example.com/"),
        ("CORS__ORIGINS", "https://App.example.com"),
        ("CORS__ORIGINS", "https://app.example.com:443"),
        ("AUDIENCES__DECLARED", "[{"),
        ("AUDIENCES__DECLARED", '[{"name": "a b"}]'),
        ("AUDIENCES__DECLARED", '[{"name": "a"}, {"name": "a"}]'),
        ("HTTP__SHUTDOWN_SECONDS", "0"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(variable, value):
    assert set(faults(GOOD | {variable: value})) == {variable}


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("JWT__ALGORITM", "JWT__ALGORITHM"),
        ("DATABASE__POOLSIZE", "DATABASE__POOL_SIZE"),
        ("jwt__algorithm", "JWT__ALGORITHM"),
        ("ENCRYPTION__KEY", "ENCRYPTION__KEYS"),
        ("ENCRYPTION__KEY_FILE", "ENCRYPTION__KEYS"),
        ("ACCOUNT__HIDE_EXISTENCE", "ACCOUNTS__HIDE_EXISTENCE"),
    ],
)
def test_a_mistyped_name_is_refused_and_the_right_one_offered(variable, meant):
    found = faults(GOOD | {variable: "x"})
    assert found[variable].words == f"There is no such setting. Did you mean {meant}?"


def test_the_variables_of_others_are_left_alone():
    assert load(GOOD | {"PATH": "/bin", "OTHER__THING": "1", "PYTHONPATH": "x", "HOME": "/", "JWT": "x"})


def test_an_empty_value_is_none():
    assert load(GOOD | {"REDIS__URL": "", "JWT__ALGORITHM": ""}).redis.url is None
    assert set(faults(GOOD | {"PUBLIC_URL": ""})) == {"PUBLIC_URL"}


def test_any_setting_may_stand_in_a_file(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n")
    file.chmod(0o400)
    warnings: list[str] = []
    environ = {name: value for name, value in GOOD.items() if name != "ENCRYPTION__KEYS"}
    settings = load(environ | {"ENCRYPTION__KEYS_FILE": str(file)}, warn=warnings.append)
    assert settings.encryption.keys.get_secret_value() == KEY
    assert warnings == []


@pytest.mark.attack("OPS-02")
def test_a_file_with_a_secret_that_others_may_read_is_warned_of(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(0o644)
    warnings: list[str] = []
    environ = {name: value for name, value in GOOD.items() if name != "ENCRYPTION__KEYS"}
    load(environ | {"ENCRYPTION__KEYS_FILE": str(file)}, warn=warnings.append)
    assert len(warnings) == 1
    assert "ENCRYPTION__KEYS_FILE" in warnings[0]
    assert "0644" in warnings[0]
    assert KEY not in warnings[0]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None):
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    environ = {name: value for name, value in GOOD.items() if name != "ENCRYPTION__KEYS"}
    found = faults(environ | {"ENCRYPTION__KEYS_FILE": str(file)})
    assert "ENCRYPTION__KEYS_FILE" in found["ENCRYPTION__KEYS"].words


def test_a_setting_given_twice_is_refused(tmp_path: Path):
    found = faults(GOOD | {"ENCRYPTION__KEYS_FILE": str(tmp_path / "keys")})
    assert "twice" in found["ENCRYPTION__KEYS"].words


def test_dotenv_is_read_and_the_environment_goes_before_it(tmp_path: Path):
    env_file = tmp_path / ".env"
    lines = [f"{name}={value}" for name, value in GOOD.items()]
    env_file.write_text(
        "\n".join([*lines, "JWT__ALGORITHM=ES256", "SESSIONS__ABSOLUTE_SECONDS=3600", "POSTGRES_USER=x"])
    )
    settings = load_settings({"JWT__ALGORITHM": "EdDSA"}, env_file=env_file)
    assert settings.jwt.algorithm == "EdDSA"
    assert settings.sessions.absolute_seconds == 3600
    assert load_settings(GOOD, env_file=tmp_path / "absent")


def test_a_mistyped_name_in_dotenv_is_refused_and_an_unknown_section_warned_of(tmp_path: Path):
    env_file = tmp_path / ".env"
    env_file.write_text("JWT__ALGORITM=ES256\n")
    with pytest.raises(SettingsError, match="Did you mean JWT__ALGORITHM"):
        load_settings(GOOD, env_file=env_file)
    env_file.write_text("SESSION__ABSOLUTE_SECONDS=60\n")
    warnings: list[str] = []
    load_settings(GOOD, env_file=env_file, warn=warnings.append)
    assert len(warnings) == 1
    assert "Did you mean SESSIONS__ABSOLUTE_SECONDS?" in warnings[0]


def test_secrets_do_not_show():
    settings = load(GOOD | {"REDIS__URL": "redis://:hunter2@cache/0", "JWT__PRIVATE_KEY_PEM": "hunter2"})
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in shown
        assert KEY not in shown


def test_settings_cannot_be_changed():
    settings = load(GOOD)
    for holder, name in ((settings, "public_url"), (settings.jwt, "algorithm"), (settings.database, "pool_size")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(holder, name, "x")


def test_building_settings_reads_nothing(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PUBLIC_URL", "https://elsewhere.example.com")
    monkeypatch.setenv("JWT__ALGORITHM", "ES256")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PASSWORDS__MIN_LENGTH=20\n")
    settings = Settings(
        public_url="https://auth.example.com",
        database={"url": GOOD["DATABASE__URL"]},
        encryption={"keys": KEY},
    )
    assert settings.public_url == "https://auth.example.com"
    assert settings.jwt.algorithm == "RS256"
    assert settings.passwords.min_length == 8


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.com",
        "https://example.com/auth",
        "https://example.com/a/b-c_d.e~f",
        "https://auth.example.com:8443",
        "http://localhost:8000",
        "https://[2001:db8::1]:8443",
        "https://192.0.2.1",
    ],
)
def test_an_issuer_in_its_plain_form_is_taken_as_it_stands(url):
    assert issuer_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "auth.example.com",
        "//auth.example.com",
        "ftp://auth.example.com",
        "https://",
        "https:///x",
        "https://auth.example.com/",
        "https://example.com/auth/",
        "https://example.com//auth",
        "https://example.com/../auth",
        "https://example.com/./auth",
        "https://example.com/%61uth",
        "https://example.com/a b",
        "https://auth.example.com?x=1",
        "https://auth.example.com?",
        "https://auth.example.com#x",
        "https://auth.example.com#",
        "https://user@auth.example.com",
        "https://user:hunter2@auth.example.com",
        "https://Auth.example.com",
        "HTTPS://auth.example.com",
        "https://auth.example.com:443",
        "https://auth.example.com:",
        "https://auth.example.com:0",
        "https://auth.example.com:99999",
        "https://auth.example.com:08443",
        "https://*.example.com",
        "https://auth_example.com",
        "https://aüth.example.com",
        "https://auth.example.com\n",
        " https://auth.example.com",
        "https://auth.exam\tple.com",
        "https://auth.example.com\\x",
    ],
)
def test_an_issuer_that_others_may_write_differently_is_refused(url):
    with pytest.raises(ValueError, match=r"^it"):
        issuer_url(url)


@given(st.text())
def test_any_text_is_an_issuer_or_refused_and_nothing_else(text):
    words = ""
    try:
        assert issuer_url(f"https://{text}") == f"https://{text}"
    except ValueError as error:
        words = str(error)
    assert words == "" or words.startswith("it")


@pytest.mark.attack("OPS-01")
@pytest.mark.parametrize("url", ["http://auth.example.com", "http://192.0.2.1:8000", "http://localhost.example.com"])
def test_production_refuses_an_issuer_without_tls(url):
    assert set(faults(GOOD | {"PUBLIC_URL": url})) == {"PUBLIC_URL"}


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_production_takes_loopback_without_tls(url):
    assert load(GOOD | {"PUBLIC_URL": url}).public_url == url


@pytest.mark.attack("OPS-01")
@pytest.mark.attack("KEY-06")
@pytest.mark.parametrize("environ", [GOOD, DEVELOPMENT])
def test_without_an_encryption_key_nothing_starts(environ):
    missing = {name: value for name, value in environ.items() if name != "ENCRYPTION__KEYS"}
    assert set(faults(missing)) == {"ENCRYPTION__KEYS"}


@pytest.mark.attack("OPS-01")
def test_production_refuses_several_processes_without_a_cache():
    assert set(faults(GOOD, processes=2)) == {"REDIS__URL"}
    assert load(GOOD | {"REDIS__URL": "redis://cache"}, processes=2)
    assert load(DEVELOPMENT, processes=2)


@pytest.mark.parametrize("value", ["true", None])
def test_production_refuses_to_hide_existence_while_no_mail_is_sent(value):
    environ = {name: text for name, text in GOOD.items() if name != "ACCOUNTS__HIDE_EXISTENCE"}
    found = faults(environ | ({"ACCOUNTS__HIDE_EXISTENCE": value} if value else {}))
    assert set(found) == {"ACCOUNTS__HIDE_EXISTENCE"}
    assert found["ACCOUNTS__HIDE_EXISTENCE"].example == "ACCOUNTS__HIDE_EXISTENCE=false"
    assert "SMTP__HOST" in found["ACCOUNTS__HIDE_EXISTENCE"].words


def test_production_hides_existence_by_default_where_there_is_a_mail_server():
    environ = {name: text for name, text in GOOD.items() if name != "ACCOUNTS__HIDE_EXISTENCE"}
    settings = load(environ | {"SMTP__HOST": "smtp.example.com", "SMTP__FROM": "Us <us@example.com>"})
    assert settings.hides_existence
    assert settings.smtp.from_ == "Us <us@example.com>"


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"SMTP__FROM": "nobody"}, "SMTP__FROM"),
        ({"SMTP__FROM": "A\r\nBcc: b@example.com <a@example.com>"}, "SMTP__FROM"),
        ({"SMTP__HOST": "smtp.example.com", "SMTP__USERNAME": "u"}, "SMTP__PASSWORD"),
        ({"SMTP__TLS": "perhaps"}, "SMTP__TLS"),
    ],
)
def test_mail_settings_that_cannot_work_are_refused(environ, variable):
    assert set(faults(GOOD | environ)) == {variable}


def test_a_mail_password_never_travels_in_clear():
    smtp = {"SMTP__HOST": "smtp.example.com", "SMTP__USERNAME": "u", "SMTP__PASSWORD": "p"}
    with pytest.raises(SettingsError, match="for all to read"):
        load(GOOD | smtp | {"SMTP__TLS": "none"})
    assert load(GOOD | smtp | {"SMTP__TLS": "none", "SMTP__HOST": "localhost"})


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({"SMTP__HOST": "smtp.example.com"}, "starttls"),
        ({"SMTP__HOST": "smtp.example.com", "SMTP__PORT": "465"}, "implicit"),
        ({"SMTP__HOST": "127.0.0.1"}, "none"),
        ({"SMTP__HOST": "127.0.0.1", "SMTP__TLS": "starttls"}, "starttls"),
    ],
)
def test_mail_travels_under_tls_save_on_this_machine(environ, mode):
    assert load(GOOD | environ).smtp.tls_mode == mode


@pytest.mark.attack("OPS-01")
def test_production_refuses_demo_data():
    refuse_demo_data(load(GOOD), present=False)
    refuse_demo_data(load(DEVELOPMENT), present=True)
    with pytest.raises(SettingsError, match="demo data"):
        refuse_demo_data(load(GOOD), present=True)


def test_every_setting_says_what_it_does_and_shows_a_right_value(tmp_path: Path):
    for name in ("logo.svg", "dark.svg"):
        (tmp_path / name).write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>')
    for name in ("templates", "texts"):
        (tmp_path / name).mkdir()
    for variable in variables(Settings):
        assert variable.field.description, variable.name
        name, _, value = variable.example.partition("=")
        if name.endswith("_FILE"):
            continue
        # What a file or a folder holds is looked at too.
        if name.startswith("PAGES__"):
            value = value.replace("/etc/auth-service", str(tmp_path))
        realm = (
            {"KEYCLOAK__METADATA_URL": "https://id.example.com/realms/main"} if name == "KEYCLOAK__CLIENT_ID" else {}
        )
        assert load(DEVELOPMENT | realm | {name: value}), variable.name

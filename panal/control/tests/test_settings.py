import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from panal.control import keyfile


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "new" / "secret.key"
    first = keyfile.text_of(path)
    assert (keyfile.text_of(path), len(first)) == (first, 64)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["secret.key"]


def test_two_keys_are_two(tmp_path):
    assert keyfile.text_of(tmp_path / "a") != keyfile.text_of(tmp_path / "b")


def loaded(expression, **environ):
    """What an expression over the settings is in a process of its own."""
    code = f"from panal.control import settings as s; print({expression})"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_cookies_are_for_https_where_the_public_address_is(tmp_path):
    expression = "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.CSRF_TRUSTED_ORIGINS"
    data = {"PANAL_DATA": str(tmp_path)}
    assert loaded(expression, **data, PANAL_PUBLIC_URL="https://panal.example/x/") == (
        "True True ['https://panal.example']"
    )
    assert loaded(expression, **data) == "False False []"


def test_a_database_url_wins_over_sqlite(tmp_path):
    expression = "s.DATABASES['default']['ENGINE'].split('.')[-1]"
    data = {"PANAL_DATA": str(tmp_path)}
    assert loaded(expression, **data, DATABASE_URL="postgres://u:p@h/n") == "postgresql"
    assert loaded(expression, **data, DATABASE_URL="") == "sqlite3"


def test_people_s_passwords_are_argon2():
    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


@pytest.mark.django_db
def test_an_answered_event_survives_a_power_cut():
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL flushes at every commit unless told otherwise")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)
        assert cursor.execute("PRAGMA foreign_keys").fetchone() == (1,)


@pytest.mark.django_db
def test_every_answer_carries_the_content_policy(client):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")


@pytest.mark.django_db
def test_nobody_signs_up_alone(client):
    body = {"email": "x@example.com", "password1": "abejas y miel", "password2": "abejas y miel"}
    client.post("/accounts/signup/", body)
    from panal.cells.accounts.models import User

    assert not User.objects.exists()


def test_a_person_signs_in_with_a_second_factor_kept_in_the_vault(client, actor, db):
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal import auth

    from panal.cells.accounts.actions import create_user

    user = create_user(email="rosa@example.com", password="abejas y miel", actor=actor)
    secret = auth.generate_totp_secret()
    auth.TOTP.activate(user, secret)
    assert secret not in repr(Authenticator.objects.get().data)
    answer = client.post("/accounts/login/", {"login": user.email, "password": "abejas y miel"})
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    code = auth.format_hotp_value(auth.hotp_value(secret, next(iter(auth.yield_hotp_counters_from_time()))))
    assert client.post(answer["Location"], {"code": code})["Location"] == "/"
    assert client.session["_auth_user_id"] == str(user.pk)

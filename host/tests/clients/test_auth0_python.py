"""What management.mjs says in sentences, said by auth0-python; run by host/tests/clients/main.rs."""

import base64
import json
import os
import secrets
import time
import unittest
from urllib.parse import urlsplit
from urllib.request import urlopen

from auth0.authentication import Database, GetToken, Passwordless, Users
from auth0.authentication.exceptions import Auth0Error
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError

HTTPS = os.environ["LIGATURE_HTTPS"]
DOMAIN = urlsplit(HTTPS).netloc
# A second tenant, whose Management API allows one request a second.
NARROW = urlsplit(os.environ["LIGATURE_NARROW"]).netloc
WEB = {"client_id": "web", "client_secret": "the secret of the web application"}
READER = {"client_id": "reader", "client_secret": "the secret of the reader"}
DATABASE = "Username-Password-Authentication"
PASSWORD = "correct horse battery"
GOOGLE = "google-oauth2|115014287643218005122"
# Left alone, the client tries 429, 409 and 5xx twice more.
ONCE = {"max_retries": 0}

api = ManagementClient(domain=DOMAIN, **WEB)
users, identities = api.users.with_raw_response, api.users.identities.with_raw_response


def someone():
    """An address that no user has."""
    return f"someone+{secrets.token_hex(6)}@example.com"


def claims(token):
    """The claims of a token, unverified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def somebody(**more):
    """A user of the database, made for one test."""
    user = {"connection": DATABASE, "email": someone(), "password": PASSWORD, **more}
    return users.create(**user, request_options=ONCE).data


def bare(user):
    return user.user_id.removeprefix("auth0|")


def get(id):
    return users.get(id, request_options=ONCE).data


def link(id, **other):
    return identities.link(id, **other, request_options=ONCE)


def unlink(id, provider, user_id):
    return identities.delete(id, provider, user_id, request_options=ONCE)


def link_by_id(primary, secondary):
    return link(primary.user_id, provider="auth0", user_id=bare(secondary))


def log_in(email, client=WEB, password=PASSWORD, scope="openid email"):
    return GetToken(DOMAIN, **client).login(email, password, realm=DATABASE, scope=scope)


def ids(found):
    return sorted(user.user_id for user in found)


def names(linked):
    return [f"{identity.provider}|{identity.user_id}" for identity in linked]


def sent(to, kind):
    """The newest thing that the tenant sent to this address."""
    with urlopen(f"{HTTPS}dev/outbox") as response:
        return next(it for it in json.load(response) if (it["to"], it["kind"]) == (to, kind))


class Case(unittest.TestCase):
    def refused(self, status, call, **expected):
        """The call must be refused, with this status and these details."""
        with self.assertRaises(ApiError) as caught:
            call()
        error = caught.exception
        kind = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
        kind |= {429: "TooManyRequests"}
        self.assertEqual((error.status_code, type(error).__name__), (status, f"{kind[status]}Error"), error)
        body = error.body if isinstance(error.body, dict) else vars(error.body)
        self.assertEqual({key: body.get(key) for key in expected}, expected)
        return error.headers


class TestUsers(Case):
    def test_a_token_is_got_with_client_credentials(self):
        token = GetToken(DOMAIN, **WEB).client_credentials(f"{HTTPS}api/v2/")
        self.assertEqual(token["token_type"], "Bearer")
        self.assertEqual(claims(token["access_token"])["sub"], "web@clients")
        with_token = ManagementClient(domain=DOMAIN, token=token["access_token"])
        self.assertEqual(with_token.users.get("auth0|ada").email, "ada@example.com")

    def test_a_wrong_secret_gets_no_token(self):
        stranger = GetToken(DOMAIN, client_id="web", client_secret="another secret")
        with self.assertRaises(Auth0Error) as caught:
            stranger.client_credentials(f"{HTTPS}api/v2/")
        self.assertEqual(caught.exception.status_code, 401)

    def test_a_user_is_got_by_id_with_the_limits_of_the_api_in_the_headers(self):
        got = users.get("auth0|ada")
        self.assertEqual((got.status_code, got.data.user_id), (200, "auth0|ada"))
        self.assertEqual(dict(got.data.user_metadata), {"theme": "dark"})
        [own] = got.data.identities
        self.assertEqual((own.connection, own.is_social), (DATABASE, False))
        for header in "limit", "remaining", "reset":
            self.assertRegex(got.headers[f"x-ratelimit-{header}"], r"^\d+$")

    def test_users_are_found_by_address_verified_or_not(self):
        def found(email):
            return ids(users.list_users_by_email(email=email).data)

        self.assertEqual(found("ada@example.com"), ["auth0|ada", GOOGLE, "google-oauth2|666"])
        self.assertEqual(found("nobody@example.com"), [])
        plus = somebody()
        self.assertEqual(found(plus.email), [plus.user_id], "a + in an address stays one")

    def test_a_search_finds_the_verified_accounts_of_an_address_but_one(self):
        q = 'email:"ada@example.com" AND email_verified:true -user_id:"auth0|ada"'
        self.assertEqual(ids(api.users.list(q=q, search_engine="v3")), [GOOGLE])

    def test_all_users_are_listed_to_the_last_page(self):
        last, seen = somebody(), []
        # Its pager goes on until a page is empty.
        for page in api.users.list(per_page=2).iter_pages():
            self.assertLessEqual(len(page.items), 2, "per_page is kept to")
            seen += ids(page.items)
            self.assertLess(len(seen), 1000, "the pages end")
        self.assertEqual(len(set(seen)), len(seen), "nobody is on two pages")
        self.assertLessEqual({"auth0|ada", "auth0|grace", last.user_id}, set(seen))

    def test_a_user_is_created(self):
        email = someone()
        made = users.create(
            connection=DATABASE,
            email=email,
            password=PASSWORD,
            email_verified=True,
            app_metadata={"plan": "pro"},
        )
        self.assertEqual(made.status_code, 201)
        user = made.data
        self.assertRegex(user.user_id, r"^auth0\|\S+$")
        self.assertEqual((user.email, user.email_verified, user.name), (email, True, email))
        self.assertEqual(names(user.identities), [user.user_id])
        self.assertEqual(get(user.user_id).model_dump(), user.model_dump())
        self.assertEqual(claims(log_in(email)["id_token"])["sub"], user.user_id, "and may log in")

    def test_metadata_are_merged_at_their_first_level_and_null_removes_a_key(self):
        user = somebody(
            user_metadata={"theme": "dark", "gone": 1, "address": {"city": "London", "zip": "W1"}},
            app_metadata={"plan": "pro"},
        )
        changes = {"gone": None, "address": {"city": "Paris"}, "lang": "fr"}
        patched = users.update(user.user_id, user_metadata=changes)
        expected = {"theme": "dark", "address": {"city": "Paris"}, "lang": "fr"}
        self.assertEqual((patched.status_code, dict(patched.data.user_metadata)), (200, expected))
        self.assertEqual(dict(patched.data.app_metadata), {"plan": "pro"})
        self.assertEqual(dict(get(user.user_id).user_metadata), expected)
        emptied = users.update(user.user_id, user_metadata={}, nickname="Countess").data
        self.assertFalse(emptied.user_metadata, "an empty object removes them all")
        self.assertEqual(emptied.nickname, "Countess")

    def test_a_user_is_deleted_and_once_more(self):
        user = somebody()
        self.assertEqual(users.delete(user.user_id).status_code, 204)
        self.refused(404, lambda: get(user.user_id), errorCode="inexistent_user")
        self.assertEqual(users.delete(user.user_id).status_code, 204)


class TestIdentities(Case):
    def test_an_account_is_linked_by_id_and_its_user_goes(self):
        linked = link("auth0|grace", provider="google-oauth2", user_id="1080")
        self.assertEqual(linked.status_code, 201)
        self.assertEqual(names(linked.data), ["auth0|grace", "google-oauth2|1080"])
        own, other = linked.data
        self.assertEqual(own.profile_data.email, "grace@example.com")
        self.assertEqual(
            (other.connection, other.is_social, other.profile_data.name),
            ("google-oauth2", True, "Grace Hopper"),
        )
        primary = get("auth0|grace")
        self.assertEqual(names(primary.identities), names(linked.data))
        self.assertEqual(primary.email, "grace@example.com")
        self.assertEqual(dict(primary.user_metadata), {"theme": "light"}, "the secondary's are gone")
        self.refused(404, lambda: get("google-oauth2|1080"), errorCode="inexistent_user")

    def test_an_account_is_linked_with_its_id_token_and_logs_in_as_the_other(self):
        primary, secondary = somebody(), somebody()
        linked = link(primary.user_id, link_with=log_in(secondary.email)["id_token"])
        self.assertEqual(linked.status_code, 201)
        self.assertEqual(names(linked.data), [primary.user_id, secondary.user_id])
        self.assertEqual(claims(log_in(secondary.email)["id_token"])["sub"], primary.user_id)

    def test_another_clients_id_token_links_nothing(self):
        primary, secondary = somebody(), somebody()
        token = log_in(secondary.email, READER)["id_token"]
        self.refused(
            400,
            lambda: link(primary.user_id, link_with=token),
            message="JWT (link_with) must have an aud claim that matches that of the calling token's azp.",
        )
        self.refused(
            400,
            lambda: link(primary.user_id, link_with="no.such.token"),
            message="Invalid token (link_with).",
        )
        self.assertEqual(get(secondary.user_id).email, secondary.email)

    def test_what_is_linked_is_not_linked_again(self):
        primary, secondary = somebody(), somebody()
        link_by_id(primary, secondary)
        self.refused(
            409,
            lambda: link_by_id(primary, secondary),
            error="Conflict",
            message="Specified identity already exists.",
        )

    def test_what_is_unlinked_is_a_user_again_without_metadata(self):
        primary, secondary = somebody(), somebody(user_metadata={"lang": "en"})
        link_by_id(primary, secondary)
        unlinked = unlink(primary.user_id, "auth0", bare(secondary))
        self.assertEqual((unlinked.status_code, names(unlinked.data)), (200, [primary.user_id]))
        back = get(secondary.user_id)
        self.assertEqual((back.email, names(back.identities)), (secondary.email, [secondary.user_id]))
        self.assertFalse(back.user_metadata)

    def test_unlinking_what_is_not_linked_changes_nothing_and_says_so_only_by_that(self):
        primary, secondary = somebody(), somebody()
        link_by_id(primary, secondary)
        same = unlink(primary.user_id, "google-oauth2", "404")
        self.assertEqual(same.status_code, 200)
        self.assertEqual(names(same.data), [primary.user_id, secondary.user_id])


class TestRefusals(Case):
    def test_400_a_user_is_not_linked_with_itself_nor_parted_from_itself(self):
        user = somebody()
        message = "Main identity and the new one are the same."
        self.refused(400, lambda: link_by_id(user, user), error="Bad Request", message=message)
        message = "Main identity cannot be removed."
        self.refused(400, lambda: unlink(user.user_id, "auth0", bare(user)), message=message)

    def test_400_an_id_without_a_provider_is_none_and_a_provider_must_be_set_up(self):
        self.refused(400, lambda: get("nobody"), errorCode="invalid_uri")
        user = somebody()
        self.refused(
            400,
            lambda: link(user.user_id, provider="github", user_id="1"),
            errorCode="inexistent_connection",
        )

    def test_401_a_bad_token(self):
        stranger = ManagementClient(domain=DOMAIN, token="no.such.token")
        self.refused(401, lambda: stranger.users.get("auth0|ada"), error="Unauthorized", errorCode=None)

    def test_403_a_scope_that_the_client_lacks(self):
        reader = ManagementClient(domain=DOMAIN, **READER)
        self.assertEqual(reader.users.get("auth0|ada").email, "ada@example.com")
        self.refused(
            403,
            lambda: reader.users.update("auth0|ada", name="Mallory"),
            error="Forbidden",
            errorCode="insufficient_scope",
        )

    def test_404_a_user_that_is_not_there(self):
        expected = {
            "error": "Not Found",
            "message": "The user does not exist.",
            "errorCode": "inexistent_user",
        }
        self.refused(404, lambda: get("auth0|nobody"), **expected)
        self.refused(404, lambda: users.update("auth0|nobody", name="N", request_options=ONCE), **expected)

    def test_409_an_address_that_somebody_else_has(self):
        user = somebody()
        self.refused(409, lambda: somebody(email=user.email), error="Conflict")

    def test_429_too_many_requests_and_when_to_come_back(self):
        hasty = ManagementClient(domain=NARROW, **WEB).users

        def too_fast():
            for _ in range(5):
                hasty.get("auth0|ada", request_options=ONCE)

        headers = self.refused(
            429,
            too_fast,
            error="Too Many Requests",
            message="Global limit has been reached",
            errorCode="too_many_requests",
        )
        self.assertEqual(headers["x-ratelimit-remaining"], "0")
        self.assertTrue(-1 < int(headers["x-ratelimit-reset"]) - time.time() < 3, "the reset is near")

    def test_429_a_client_that_comes_back_gets_its_answer(self):
        patient = ManagementClient(domain=NARROW, **WEB).users
        began = time.monotonic()
        for _ in range(2):
            self.assertEqual(patient.get("auth0|ada").user_id, "auth0|ada")
        self.assertLess(time.monotonic() - began, 8, "soon")


class TestAuthentication(Case):
    def refused_login(self, login, status=403, code="invalid_grant"):
        with self.assertRaises(Auth0Error) as caught:
            login()
        error = caught.exception
        self.assertEqual((error.status_code, error.error_code), (status, code))
        return error.message

    def test_a_code_that_was_sent_to_an_address_logs_its_reader_in_once(self):
        email = someone()
        Passwordless(DOMAIN, **WEB).email(email, send="code")
        code = sent(email, "code")["code"]

        def login(otp):
            return GetToken(DOMAIN, **WEB).passwordless_login(email, otp, "email", "openid email", None)

        self.refused_login(lambda: login("000001" if code == "000000" else "000000"))
        token = claims(login(code)["id_token"])
        self.assertEqual((token["email"], token["email_verified"]), (email, True))
        self.refused_login(lambda: login(code))

    def test_who_signs_up_may_log_in_and_asks_for_a_new_password_by_mail(self):
        email, database = someone(), Database(DOMAIN, **WEB)
        made = database.signup(email=email, password=PASSWORD, connection=DATABASE)
        tokens = log_in(email, scope="openid profile email")
        self.assertEqual(claims(tokens["id_token"])["sub"], f"auth0|{made['_id']}")
        told = Users(DOMAIN).userinfo(tokens["access_token"])
        self.assertEqual((told["email"], told["email_verified"]), (email, False))
        self.assertEqual(
            self.refused_login(lambda: log_in(email, password="wrong")), "Wrong email or password."
        )
        said = database.change_password(email, DATABASE)
        self.assertEqual(said, "We've just sent you an email to reset your password.")
        self.assertTrue(sent(email, "reset")["link"].startswith(HTTPS))

    def test_a_refresh_token_is_worth_new_tokens(self):
        first = log_in("ada@example.com", scope="openid offline_access")
        again = GetToken(DOMAIN, **WEB).refresh_token(first["refresh_token"])
        self.assertEqual(claims(again["id_token"])["sub"], "auth0|ada")
        self.refused_login(lambda: GetToken(DOMAIN, **WEB).refresh_token("none"))


if __name__ == "__main__":
    unittest.main()

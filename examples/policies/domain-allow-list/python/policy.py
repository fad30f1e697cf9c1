"""The policy domain-allow-list: who has a verified address of a listed domain
logs in, and is linked to the one other account with that address, unless the
settings leave that to other policies."""

import json
import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.settings import SettingsError
from wit_world.imports import accounts, users
from wit_world.imports.types import (
    ApiError_Invalid,
    Decision,
    Decision_Deny,
    Decision_Linked,
    Decision_Proceed,
    Level,
    LinkRequest,
    LoginEvent,
    Outcome,
    Reason,
    User,
    Verification_Verified,
)

# Compiled here, it is compiled once, at the build.
DOMAIN = re.compile(r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
LONGEST_DOMAIN = 253
LONGEST_MESSAGE = 255
MESSAGE = "This address may not be used here."

# `str.lower` would make a `k` of the Kelvin sign.
LOWER_CASE = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Settings of domain-allow-list",
    "type": "object",
    "additionalProperties": False,
    "required": ["domains"],
    "properties": {
        "domains": {
            "description": "Domains whose verified addresses may log in; `*.` and a domain is every domain below it.",
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "maxLength": LONGEST_DOMAIN, "pattern": DOMAIN.pattern},
        },
        "message": {
            "description": "The message for a denied user.",
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_MESSAGE,
            "default": MESSAGE,
        },
        "link": {
            "description": "Whether an allowed login is linked to the one other account with its address.",
            "type": "boolean",
            "default": True,
        },
    },
}


class Settings(exports.Settings):
    def schema(self) -> str:
        return json.dumps(SCHEMA)

    def check(self, settings: str) -> None:
        try:
            read(settings)
        except ValueError as error:
            raise Err(SettingsError(line=0, column=0, message=str(error)))


class Handler(exports.Handler):
    def on_login(self, event: LoginEvent) -> Outcome:
        return decide(event)

    def on_continue(self, event: LoginEvent, answer: object) -> Outcome:
        return decide(event)


# ---- Settings ----


def read(text: str) -> tuple[list[str], str, bool]:
    """The domains, the message, and whether to link. The host adds the nearest
    known key to the message about an unknown one."""
    given = json.loads(text)
    for key, value in given.items():
        if key == "domains":
            check_domains(value)
        elif key == "message":
            check_message(value)
        elif key == "link":
            check_link(value)
        else:
            raise ValueError(f"unknown field `{key}`, expected one of `domains`, `message`, `link`")
    if "domains" not in given:
        raise ValueError("missing field `domains`")
    return given["domains"], given.get("message", MESSAGE), given.get("link", True)


def check_domains(domains: object) -> None:
    if not isinstance(domains, list) or not domains:
        raise ValueError("`domains`: expected a list of at least one domain")
    for place, domain in enumerate(domains):
        is_text = isinstance(domain, str) and len(domain) <= LONGEST_DOMAIN
        # `match` would let a line feed follow.
        if not is_text or not DOMAIN.fullmatch(domain):
            expected = "expected a domain in lower case, such as `example.com` or `*.example.com`"
            raise ValueError(f"`domains[{place}]`: {expected}")


def check_message(message: object) -> None:
    is_text = isinstance(message, str) and 1 <= len(message) <= LONGEST_MESSAGE
    # JSON can hold half of a surrogate pair, which is no text.
    if not is_text or any("\ud800" <= character <= "\udfff" for character in message):
        raise ValueError(f"`message`: expected a text of 1 to {LONGEST_MESSAGE} characters")


def check_link(link: object) -> None:
    if not isinstance(link, bool):
        raise ValueError("`link`: expected true or false")


# ---- Decisions ----


def decide(event: LoginEvent) -> Outcome:
    try:
        domains, message, links = read(event.settings)
    except ValueError as error:
        raise Err(ApiError_Invalid(str(error)))
    me = event.user
    if me.email is None or not is_verified(me):
        return proceed(reason("NOT_VERIFIED", Level.INFO, [me], "This login proves no address."))
    if not is_listed(domain_of(me.email), domains):
        detail = "Addresses of this domain may not log in."
        return outcome(Decision_Deny(message), reason("DOMAIN_NOT_ALLOWED", Level.INFO, [me], detail))
    if not links:
        return proceed(reason("ALLOWED", Level.INFO, [me], "The address is of an allowed domain."))

    # What a look-up raises ends the decision: the host hears of it.
    found = users.find_by_email(me.email)
    others = [user for user in found if user.user_id != me.user_id and is_verified(user)]
    if len(others) != 1:
        detail = "There is not exactly one other account with this address."
        return proceed(reason("NOT_ONE", Level.INFO, [me], detail))
    return link_to(others[0], me)


def is_verified(user: User) -> bool:
    return isinstance(user.email_verified, Verification_Verified)


def domain_of(email: str) -> str:
    _, _, domain = email.rpartition("@")
    return domain.translate(LOWER_CASE) if "@" in email else ""


def is_listed(domain: str, domains: list[str]) -> bool:
    def lists(entry: str) -> bool:
        if entry.startswith("*."):
            return len(domain) > len(entry) - 1 and domain.endswith(entry[1:])
        return domain == entry

    return any(lists(entry) for entry in domains)


def link_to(other: User, me: User) -> Outcome:
    detail = "Both accounts have verified the same address; the other one is the primary."
    linked = reason("LINKED", Level.INFO, [me, other], detail)
    request = LinkRequest(
        primary=other.user_id,
        secondary=me.user_id,
        user_metadata=None,
        app_metadata=None,
        reasons=[linked],
    )
    try:
        accounts.link(request)
    except Err:
        failed = "The accounts could not be linked; a later login tries again."
        return proceed(reason("LINK_FAILED", Level.ERROR, [me, other], failed))
    return outcome(Decision_Linked(other.user_id), linked)


def proceed(because: Reason) -> Outcome:
    return outcome(Decision_Proceed(), because)


def reason(code: str, level: Level, about: list[User], detail: str) -> Reason:
    return Reason(code, level, [user.user_id for user in about], detail)


def outcome(decision: Decision, because: Reason) -> Outcome:
    return Outcome(decision, [because], trace=[], counterfactual=None)

"""The policy {{name}}: links a login to the one other account that has verified
the same address, if the settings say so.

A fresh copy of this module decides each login: variables are not kept between
logins, and output that is not flushed is lost.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.settings import SettingsError
from wit_world.imports import accounts, users

# Lines for the operator: log.write(log.LogLevel.INFO, "a line")
# from wit_world.imports import log
from wit_world.imports.types import (
    ApiError_Invalid,
    Decision,
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

MODES = ("observe", "link")

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Settings of {{name}}",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "mode": {
            "description": '"observe" only tells what "link" would do.',
            "enum": MODES,
            "default": "observe",
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


def read(text: str) -> str:
    """Returns the mode. The host adds the most similar known key to the message
    about an unknown key."""
    given = json.loads(text)
    for key in given:
        if key != "mode":
            raise ValueError(f"unknown field `{key}`, expected `mode`")
    mode = given.get("mode", "observe")
    if mode not in MODES:
        raise ValueError('`mode`: expected "observe" or "link"')
    return mode


def decide(event: LoginEvent) -> Outcome:
    try:
        mode = read(event.settings)
    except ValueError as error:
        raise Err(ApiError_Invalid(str(error)))
    me = event.user
    if me.email is None or not is_verified(me):
        return proceed("NOT_VERIFIED", Level.INFO, [me], "This login proves no address.")

    # An error of a look-up ends the decision: it is returned to the host.
    found = users.find_by_email(me.email)
    others = [user for user in found if user.user_id != me.user_id and is_verified(user)]
    if len(others) != 1:
        detail = "There is not exactly one other account with this address."
        return proceed("NOT_ONE", Level.INFO, [me], detail)
    other = others[0]
    if mode == "observe":
        detail = 'The mode is "observe"; with "link" the accounts would be linked.'
        return proceed("WOULD_LINK", Level.INFO, [me, other], detail)

    detail = "Both accounts have verified the same address; the other one is the primary."
    linked = reason("LINKED", Level.INFO, [me, other], detail)
    try:
        accounts.link(
            LinkRequest(
                primary=other.user_id,
                secondary=me.user_id,
                user_metadata=None,
                app_metadata=None,
                reasons=[linked],
            )
        )
    except Err:
        detail = "The accounts could not be linked; a later login tries again."
        return proceed("LINK_FAILED", Level.ERROR, [me, other], detail)
    return outcome(Decision_Linked(other.user_id), linked)


def is_verified(user: User) -> bool:
    return isinstance(user.email_verified, Verification_Verified)


def proceed(code: str, level: Level, about: list[User], detail: str) -> Outcome:
    return outcome(Decision_Proceed(), reason(code, level, about, detail))


def reason(code: str, level: Level, about: list[User], detail: str) -> Reason:
    return Reason(code, level, [user.user_id for user in about], detail)


def outcome(decision: Decision, because: Reason) -> Outcome:
    return Outcome(decision, [because], trace=[], counterfactual=None)

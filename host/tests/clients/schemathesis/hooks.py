"""What schemathesis.toml cannot say: requests that have a chance, and a check
that is narrower than `positive_data_acceptance`; run by host/tests/clients/main.rs."""

from json import dumps
from zlib import crc32

import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

CONNECTIONS = ("Username-Password-Authentication", "email", "sms")
# Users that are there, and identities that were linked.
made, linked = ["auth0|ada", "google-oauth2|1080"], []
# Roles and connections that were made.
roles, connections = [], []


def name(case):
    return case.operation.definition.raw.get("operationId")


def is_valid(case):
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


@schemathesis.hook
def map_case(context, case):
    if not is_valid(case):
        return case
    # The same seed makes the same choices; some requests stay as they are.
    chance = crc32(repr((case.path_parameters, case.query, case.body)).encode())
    if chance % 8 == 0:
        return case
    if name(case) == "post_users":
        complete(case.body, chance)
    elif name(case) == "patch_users_by_id":
        separate(case.body, chance)
    elif name(case) in ("post_verification_email", "post_email_verification", "post_password_change"):
        own(case.body, chance)
    elif name(case) == "post_users_imports" and case.meta.phase.name == TestPhase.FUZZING and chance % 3:
        # The id of the database is made of its name.
        case.body["connection_id"] = "con_rp5k1iuuS4c8fDAE"
        case.body["users"] = dumps([{"email": f"{chance:x}@example.com"}])
    # Where one answer leads to the next request, that one has its user already.
    if case.meta.phase.name == TestPhase.STATEFUL:
        return case
    if name(case) == "delete_user_identity_by_user_id" and linked:
        case.path_parameters.update(linked[chance % len(linked)])
    elif "/roles/{id}" in case.path and roles:
        case.path_parameters["id"] = roles[chance % len(roles)]
        if name(case) == "post_role_users":
            case.body = {"users": [made[chance // 3 % len(made)]]}
    elif "/connections/{id}" in case.path and connections:
        case.path_parameters["id"] = connections[chance % len(connections)]
    elif "/users/{id}" in case.path and made:
        case.path_parameters["id"] = made[chance % len(made)]
        if name(case) == "post_identities" and chance % 3:
            provider, user_id = made[chance // 3 % len(made)].split("|", 1)
            case.body = {"provider": provider, "user_id": user_id}
        elif name(case) in ("post_user_roles", "delete_user_roles") and roles:
            case.body = {"roles": [roles[chance // 3 % len(roles)]]}
    return case


def complete(body, chance):
    """What the connection asks for is there, and what it refuses is not."""
    if body.get("connection") not in CONNECTIONS:
        body["connection"] = CONNECTIONS[chance // 8 % len(CONNECTIONS)]
    if body["connection"] == "sms":
        body["phone_number"] = body.get("phone_number") or f"+{chance}"
    else:
        body["email"] = body.get("email") or f"{chance:x}@example.com"
    if body["connection"] in ("email", "sms"):
        body.pop("password", None)
        body.pop("user_id", None)
    else:
        body["password"] = body.get("password") or "correct horse battery"


def own(body, chance):
    """Somebody who is there, and leads to nobody else's pages."""
    body["user_id"] = made[chance // 8 % len(made)]
    for key in ("client_id", "organization_id", "identity", "result_url", "email", "connection_id"):
        body.pop(key, None)


def separate(body, chance):
    """Auth0 changes an address, a password or a username, one at a time."""
    together = [["email", "email_verified"], ["password"], ["username"]]
    del together[chance // 8 % len(together)]
    for key in sum(together, []):
        body.pop(key, None)


@schemathesis.hook
def after_call(context, case, response):
    if name(case) == "post_users" and response.status_code == 201:
        made.append(response.json()["user_id"])
    elif name(case) == "post_roles" and case.method == "POST" and response.status_code == 200:
        roles.append(response.json()["id"])
    elif name(case) == "post_connections" and response.status_code == 201:
        connections.append(response.json()["id"])
    elif name(case) == "post_identities" and response.status_code == 201:
        last = response.json()[-1]
        id = case.path_parameters["id"]
        linked.append({"id": id, "provider": last["provider"], "user_id": last["user_id"]})
        made[:] = [id for id in made if id != f"{last['provider']}|{last['user_id']}"]
    elif name(case) == "delete_users_by_id" and response.status_code == 204:
        gone = case.path_parameters["id"]
        made[:] = [id for id in made if id != gone]


# Refusals for what is the case in the tenant, whatever the document says.
OF_THE_TENANT = {
    "inexistent_connection",
    "invalid_link_with",
    "invalid_paging",
    "invalid_password",
    "operation_not_supported",
}
# Refusals of a kind that the document should have foretold, but for these.
MESSAGES = {
    # What a user needs depends on the connection.
    "post_users": ("Missing required property: ", "Additional properties not allowed: password, user_id"),
    "post_password_change": ("expected either user_id",),
    # A file that holds users is not made at random.
    "post_users_imports": ("expected a JSON array of users", "expected text in UTF-8", "the form is broken"),
    # One of two forms.
    "post_identities": ("Missing required property: user_id", "Additional properties not allowed: beside"),
}


@schemathesis.check
def valid_data_is_understood(ctx, response, case):
    """Data that the document allows is refused for no reason of form."""
    if not is_valid(case) or response.status_code != 400:
        return
    problem, operation = response.json(), name(case)
    code, message = problem.get("errorCode"), problem["message"]
    if code in OF_THE_TENANT:
        return
    # Not every text is a query in Lucene's syntax, nor every name one to sort by.
    if operation in ("get_users", "get_logs", "get_logs_by_user") and code == "invalid_query_string" and {"q", "sort"} & set(case.query or {}):
        if "q" in case.query or message.startswith("The field `"):
            return
    if any(allowed in message for allowed in MESSAGES.get(operation, ())):
        return
    raise AssertionError(f"data that the document allows was refused: {message}")

// The policy {{name}}: links a login to the one other account that has verified
// the same address, if the settings say so.
//
// A fresh instance decides each login: variables are not kept between logins, and
// memory need not be freed. Values that are passed to the host must each come from
// a `malloc` of their own, because the bindings free them.

#include "configurable_plugin.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

typedef configurable_plugin_string_t string_t;
typedef ligature_login_types_user_t user_t;
typedef ligature_login_types_reason_t reason_t;
typedef ligature_login_types_decision_t decision_t;
typedef ligature_login_types_login_event_t event_t;
typedef exports_ligature_login_handler_outcome_t outcome_t;
typedef exports_ligature_login_handler_api_error_t api_error_t;

static const char SCHEMA[] = {
#embed "schema.json"
};

// ---- Texts ----

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

static string_t copy_of(const void *bytes, size_t length) {
  string_t copy = {.ptr = allocate(length), .len = length};
  memcpy(copy.ptr, bytes, length);
  return copy;
}

static string_t string(const char *text) { return copy_of(text, strlen(text)); }

static bool same(string_t one, string_t other) {
  return one.len == other.len && memcmp(one.ptr, other.ptr, one.len) == 0;
}

// Joins three texts.
static string_t joined(const char *before, struct text between, const char *behind) {
  size_t first = strlen(before), last = strlen(behind);
  string_t text = {.ptr = allocate(first + between.length + last), .len = first + between.length + last};
  memcpy(text.ptr, before, first);
  memcpy(text.ptr + first, between.bytes, between.length);
  memcpy(text.ptr + first + between.length, behind, last);
  return text;
}

// ---- Settings ----

struct settings {
  bool link;
};

// Reads the settings; `problem` gets a message if they are invalid. The host adds the
// most similar known key to the message about an unknown key.
static bool read_settings(const string_t *text, struct settings *settings, string_t *problem) {
  struct json json = json_of(text->ptr, text->len);
  settings->link = false;
  for (bool more = json_first(&json, '{'); more; more = json_another(&json, '}')) {
    struct text key = json_key(&json);
    if (json.broken) break;
    if (!text_is(key, "mode")) {
      *problem = joined("unknown field `", key, "`, expected `mode`");
      return false;
    }
    struct text mode = {0};
    if (json_next(&json) == '"') mode = json_string(&json);
    else json_skip(&json);
    settings->link = text_is(mode, "link");
    if (json.broken || (!settings->link && !text_is(mode, "observe"))) {
      *problem = string("`mode`: expected \"observe\" or \"link\"");
      return false;
    }
  }
  if (json.broken) *problem = string("expected a JSON object");
  return !json.broken;
}

void exports_ligature_login_settings_schema(exports_ligature_login_settings_json_t *ret) {
  *ret = copy_of(SCHEMA, sizeof SCHEMA);
}

bool exports_ligature_login_settings_check(exports_ligature_login_settings_json_t *text,
                                           exports_ligature_login_settings_settings_error_t *err) {
  struct settings settings;
  *err = (exports_ligature_login_settings_settings_error_t){0};
  return read_settings(text, &settings, &err->message);
}

// ---- Decisions ----

// Creates the reason of a decision, about one or two users.
static reason_t reason(const char *code, const char *detail, const user_t *me, const user_t *other) {
  reason_t reason = {.code = string(code), .level = LIGATURE_LOGIN_TYPES_LEVEL_INFO, .detail = string(detail)};
  reason.subject.len = other ? 2 : 1;
  reason.subject.ptr = allocate(2 * sizeof(string_t));
  reason.subject.ptr[0] = copy_of(me->user_id.ptr, me->user_id.len);
  if (other) reason.subject.ptr[1] = copy_of(other->user_id.ptr, other->user_id.len);
  return reason;
}

static outcome_t outcome(decision_t decision, reason_t reason) {
  outcome_t outcome = {.decision = decision};
  outcome.reasons.len = 1;
  outcome.reasons.ptr = allocate(sizeof reason);
  outcome.reasons.ptr[0] = reason;
  return outcome;
}

static outcome_t proceed(reason_t reason) {
  return outcome((decision_t){.tag = LIGATURE_LOGIN_TYPES_DECISION_PROCEED}, reason);
}

static bool is_verified(const user_t *user) {
  return user->email_verified.tag == LIGATURE_LOGIN_TYPES_VERIFICATION_VERIFIED;
}

// Finds the one other verified user; null if there is none or more than one.
static const user_t *only_other(const ligature_login_users_list_user_t *users, const user_t *me) {
  const user_t *found = NULL;
  for (size_t i = 0; i < users->len; i++) {
    const user_t *user = &users->ptr[i];
    if (!is_verified(user) || same(user->user_id, me->user_id)) continue;
    if (found) return NULL;
    found = user;
  }
  return found;
}

static outcome_t link_accounts(const user_t *me, const user_t *other) {
  reason_t linked =
      reason("LINKED", "Both accounts have verified the same address; the other one is the primary.", me, other);
  ligature_login_accounts_link_request_t request = {
      .primary = other->user_id, .secondary = me->user_id, .reasons = {.ptr = &linked, .len = 1}};
  ligature_login_accounts_api_error_t error;
  if (!ligature_login_accounts_link(&request, &error)) {
    reason_t failed = reason("LINK_FAILED", "The accounts could not be linked; a later login tries again.", me, other);
    failed.level = LIGATURE_LOGIN_TYPES_LEVEL_ERROR;
    return proceed(failed);
  }
  decision_t decision = {.tag = LIGATURE_LOGIN_TYPES_DECISION_LINKED};
  decision.val.linked = copy_of(other->user_id.ptr, other->user_id.len);
  return outcome(decision, linked);
}

bool exports_ligature_login_handler_on_login(event_t *event, outcome_t *ret, api_error_t *err) {
  struct settings settings;
  string_t problem;
  if (!read_settings(&event->settings, &settings, &problem)) {
    *err = (api_error_t){.tag = LIGATURE_LOGIN_TYPES_API_ERROR_INVALID, .val = {.invalid = problem}};
    return false;
  }
  // A line for the operator:
  // string_t line = string("a line");
  // ligature_login_log_write(LIGATURE_LOGIN_LOG_LOG_LEVEL_INFO, &line);
  const user_t *me = &event->user;
  if (!me->email.is_some || !is_verified(me)) {
    *ret = proceed(reason("NOT_VERIFIED", "This login proves no address.", me, NULL));
    return true;
  }
  ligature_login_users_list_user_t users;
  if (!ligature_login_users_find_by_email(&event->user.email.val, &users, err)) return false;
  const user_t *other = only_other(&users, me);
  if (!other) {
    *ret = proceed(reason("NOT_ONE", "There is not exactly one other account with this address.", me, NULL));
  } else if (!settings.link) {
    const char *detail = "The mode is \"observe\"; with \"link\" the accounts would be linked.";
    *ret = proceed(reason("WOULD_LINK", detail, me, other));
  } else {
    *ret = link_accounts(me, other);
  }
  return true;
}

bool exports_ligature_login_handler_on_continue(event_t *event, exports_ligature_login_handler_answer_t *answer,
                                                outcome_t *ret, api_error_t *err) {
  (void)answer;
  return exports_ligature_login_handler_on_login(event, ret, err);
}

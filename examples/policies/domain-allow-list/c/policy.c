// The policy domain-allow-list: who has a verified address of a listed domain
// logs in, and is linked to the one other account with that address, unless the
// settings leave that to other policies.
//
// A fresh instance decides each login: what it keeps in variables is gone
// afterwards, and memory need not be freed. What is handed to the host must come
// from `malloc`, each piece once: the bindings free it.

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

static char MESSAGE[] = "This address may not be used here.";

// ---- Texts ----

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

static void *grown(void *memory, size_t bytes) {
  memory = realloc(memory, bytes);
  if (!memory) abort();
  return memory;
}

static string_t copy_of(const void *bytes, size_t length) {
  string_t copy = {.ptr = allocate(length), .len = length};
  memcpy(copy.ptr, bytes, length);
  return copy;
}

static string_t string(const char *text) { return copy_of(text, strlen(text)); }

// Writes a number's digits; how many there are.
static size_t decimal(size_t number, char *to) {
  size_t length = 1;
  for (size_t rest = number; rest >= 10; rest /= 10) length++;
  for (size_t i = length; i-- > 0; number /= 10) to[i] = (char)('0' + number % 10);
  return length;
}

static bool same(string_t one, string_t other) {
  return one.len == other.len && memcmp(one.ptr, other.ptr, one.len) == 0;
}

// Three texts, one behind the other.
static string_t joined(const char *before, struct text between, const char *behind) {
  size_t first = strlen(before), last = strlen(behind);
  string_t text = {.ptr = allocate(first + between.length + last), .len = first + between.length + last};
  memcpy(text.ptr, before, first);
  memcpy(text.ptr + first, between.bytes, between.length);
  memcpy(text.ptr + first + between.length, behind, last);
  return text;
}

// ---- Settings ----

enum { LONGEST_LABEL = 63, LONGEST_DOMAIN = 253, LONGEST_MESSAGE = 255 };

struct settings {
  struct text *domains;
  size_t count;
  struct text message;
  bool link;
};

static bool is_label(const char *bytes, size_t length) {
  if (length < 1 || length > LONGEST_LABEL || bytes[0] == '-' || bytes[length - 1] == '-') return false;
  for (size_t i = 0; i < length; i++) {
    char byte = bytes[i];
    bool allowed = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
    if (!allowed) return false;
  }
  return true;
}

static bool is_entry(struct text entry) {
  const char *at = entry.bytes, *end = entry.bytes + entry.length;
  if (entry.length > LONGEST_DOMAIN) return false;
  if (entry.length >= 2 && at[0] == '*' && at[1] == '.') at += 2;
  size_t labels = 0;
  for (;; labels++) {
    const char *dot = at < end ? memchr(at, '.', (size_t)(end - at)) : NULL;
    if (!is_label(at, (size_t)((dot ? dot : end) - at))) return false;
    if (!dot) return labels >= 1;
    at = dot + 1;
  }
}

// The characters of a text in UTF-8.
static size_t characters(struct text text) {
  size_t count = 0;
  for (size_t i = 0; i < text.length; i++) count += (text.bytes[i] & 0xc0) != 0x80;
  return count;
}

static bool read_domains(struct json *json, struct settings *settings, string_t *problem) {
  settings->count = 0;
  bool more = json_next(json) == '[' && json_first(json, '[');
  if (!more) *problem = string("`domains`: expected a list of at least one domain");
  for (bool next = more; next; next = json_another(json, ']')) {
    struct text entry = json_next(json) == '"' ? json_string(json) : (struct text){0};
    if (json->broken || !is_entry(entry)) {
      char place[24];
      struct text number = {.bytes = place, .length = decimal(settings->count, place)};
      *problem = joined("`domains[", number,
                        "]`: expected a domain in lower case, such as `example.com` or `*.example.com`");
      return false;
    }
    settings->domains = grown(settings->domains, (settings->count + 1) * sizeof(struct text));
    settings->domains[settings->count++] = entry;
  }
  return more;
}

static bool read_message(struct json *json, struct settings *settings, string_t *problem) {
  settings->message = json_next(json) == '"' ? json_string(json) : (struct text){0};
  size_t length = json->broken ? 0 : characters(settings->message);
  bool good = length >= 1 && length <= LONGEST_MESSAGE;
  if (!good) *problem = string("`message`: expected a text of 1 to 255 characters");
  return good;
}

static bool read_link(struct json *json, struct settings *settings, string_t *problem) {
  char first = json_next(json);
  json_skip(json);
  settings->link = first == 't';
  bool good = !json->broken && (first == 't' || first == 'f');
  if (!good) *problem = string("`link`: expected true or false");
  return good;
}

// Reads the settings; `problem` gets a message where they are not as expected.
// The host adds the nearest known key to the message about an unknown one.
static bool read_settings(const string_t *text, struct settings *settings, string_t *problem) {
  struct json json = json_of(text->ptr, text->len);
  *settings = (struct settings){.message = {.bytes = MESSAGE, .length = sizeof MESSAGE - 1}, .link = true};
  for (bool more = json_first(&json, '{'); more; more = json_another(&json, '}')) {
    struct text key = json_key(&json);
    if (json.broken) break;
    if (text_is(key, "domains")) {
      if (!read_domains(&json, settings, problem)) return false;
    } else if (text_is(key, "message")) {
      if (!read_message(&json, settings, problem)) return false;
    } else if (text_is(key, "link")) {
      if (!read_link(&json, settings, problem)) return false;
    } else {
      *problem = joined("unknown field `", key, "`, expected one of `domains`, `message`, `link`");
      return false;
    }
  }
  if (json.broken) *problem = string("expected a JSON object");
  else if (settings->count == 0) *problem = string("missing field `domains`");
  return !json.broken && settings->count > 0;
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

// The reason of a decision, about one user or two.
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

// The domain of an address in lower case, which only `A` to `Z` have here.
static struct text domain_of(string_t email) {
  size_t start = email.len;
  while (start > 0 && email.ptr[start - 1] != '@') start--;
  if (start == 0) return (struct text){0};
  struct text domain = {.bytes = allocate(email.len - start), .length = email.len - start};
  for (size_t i = 0; i < domain.length; i++) {
    char byte = (char)email.ptr[start + i];
    domain.bytes[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
  }
  return domain;
}

static bool lists(struct text entry, struct text domain) {
  if (entry.bytes[0] != '*') {
    return domain.length == entry.length && memcmp(domain.bytes, entry.bytes, entry.length) == 0;
  }
  size_t suffix = entry.length - 1;
  if (domain.length <= suffix) return false;
  return memcmp(domain.bytes + domain.length - suffix, entry.bytes + 1, suffix) == 0;
}

static bool is_listed(struct text domain, const struct settings *settings) {
  for (size_t i = 0; i < settings->count; i++) {
    if (lists(settings->domains[i], domain)) return true;
  }
  return false;
}

static outcome_t deny(struct text message, reason_t reason) {
  decision_t decision = {.tag = LIGATURE_LOGIN_TYPES_DECISION_DENY};
  decision.val.deny = copy_of(message.bytes, message.length);
  return outcome(decision, reason);
}

// The one verified user besides this one; null if there are none or several.
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
  const user_t *me = &event->user;
  if (!me->email.is_some || !is_verified(me)) {
    *ret = proceed(reason("NOT_VERIFIED", "This login proves no address.", me, NULL));
    return true;
  }
  if (!is_listed(domain_of(me->email.val), &settings)) {
    const char *detail = "Addresses of this domain may not log in.";
    *ret = deny(settings.message, reason("DOMAIN_NOT_ALLOWED", detail, me, NULL));
    return true;
  }
  if (!settings.link) {
    *ret = proceed(reason("ALLOWED", "The address is of an allowed domain.", me, NULL));
    return true;
  }
  ligature_login_users_list_user_t users;
  if (!ligature_login_users_find_by_email(&event->user.email.val, &users, err)) return false;
  const user_t *other = only_other(&users, me);
  if (!other) {
    *ret = proceed(reason("NOT_ONE", "There is not exactly one other account with this address.", me, NULL));
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

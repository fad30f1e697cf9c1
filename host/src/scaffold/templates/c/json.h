// Reads a JSON text value by value, from start to end. The host passes well-formed
// JSON only; with other input the values are undefined, but the reader never leaves
// the text. A deeply nested text is refused, because the stack is small.

#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

struct json {
  const char *at;
  const char *end;
  bool broken; // Set by the first thing that is not as expected.
};

// A text of any bytes, without a terminating zero.
struct text {
  char *bytes;
  size_t length;
};

struct json json_of(const void *bytes, size_t length);

// Returns the first character of the next value: `{`, `[`, `"`, `-` or a digit, or
// the first letter of `true`, `false`, `null`; 0 at the end.
char json_next(struct json *json);

// Enters the next object or array. Returns whether it has a member or element, which
// is read next. `opening` is `{` or `[`.
bool json_first(struct json *json, char opening);

// Returns whether another member or element follows, after one was read.
bool json_another(struct json *json, char closing);

// Reads a string, or the key of a member with its colon. A string that is not valid
// Unicode (half of a surrogate pair) is an error.
struct text json_string(struct json *json);
struct text json_key(struct json *json);

// Skips any value.
void json_skip(struct json *json);

bool text_is(struct text text, const char *other);

#endif

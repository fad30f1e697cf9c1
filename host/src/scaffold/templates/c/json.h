// Reads a JSON text value by value, from the front to the back. The host passes
// well-formed JSON only; of anything else the reader makes no sense, but never
// leaves the text. A text that is nested deeply is refused: the stack is small.

#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

struct json {
  const char *at;
  const char *end;
  bool broken; // Set by the first thing that is not as expected.
};

// Text of any bytes, not ended by a zero.
struct text {
  char *bytes;
  size_t length;
};

struct json json_of(const void *bytes, size_t length);

// The first character of the value that comes next: `{`, `[`, `"`, `-` or a
// digit, or the first letter of `true`, `false`, `null`; 0 at the end.
char json_next(struct json *json);

// Whether the object or array that comes next has a member or element; the
// reader then stands before it. `opening` is `{` or `[`.
bool json_first(struct json *json, char opening);

// Whether there is another one, once the one before is read.
bool json_another(struct json *json, char closing);

// Reads a string, or the key of a member with its colon. A string that is not
// Unicode (half of a surrogate pair) is broken.
struct text json_string(struct json *json);
struct text json_key(struct json *json);

// Passes over any value.
void json_skip(struct json *json);

bool text_is(struct text text, const char *other);

#endif

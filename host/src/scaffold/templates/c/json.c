#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64 };

struct json json_of(const void *bytes, size_t length) {
  return (struct json){.at = bytes, .end = (const char *)bytes + length, .broken = false};
}

bool text_is(struct text text, const char *other) {
  return text.length == strlen(other) && memcmp(text.bytes, other, text.length) == 0;
}

char json_next(struct json *json) {
  while (json->at < json->end &&
         (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')) {
    json->at++;
  }
  return !json->broken && json->at < json->end ? *json->at : 0;
}

static bool take(struct json *json, char wanted) {
  if (json_next(json) != wanted) return false;
  json->at++;
  return true;
}

static void expect(struct json *json, char wanted) {
  if (!take(json, wanted)) json->broken = true;
}

bool json_first(struct json *json, char opening) {
  expect(json, opening);
  // In ASCII, `}` and `]` are two code points after `{` and `[`.
  return !take(json, (char)(opening + 2)) && !json->broken;
}

bool json_another(struct json *json, char closing) {
  if (take(json, ',')) return true;
  expect(json, closing);
  return false;
}

static uint32_t hexadecimal(struct json *json) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    char digit = json->at < json->end ? *json->at++ : 0;
    value *= 16;
    if (digit >= '0' && digit <= '9') value += (uint32_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f') value += (uint32_t)(digit - 'a' + 10);
    else if (digit >= 'A' && digit <= 'F') value += (uint32_t)(digit - 'A' + 10);
    else json->broken = true;
  }
  return value;
}

// Reads the code point after `\u`.
static uint32_t escaped_point(struct json *json) {
  uint32_t point = hexadecimal(json);
  if (point < 0xd800 || point > 0xdfff) return point;
  bool pair = point < 0xdc00 && json->end - json->at >= 2 && json->at[0] == '\\' && json->at[1] == 'u';
  if (!pair) {
    json->broken = true;
    return 0;
  }
  json->at += 2;
  uint32_t low = hexadecimal(json);
  if (low < 0xdc00 || low > 0xdfff) json->broken = true;
  return 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
}

static void append_point(struct text *text, uint32_t point) {
  char *to = text->bytes + text->length;
  if (point < 0x80) {
    *to++ = (char)point;
  } else if (point < 0x800) {
    *to++ = (char)(0xc0 | point >> 6);
    *to++ = (char)(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    *to++ = (char)(0xe0 | point >> 12);
    *to++ = (char)(0x80 | (point >> 6 & 0x3f));
    *to++ = (char)(0x80 | (point & 0x3f));
  } else {
    *to++ = (char)(0xf0 | (point >> 18 & 0x07));
    *to++ = (char)(0x80 | (point >> 12 & 0x3f));
    *to++ = (char)(0x80 | (point >> 6 & 0x3f));
    *to++ = (char)(0x80 | (point & 0x3f));
  }
  text->length = (size_t)(to - text->bytes);
}

static void append_escape(struct json *json, struct text *text) {
  char kind = json->at < json->end ? *json->at++ : 0;
  const char *known = "\"\\/bfnrt", *meant = "\"\\/\b\f\n\r\t";
  const char *place = kind ? strchr(known, kind) : NULL;
  if (kind == 'u') append_point(text, escaped_point(json));
  else if (place) text->bytes[text->length++] = meant[place - known];
  else json->broken = true;
}

struct text json_string(struct json *json) {
  expect(json, '"');
  // A character is never longer than its escape.
  struct text text = {.bytes = malloc((size_t)(json->end - json->at) + 1), .length = 0};
  if (!text.bytes) abort();
  while (!json->broken && json->at < json->end) {
    char byte = *json->at++;
    if (byte == '"') return text;
    if (byte == '\\') append_escape(json, &text);
    else text.bytes[text.length++] = byte;
  }
  json->broken = true;
  return (struct text){.bytes = text.bytes, .length = 0};
}

struct text json_key(struct json *json) {
  struct text key = json_string(json);
  expect(json, ':');
  return key;
}

static void skip(struct json *json, int depth) {
  char first = json_next(json);
  if (depth > DEEPEST) {
    json->broken = true;
  } else if (first == '"') {
    free(json_string(json).bytes);
  } else if (first == '{' || first == '[') {
    for (bool more = json_first(json, first); more; more = json_another(json, (char)(first + 2))) {
      if (first == '{') free(json_key(json).bytes);
      skip(json, depth + 1);
    }
  } else {
    const char *start = json->at;
    while (json->at < json->end && !strchr(",]} \t\r\n", *json->at)) json->at++;
    if (json->at == start) json->broken = true;
  }
}

void json_skip(struct json *json) { skip(json, 0); }

// Heads of HTTP/1.1 requests. http-parser reads them; before it does, every line is held against the strict grammar of RFC 9112,
// because what one reader takes leniently and the next one does not is how requests are smuggled past a proxy:
//
//   head:   request-line CRLF (field CRLF)* CRLF      no bare LF, no bare CR
//   field:  token ":" OWS value OWS                   no space before the colon, no line that continues another
//   body:   Content-Length (once, digits) or Transfer-Encoding: chunked (once, HTTP/1.1), never both
#include <http_parser.h>

#include "session_state.h"

int64_t http1_head_length(const uint8_t *bytes, size_t length, size_t *scanned) {
  size_t at = *scanned;
  while (at < length) {
    const uint8_t *const newline = memchr(bytes + at, '\n', length - at);
    if (newline == NULL) break;
    size_t const position = (size_t)(newline - bytes);
    if (position == 0 || bytes[position - 1] != '\r') return -1;
    at = position + 1;
    // The empty line.
    if (position >= 3 && bytes[position - 2] == '\n') {
      *scanned = at;
      return (int64_t)at;
    }
  }
  *scanned = length;
  return 0;
}

static bool is_value(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if ((bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7F) return false;
  }
  return true;
}

// One line without its CRLF: name, colon, value.
static int field_read(const uint8_t *line, size_t length, transport_field *field, const char **reason) {
  if (length > 0 && (line[0] == ' ' || line[0] == '\t')) {
    *reason = "a header line continues the one before it";
    return 400;
  }
  const uint8_t *const colon = length > 0 ? memchr(line, ':', length) : NULL;
  if (colon == NULL || !is_token(line, (size_t)(colon - line))) {
    *reason = "invalid header name";
    return 400;
  }
  const uint8_t *value = colon + 1;
  const uint8_t *end = line + length;
  while (value < end && (*value == ' ' || *value == '\t')) value += 1;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end -= 1;
  if (!is_value(value, (size_t)(end - value))) {
    *reason = "invalid header value";
    return 400;
  }
  field->name = (transport_text){line, (size_t)(colon - line)};
  field->value = (transport_text){value, (size_t)(end - value)};
  return 0;
}

// The length of the line at the begin, without its CRLF.
static size_t line_length(const uint8_t *bytes, size_t length) {
  const uint8_t *const newline = memchr(bytes, '\n', length);
  return newline == NULL ? length : (size_t)(newline - bytes) - 1;
}

typedef struct parse {
  transport_text target;
  size_t field_count;
} parse;

static int on_url(http_parser *parser, const char *at, size_t length) {
  ((parse *)parser->data)->target = (transport_text){(const uint8_t *)at, length};
  return 0;
}

static int on_field(http_parser *parser, const char *at, size_t length) {
  (void)at;
  (void)length;
  ((parse *)parser->data)->field_count += 1;
  return 0;
}

// The body is ours to read.
static int on_headers_complete(http_parser *parser) {
  (void)parser;
  return 1;
}

// Whether a list of tokens such as "keep-alive, Upgrade" has one.
static bool has_token(transport_text list, const char *token) {
  size_t at = 0;
  while (at < list.length) {
    size_t end = at;
    while (end < list.length && list.bytes[end] != ',') end += 1;
    size_t start = at;
    size_t stop = end;
    while (start < stop && (list.bytes[start] == ' ' || list.bytes[start] == '\t')) start += 1;
    while (stop > start && (list.bytes[stop - 1] == ' ' || list.bytes[stop - 1] == '\t')) stop -= 1;
    if (text_is((transport_text){list.bytes + start, stop - start}, token)) return true;
    at = end + 1;
  }
  return false;
}

static int refuse(const char **reason, int status, const char *text) {
  *reason = text;
  return status;
}

// What the fields say of the message itself.
static int framing_read(http1_head *head, const char **reason) {
  bool const is_http11 = head->head.version == 11;
  int hosts = 0;
  int encodings = 0;
  bool closes = false;
  bool keeps = false;
  for (size_t i = 0; i < head->head.field_count; i++) {
    transport_field const field = head->fields[i];
    if (text_is(field.name, "content-length")) {
      if (head->content_length >= 0) return refuse(reason, 400, "more than one Content-Length");
      if (field.value.length == 0 || field.value.length > 18) return refuse(reason, 400, "bad Content-Length");
      int64_t value = 0;
      for (size_t j = 0; j < field.value.length; j++) {
        uint8_t const digit = field.value.bytes[j];
        if (digit < '0' || digit > '9') return refuse(reason, 400, "bad Content-Length");
        value = value * 10 + (digit - '0');
      }
      head->content_length = value;
    } else if (text_is(field.name, "transfer-encoding")) {
      if (!is_http11) return refuse(reason, 400, "Transfer-Encoding in an HTTP/1.0 request");
      if (++encodings > 1) return refuse(reason, 400, "more than one Transfer-Encoding");
      if (!text_is(field.value, "chunked")) return refuse(reason, 501, "unsupported transfer encoding");
      head->is_chunked = true;
    } else if (text_is(field.name, "host")) {
      if (++hosts > 1) return refuse(reason, 400, "too many Host headers");
      for (size_t j = 0; j < field.value.length; j++) {
        uint8_t const byte = field.value.bytes[j];
        if (byte <= ' ' || byte == '/' || byte == '?' || byte == '#' || byte == '@' || byte == ',' || byte >= 0x7F) {
          return refuse(reason, 400, "malformed Host header");
        }
      }
      head->head.authority = field.value;
    } else if (text_is(field.name, "connection")) {
      closes = closes || has_token(field.value, "close");
      keeps = keeps || has_token(field.value, "keep-alive");
    } else if (text_is(field.name, "expect")) {
      if (!text_is(field.value, "100-continue")) return refuse(reason, 417, "unknown expectation");
      head->expects_continue = is_http11;
    }
  }
  if (head->is_chunked && head->content_length >= 0) {
    return refuse(reason, 400, "both Transfer-Encoding and Content-Length");
  }
  if (is_http11 && hosts == 0) return refuse(reason, 400, "missing required Host header");
  head->keeps_alive = is_http11 ? !closes : keeps && !closes;
  return 0;
}

int http1_head_read(const uint8_t *bytes, size_t length, size_t fields_max, http1_head *head, const char **reason) {
  memset(&head->head, 0, sizeof head->head);
  head->content_length = -1;
  head->is_chunked = head->keeps_alive = head->expects_continue = false;

  size_t const first = line_length(bytes, length);
  for (size_t i = 0; i < first; i++) {
    if (bytes[i] < 0x20 || bytes[i] == 0x7F) return refuse(reason, 400, "malformed request line");
  }
  size_t const most = fields_max < sizeof head->fields / sizeof *head->fields ? fields_max
                                                                              : sizeof head->fields / sizeof *head->fields;
  size_t at = first + 2;
  while (at + 2 < length) {
    size_t const line = line_length(bytes + at, length - at);
    if (head->head.field_count == most) return refuse(reason, 431, "too many header fields");
    int const status = field_read(bytes + at, line, &head->fields[head->head.field_count], reason);
    if (status != 0) return status;
    head->head.field_count += 1;
    at += line + 2;
  }

  parse seen = {0};
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = &seen;
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_url = on_url;
  settings.on_header_field = on_field;
  settings.on_headers_complete = on_headers_complete;
  size_t const parsed = http_parser_execute(&parser, &settings, (const char *)bytes, length);
  enum http_errno const error = HTTP_PARSER_ERRNO(&parser);
  if (error == HPE_INVALID_VERSION) return refuse(reason, 505, "unsupported protocol version");
  // Framing that http-parser refuses is told from the rest by our own reading of it.
  head->head.version = parser.http_major == 1 && parser.http_minor == 0 ? 10 : 11;
  int const status = framing_read(head, reason);
  if (status != 0) return status;
  if (error != HPE_OK || seen.field_count != head->head.field_count || (parsed != length && !parser.upgrade)) {
    return refuse(reason, 400, error != HPE_OK ? http_errno_description(error) : "malformed request");
  }
  if (parser.http_major != 1 || parser.http_minor > 1) return refuse(reason, 505, "unsupported protocol version");
  if (parser.method == HTTP_CONNECT) return refuse(reason, 501, "CONNECT is not supported");
  const char *const method = http_method_str((enum http_method)parser.method);
  // The method where it lies, so that it lives as long as the rest.
  head->head.method = (transport_text){bytes, strlen(method)};
  head->head.target = seen.target;
  head->head.fields = head->fields;
  return 0;
}

// What may not stand behind a body: RFC 9110, 6.5.1.
static bool is_forbidden_in_trailers(transport_text name) {
  static const char *const names[] = {"content-length", "transfer-encoding", "host",         "connection", "trailer",
                                      "te",             "authorization",     "content-type", "cookie",     "expect",
                                      "content-encoding", "content-range"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (text_is(name, names[i])) return true;
  }
  return false;
}

int http1_trailers_read(const uint8_t *bytes, size_t length, size_t fields_max, field_list *trailers) {
  size_t at = 0;
  while (at + 2 < length) {
    size_t const line = line_length(bytes + at, length - at);
    transport_field field;
    const char *reason = NULL;
    if (trailers->count == fields_max || field_read(bytes + at, line, &field, &reason) != 0) return 400;
    if (!is_forbidden_in_trailers(field.name) && fields_add(trailers, field.name, field.value) != 0) return 400;
    at += line + 2;
  }
  return 0;
}

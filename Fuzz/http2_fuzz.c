// Any frames to a server and to a client of HTTP/2. No crash, no leak, every stream is closed.
#include "session_harness.h"

static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  if ((data[0] & 0x80) != 0) {
    drive(true, settings, sizeof settings, data, size);
  } else {
    drive(false, preface, sizeof preface - 1, data, size);
  }
  return 0;
}

// Any bytes as what a client sends first: HTTP/1.1, HTTP/2 or neither. No crash, no leak, every stream is closed.
#include "session_harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  drive(false, NULL, 0, data, size);
  return 0;
}

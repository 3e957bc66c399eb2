#include "tsdb/status.h"

const char *tsdb_status_text(tsdb_status status) {
  switch (status) {
  case TSDB_OK: return "ok";
  case TSDB_ERR_TRUNCATED: return "truncated";
  case TSDB_ERR_MALFORMED: return "malformed";
  case TSDB_ERR_CHECKSUM: return "checksum mismatch";
  case TSDB_ERR_MAGIC: return "wrong magic number";
  case TSDB_ERR_VERSION: return "unknown format version";
  case TSDB_ERR_ENCODING: return "unknown chunk encoding";
  case TSDB_ERR_REFERENCE: return "reference to nothing";
  case TSDB_ERR_ORDER: return "out of order";
  case TSDB_ERR_COUNT: return "count larger than the bytes that hold it";
  case TSDB_ERR_CAPACITY: return "destination too small";
  case TSDB_ERR_FULL: return "chunk full";
  case TSDB_ERR_ARGUMENT: return "argument out of range";
  case TSDB_ERR_MEMORY: return "out of memory";
  case TSDB_ERR_SIZE: return "larger than the format can address";
  }
  return "unknown status";
}

// The result of every call of the C core.
//
// Numbers are grouped so that families can grow: 1–19 say what is wrong with bytes, 20–39 what is wrong with a call.
#ifndef TSDB_STATUS_H
#define TSDB_STATUS_H

typedef enum tsdb_status {
  TSDB_OK = 0,

  TSDB_ERR_TRUNCATED = 1,  ///< The bytes end before what they announce.
  TSDB_ERR_MALFORMED = 2,  ///< The bytes contradict their format.
  TSDB_ERR_CHECKSUM = 3,   ///< A stored CRC32C is not that of the bytes it covers.
  TSDB_ERR_MAGIC = 4,      ///< Not a file of this kind.
  TSDB_ERR_VERSION = 5,    ///< A format version that this code does not know.
  TSDB_ERR_ENCODING = 6,   ///< A chunk encoding that this code does not know, or not here.
  TSDB_ERR_REFERENCE = 7,  ///< A symbol, series or chunk reference that points at nothing.
  TSDB_ERR_ORDER = 8,      ///< Not ascending where the format demands it.
  TSDB_ERR_COUNT = 9,      ///< A count that the bytes cannot hold.

  TSDB_ERR_CAPACITY = 20,  ///< The caller's destination is too small.
  TSDB_ERR_FULL = 21,      ///< The chunk holds as many samples as its counter can count.
  TSDB_ERR_ARGUMENT = 22,  ///< An argument outside what the call allows.
  TSDB_ERR_MEMORY = 23,    ///< The caller's allocator gave nothing.
  TSDB_ERR_SIZE = 24,      ///< A result larger than the format can address.
} tsdb_status;

/// A short English text for a status, for messages ("checksum mismatch"). Never NULL; static storage.
const char *tsdb_status_text(tsdb_status status);

#endif

// Files mapped into memory, read-only, that survive SIGBUS.
//
// A mapped file that is cut short, or whose disk fails, raises SIGBUS at the next access. A process-wide handler puts a
// page of zeros under that access, marks the mapping and lets the access go on:
//
//   file   [ page 0 ][ page 1 ][ page 2 ]        truncated to page 0 …
//   access            ^ SIGBUS                   … page 1 becomes zeros, mapping_has_fault() is true from then on
//
// Whoever read from a mapping asks for the mark once a batch, and throws away what it read where it is set. Faults at
// other addresses go to the handler that was there before, or to the default action.
#ifndef APUS_MAPPING_H
#define APUS_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The most mappings that can exist at one time in one process.
#define MAPPING_COUNT_MAX 65536

/// A mapping: plain data, to be handed back to mapping_destroy() once.
typedef struct mapping {
  const void *bytes;  ///< Start of the file's bytes, page-aligned.
  size_t size;        ///< Bytes that may be read.
  uint32_t slot;      ///< Where the process-wide registry keeps it.
} mapping;

/// Maps the first `size` bytes of the open file `fd`, read-only and shared.
///
/// Owner:   the caller, until mapping_destroy(); `fd` may be closed at once.
/// Returns: 0, or an errno: EINVAL where size is 0, EMFILE where MAPPING_COUNT_MAX mappings exist, or what sigaction and
///          mmap say.
/// Threads: any, at any time. The first call of the process installs the handler.
int mapping_create(int fd, size_t size, mapping *out_mapping);

/// Ends a mapping; its bytes must not be read any more by any thread.
void mapping_destroy(mapping mapping);

/// Whether an access to the mapping has failed since it was made: bytes read since then may be zeros.
bool mapping_has_fault(mapping mapping);

/// Tells the kernel that bytes [offset, offset + size) will be read soon. Errors are of no interest.
void mapping_will_need(mapping mapping, size_t offset, size_t size);

#endif

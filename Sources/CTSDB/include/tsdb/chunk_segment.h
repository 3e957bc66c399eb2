// The files that hold a block's chunks: a header, then records back to back. docs/formats/chunk-segments.md.
//
//   85 BD 40 DD 01 00 00 00 | record | record | …
//   record:  uvarint32 L | encoding | L bytes of data | be32 CRC32C of encoding and data
//
// A chunk's reference is (segment number, counted from 0) << 32 | offset of its record in that segment.
#ifndef TSDB_CHUNK_SEGMENT_H
#define TSDB_CHUNK_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define TSDB_SEGMENT_MAGIC UINT32_C(0x85BD40DD)
#define TSDB_SEGMENT_VERSION 1
#define TSDB_SEGMENT_HEADER_SIZE 8
/// The size that Prometheus cuts segments at, bytes.
#define TSDB_SEGMENT_SIZE_TARGET (UINT64_C(512) << 20)
/// What a record has besides its data: at most so many bytes …
#define TSDB_CHUNK_RECORD_OVERHEAD_MAX (5 + 1 + 4)
/// … and at least so many.
#define TSDB_CHUNK_RECORD_OVERHEAD_MIN (1 + 1 + 4)

/// Checks the header of a segment.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED below eight bytes; TSDB_ERR_MAGIC; TSDB_ERR_VERSION. The three bytes after the
///          version are not looked at.
tsdb_status tsdb_segment_header_check(const uint8_t *src, size_t src_size);

/// Writes the eight bytes that a segment begins with. Returns TSDB_OK, or TSDB_ERR_CAPACITY.
tsdb_status tsdb_segment_header_write(uint8_t *dst, size_t dst_capacity);

/// One record, as offsets from its first byte.
typedef struct tsdb_chunk_record {
  size_t record_size;  ///< All of it, bytes.
  size_t data_offset;  ///< Where the data starts; the encoding is the byte before it.
  uint32_t data_size;  ///< Bytes of data.
  uint8_t encoding;    ///< As stored: it may be one that nobody knows.
} tsdb_chunk_record;

/// Tells from a record's first bytes how long it is.
///
/// Units:   src holds the first bytes of the record: five are always enough, more do no harm.
/// Returns: TSDB_OK with *out_record_size; TSDB_ERR_TRUNCATED where the length does not end within src;
///          TSDB_ERR_MALFORMED for a length of more than 32 bits.
tsdb_status tsdb_chunk_record_size(const uint8_t *src, size_t src_size, size_t *out_record_size);

/// Reads the record at the start of src and checks its checksum.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED where it is not all there; TSDB_ERR_MALFORMED for a length of more than 32 bits;
///          TSDB_ERR_CHECKSUM, with *out_record as for TSDB_OK. Otherwise *out_record is unchanged.
/// Cost:    O(bytes of the record); no allocation.
tsdb_status tsdb_chunk_record_read(const uint8_t *src, size_t src_size, tsdb_chunk_record *out_record);

/// Bytes that a record of `data_size` bytes of data takes.
size_t tsdb_chunk_record_bound(uint32_t data_size);

/// Writes the record of one chunk.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst has less than tsdb_chunk_record_bound(data_size).
tsdb_status tsdb_chunk_record_write(uint8_t encoding, const uint8_t *data, uint32_t data_size, uint8_t *dst,
                                    size_t dst_capacity, size_t *out_size);

/// A segment in memory.
typedef struct tsdb_segment {
  const uint8_t *bytes;
  size_t size;
} tsdb_segment;

/// Finds the data of many chunks at once, checksums checked.
///
/// Shapes:  segments[segment_count]; refs[count], data[count], data_sizes[count] and encodings[count] are parallel.
/// Owner:   the caller; data[] points into the segments.
/// Returns: TSDB_OK; else what tsdb_chunk_record_read says, or TSDB_ERR_REFERENCE for a segment that does not exist or an
///          offset outside it, with *out_failed the index of that chunk and the arrays filled before it.
/// Cost:    O(bytes of the chunks); no allocation.
tsdb_status tsdb_chunk_records_locate(const tsdb_segment *segments, size_t segment_count, const uint64_t *refs,
                                      size_t count, const uint8_t **data, uint32_t *data_sizes, uint8_t *encodings,
                                      size_t *out_failed);

/// Reads a whole segment, record by record, without decoding chunks.
///
/// Returns: TSDB_OK, with *out_count records; else the status, *out_offset where it went wrong, and *out_reason, a static
///          text of what is wrong there.
tsdb_status tsdb_segment_validate(const uint8_t *src, size_t src_size, size_t *out_count, size_t *out_offset,
                                  const char **out_reason);

/// Decides where Prometheus goes on in a new segment. Chunks come in groups (those of one series), and records are
/// estimated at their largest, so segments end a little early.
typedef struct tsdb_segment_cutter {
  uint64_t size_target;  ///< What segments should not exceed, bytes.
  uint64_t batch_size;   ///< Estimate for those chunks of the group that go into the current segment.
  uint64_t segment_size; ///< What the current segment held when the group began, bytes.
  bool is_first_batch;   ///< No cut in this group yet.
  bool is_first_chunk;   ///< No chunk of this group yet.
} tsdb_segment_cutter;

/// Begins a group of chunks while the current segment holds `segment_size` bytes (header included).
void tsdb_segment_cutter_begin(tsdb_segment_cutter *cutter, uint64_t size_target, uint64_t segment_size);

/// Whether a new segment must be begun before the group's next chunk, which has `data_size` bytes of data.
bool tsdb_segment_cutter_next(tsdb_segment_cutter *cutter, uint32_t data_size);

#endif

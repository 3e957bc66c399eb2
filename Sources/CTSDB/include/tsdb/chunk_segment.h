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
/// What a record has besides its data at most, bytes: 5 for the length, 1 for the encoding, 4 for the checksum.
#define TSDB_CHUNK_RECORD_OVERHEAD_MAX 10

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

/// Finds the data of many chunks of one segment at once, and checks what a reader must be able to rely on: checksum, an
/// encoding that is known, and that there is a sample at all.
///
/// Shapes:  src is the part of the segment that begins at `src_offset` of the file; refs[count], data[count],
///          data_sizes[count] and encodings[count] are parallel. Only the lower half of a ref, the offset, is used.
/// Owner:   the caller; data[] points into src.
/// Returns: TSDB_OK with *out_done == count; else *out_done tells which chunk failed, and the arrays are filled before it:
///          TSDB_ERR_REFERENCE for an offset outside src or within the header; TSDB_ERR_TRUNCATED where the record crosses
///          the end of src; TSDB_ERR_MALFORMED for a length above 32 bits, or no samples; TSDB_ERR_CHECKSUM;
///          TSDB_ERR_ENCODING.
/// Cost:    O(bytes of the chunks); no allocation.
tsdb_status tsdb_chunk_records_locate(const uint8_t *src, size_t src_size, uint64_t src_offset, const uint64_t *refs,
                                      size_t count, const uint8_t **data, uint32_t *data_sizes, uint8_t *encodings,
                                      size_t *out_done);

/// Checks that `encoding` is one of chunk.h and that the chunk has a sample.
///
/// Returns: TSDB_OK; TSDB_ERR_ENCODING; TSDB_ERR_TRUNCATED below the two bytes of a sample counter; TSDB_ERR_MALFORMED where
///          it counts none. Aggregate chunks have no counter: they must not be empty.
tsdb_status tsdb_chunk_check(uint8_t encoding, const uint8_t *data, size_t data_size);

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

/// Writes the records of neighbouring chunks of a group, until the destination has no room for the next one or a new segment
/// must be begun before it.
///
/// Shapes:  encodings[count], data[count], data_sizes[count] and offsets[count] are parallel. segment_size is what the current
///          segment holds, bytes; offsets[i] becomes the offset of record i in it. *io_cuts: the caller begins with false;
///          where it comes back true, chunk *out_done is to be the first of a new segment, and the caller calls again with
///          true for the chunks from there on.
/// Returns: the number of bytes written; *out_done chunks were. 0 and *out_done == 0 without a cut: dst is too small for one.
/// Cost:    O(bytes of the chunks): a copy and a checksum.
size_t tsdb_chunk_records_write(tsdb_segment_cutter *cutter, const uint8_t *encodings, const uint8_t *const *data,
                                const uint32_t *data_sizes, size_t count, uint64_t segment_size, uint8_t *dst,
                                size_t dst_capacity, uint64_t *offsets, bool *io_cuts, size_t *out_done);

#endif

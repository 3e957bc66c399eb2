// Segments of chunks: the header says in its own file what the layout is.
#include "tsdb/chunk_segment.h"

#include "tsdb/bytes.h"
#include "tsdb/chunk.h"
#include "tsdb/crc32c.h"
#include "tsdb/varint.h"

tsdb_status tsdb_segment_header_check(const uint8_t *src, size_t src_size) {
  if (src_size < TSDB_SEGMENT_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  if (tsdb_load_be32(src) != TSDB_SEGMENT_MAGIC) return TSDB_ERR_MAGIC;
  return src[4] == TSDB_SEGMENT_VERSION ? TSDB_OK : TSDB_ERR_VERSION;
}

tsdb_status tsdb_segment_header_write(uint8_t *dst, size_t dst_capacity) {
  if (dst_capacity < TSDB_SEGMENT_HEADER_SIZE) return TSDB_ERR_CAPACITY;
  tsdb_store_be32(dst, TSDB_SEGMENT_MAGIC);
  tsdb_store_be32(dst + 4, (uint32_t)TSDB_SEGMENT_VERSION << 24);
  return TSDB_OK;
}

/// Reads the length before a record's encoding byte.
static tsdb_status read_length(const uint8_t *src, size_t src_size, uint32_t *out_length, size_t *out_length_size) {
  uint64_t length = 0;
  size_t limit = src_size < TSDB_UVARINT32_SIZE_MAX ? src_size : TSDB_UVARINT32_SIZE_MAX;
  size_t size = limit == 0 ? 0 : tsdb_uvarint_get(src, limit, &length);
  if (size == 0) return limit < TSDB_UVARINT32_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
  if (length > UINT32_MAX) return TSDB_ERR_MALFORMED;
  *out_length = (uint32_t)length;
  *out_length_size = size;
  return TSDB_OK;
}

tsdb_status tsdb_chunk_record_size(const uint8_t *src, size_t src_size, size_t *out_record_size) {
  uint32_t length;
  size_t length_size;
  tsdb_status status = read_length(src, src_size, &length, &length_size);
  if (status != TSDB_OK) return status;
  *out_record_size = length_size + 1 + (size_t)length + 4;
  return TSDB_OK;
}

tsdb_status tsdb_chunk_record_read(const uint8_t *src, size_t src_size, tsdb_chunk_record *out_record) {
  uint32_t length;
  size_t length_size;
  tsdb_status status = read_length(src, src_size, &length, &length_size);
  if (status != TSDB_OK) return status;
  size_t record_size = length_size + 1 + (size_t)length + 4;
  if (record_size > src_size) return TSDB_ERR_TRUNCATED;
  *out_record = (tsdb_chunk_record){record_size, length_size + 1, length, src[length_size]};
  uint32_t stored = tsdb_load_be32(src + record_size - 4);
  return tsdb_crc32c(0, src + length_size, 1 + (size_t)length) == stored ? TSDB_OK : TSDB_ERR_CHECKSUM;
}

size_t tsdb_chunk_record_bound(uint32_t data_size) {
  return tsdb_uvarint_size(data_size) + 1 + (size_t)data_size + 4;
}

tsdb_status tsdb_chunk_record_write(uint8_t encoding, const uint8_t *data, uint32_t data_size, uint8_t *dst,
                                    size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < tsdb_chunk_record_bound(data_size)) return TSDB_ERR_CAPACITY;
  size_t length_size = tsdb_uvarint_put(dst, data_size);
  uint8_t *covered = dst + length_size;
  covered[0] = encoding;
  if (data_size > 0) memcpy(covered + 1, data, data_size);
  tsdb_store_be32(covered + 1 + data_size, tsdb_crc32c(0, covered, 1 + (size_t)data_size));
  *out_size = length_size + 1 + (size_t)data_size + 4;
  return TSDB_OK;
}

tsdb_status tsdb_chunk_check(uint8_t encoding, const uint8_t *data, size_t data_size) {
  unsigned samples_mask = TSDB_CHUNK_SAMPLES_MAX;
  switch (encoding) {
  case TSDB_CHUNK_XOR:
  case TSDB_CHUNK_HISTOGRAM:
  case TSDB_CHUNK_FLOAT_HISTOGRAM:
  case TSDB_CHUNK_XOR2: break;
  case TSDB_CHUNK_HISTOGRAM_ST:
  case TSDB_CHUNK_FLOAT_HISTOGRAM_ST: samples_mask = TSDB_CHUNK_ST_SAMPLES_MAX; break;
  case TSDB_CHUNK_AGGREGATES: return data_size > 0 ? TSDB_OK : TSDB_ERR_TRUNCATED;
  default: return TSDB_ERR_ENCODING;
  }
  if (data_size < 2) return TSDB_ERR_TRUNCATED;
  return (tsdb_load_be16(data) & samples_mask) != 0 ? TSDB_OK : TSDB_ERR_MALFORMED;
}

tsdb_status tsdb_chunk_records_locate(const uint8_t *src, size_t src_size, uint64_t src_offset, const uint64_t *refs,
                                      size_t count, const uint8_t **data, uint32_t *data_sizes, uint8_t *encodings,
                                      size_t *out_done) {
  for (size_t index = 0; index < count; index++) {
    *out_done = index;
    uint64_t offset = (uint32_t)refs[index];
    if (offset < TSDB_SEGMENT_HEADER_SIZE || offset < src_offset || offset - src_offset >= src_size)
      return TSDB_ERR_REFERENCE;
    const uint8_t *start = src + (offset - src_offset);
    tsdb_chunk_record record;
    tsdb_status status = tsdb_chunk_record_read(start, src_size - (size_t)(offset - src_offset), &record);
    if (status == TSDB_OK) status = tsdb_chunk_check(record.encoding, start + record.data_offset, record.data_size);
    if (status != TSDB_OK) return status;
    data[index] = start + record.data_offset;
    data_sizes[index] = record.data_size;
    encodings[index] = record.encoding;
  }
  *out_done = count;
  return TSDB_OK;
}

tsdb_status tsdb_segment_validate(const uint8_t *src, size_t src_size, size_t *out_count, size_t *out_offset,
                                  const char **out_reason) {
  *out_count = 0;
  *out_offset = 0;
  tsdb_status status = tsdb_segment_header_check(src, src_size);
  if (status != TSDB_OK) {
    *out_reason = status == TSDB_ERR_TRUNCATED ? "the file ends within its header"
                  : status == TSDB_ERR_MAGIC   ? "the first four bytes are not those of a chunk segment"
                                               : "the format version is not 1";
    return status;
  }
  size_t offset = TSDB_SEGMENT_HEADER_SIZE;
  while (offset < src_size) {
    tsdb_chunk_record record;
    status = tsdb_chunk_record_read(src + offset, src_size - offset, &record);
    if (status != TSDB_OK) {
      *out_offset = offset;
      *out_reason = status == TSDB_ERR_TRUNCATED   ? "the file ends within a chunk"
                    : status == TSDB_ERR_MALFORMED ? "the length of a chunk has more than 32 bits"
                                                   : "the checksum of a chunk does not match";
      return status;
    }
    offset += record.record_size;
    *out_count += 1;
  }
  *out_offset = src_size;
  *out_reason = "";
  return TSDB_OK;
}

void tsdb_segment_cutter_begin(tsdb_segment_cutter *cutter, uint64_t size_target, uint64_t segment_size) {
  *cutter = (tsdb_segment_cutter){
      .size_target = size_target, .segment_size = segment_size, .is_first_batch = true, .is_first_chunk = true};
}

bool tsdb_segment_cutter_next(tsdb_segment_cutter *cutter, uint32_t data_size) {
  uint64_t estimate = (uint64_t)data_size + TSDB_CHUNK_RECORD_OVERHEAD_MAX;
  uint64_t batch_size = cutter->batch_size + estimate;
  // A group that begins in a segment with chunks in it counts from what is there, and may have to leave it at once.
  bool continues_segment = cutter->is_first_batch && cutter->segment_size > TSDB_SEGMENT_HEADER_SIZE;
  bool cuts = continues_segment ? cutter->segment_size + batch_size > cutter->size_target
                                : !cutter->is_first_chunk && TSDB_SEGMENT_HEADER_SIZE + batch_size > cutter->size_target;
  cutter->batch_size = cuts ? estimate : batch_size;
  cutter->is_first_batch = cutter->is_first_batch && !cuts;
  cutter->is_first_chunk = false;
  return cuts;
}

size_t tsdb_chunk_records_write(tsdb_segment_cutter *cutter, const uint8_t *encodings, const uint8_t *const *data,
                                const uint32_t *data_sizes, size_t count, uint64_t segment_size, uint8_t *dst,
                                size_t dst_capacity, uint64_t *offsets, bool *io_cuts, size_t *out_done) {
  size_t written = 0, index = 0;
  bool is_decided = *io_cuts;
  *io_cuts = false;
  for (; index < count && dst_capacity - written >= tsdb_chunk_record_bound(data_sizes[index]); index++) {
    if (!is_decided && tsdb_segment_cutter_next(cutter, data_sizes[index])) {
      *io_cuts = true;
      break;
    }
    is_decided = false;
    size_t size = 0;
    tsdb_status status = tsdb_chunk_record_write(encodings[index], data[index], data_sizes[index], dst + written,
                                                 dst_capacity - written, &size);
    if (status != TSDB_OK) break;
    offsets[index] = segment_size + written;
    written += size;
  }
  *out_done = index;
  return written;
}

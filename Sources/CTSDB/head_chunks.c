// Chunks that a head has written out: the header says in its own file what the layout is.
#include "tsdb/head_chunks.h"

#include <string.h>

#include "tsdb/chunk.h"
#include "tsdb/crc32c.h"
#include "tsdb/varint.h"

/// Series, first and last time, encoding.
#define FIXED_SIZE 25
/// How many times the bytes of a file may be summed in looking for chunks behind damage.
#define SEARCH_ROUNDS 16

/// The least that a record takes: size and checksum of no data.
#define RECORD_SIZE_MIN (FIXED_SIZE + 1 + 4)

tsdb_status tsdb_head_chunks_header_check(const uint8_t *src, size_t src_size) {
  if (src_size < TSDB_HEAD_CHUNKS_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  if (tsdb_load_be32(src) != TSDB_HEAD_CHUNKS_MAGIC) return TSDB_ERR_MAGIC;
  return src[4] == TSDB_HEAD_CHUNKS_VERSION ? TSDB_OK : TSDB_ERR_VERSION;
}

tsdb_status tsdb_head_chunks_header_write(uint8_t *dst, size_t dst_capacity) {
  if (dst_capacity < TSDB_HEAD_CHUNKS_HEADER_SIZE) return TSDB_ERR_CAPACITY;
  tsdb_store_be32(dst, TSDB_HEAD_CHUNKS_MAGIC);
  tsdb_store_be32(dst + 4, (uint32_t)TSDB_HEAD_CHUNKS_VERSION << 24);
  return TSDB_OK;
}

/// Reads the fields of a record at `offset`. Whether they fit into the file; the checksum is not looked at.
static bool read_fields(const uint8_t *src, size_t src_size, size_t offset, tsdb_head_chunk *chunk) {
  if (src_size - offset < RECORD_SIZE_MIN) return false;
  const uint8_t *at = src + offset;
  chunk->series_ref = tsdb_load_be64(at);
  chunk->min_ms = (int64_t)tsdb_load_be64(at + 8);
  chunk->max_ms = (int64_t)tsdb_load_be64(at + 16);
  chunk->encoding = at[24] & (TSDB_HEAD_CHUNK_OUT_OF_ORDER - 1);
  chunk->is_out_of_order = (at[24] & TSDB_HEAD_CHUNK_OUT_OF_ORDER) != 0;
  size_t left = src_size - offset - FIXED_SIZE;
  uint64_t size = 0;
  size_t length = tsdb_uvarint_get(at + FIXED_SIZE, left < TSDB_UVARINT32_SIZE_MAX ? left : TSDB_UVARINT32_SIZE_MAX, &size);
  if (length == 0 || left - length < 4 || size > left - length - 4) return false;
  chunk->data_offset = offset + FIXED_SIZE + length;
  chunk->data_size = (size_t)size;
  chunk->end_offset = chunk->data_offset + chunk->data_size + 4;
  return true;
}

static bool has_right_checksum(const uint8_t *src, size_t offset, const tsdb_head_chunk *chunk) {
  size_t size = chunk->end_offset - offset - 4;
  return tsdb_crc32c(0, src + offset, size) == tsdb_load_be32(src + chunk->end_offset - 4);
}

/// Whether a chunk that a head could have written lies at `offset`. Sums at most *search_size bytes.
static bool is_chunk(const uint8_t *src, size_t src_size, size_t offset, size_t *search_size) {
  tsdb_head_chunk chunk = {0};
  if (!read_fields(src, src_size, offset, &chunk)) return false;
  if (chunk.min_ms > chunk.max_ms || chunk.encoding < TSDB_CHUNK_XOR || chunk.encoding > TSDB_CHUNK_FLOAT_HISTOGRAM_ST)
    return false;
  if (chunk.data_size < 2 || chunk.end_offset - offset > *search_size) return false;
  *search_size -= chunk.end_offset - offset;
  return has_right_checksum(src, offset, &chunk);
}

static bool is_zeros(const uint8_t *src, size_t begin, size_t end) {
  while (begin < end && src[begin] == 0) begin++;
  return begin == end;
}

tsdb_head_chunk_cursor tsdb_head_chunk_cursor_make(size_t src_size) {
  size_t search_size = src_size > SIZE_MAX / SEARCH_ROUNDS ? SIZE_MAX : SEARCH_ROUNDS * src_size;
  return (tsdb_head_chunk_cursor){TSDB_HEAD_CHUNKS_HEADER_SIZE, search_size};
}

tsdb_head_chunk_kind tsdb_head_chunk_next(const uint8_t *src, size_t src_size, tsdb_head_chunk_cursor *cursor,
                                          tsdb_head_chunk *out_chunk) {
  *out_chunk = (tsdb_head_chunk){.kind = TSDB_HEAD_CHUNKS_END, .reason = ""};
  size_t at = cursor->position < src_size ? cursor->position : src_size;
  out_chunk->offset = out_chunk->end_offset = at;
  bool fits = at < src_size && read_fields(src, src_size, at, out_chunk);
  bool is_mute = fits && out_chunk->series_ref == 0 && out_chunk->min_ms == 0 && out_chunk->max_ms == 0;
  if (fits && !is_mute && has_right_checksum(src, at, out_chunk)) {
    out_chunk->kind = TSDB_HEAD_CHUNK;
    cursor->position = out_chunk->end_offset;
    return TSDB_HEAD_CHUNK;
  }
  if (is_zeros(src, at, src_size)) {
    out_chunk->end_offset = cursor->position = src_size;
    return TSDB_HEAD_CHUNKS_END;
  }
  out_chunk->kind = TSDB_HEAD_CHUNK_DAMAGE;
  out_chunk->reason = is_mute ? "zeros where a chunk should be" : fits ? "checksum mismatch" : "the file ends within a chunk";
  size_t likely = out_chunk->end_offset;
  if (fits && !is_mute &&
      (is_chunk(src, src_size, likely, &cursor->search_size) || is_zeros(src, likely, src_size))) {
    at = likely;  // Its size is right.
  } else {
    at++;
    while (at < src_size && !is_chunk(src, src_size, at, &cursor->search_size)) at++;
    if (at == src_size) {
      while (src[at - 1] == 0) at--;
      out_chunk->is_torn = !fits && at == src_size;
    }
  }
  cursor->position = out_chunk->end_offset = at;
  return TSDB_HEAD_CHUNK_DAMAGE;
}

size_t tsdb_head_chunk_bound(size_t data_size) {
  size_t overhead = FIXED_SIZE + TSDB_UVARINT_SIZE_MAX + 4;
  return data_size > SIZE_MAX - overhead ? SIZE_MAX : data_size + overhead;
}

tsdb_status tsdb_head_chunk_write(uint64_t series_ref, int64_t min_ms, int64_t max_ms, uint8_t encoding,
                                  bool is_out_of_order, const uint8_t *data, size_t data_size, uint8_t *dst,
                                  size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < tsdb_head_chunk_bound(data_size)) return TSDB_ERR_CAPACITY;
  tsdb_store_be64(dst, series_ref);
  tsdb_store_be64(dst + 8, (uint64_t)min_ms);
  tsdb_store_be64(dst + 16, (uint64_t)max_ms);
  dst[24] = (uint8_t)(encoding | (is_out_of_order ? TSDB_HEAD_CHUNK_OUT_OF_ORDER : 0));
  size_t size = FIXED_SIZE + tsdb_uvarint_put(dst + FIXED_SIZE, data_size);
  if (data_size > 0) memcpy(dst + size, data, data_size);
  size += data_size;
  tsdb_store_be32(dst + size, tsdb_crc32c(0, dst, size));
  *out_size = size + 4;
  return TSDB_OK;
}

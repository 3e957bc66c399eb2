// Pages and fragments of a write-ahead log: the header says in its own file what the layout is.
#include "tsdb/wal_pages.h"

#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/crc32c.h"

#define TYPE_MASK 0x07
#define SNAPPY_BIT 0x08
#define ZSTD_BIT 0x10
#define KNOWN_BITS 0x1F
#define HEADER_SIZE TSDB_WAL_FRAGMENT_HEADER_SIZE
#define PAGE_SIZE TSDB_WAL_PAGE_SIZE

/// How many times the bytes of a segment may be summed in looking for records behind damage.
#define SEARCH_ROUNDS 256

enum { TYPE_ZEROS = 0, TYPE_FULL = 1, TYPE_FIRST = 2, TYPE_MIDDLE = 3, TYPE_LAST = 4 };

/// Where the page at `position` ends, or the segment if that is sooner.
static size_t page_end(size_t position, size_t src_size) {
  size_t left = PAGE_SIZE - position % PAGE_SIZE;
  return src_size - position < left ? src_size : position + left;
}

/// Where the zeros that end a page begin, not before `position`.
static size_t zeros_begin(const uint8_t *src, size_t position, size_t end) {
  while (end - position >= 8 && tsdb_load_be64(src + end - 8) == 0) end -= 8;
  while (end > position && src[end - 1] == 0) end--;
  return end;
}

static bool begins_record(uint8_t header) {
  unsigned type = header & TYPE_MASK;
  return type == TYPE_FULL || type == TYPE_FIRST;
}

static tsdb_wal_compression compression_of(uint8_t header) {
  return header & SNAPPY_BIT ? TSDB_WAL_SNAPPY : header & ZSTD_BIT ? TSDB_WAL_ZSTD : TSDB_WAL_RAW;
}

/// Whether a fragment with nothing unusual about it lies at `position`, within [position, end). Sums at most *search_size.
static bool is_fragment(const uint8_t *src, size_t position, size_t end, size_t *search_size) {
  if (position >= end || end - position < HEADER_SIZE) return false;
  uint8_t header = src[position];
  unsigned type = header & TYPE_MASK;
  if (type < TYPE_FULL || type > TYPE_LAST || (header & ~KNOWN_BITS) != 0) return false;
  if ((header & SNAPPY_BIT) && (header & ZSTD_BIT)) return false;
  size_t size = tsdb_load_be16(src + position + 1);
  if (size > end - position - HEADER_SIZE || size > *search_size) return false;
  *search_size -= size;
  return tsdb_crc32c(0, src + position + HEADER_SIZE, size) == tsdb_load_be32(src + position + 3);
}

/// Where reading can go on after damage at `position`, or the end of the segment where *search_size does not suffice. `likely`
/// is where the next fragment begins if the damaged one's size is right, or `position` where it cannot be. Fragments that begin
/// no record belong to one whose beginning is lost.
static size_t find_record(const uint8_t *src, size_t src_size, size_t position, size_t likely, size_t *search_size) {
  // The damaged size may lead anywhere, also to a later record: what lies between is looked at first.
  position++;
  while (position < src_size) {
    size_t end = page_end(position, src_size);
    if (*search_size < end - position) return src_size;
    *search_size -= end - position;
    size_t zeros = zeros_begin(src, position, end);
    // A page without a byte in it ends the damage; so does a fragment at its beginning.
    if (position % PAGE_SIZE == 0 && zeros == position) return position;
    bool is_adjacent = position == likely || position % PAGE_SIZE == 0;
    while (position < zeros) {
      bool is_empty = end - position >= 3 && src[position + 1] == 0 && src[position + 2] == 0;
      // The header of an empty fragment is too short to be told from other bytes, unless it is where one must be.
      if ((is_adjacent || !is_empty) && is_fragment(src, position, end, search_size)) {
        if (begins_record(src[position])) return position;
        position += HEADER_SIZE + tsdb_load_be16(src + position + 1);
        is_adjacent = true;
      } else {
        position++;
        is_adjacent = false;
      }
    }
    // What is too short for a header may be zeros in the middle of the damaged record.
    if (end - position >= HEADER_SIZE || end == src_size) return position;
    position = end;
  }
  return src_size;
}

static tsdb_wal_kind damage(const uint8_t *src, size_t src_size, tsdb_wal_cursor *cursor, tsdb_wal_extent *extent, size_t at,
                            size_t likely, const char *reason, bool may_be_torn) {
  cursor->position = find_record(src, src_size, at, likely, &cursor->search_size);
  // A torn record may end in zeros of its own.
  if (may_be_torn && zeros_begin(src, cursor->position, src_size) == cursor->position) cursor->position = src_size;
  extent->kind = TSDB_WAL_DAMAGE;
  extent->end_offset = cursor->position;
  extent->reason = reason;
  extent->is_torn = may_be_torn && cursor->position == src_size;
  return TSDB_WAL_DAMAGE;
}

tsdb_wal_cursor tsdb_wal_cursor_make(size_t src_size) {
  size_t search_size = src_size > SIZE_MAX / SEARCH_ROUNDS ? SIZE_MAX : SEARCH_ROUNDS * src_size;
  return (tsdb_wal_cursor){0, search_size};
}

tsdb_wal_kind tsdb_wal_next(const uint8_t *src, size_t src_size, tsdb_wal_cursor *cursor, tsdb_wal_extent *out_extent) {
  *out_extent = (tsdb_wal_extent){.kind = TSDB_WAL_END, .reason = ""};
  size_t at = cursor->position;
  while (at < src_size) {
    size_t end = page_end(at, src_size);
    bool is_open = out_extent->fragment_count > 0;
    if (!is_open) out_extent->offset = at;
    uint8_t header = src[at];
    unsigned type = header & TYPE_MASK;
    if (type == TYPE_ZEROS) {
      if (header == 0 && zeros_begin(src, at, end) == at) {
        at = end;
        continue;
      }
      return damage(src, src_size, cursor, out_extent, at, at, "bytes that are not zero follow the end of a page", false);
    }
    if (end - at < HEADER_SIZE)
      return damage(src, src_size, cursor, out_extent, at, at, "the segment ends within a record", end == src_size);
    size_t size = tsdb_load_be16(src + at + 1);
    size_t room = PAGE_SIZE - at % PAGE_SIZE - HEADER_SIZE;
    if (size > room)
      return damage(src, src_size, cursor, out_extent, at, at, "a part of a record is longer than its page", false);
    size_t next = at + HEADER_SIZE + size;
    if (next > end)
      return damage(src, src_size, cursor, out_extent, at, at, "the segment ends within a record", true);
    if (tsdb_crc32c(0, src + at + HEADER_SIZE, size) != tsdb_load_be32(src + at + 3))
      return damage(src, src_size, cursor, out_extent, at, next, "checksum mismatch", false);
    if (type > TYPE_LAST)
      return damage(src, src_size, cursor, out_extent, at, next, "a part of a record is of an unknown kind", false);
    if (is_open && begins_record(header)) {
      // The open record is lost, this one is not.
      out_extent->kind = TSDB_WAL_DAMAGE;
      out_extent->end_offset = cursor->position = at;
      out_extent->reason = "another record begins before one has ended";
      return TSDB_WAL_DAMAGE;
    }
    if (!is_open && !begins_record(header))
      return damage(src, src_size, cursor, out_extent, at, next, "a record goes on that has no beginning", false);
    out_extent->data_size += size;
    out_extent->fragment_count++;
    at = next;
    if (type == TYPE_FULL || type == TYPE_LAST) {
      out_extent->kind = TSDB_WAL_RECORD;
      out_extent->compression = compression_of(header);
      out_extent->end_offset = cursor->position = at;
      return TSDB_WAL_RECORD;
    }
  }
  cursor->position = src_size;
  if (out_extent->fragment_count > 0) {
    out_extent->kind = TSDB_WAL_DAMAGE;
    out_extent->end_offset = src_size;
    out_extent->reason = "the segment ends within a record";
    out_extent->is_torn = true;
    return TSDB_WAL_DAMAGE;
  }
  out_extent->offset = out_extent->end_offset = src_size;
  return TSDB_WAL_END;
}

tsdb_status tsdb_wal_record_copy(const uint8_t *src, size_t src_size, const tsdb_wal_extent *extent, uint8_t *dst,
                                 size_t dst_capacity) {
  if (extent->kind != TSDB_WAL_RECORD || extent->end_offset > src_size) return TSDB_ERR_ARGUMENT;
  if (extent->data_size > dst_capacity) return TSDB_ERR_CAPACITY;
  size_t at = extent->offset, copied = 0;
  for (size_t fragment = 0; fragment < extent->fragment_count;) {
    if (at > extent->end_offset || extent->end_offset - at < HEADER_SIZE) return TSDB_ERR_ARGUMENT;
    if ((src[at] & TYPE_MASK) == TYPE_ZEROS) {
      at = page_end(at, src_size);
      continue;
    }
    size_t size = tsdb_load_be16(src + at + 1);
    if (size > extent->end_offset - at - HEADER_SIZE || size > extent->data_size - copied) return TSDB_ERR_ARGUMENT;
    if (size > 0) memcpy(dst + copied, src + at + HEADER_SIZE, size);
    copied += size;
    at += HEADER_SIZE + size;
    fragment++;
  }
  return copied == extent->data_size ? TSDB_OK : TSDB_ERR_ARGUMENT;
}

bool tsdb_wal_record_fits(size_t segment_size, size_t segment_size_max, size_t data_size) {
  size_t pages = segment_size_max / PAGE_SIZE, done = segment_size / PAGE_SIZE;
  if (segment_size == 0) return true;
  if (done >= pages) return false;
  size_t left = PAGE_SIZE - segment_size % PAGE_SIZE - HEADER_SIZE;
  left += (size_t)TSDB_WAL_FRAGMENT_DATA_SIZE_MAX * (pages - done - 1);
  return data_size <= left;
}

size_t tsdb_wal_record_bound(size_t data_size) {
  // A header on every page that it reaches, at most two more than it fills, and the zeros behind it.
  size_t fragments = data_size / TSDB_WAL_FRAGMENT_DATA_SIZE_MAX + 2;
  size_t overhead = fragments * HEADER_SIZE + HEADER_SIZE;
  return data_size > SIZE_MAX - overhead ? SIZE_MAX : data_size + overhead;
}

tsdb_status tsdb_wal_record_write(size_t segment_size, const uint8_t *data, size_t data_size,
                                  tsdb_wal_compression compression, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < tsdb_wal_record_bound(data_size)) return TSDB_ERR_CAPACITY;
  uint8_t flags = compression == TSDB_WAL_SNAPPY ? SNAPPY_BIT : compression == TSDB_WAL_ZSTD ? ZSTD_BIT : 0;
  size_t written = 0, done = 0;
  bool is_first = true;
  // An empty record is a fragment, too.
  while (is_first || done < data_size) {
    size_t left = PAGE_SIZE - (segment_size + written) % PAGE_SIZE;
    // A page that has no room for a header has been ended; only a segment that others wrote can stand so.
    if (left < HEADER_SIZE) {
      memset(dst + written, 0, left);
      written += left;
      left = PAGE_SIZE;
    }
    size_t size = data_size - done < left - HEADER_SIZE ? data_size - done : left - HEADER_SIZE;
    bool is_last = done + size == data_size;
    uint8_t type = is_first && is_last ? TYPE_FULL : is_last ? TYPE_LAST : is_first ? TYPE_FIRST : TYPE_MIDDLE;
    dst[written] = type | flags;
    tsdb_store_be16(dst + written + 1, (uint16_t)size);
    tsdb_store_be32(dst + written + 3, tsdb_crc32c(0, size > 0 ? data + done : NULL, size));
    if (size > 0) memcpy(dst + written + HEADER_SIZE, data + done, size);
    written += HEADER_SIZE + size;
    done += size;
    is_first = false;
    left -= HEADER_SIZE + size;
    if (left < HEADER_SIZE) {
      if (left > 0) memset(dst + written, 0, left);
      written += left;
    }
  }
  *out_size = written;
  return TSDB_OK;
}

size_t tsdb_wal_page_padding(size_t segment_size) {
  size_t used = segment_size % PAGE_SIZE;
  return used == 0 ? 0 : PAGE_SIZE - used;
}

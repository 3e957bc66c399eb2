// An index file from the outside in: header, table of contents, framed tables, and the table that says where the
// postings list of every label pair lies. Symbols and series have headers of their own.
//
//   ┌──────────────────────────┬─────────┬────────┬──────────┬────────────────────────┬──────────────┐
//   │ magic BAAAD700, version  │ symbols │ series │ postings │ postings offset table  │ TOC, 52 bytes│
//   └──────────────────────────┴─────────┴────────┴──────────┴────────────────────────┴──────────────┘
//
// The whole file is never needed in one piece: each call takes one section. docs/formats/index.md has the bytes.
#ifndef TSDB_INDEX_READER_H
#define TSDB_INDEX_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index_symbols.h"
#include "status.h"

#define TSDB_INDEX_MAGIC UINT32_C(0xBAAAD700)
#define TSDB_INDEX_HEADER_SIZE 5
#define TSDB_INDEX_TOC_SIZE 52
/// Bytes around the content of a table: be32 size in front, be32 CRC32C behind.
#define TSDB_INDEX_FRAME_SIZE 8
/// Series entries start at multiples of this from version 2 on, and a series' id is its offset divided by it.
#define TSDB_INDEX_SERIES_ALIGNMENT 16

/// Reads the five bytes at the start. Versions 1, 2 and 3 are known; 3 is read like 2.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_MAGIC; TSDB_ERR_VERSION, with *out_version set.
tsdb_status tsdb_index_header_read(const uint8_t *src, size_t src_size, uint8_t *out_version);

/// Where the sections start: offsets from the start of the file, bytes; 0 for one that is absent.
typedef struct tsdb_index_toc {
  uint64_t symbols;
  uint64_t series;
  uint64_t label_indices;
  uint64_t label_indices_table;
  uint64_t postings;
  uint64_t postings_table;
  /// Where the series section ends: the start of what follows it. Not stored; computed from the others.
  uint64_t series_end;
} tsdb_index_toc;

/// Reads the table of contents: the last 52 bytes of a file of file_size bytes.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_CHECKSUM; TSDB_ERR_MALFORMED if a section that reading needs (symbols,
///          postings offset table) is absent, or one starts outside the file or before the symbols end.
tsdb_status tsdb_index_toc_read(const uint8_t *src, size_t src_size, uint64_t file_size, tsdb_index_toc *out_toc);

/// Checks a framed table (be32 size | content | be32 CRC32C) at the start of src; the content is at src + 4.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_CHECKSUM.
tsdb_status tsdb_index_table_check(const uint8_t *src, size_t src_size, size_t *out_content_size);

/// One label name in the postings offset table of version 2: its values are adjacent entries, ascending.
typedef struct tsdb_index_name {
  tsdb_index_slice name;    ///< Its bytes in the content.
  uint32_t entries_offset;  ///< Where its first entry starts in the content.
  uint32_t entries_end;     ///< Where its last entry ends.
  uint32_t value_count;
  uint32_t sample_start;    ///< Its first kept offset: one for entries 0, 32, 64, … of this name.
} tsdb_index_name;

/// The progress of tsdb_index_names_scan; {0} to start with.
typedef struct tsdb_index_scan {
  uint32_t position;       ///< In the content, of the next entry.
  uint32_t entries_done;   ///< Also where an error was found.
  uint32_t names_count;
  uint32_t samples_count;
} tsdb_index_scan;

/// Reads the number of entries that a postings offset table announces.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_COUNT if the bytes cannot hold so many.
tsdb_status tsdb_index_entries_count(const uint8_t *content, size_t content_size, uint32_t *out_count);

/// Checks a postings offset table of version 2 in one pass and collects its names and every 32nd offset of each name.
///
/// Shapes:  names[names_capacity]; samples[samples_capacity]: entries / 32 + names are always enough.
/// Returns: TSDB_OK when all is read; TSDB_ERR_CAPACITY when names or samples are full: call again with larger copies of
///          them to go on. TSDB_ERR_COUNT if the table ends before or after the entries it announces; TSDB_ERR_ORDER if
///          an entry is not above its predecessor; TSDB_ERR_REFERENCE if a list would lie at or behind `lists_end`;
///          TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED.
/// Cost:    O(content_size), about 6 ns an entry; no allocation.
/// Source:  docs/formats/index.md, "Postings offset table".
tsdb_status tsdb_index_names_scan(tsdb_index_scan *scan, const uint8_t *content, size_t content_size,
                                  uint64_t lists_end, tsdb_index_name *names, size_t names_capacity, uint32_t *samples,
                                  size_t samples_capacity);

/// One entry of a postings offset table.
typedef struct tsdb_index_entry {
  tsdb_index_slice name;
  tsdb_index_slice value;
  uint64_t postings_offset;  ///< Of the list, from the start of the file.
} tsdb_index_entry;

/// Reads the entry at *position (4 for the first) and steps behind it. For tables of version 1, which are not sorted.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_MALFORMED. On error *position is unchanged.
tsdb_status tsdb_index_entry_next(const uint8_t *content, size_t content_size, uint32_t *position,
                                  tsdb_index_entry *out_entry);

/// Lists all values of one name.
///
/// Shapes:  values[capacity] and postings_offsets[capacity] are parallel; name->value_count are written.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED if the content is not what was scanned.
/// Cost:    about 3 ns a value; no allocation.
tsdb_status tsdb_index_values_list(const uint8_t *content, size_t content_size, const tsdb_index_name *name,
                                   const uint32_t *samples, tsdb_index_slice *values, uint64_t *postings_offsets,
                                   size_t capacity);

/// Finds one value of a name: its place among them and its list.
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE if the name has no such value; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED.
tsdb_status tsdb_index_value_find(const uint8_t *content, size_t content_size, const tsdb_index_name *name,
                                  const uint32_t *samples, const uint8_t *value, size_t value_size,
                                  uint32_t *out_index, uint64_t *out_postings_offset);

/// Checks a postings list (be32 size | be32 count | count × be32 id | CRC32C) at the start of src. The ids are at src + 8.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_CHECKSUM; TSDB_ERR_COUNT if size and count contradict each other.
tsdb_status tsdb_index_postings_check(const uint8_t *src, size_t src_size, uint32_t *out_count);

/// Copies count big-endian ids to host order: refs[count].
void tsdb_index_postings_copy(const uint8_t *src, uint32_t *refs, size_t count);

/// Checks that a postings list ascends strictly: a defect that reading does not notice.
/// Returns: TSDB_OK; TSDB_ERR_ORDER, with the place of the first id that is not above its predecessor in *out_index.
tsdb_status tsdb_index_postings_validate(const uint8_t *ids, size_t count, size_t *out_index);

#endif

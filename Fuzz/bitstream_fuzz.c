// The bit stream: any fields written in any order are read back as they were, and any bytes are read without looking
// behind them. The input is a list of operations: a byte says which, the bytes behind it give the number.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/bitstream.h"

#define CHECK(condition) \
  do {                   \
    if (!(condition)) __builtin_trap(); \
  } while (0)

#define OPERATIONS_MAX 512

typedef struct operation {
  unsigned kind;   // 0 bits, 1 uvarint, 2 varint, 3 varbitUint, 4 varbitInt, 5 zeros
  unsigned count;  // of bits, for kinds 0 and 5
  uint64_t value;
} operation;

static void put(tsdb_bit_writer *writer, const operation *op) {
  switch (op->kind) {
  case 0: tsdb_bit_writer_put(writer, op->value, op->count); break;
  case 1: tsdb_bit_writer_put_uvarint(writer, op->value); break;
  case 2: tsdb_bit_writer_put_varint(writer, (int64_t)op->value); break;
  case 3: tsdb_bit_writer_put_varbit_uint(writer, op->value); break;
  case 4: tsdb_bit_writer_put_varbit_int(writer, (int64_t)op->value); break;
  default: tsdb_bit_writer_put_zeros(writer, op->count); break;
  }
}

static uint64_t get(tsdb_bit_reader *reader, unsigned kind, unsigned count) {
  switch (kind) {
  case 0: return tsdb_bit_reader_bits(reader, count);
  case 1: return tsdb_bit_reader_uvarint(reader);
  case 2: return (uint64_t)tsdb_bit_reader_varint(reader);
  case 3: return tsdb_bit_reader_varbit_uint(reader);
  case 4: return (uint64_t)tsdb_bit_reader_varbit_int(reader);
  default: return tsdb_bit_reader_bits(reader, count);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static operation operations[OPERATIONS_MAX];
  size_t count = 0;
  for (size_t at = 0; at < size && count < OPERATIONS_MAX;) {
    operation *op = &operations[count++];
    op->kind = data[at] % 6;
    op->count = 1 + data[at] / 6 % 64;
    at += 1;
    size_t bytes = size - at < op->count / 8 + 1 ? size - at : op->count / 8 + 1;
    op->value = 0;
    for (size_t index = 0; index < bytes && index < 8; index++) op->value = op->value << 8 | data[at + index];
    at += bytes;
    if (op->kind == 0 && op->count < 64) op->value &= (UINT64_C(1) << op->count) - 1;
    if (op->kind == 2 || op->kind == 4) op->value = (uint64_t)tsdb_zigzag_decode(op->value);
    if (op->kind == 5) op->value = 0;
  }

  // Written with room to spare, then into exactly that much, then into one byte less: which must be noticed.
  size_t capacity = (count * TSDB_UVARINT_BITS_MAX + 7) / 8 + 8;
  uint8_t *large = malloc(capacity);
  CHECK(large != NULL);
  tsdb_bit_writer writer = tsdb_bit_writer_make(large, capacity, 0);
  for (size_t index = 0; index < count; index++) put(&writer, &operations[index]);
  CHECK(tsdb_bit_writer_flush(&writer) == TSDB_OK);
  size_t written = tsdb_bit_writer_size(&writer);
  uint8_t *exact = malloc(written == 0 ? 1 : written);
  CHECK(exact != NULL);
  tsdb_bit_writer tight = tsdb_bit_writer_make(exact, written, 0);
  for (size_t index = 0; index < count; index++) {
    put(&tight, &operations[index]);
    if (operations[index].count % 5 == 0) {
      // Stopped and continued at a position, as an appender does.
      CHECK(tsdb_bit_writer_flush(&tight) == TSDB_OK);
      tight = tsdb_bit_writer_make(exact, written, tsdb_bit_writer_position_bits(&tight));
    }
  }
  CHECK(tsdb_bit_writer_flush(&tight) == TSDB_OK && memcmp(exact, large, written) == 0);
  if (written > 0) {
    uint8_t *small = malloc(written == 1 ? 1 : written - 1);
    CHECK(small != NULL);
    tsdb_bit_writer cramped = tsdb_bit_writer_make(small, written - 1, 0);
    for (size_t index = 0; index < count; index++) put(&cramped, &operations[index]);
    CHECK(tsdb_bit_writer_flush(&cramped) == TSDB_ERR_CAPACITY);
    free(small);
  }

  tsdb_bit_reader reader = tsdb_bit_reader_make(exact, written, 0);
  for (size_t index = 0; index < count; index++) {
    CHECK(get(&reader, operations[index].kind, operations[index].count) == operations[index].value);
    CHECK(reader.status == TSDB_OK);
    if (operations[index].count % 7 == 0) {
      reader = tsdb_bit_reader_make(exact, written, tsdb_bit_reader_position_bits(&reader, exact));
    }
  }
  CHECK(tsdb_bit_reader_position_bits(&reader, exact) == tsdb_bit_writer_position_bits(&writer));

  // The input itself as a stream, read by the same operations and from any bit: errors, never a read behind the end.
  for (unsigned skipped = 0; skipped < 8 && skipped < 8 * size; skipped++) {
    tsdb_bit_reader wild = tsdb_bit_reader_make(data, size, skipped);
    for (size_t index = 0; index < count; index++) {
      uint64_t left = tsdb_bit_reader_left_bits(&wild);
      uint64_t value = get(&wild, operations[index].kind, operations[index].count);
      CHECK(tsdb_bit_reader_left_bits(&wild) <= left);
      if (wild.status != TSDB_OK) CHECK(value == 0 && tsdb_bit_reader_left_bits(&wild) == 0);
    }
  }
  free(exact);
  free(large);
  return 0;
}

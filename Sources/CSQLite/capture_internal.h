// What capture.c, tables.c and apply.c share.
#ifndef AIMSTORS_CAPTURE_INTERNAL_H
#define AIMSTORS_CAPTURE_INTERNAL_H

#include "CSQLite.h"

// Most columns a captured table may have.
#define AIM_COLUMNS 256
// Most columns a captured table's key may have.
#define AIM_KEY_COLUMNS 16

enum { AIM_NULL = 0, AIM_INTEGER = 1, AIM_TEXT = 2, AIM_BLOB = 3, AIM_REAL = 4 };
enum { AIM_IMAGE = 1, AIM_TOMBSTONE = 2 };

typedef struct {
  uint8_t *bytes;
  size_t length, capacity;
} aim_buffer;

typedef struct {
  char *name;
  uint16_t id;
  uint8_t ignored;
  uint16_t columns, keys;
  uint16_t key[AIM_KEY_COLUMNS];
  // Columns declared REAL: SQLite hands whole numbers in them out as integers.
  uint8_t real[AIM_COLUMNS / 8];
  // `put` writes a row whether or not its key is there; `insert` where it is not.
  sqlite3_stmt *remove, *put, *insert;
  // When a row of it changed last, counted in `changes`.
  uint64_t changed;
} aim_table;

// One change of the running command.
typedef struct {
  uint32_t hash, table;
  size_t offset, length, key_offset, key_length;
  // Replaced by a later change to the same key.
  uint8_t dead;
  // The row did not exist when the command began.
  uint8_t born;
} aim_entry;

typedef struct {
  uint32_t command, entry;
} aim_slot;

struct aim_capture {
  sqlite3 *db;
  aim_buffer output, keys, old_row, prefix;
  aim_table *tables;
  uint32_t table_count, table_capacity;
  aim_entry *entries;
  uint32_t entry_count, entry_capacity, dead_count;
  aim_slot *slots;
  uint32_t slot_count, command;
  aim_digest delta;
  // Rows that changed, ever; and as many as that when the open transaction began.
  uint64_t changes, changes_before;
  int error, recording, control, wal_frames;
  char error_table[64];
};

int aim_reserve(aim_buffer *buffer, size_t more);
int aim_put_varint(aim_buffer *buffer, uint64_t value);
// Appends a value in the journal's form.
int aim_put_value(aim_buffer *buffer, sqlite3_value *value, int is_real);
aim_digest aim_row_hash(aim_capture *capture, const uint8_t *row, size_t length);
aim_table *aim_find_table(aim_capture *capture, const char *name);

static inline int aim_is_real(const aim_table *table, int column) {
  return table->real[column >> 3] >> (column & 7) & 1;
}

#endif

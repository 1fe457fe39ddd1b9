#include "capture_internal.h"

#include <string.h>

typedef struct {
  const uint8_t *at, *end;
  int malformed;
} reader;

typedef struct {
  uint8_t tag;
  int64_t integer;
  double real;
  const uint8_t *bytes;
  size_t length;
} value;

typedef struct {
  uint64_t table;
  uint8_t op;
  int count;
  value values[AIM_COLUMNS];
} change;

static uint64_t get_varint(reader *input) {
  uint64_t result = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (input->at == input->end) break;
    uint8_t byte = *input->at++;
    if (shift == 63 && byte > 1) break;
    result |= (uint64_t)(byte & 0x7F) << shift;
    if (!(byte & 0x80)) return result;
  }
  input->malformed = 1;
  return 0;
}

static uint8_t get_byte(reader *input) {
  if (input->at < input->end) return *input->at++;
  input->malformed = 1;
  return 0;
}

static value get_value(reader *input) {
  value result = {.tag = get_byte(input)};
  switch (result.tag) {
  case AIM_NULL: break;
  case AIM_INTEGER: {
    uint64_t zigzag = get_varint(input);
    result.integer = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    break;
  }
  case AIM_TEXT: case AIM_BLOB: {
    uint64_t length = get_varint(input);
    if (length > (uint64_t)(input->end - input->at)) {
      input->malformed = 1;
      break;
    }
    result.bytes = input->at;
    result.length = (size_t)length;
    input->at += length;
    break;
  }
  case AIM_REAL: {
    if (input->end - input->at < 8) {
      input->malformed = 1;
      break;
    }
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits |= (uint64_t)input->at[i] << (8 * i);
    memcpy(&result.real, &bits, 8);
    input->at += 8;
    break;
  }
  default: input->malformed = 1;
  }
  return result;
}

static int get_change(reader *input, change *result) {
  result->table = get_varint(input);
  result->op = get_byte(input);
  uint64_t count = get_varint(input);
  if (input->malformed || count > AIM_COLUMNS || result->table > UINT16_MAX
      || (result->op != AIM_IMAGE && result->op != AIM_TOMBSTONE)) return 0;
  result->count = (int)count;
  for (int i = 0; i < result->count; i++) {
    result->values[i] = get_value(input);
    if (input->malformed) return 0;
  }
  return 1;
}

static aim_table *table_of(aim_capture *capture, uint64_t id) {
  for (uint32_t i = 0; i < capture->table_count; i++) {
    if (!capture->tables[i].ignored && capture->tables[i].id == id) return &capture->tables[i];
  }
  return 0;
}

static int bind(sqlite3_stmt *statement, int index, const value *v) {
  switch (v->tag) {
  case AIM_INTEGER: return sqlite3_bind_int64(statement, index, v->integer);
  case AIM_REAL: return sqlite3_bind_double(statement, index, v->real);
  // The bytes outlive the statement's step.
  case AIM_TEXT:
    return sqlite3_bind_text(statement, index, (const char *)v->bytes, (int)v->length, 0);
  case AIM_BLOB:
    return v->length ? sqlite3_bind_blob(statement, index, v->bytes, (int)v->length, 0)
                     : sqlite3_bind_zeroblob(statement, index, 0);
  default: return sqlite3_bind_null(statement, index);
  }
}

static int run(sqlite3_stmt *statement) {
  int result = sqlite3_step(statement);
  sqlite3_reset(statement);
  return result == SQLITE_DONE ? SQLITE_OK : result == SQLITE_ROW ? SQLITE_MISUSE : result;
}

static int prepare(aim_capture *capture, sqlite3_str *text, sqlite3_stmt **statement) {
  char *sql = sqlite3_str_finish(text);
  if (!sql) return SQLITE_NOMEM;
  int result =
    sqlite3_prepare_v3(capture->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, 0);
  sqlite3_free(sql);
  return result;
}

// A statement whose columns are the table's, to read their names from.
static sqlite3_stmt *all_columns(aim_capture *capture, const aim_table *table) {
  char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table->name);
  sqlite3_stmt *statement = 0;
  if (sql) sqlite3_prepare_v2(capture->db, sql, -1, &statement, 0);
  sqlite3_free(sql);
  return statement;
}

static int is_key(const aim_table *table, int column) {
  for (int i = 0; i < table->keys; i++) {
    if (table->key[i] == column) return 1;
  }
  return 0;
}

static int prepare_remove(aim_capture *capture, aim_table *table) {
  sqlite3_stmt *names = all_columns(capture, table);
  if (!names) return SQLITE_ERROR;
  sqlite3_str *text = sqlite3_str_new(capture->db);
  sqlite3_str_appendf(text, "DELETE FROM \"%w\" WHERE ", table->name);
  for (int i = 0; i < table->keys; i++)
    sqlite3_str_appendf(
      text, i ? " AND \"%w\"=?" : "\"%w\"=?", sqlite3_column_name(names, table->key[i]));
  sqlite3_finalize(names);
  return prepare(capture, text, &table->remove);
}

static void append_insert(sqlite3_str *text, const aim_table *table) {
  sqlite3_str_appendf(text, "INSERT INTO \"%w\" VALUES(", table->name);
  for (int i = 0; i < table->columns; i++) sqlite3_str_appendall(text, i ? ",?" : "?");
  sqlite3_str_appendall(text, ")");
}

static int prepare_insert(aim_capture *capture, aim_table *table) {
  sqlite3_str *text = sqlite3_str_new(capture->db);
  append_insert(text, table);
  return prepare(capture, text, &table->insert);
}

static int prepare_put(aim_capture *capture, aim_table *table) {
  sqlite3_stmt *names = all_columns(capture, table);
  if (!names) return SQLITE_ERROR;
  sqlite3_str *text = sqlite3_str_new(capture->db);
  append_insert(text, table);
  for (int i = 0; i < table->keys; i++)
    sqlite3_str_appendf(
      text, i ? ",\"%w\"" : " ON CONFLICT(\"%w\"", sqlite3_column_name(names, table->key[i]));
  int sets = 0;
  for (int i = 0; i < table->columns; i++) {
    if (is_key(table, i)) continue;
    const char *name = sqlite3_column_name(names, i);
    sqlite3_str_appendf(
      text, sets++ ? ",\"%w\"=excluded.\"%w\"" : ") DO UPDATE SET \"%w\"=excluded.\"%w\"",
      name, name);
  }
  if (!sets) sqlite3_str_appendall(text, ") DO NOTHING");
  sqlite3_finalize(names);
  return prepare(capture, text, &table->put);
}

static int remove_row(aim_capture *capture, aim_table *table, const change *row) {
  int result = table->remove ? SQLITE_OK : prepare_remove(capture, table);
  for (int i = 0; result == SQLITE_OK && i < table->keys; i++) {
    int column = row->op == AIM_IMAGE ? table->key[i] : i;
    if (column >= row->count) return AIM_APPLY_MALFORMED;
    result = bind(table->remove, i + 1, &row->values[column]);
  }
  return result == SQLITE_OK ? run(table->remove) : result;
}

static int write_row(sqlite3_stmt *statement, const aim_table *table, const change *row) {
  if (row->count > table->columns) return AIM_APPLY_MALFORMED;
  // Columns that came later than the change have none of the row before.
  if (row->count < table->columns) sqlite3_clear_bindings(statement);
  int result = SQLITE_OK;
  for (int i = 0; result == SQLITE_OK && i < row->count; i++)
    result = bind(statement, i + 1, &row->values[i]);
  return result == SQLITE_OK ? run(statement) : result;
}

static int insert_row(aim_capture *capture, aim_table *table, const change *row) {
  int result = table->insert ? SQLITE_OK : prepare_insert(capture, table);
  return result == SQLITE_OK ? write_row(table->insert, table, row) : result;
}

static int put_row(aim_capture *capture, aim_table *table, const change *row) {
  int result = table->put ? SQLITE_OK : prepare_put(capture, table);
  return result == SQLITE_OK ? write_row(table->put, table, row) : result;
}

typedef enum { LEAVE_AS_SAID, REMOVE_ALL, INSERT_IMAGES } pass;

static int apply_row(aim_capture *capture, aim_table *table, const change *row, pass step) {
  int is_image = row->op == AIM_IMAGE;
  switch (step) {
  case LEAVE_AS_SAID:
    return is_image ? put_row(capture, table, row) : remove_row(capture, table, row);
  case REMOVE_ALL: return remove_row(capture, table, row);
  case INSERT_IMAGES: return is_image ? insert_row(capture, table, row) : SQLITE_OK;
  }
  return SQLITE_MISUSE;
}

int aim_apply(
  aim_capture *capture, const uint8_t *bytes, size_t length,
  int (*strangers)(void *context, uint16_t table), void *context) {
  change row;
  int result = AIM_APPLY_OK;
  // Nearly all images meet nobody but the row with their key: one statement each. Where a row has
  // taken a unique value of another one, which is gone or has a new one, the first may meet the
  // second: then all touched keys go, and all images come; what was written before that is the
  // same again.
  for (pass step = LEAVE_AS_SAID; step <= INSERT_IMAGES; step++) {
    if (step == REMOVE_ALL) {
      if ((result & 0xFF) != SQLITE_CONSTRAINT) break;
      result = AIM_APPLY_OK;
    }
    reader input = {.at = bytes, .end = bytes + length};
    while (input.at < input.end && result == AIM_APPLY_OK) {
      if (!get_change(&input, &row)) {
        result = AIM_APPLY_MALFORMED;
        break;
      }
      aim_table *table = table_of(capture, row.table);
      if (table) {
        result = apply_row(capture, table, &row, step);
      } else if (!strangers(context, (uint16_t)row.table)) {
        result = AIM_APPLY_UNKNOWN_TABLE;
      }
    }
    if (result != AIM_APPLY_OK && step != LEAVE_AS_SAID) break;
  }
  return result;
}

#include "capture_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

aim_table *aim_find_table(aim_capture *capture, const char *name) {
  // A file has a few dozen tables at most; the lengths of their names tell most of them apart.
  for (uint32_t i = 0; i < capture->table_count; i++) {
    if (strcmp(capture->tables[i].name, name) == 0) return &capture->tables[i];
  }
  return 0;
}

static aim_table *add_table(aim_capture *capture, const char *name) {
  if (capture->table_count == capture->table_capacity) {
    uint32_t capacity = capture->table_capacity ? capture->table_capacity * 2 : 16;
    aim_table *tables = realloc(capture->tables, capacity * sizeof(aim_table));
    if (!tables) return 0;
    capture->tables = tables;
    capture->table_capacity = capacity;
  }
  aim_table *table = &capture->tables[capture->table_count];
  memset(table, 0, sizeof(*table));
  table->name = strdup(name);
  if (!table->name) return 0;
  capture->table_count++;
  return table;
}

int aim_capture_ignore(aim_capture *capture, const char *name) {
  aim_table *table = add_table(capture, name);
  if (!table) return SQLITE_NOMEM;
  table->ignored = 1;
  return SQLITE_OK;
}

int aim_capture_register(aim_capture *capture, const char *name, uint16_t id) {
  sqlite3_stmt *statement;
  int result = sqlite3_prepare_v2(
    capture->db, "SELECT cid, type, pk FROM pragma_table_info(?1)", -1, &statement, 0);
  if (result != SQLITE_OK) return result;
  sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
  aim_table *table = add_table(capture, name);
  if (!table) {
    sqlite3_finalize(statement);
    return SQLITE_NOMEM;
  }
  table->id = id;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    int column = sqlite3_column_int(statement, 0), key = sqlite3_column_int(statement, 2);
    const char *type = (const char *)sqlite3_column_text(statement, 1);
    if (column >= AIM_COLUMNS || key > AIM_KEY_COLUMNS) {
      result = SQLITE_MISUSE;
      break;
    }
    table->columns = (uint16_t)(column + 1);
    if (type && sqlite3_stricmp(type, "REAL") == 0)
      table->real[column >> 3] |= (uint8_t)(1 << (column & 7));
    if (key > 0) {
      table->key[key - 1] = (uint16_t)column;
      table->keys++;
    }
  }
  sqlite3_finalize(statement);
  if (result == SQLITE_DONE) result = table->keys ? SQLITE_OK : SQLITE_MISUSE;
  if (result != SQLITE_OK) {
    free(table->name);
    capture->table_count--;
  }
  return result;
}

void aim_capture_forget(aim_capture *capture) {
  for (uint32_t i = 0; i < capture->table_count; i++) {
    sqlite3_finalize(capture->tables[i].remove);
    sqlite3_finalize(capture->tables[i].put);
    sqlite3_finalize(capture->tables[i].insert);
    free(capture->tables[i].name);
  }
  capture->table_count = 0;
}

static int scan_table(
  aim_capture *capture, const aim_table *table, aim_buffer *row, aim_digest *sum) {
  char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table->name);
  if (!sql) return SQLITE_NOMEM;
  sqlite3_stmt *statement;
  int result = sqlite3_prepare_v2(capture->db, sql, -1, &statement, 0);
  sqlite3_free(sql);
  if (result != SQLITE_OK) return result;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    int used = sqlite3_column_count(statement);
    while (used > 0 && sqlite3_column_type(statement, used - 1) == SQLITE_NULL) used--;
    row->length = 0;
    int stored = aim_put_varint(row, table->id) && aim_reserve(row, 1);
    if (stored) row->bytes[row->length++] = AIM_IMAGE;
    stored = stored && aim_put_varint(row, (uint64_t)used);
    for (int column = 0; stored && column < used; column++) {
      stored = aim_put_value(
        row, sqlite3_column_value(statement, column), aim_is_real(table, column));
    }
    if (!stored) {
      result = SQLITE_NOMEM;
      break;
    }
    *sum = aim_digest_add(*sum, aim_row_hash(capture, row->bytes, row->length));
  }
  sqlite3_finalize(statement);
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

int aim_digest_scan(aim_capture *capture, aim_digest *sum) {
  aim_buffer row = {0};
  int result = SQLITE_OK;
  *sum = (aim_digest){0};
  for (uint32_t i = 0; result == SQLITE_OK && i < capture->table_count; i++) {
    if (!capture->tables[i].ignored)
      result = scan_table(capture, &capture->tables[i], &row, sum);
  }
  free(row.bytes);
  return result;
}

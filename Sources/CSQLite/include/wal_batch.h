// A VFS that writes the frames of one transaction to the WAL in one piece.
//
// SQLite writes each frame in two calls, header and page; a transaction of fifteen pages is thirty
// system calls. Here they are gathered, and written by one call when the page of the commit frame
// comes: that call's failure is SQLite's failure of the commit, as always. Nothing else changes:
// the file holds the same bytes, and no reader looks at a frame before the commit is published in
// the WAL's index, which SQLite does after the commit frame was taken.
#ifndef AIMSTORS_WAL_BATCH_H
#define AIMSTORS_WAL_BATCH_H

// Most bytes gathered; a transaction that spills more is written in pieces.
#define AIM_WAL_BATCH_BYTES (1024 * 1024)

// The VFS's name over `base` (NULL: the default one), registered at the first call. NULL where
// there is no such base or no memory. From any thread.
const char *aim_wal_batch_vfs(const char *base);

#endif

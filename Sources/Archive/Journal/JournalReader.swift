import Storage
import Wire

/// Where a restore finds the records behind a snapshot.
protocol RecordSource: Sendable {
  /// Whether it has the journal of every cell, not of one only.
  var hasEveryCell: Bool { get }

  /// Gives `body` records of `cell` past `after`, in order and among them all of `tenant`'s, until
  /// it answers false; `missing` is told of positions that it does not have.
  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq, missing: (ClosedRange<CellSeq>) -> Void,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws
}

/// Reads a cell's archived journal in order.
struct JournalReader: RecordSource {
  let archive: Archive
  var hasEveryCell: Bool { true }

  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq, missing: (ClosedRange<CellSeq>) -> Void,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws { try await read(cell, after: after, missing: missing, body) }

  /// Gives `body` the records of each object that reaches past `after`, until it answers false.
  func read(
    _ cell: CellID, after: CellSeq, missing: (ClosedRange<CellSeq>) -> Void,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws {
    try await ArchivedObjects(archive: archive, cell: cell).read(after: after, missing: missing) {
      _, groups in
      var records: [JournalRecord] = []
      for group in groups where group.lastSeq > after { records += try group.records() }
      return try await body(records)
    }
  }
}

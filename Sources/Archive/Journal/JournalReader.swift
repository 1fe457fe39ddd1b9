import Storage
import Wire

/// Where a restore finds the records behind a snapshot.
protocol RecordSource: Sendable {
  /// Whether it has the journal of every cell, not of one only.
  var hasEveryCell: Bool { get }

  /// Gives `body` records of `cell` past `after`, in order and among them all of `tenant`'s, until
  /// it answers false.
  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws
}

/// Reads a cell's archived journal in order, one object ahead.
struct JournalReader: RecordSource {
  let archive: Archive
  var hasEveryCell: Bool { true }

  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws { try await read(cell, after: after, body) }

  /// Gives `body` the records of each object that reaches past `after`, until it answers false.
  ///
  /// Each object must follow the one before, group by group.
  func read(
    _ cell: CellID, after: CellSeq, _ body: ([JournalRecord]) async throws -> Bool
  ) async throws {
    let spans = try await archive.journal(cell).spans.filter { $0.last > after }
    guard var next = spans.first.map({ fetch(cell, $0) }) else { return }
    defer { next.cancel() }
    var last: (span: JournalSpan, hash: SHA256Hash?)?
    for (index, span) in spans.enumerated() {
      let groups = try await next.value
      if index + 1 < spans.count { next = fetch(cell, spans[index + 1]) }
      if let last, last.span.last.next == span.first, let first = groups.first,
        first.previousHash != last.hash
      {
        throw ArchiveError.damaged(
          name: ArchiveNames.journal(cell, span), detail: "it does not follow the object before")
      }
      last = (span, groups.last?.hash)
      var records: [JournalRecord] = []
      for group in groups where group.lastSeq > after { records += try group.records() }
      guard try await body(records) else { return }
    }
  }

  private func fetch(_ cell: CellID, _ span: JournalSpan) -> Task<[DurableGroup], any Error> {
    Task { try await archive.groups(cell, span) }
  }
}

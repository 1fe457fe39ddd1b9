import Wire

extension Flusher {
  /// Tenants copied in one pass over the journal, each with an open file.
  static let tenantsPerCopy = 64

  /// Copies the records of stopped tenants out of the journal, into files of their own.
  ///
  /// One pass for all of them. Who cannot be copied goes on pinning, with a problem. A tenant that
  /// lost records stays too: the journal is the only trace of what is missing until a repair.
  func copyOut(_ stopped: [TenantID]) {
    let lost = context.heads.lost
    let movable = stopped.filter { !lost.contains($0) }.prefix(Self.tenantsPerCopy)
    var writers: [TenantID: (from: CellSeq, file: StoppedRecords.Writer)] = [:]
    for tenant in movable {
      guard let from = context.heads.unflushed(tenant) else { continue }
      attempt(tenant) {
        let directory = context.directory(tenant)
        try context.files.createDirectory(directory)
        writers[tenant] = (from, try begin(directory))
      }
    }
    guard let first = writers.values.map(\.from).min() else { return }
    do {
      var records = try context.journal.records(from: first)
      while let record = try records.next() {
        let tenant = record.identity.tenant
        guard let from = writers[tenant]?.from, record.position.cellSeq >= from else { continue }
        attempt(tenant, orElse: { writers.removeValue(forKey: tenant)?.file.abandon() }) {
          try writers[tenant]?.file.add(record)
        }
      }
    } catch {
      for writer in writers.values { writer.file.abandon() }
      return report(nil, error)
    }
    for tenant in writers.keys.sorted() {
      attempt(tenant) {
        try writers[tenant]?.file.finish()
        guard let last = writers[tenant]?.file.last else { return }
        context.heads.flushed(tenant, through: last.cellSeq)
      }
    }
  }

  /// A new file, with what was copied at an earlier stop and is not yet known to be in the files.
  private func begin(_ directory: String) throws -> StoppedRecords.Writer {
    var file = try StoppedRecords.Writer(directory: directory, files: context.files)
    guard var earlier = try StoppedRecords.Reader(directory: directory, files: context.files)
    else { return file }
    defer { earlier.close() }
    while let record = try earlier.next() { try file.add(record) }
    return file
  }

  private func attempt(
    _ tenant: TenantID, orElse undo: () -> Void = {}, _ body: () throws -> Void
  ) {
    do {
      try body()
    } catch {
      undo()
      report(tenant, error)
    }
  }
}

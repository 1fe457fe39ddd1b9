import Archive
import Edge
import Storage
import Wire

/// A lost cell's own store as the archive has it: which of its tenants were copies, and which
/// webhook parts waited there.
struct LostCellStore: Sendable {
  /// Parts that are read at once.
  private static let page = 64

  let service: ArchiveService
  let files: RestoredBeside

  /// Restores it beside what is served.
  static func restore(of cell: CellID, _ service: ArchiveService) async throws -> LostCellStore {
    LostCellStore(
      service: service, files: try await service.restoreStore(.cellStore, of: cell))
  }

  /// Nothing was ever written there: the file was not made.
  private var isEmpty: Bool { !files.restored.files.contains { $0.kind == .spool } }

  func discard() async { await service.discard(files) }

  /// What it may lack: marks, stops and parts of its last moments; nil: nothing.
  var lacking: CellRecovery.Result.Failed? {
    CellRecovery.Result.Failed(missingOf: files.restored)
  }

  /// Copies for people to look at, which never send.
  struct Forks: Sendable {
    var marked: Set<TenantID> = []
    /// Those that may still let in who held a credential of the tenant that they are made of.
    var unfinished: [TenantID: UnfinishedForks.Fork] = [:]
  }

  func forks() async throws -> Forks {
    if isEmpty { return Forks() }
    return try await service.read(files, .spool) { connection in
      let rows = DirectivesStore(connection: connection)
      var forks = Forks()
      for (name, value) in try rows.facts(RestoreMark.prefix) {
        guard case .fork = RestoreMark(bytes: value), let tenant = TenantID(name) else { continue }
        forks.marked.insert(tenant)
      }
      for (name, value) in try rows.facts(UnfinishedForks.prefix) {
        guard let tenant = TenantID(name) else { continue }
        forks.unfinished[tenant] = try EdgeJSON.decode(UnfinishedForks.Fork.self, from: value)
      }
      return forks
    }
  }

  /// Stores every part that waits in `spool`; answers how many.
  ///
  /// A part that is there already is stored once.
  func drain(into spool: Spool, trace: String) async throws -> Int {
    if isEmpty { return 0 }
    var count = 0
    var after = RowID(0)
    while true {
      let from = after
      let parts = try await service.read(files, .spool) { connection in
        try SpoolStore(connection: connection).list(
          after: from, limit: Self.page, bytes: Spool.pageBytes)
      }
      guard let last = parts.last else { return count }
      for part in parts {
        _ = try await spool.accept(try Spool.message(part), trace: trace)
        count += 1
      }
      after = last.id
    }
  }
}

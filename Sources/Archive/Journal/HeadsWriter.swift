import Platform
import Storage
import Synchronization
import Wire

/// Stores ``ArchivedHeads`` of a cell from time to time.
///
/// They are of the records as they were archived, one after the other: what a tenant's files say
/// may be behind by a COMMIT.
final class HeadsWriter: UploadListener {
  /// How often they are stored: what a restore of an idle tenant reads at most.
  static let milliseconds: Int64 = 6 * 3_600_000

  private struct State {
    var heads: [TenantID: ArchivedHeads.Head]?
    var through = CellSeq(0)
    var isExpected = false
    var storedAt: Timestamp?
    var stored: CellSeq?
  }

  private let archive: Archive
  private let engine: StorageEngine
  private let cell: CellID
  private let generation: Generation
  private let state = Mutex(State())

  init(_ environment: ArchiveEnvironment) {
    archive = environment.archive
    engine = environment.engine
    cell = environment.cell
    generation = environment.generation
  }

  /// An uploader is about to begin: until it has, nothing is known to be archived.
  func expect() { state.withLock { $0.isExpected = true } }

  /// Whether an uploader begins, or has begun.
  var isExpected: Bool { state.withLock { $0.isExpected } }

  /// All records up to the position were applied when the process started; later ones are told of.
  func began(behind position: CellSeq) {
    // With damage the journal does not say who has written what; what is archived from now on does.
    let isWhole = !engine.problems.contains {
      $0.code == "journal_damaged" || $0.code == "tenant_stopped"
    }
    let heads = isWhole ? engine.heads.mapValues(\.archivedHead) : [:]
    state.withLock { state in
      state.heads = heads
      state.through = position
    }
  }

  func stored(_ span: JournalSpan, bytes: UInt64, _ records: [JournalRecord]) {
    state.withLock { state in
      for record in records {
        state.through = record.position.cellSeq
        guard record.identity.kind.isInChain else { continue }
        state.heads?[record.identity.tenant] = ArchivedHeads.Head(
          tenantSeq: record.identity.tenantSeq, hash: "\(record.hash)")
      }
    }
  }

  /// Each tenant's last archived record, and up to which position; nil before the uploader has
  /// begun.
  var archived: (heads: [TenantID: ArchivedHeads.Head], through: CellSeq)? {
    state.withLock { state in state.heads.map { ($0, state.through) } }
  }

  /// Stores them where that is due.
  func look(at now: Timestamp) async throws(ArchiveError) {
    let due = state.withLock { state -> ArchivedHeads? in
      guard let heads = state.heads, state.through > CellSeq(0), state.through != state.stored
      else { return nil }
      if let last = state.storedAt, now.milliseconds - last.milliseconds < Self.milliseconds {
        return nil
      }
      return ArchivedHeads(
        cell: cell, generation: generation, through: state.through,
        heads: Dictionary(uniqueKeysWithValues: heads.map { ($0.key.rawValue, $0.value) }))
    }
    guard let due else { return }
    let name = HeadsName(generation: generation, through: due.through)
    try await archive.put(
      ArchiveNames.heads(cell, name), try ArchiveJSON.encode(due), .background)
    state.withLock { state in
      state.storedAt = now
      state.stored = due.through
    }
  }
}

extension TenantHead {
  fileprivate var archivedHead: ArchivedHeads.Head {
    ArchivedHeads.Head(tenantSeq: tenantSeq, hash: "\(hash)")
  }
}

import Messaging
import Platform
import Storage
import Wire

/// Files of tenants that move into the cell, as its primary passes them on.
///
/// They are checked here by a full scan before the primary records that it has them, and come to
/// their place with that record.
struct FollowerImports: Sendable {
  private let engine: StorageEngine
  private let cell: CellID
  private let diskFree: @Sendable () -> UInt64
  private let parts: ImportParts

  init(_ engine: StorageEngine, cell: CellID, diskFree: @escaping @Sendable () -> UInt64) {
    self.engine = engine
    self.cell = cell
    self.diskFree = diskFree
    parts = ImportParts(engine)
  }

  /// Answers the primary.
  func answer(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    switch request.method {
    case .moveBegin: try await begin(try Coding.decode(request))
    case .moveFile: try await parts.take(try Coding.decode(request))
    case .moveImport: try await complete(try Coding.decode(request))
    case .moveRefuse: try await discard(try Coding.decode(request))
    case .moveStanding:
      let question: Aimstors_ProtoMoveQuestion = try Coding.decode(request)
      let tenant = try TenantID(moving: question.tenant)
      // A primary that asks has not forgotten it.
      try? parts.hear(tenant, Epoch(question.epoch))
      var answer = Aimstors_ProtoMoveStanding()
      answer.state = engine.followedImport(tenant, under: Epoch(question.epoch)).rawValue
      return try Coding.encode(answer)
    default: throw Failure(.unknownRoute, "a follower does not answer \(request.method)")
    }
    return []
  }

  private func begin(_ message: Aimstors_ProtoMoveBegin) async throws(Failure) {
    let (tenant, epoch) = (try TenantID(moving: message.tenant), Epoch(message.epoch))
    let free = diskFree()
    guard free / 2 >= message.bytes else {
      throw Failure(.cellFull, "\(message.bytes) bytes do not fit into \(free) free ones")
    }
    try await onThread { [engine] () throws(Failure) in
      try engine.prepareFollowed(tenant, under: epoch)
    }
    parts.begin(tenant, epoch)
  }

  private func complete(_ message: Aimstors_ProtoMoveImport) async throws(Failure) {
    let copied = try MoveImport(message, from: cell)
    try await parts.conclude(copied.tenant, copied.epoch) { [engine] () async throws(Failure) in
      _ = try await engine.settleImport(copied)
    }
  }

  private func discard(_ message: Aimstors_ProtoMoveQuestion) async throws(Failure) {
    let (tenant, epoch) = (try TenantID(moving: message.tenant), Epoch(message.epoch))
    parts.forget(tenant)
    try await onThread { [engine] in engine.discardFollowed(tenant, under: epoch) }
  }

  /// Removes what a primary began and says nothing of any more, until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      for (tenant, epoch) in parts.silent(for: FollowerLimits.importSilence) {
        parts.forget(tenant)
        try? await onThread { [engine] in engine.discardFollowed(tenant, under: epoch) }
      }
      do { try await Task.sleep(for: FollowerLimits.importLook) } catch { return }
    }
  }

  private func onThread(
    _ body: @escaping @Sendable () throws(Failure) -> Void
  ) async throws(Failure) {
    do { try await Blocking.run("import", body).get() } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.internalError, "\(error)")
    }
  }
}

import Storage
import Synchronization
import Wire

/// Callers that debit, enter and send under idempotency keys, and repeat themselves.
final class ChaosLoad: Sendable {
  private static let callers = 24
  private static let attempts = 3
  /// Far above what any load takes; only a lost answer takes longer.
  private static let patience = Duration.seconds(60)

  private struct Work {
    var repeats: ArraySlice<ChaosHistory.Operation>
    var left: Int
    var callers = ChaosLoad.callers
    var acked = 0
  }

  private let life: ChaosEngine
  private let history: ChaosHistory
  private let acknowledged: @Sendable (Int) -> Void
  private let work: Mutex<Work>

  /// `acknowledged` is called with the count of operations that this load has had answered.
  init(
    _ life: ChaosEngine, _ history: ChaosHistory, operations: Int,
    acknowledged: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.life = life
    self.history = history
    self.acknowledged = acknowledged
    work = Mutex(Work(repeats: history.toRepeat()[...], left: operations))
  }

  /// Repeats what is open, then runs new operations, to their end or the journal's.
  func run() async -> Latch.End {
    let timer = Task { [ended = life.ended] in
      try? await Task.sleep(for: Self.patience)
      if !Task.isCancelled { ended.open(.stuck) }
    }
    Task {
      await createTenants()
      for _ in 0..<Self.callers { Task { await call() } }
    }
    let end = await life.ended.wait()
    timer.cancel()
    return end
  }

  private func createTenants() async {
    for tenant in ChaosHistory.tenants {
      for _ in 0..<Self.attempts where life.engine.heads[tenant] == nil {
        try? await life.engine.create(tenant, epoch: .first)
      }
    }
  }

  private func call() async {
    while !life.ended.isOpen, let operation = next() {
      guard let answer = await perform(operation) else { continue }
      history.acknowledge(operation, answer)
      let acked = work.withLock { work in
        work.acked += 1
        return work.acked
      }
      acknowledged(acked)
      // The client saw no answer, say, and asks again.
      if operation.number % 4 == 0, let again = await perform(operation) {
        history.acknowledge(operation, again)
      }
    }
    let isLast = work.withLock { work in
      work.callers -= 1
      return work.callers == 0
    }
    if isLast { life.ended.open(.finished) }
  }

  private func next() -> ChaosHistory.Operation? {
    work.withLock { work in
      if let operation = work.repeats.popFirst() { return operation }
      guard work.left > 0 else { return nil }
      work.left -= 1
      return history.begin()
    }
  }

  /// The answer; nil where there was none for sure.
  private func perform(_ operation: ChaosHistory.Operation) async -> [UInt8]? {
    for _ in 0..<Self.attempts where !life.ended.isOpen {
      if let answer = try? await Self.once(operation, life.engine) { return answer }
    }
    return nil
  }

  /// Sends one operation under its key.
  static func once(
    _ operation: ChaosHistory.Operation, _ engine: StorageEngine
  ) async throws(Failure) -> [UInt8] {
    let number = operation.number
    let claim = IdempotencyClaim(
      principal: "chaos", key: "operation-\(number)",
      payloadHash: (0..<32).map { UInt8(truncatingIfNeeded: number >> Int64($0 % 8 * 8)) },
      file: .ledger, retentionSeconds: IdempotencyClaim.moneyRetention)
    let origin = CommandOrigin(
      requestID: "operation-\(number)", traceID: "chaos", deadline: nil, bytes: 512)
    return try await engine.perform(operation.tenant, origin, claim) {
      try ChaosSchema.run(number, $0)
    }.body
  }
}

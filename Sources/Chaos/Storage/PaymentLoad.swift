import Platform
import Simulation
import Storage
import Synchronization
import Wire

/// Callers that pay, some of them twice under one key, until all is answered or the process ends.
struct PaymentLoad: Sendable {
  static let callers = 6
  /// A load that stands still for this long is a complaint.
  static let patience: Duration = .seconds(60)

  let machine: StorageMachine
  let books: OutsideBooks
  let seed: UInt64
  /// Told after each acknowledgement how many there are.
  var acknowledged: @Sendable (Int) -> Void = { _ in }
  /// How often a caller tries one payment again, under the same key.
  var tries = 1

  /// `count` payments numbered from `first`.
  static func payments(_ count: Int, from first: Int64 = 1) -> [Payment] {
    (first..<(first + Int64(count))).map { id in
      Payment(
        tenant: StorageMachine.tenants[Int(id) % StorageMachine.tenants.count], id: id,
        amount: 1 + id * 7 % 97)
    }
  }

  /// Runs until every caller has finished or hears nothing more because the process has ended.
  func run(_ payments: [Payment]) async {
    let shared = Shared()
    // Theirs to the end: the machine's next engine has other callers.
    let engine = machine.engine
    for caller in 0..<Self.callers {
      let mine = payments.enumerated().filter { $0.offset % Self.callers == caller }.map(\.element)
      // Not in a group: a caller of a process that ended is never answered.
      Task {
        await call(engine, mine, SeededRandomSource(seed: seed &+ UInt64(caller)))
        shared.finished.wrappingAdd(1, ordering: .relaxed)
      }
    }
    let end = ContinuousClock.now + Self.patience
    while shared.finished.load(ordering: .relaxed) < Self.callers, !machine.hasEnded {
      if ContinuousClock.now > end {
        books.complain("callers were not answered within \(Self.patience)")
        return
      }
      try? await Task.sleep(for: .milliseconds(1))
    }
  }

  private final class Shared: Sendable {
    let finished = Atomic(0)
  }

  private func call(
    _ engine: StorageEngine, _ payments: [Payment], _ random: SeededRandomSource
  ) async {
    for payment in payments {
      books.trying(payment)
      for _ in 0..<tries {
        if machine.hasEnded { return }
        guard await pay(engine, payment) else { continue }
        acknowledged(books.acknowledged(payment))
        if random.below(6) == 0 { _ = await pay(engine, payment) }
        break
      }
    }
  }

  /// Whether it was acknowledged.
  private func pay(_ engine: StorageEngine, _ payment: Payment) async -> Bool {
    let claim = IdempotencyClaim(
      principal: "chaos", key: "payment-\(payment.id)",
      payloadHash: Array(repeating: UInt8(truncatingIfNeeded: payment.id), count: 32),
      file: .ledger, retentionSeconds: IdempotencyClaim.moneyRetention)
    let origin = CommandOrigin(requestID: payment.requestID, traceID: "chaos")
    do {
      let answer = try await engine.perform(payment.tenant, origin, claim) {
        try PaymentSchema.pay($0, payment)
      }
      if answer != PaymentSchema.answer(payment) {
        books.complain("payment \(payment.id) was given another's answer")
      }
      return true
    } catch {
      return false
    }
  }
}

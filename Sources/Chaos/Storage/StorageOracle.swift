import Simulation
import Storage
import Wire

/// Compares what stands in the tenants' files with what the callers know.
struct StorageOracle: Sendable {
  let books: OutsideBooks
  private(set) var lost = 0
  private(set) var duplicated = 0
  private(set) var diverged = 0
  private(set) var complaints: [String] = []

  init(_ books: OutsideBooks) { self.books = books }

  /// Every acknowledged payment stands there once; none half, none that nobody made.
  ///
  /// Of a tenant in `stopped` nothing is asked: it was reported. A payment of `givenUp` may be
  /// gone: a repair has named it.
  mutating func check(
    _ engine: StorageEngine, stopped: Set<TenantID> = [], givenUp: Set<Int64> = []
  ) async {
    let acked = books.acked.subtracting(givenUp)
    let tried = Dictionary(grouping: books.tried, by: \.tenant)
    for tenant in StorageMachine.tenants where !stopped.contains(tenant) {
      let payments = tried[tenant] ?? []
      do throws(Failure) {
        let found = try await engine.read(tenant, [.ledger, .messages]) {
          try PaymentSchema.books($0)
        }
        compare(tenant, found, payments, acked)
        _ = try await engine.digest(tenant, recompute: true)
      } catch {
        lost += payments.count { acked.contains($0.id) }
        diverge("\(tenant.rawValue) cannot be read: \(error.code): \(error.detail)")
      }
    }
  }

  private mutating func compare(
    _ tenant: TenantID, _ found: PaymentSchema.Books, _ payments: [Payment], _ acked: Set<Int64>
  ) {
    var expected: [Int64: Int64] = [1: 0, 2: 0]
    for payment in payments {
      let entries = found.entries[payment.id] ?? []
      let messages = found.messages[payment.id] ?? 0
      if entries.isEmpty, messages == 0 {
        if acked.contains(payment.id) {
          lost += 1
          say("\(tenant.rawValue) has lost payment \(payment.id), which was acknowledged")
        }
        continue
      }
      let copies = max(entries.count / 2, messages)
      if copies > 1 {
        duplicated += 1
        say("\(tenant.rawValue) has payment \(payment.id) \(copies) times")
      } else if entries.sorted() != [-payment.amount, payment.amount] || messages != 1 {
        diverge("\(tenant.rawValue) has a part of payment \(payment.id) only")
      }
      expected[1, default: 0] -= payment.amount
      expected[2, default: 0] += payment.amount
    }
    let known = Set(payments.map(\.id))
    let strangers = Set(found.entries.keys).union(found.messages.keys).subtracting(known)
    if !strangers.isEmpty {
      diverge("\(tenant.rawValue) has payments that nobody made: \(strangers.sorted())")
    }
    if found.entries.values.joined().reduce(0, +) != 0 {
      diverge("the ledger of \(tenant.rawValue) does not sum to zero")
    }
    for (account, balance) in expected where found.balances[account] ?? 0 != balance {
      diverge(
        "account \(account) of \(tenant.rawValue) has \(found.balances[account] ?? 0), "
          + "counted outside \(balance)")
    }
  }

  /// The files that the journal alone brings forth have the digests of those that were kept.
  mutating func checkReplay(
    _ kept: [TenantID: StorageEngine.TenantDigest], of original: StorageMachine
  ) async {
    let copy = original.disk.copy()
    for path in copy.paths where path.contains("/tenants/") { copy.remove(path) }
    let machine = original.another(copy)
    do {
      _ = try await machine.start()
      for (tenant, digest) in kept.sorted(by: { $0.key < $1.key }) {
        let replayed = try await machine.engine.digest(tenant, recompute: true)
        if replayed != digest { diverge("the replay of \(tenant.rawValue) gives other files") }
      }
    } catch {
      diverge("the journal cannot be replayed alone: \(error)")
    }
    await machine.close()
  }

  /// The digests that are kept, each recomputed by a full scan.
  static func digests(
    _ engine: StorageEngine
  ) async throws -> [TenantID: StorageEngine.TenantDigest] {
    var result: [TenantID: StorageEngine.TenantDigest] = [:]
    for tenant in StorageMachine.tenants {
      result[tenant] = try await engine.digest(tenant, recompute: true)
    }
    return result
  }

  private mutating func diverge(_ text: String) {
    diverged += 1
    say(text)
  }

  /// The first few say it; the counts say how many.
  private mutating func say(_ text: String) { if complaints.count < 5 { complaints.append(text) } }
}

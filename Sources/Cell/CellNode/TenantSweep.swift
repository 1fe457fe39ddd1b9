import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Looks at tenants one after the other in the background: compares their due time with the index,
/// and reads what they hold, and what is wrong with them, for metrics and status.
final class TenantSweep: Sendable {
  private struct State {
    var plan = SweepPlan()
    var holds = HoldAges()
    var findings = TenantFindings()
  }

  private let engine: StorageEngine
  private let clock: any WallClock
  private let boot: any BootClock
  private let logger: Logger
  private let state = Mutex(State())

  init(engine: StorageEngine, clock: any WallClock, boot: any BootClock, logger: Logger) {
    self.engine = engine
    self.clock = clock
    self.boot = boot
    self.logger = logger
  }

  /// What is held over all tenants, by age and currency, and how many tenants were never read.
  func holds() -> (totals: [HoldAges.Key: HoldAges.Amount], unread: Int) {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let count = tenants().count
    return state.withLock { ($0.holds.totals(now: now), $0.plan.unseen(of: count)) }
  }

  /// What is wrong in tenants' files.
  func problems() -> [Storage.Problem] {
    let now = Timestamp(milliseconds: clock.milliseconds())
    return state.withLock { $0.findings }.problems(now: now)
  }

  /// Sweeps until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      await step()
      try? await Task.sleep(for: .seconds(Int64(SweepPlan.stepSeconds)))
    }
  }

  /// One step of the plan.
  func step() async {
    let heads = tenants()
    let open = engine.openTenants
    let now = boot.nanoseconds()
    for tenant in state.withLock({ $0.plan.step(heads, open: open, now: now) }) {
      guard !Task.isCancelled else { return }
      do {
        try await engine.sweepDue(tenant)
        let (holds, found, at) = try await engine.read(tenant, [.ledger, .messages]) { snapshot in
          let now = snapshot.now
          return (
            try LedgerStore(snapshot.file(.ledger)).pendingHolds(now: now),
            try FindingsStore(snapshot.file(.messages)).reading(now: now), now
          )
        }
        state.withLock { state in
          state.holds.set(tenant, holds)
          state.findings.set(tenant, found, now: at)
        }
      } catch {
        // A tenant that is stopped or busy is looked at again when its turn comes.
        logger.debug(
          "a tenant could not be swept",
          metadata: ["tenant": "\(tenant)", "reason": "\(error)"])
      }
    }
  }

  /// Where this cell's own tenants stand; a tenant without a record since its first has no files.
  private func tenants() -> [TenantID: TenantSeq] {
    var result: [TenantID: TenantSeq] = [:]
    for (tenant, head) in engine.servedHeads
    where tenant != .cellStore && head.tenantSeq > TenantSeq(1) {
      result[tenant] = head.tenantSeq
    }
    return result
  }
}

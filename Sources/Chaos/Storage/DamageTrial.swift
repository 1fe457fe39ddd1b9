import Platform
import Simulation
import Storage
import Wire

/// What becomes of a spoiled journal: two starts that say the same, a repair, a third start.
///
/// Nothing that was acknowledged, before the damage or beside it, is gone but what is named: by a
/// start, which stops its tenant, and in the end by the repair.
struct DamageTrial {
  /// Payments that the tenants of a start make which are served.
  static let payments = 12

  let machine: StorageMachine
  let bound: DamageBound
  /// How many payments were made before the damage.
  let paid: Int
  let random: SeededRandomSource

  /// A part of the journal that a start lacks.
  ///
  /// What lacks nothing is no part of the verdict: a start writes the last segment anew, its header
  /// included.
  private struct Lack: Hashable, CustomStringConvertible {
    let segment: String
    let startOffset: UInt64
    let firstSeq: CellSeq
    let lastSeq: CellSeq?

    init?(_ range: DamagedRange) {
      guard range.lastSeq.map({ $0 >= range.firstSeq }) ?? true else { return nil }
      segment = range.segment
      startOffset = range.startOffset
      firstSeq = range.firstSeq
      lastSeq = range.lastSeq
    }

    var description: String {
      "\(segment) at \(startOffset), cell_seq \(firstSeq.rawValue) to "
        + (lastSeq.map { "\($0.rawValue)" } ?? "the end")
    }
  }

  func run(_ kind: JournalDamage, _ cycle: inout StorageCycle) async throws {
    let first = try await start(&cycle)
    if first.damage.isEmpty, first.stopped.isEmpty, first.cutBytes == 0 {
      cycle.complaints.append("the damage was not found")
    } else {
      cycle.hit(kind.rawValue)
    }
    await cycle.oracle.check(machine.engine, stopped: Set(first.stopped))
    cycle.complaints += bound.complaints(stopped: first.stopped, damage: first.damage)
    await pay(beside: first, &cycle)
    await machine.close()

    let second = try await start(&cycle)
    compare(first, second, &cycle)
    await cycle.oracle.check(machine.engine, stopped: Set(second.stopped))
    await machine.close()

    let repaired = try repair(after: second)
    try await startRepaired(repaired, after: second, &cycle)
  }

  /// A start; whom it stops it names.
  private func start(_ cycle: inout StorageCycle) async throws -> RecoveryReport {
    let report = try await machine.start()
    let named = Set(machine.engine.problems.compactMap(\.tenant))
    let unnamed = Set(report.stopped).subtracting(named)
    if !unnamed.isEmpty {
      cycle.complaints.append("a stopped tenant is in no problem: \(unnamed.sorted())")
    }
    return report
  }

  /// What is acknowledged beside damage stays as well; a journal that takes nothing says so.
  private func pay(beside start: RecoveryReport, _ cycle: inout StorageCycle) async {
    let payments = PaymentLoad.payments(Self.payments, from: Int64(paid + 1)).filter {
      !start.stopped.contains($0.tenant)
    }
    var load = PaymentLoad(machine: machine, books: cycle.books, seed: random.uint64())
    load.tries = 3
    await load.run(payments)
    let acked = cycle.books.acked
    cycle.complaints += DamageBound.complaints(
      refused: payments.filter { !acked.contains($0.id) }, damage: start.damage)
  }

  private func compare(
    _ first: RecoveryReport, _ second: RecoveryReport, _ cycle: inout StorageCycle
  ) {
    if first.stopped != second.stopped {
      cycle.complaints.append(
        "the first start stops \(first.stopped), the second one \(second.stopped)")
    }
    let (before, after) = (
      Set(first.damage.compactMap(Lack.init)), Set(second.damage.compactMap(Lack.init))
    )
    if before != after {
      cycle.complaints.append("the first start lacks \(before), the second one \(after)")
    }
  }

  /// Nil: a start has found no damage, and neither has the repair.
  private func repair(after start: RecoveryReport) throws -> JournalRepairReport? {
    do { return try machine.repair() } catch JournalError.noSuchDamage where start.damage.isEmpty {
      return nil
    } catch {
      throw ChaosFailure("the repair of \(start.damage.map(\.description)): \(error)")
    }
  }

  /// The third start: the journal is whole, and serves everybody whom nothing sends to a restore.
  private func startRepaired(
    _ repair: JournalRepairReport?, after second: RecoveryReport, _ cycle: inout StorageCycle
  ) async throws {
    let third = try await start(&cycle)
    if !third.damage.isEmpty {
      cycle.complaints.append("the repair left \(third.damage.map(\.description))")
    }
    // Where the journal has no damage a tenant's files were ahead of it, and still are.
    let losses = repair?.ranges.flatMap(\.losses) ?? []
    let away =
      repair == nil ? Set(second.stopped) : Set(losses.filter(\.needsRestore).map(\.tenant))
    let unnamed = Set(third.stopped).subtracting(away)
    if !unnamed.isEmpty {
      let why = machine.engine.problems.compactMap { problem in
        problem.tenant.flatMap { unnamed.contains($0) ? "\($0): \(problem.detail)" : nil }
      }
      cycle.complaints.append(
        "stopped after the repair, which named no loss that needs a restore: \(why.sorted()), "
          + "losses: \(losses)")
    }
    let tried = cycle.books.tried
    let givenUp = repair.map { bound.places.givenUp(tried, by: $0) } ?? []
    let named = repair?.ranges.filter { $0.damage.lastSeq != nil }.flatMap(\.losses) ?? []
    cycle.complaints += bound.complaints(
      named: Set(named.map(\.tenant)), givenUp: givenUp, of: tried)
    note(repair, away, givenUp, &cycle)
    let stopped = away.union(third.stopped)
    await cycle.oracle.check(machine.engine, stopped: stopped, givenUp: givenUp)
    let served = PaymentLoad.payments(paid + 2 * Self.payments).filter {
      !stopped.contains($0.tenant)
    }
    await cycle.finish(machine, served, seed: random.uint64())
    await cycle.oracle.check(machine.engine, stopped: stopped, givenUp: givenUp)
    await machine.close()
  }

  private func note(
    _ repair: JournalRepairReport?, _ away: Set<TenantID>, _ givenUp: Set<Int64>,
    _ cycle: inout StorageCycle
  ) {
    cycle.pass(repair == nil ? "nothing to repair" : "journal repaired")
    if !away.isEmpty { cycle.pass("tenant left to a restore") }
    if !givenUp.isEmpty { cycle.pass("loss named by the repair") }
  }
}

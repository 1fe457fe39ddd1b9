import Edge
import Wire

/// What tenants keep back until an operator releases it, as their cells count it.
struct SuspendedSends: Sendable {
  struct Tenant: Codable, Hashable, Sendable {
    let tenantID: String
    let messages: Int
    /// Of running campaigns, of whom no message was made yet.
    let recipients: Int
    /// Scheduled campaigns whose time has come.
    let timers: Int
    /// Why its cell could not count it; nil: it did.
    let code: String?

    enum CodingKeys: String, CodingKey {
      case messages, recipients, timers, code
      case tenantID = "tenant_id"
    }
  }

  private struct Answer: Decodable {
    let suspended: [Tenant]
    let suspendedCount: Int

    enum CodingKeys: String, CodingKey {
      case suspended
      case suspendedCount = "suspended_count"
    }
  }

  private(set) var tenants: [Tenant] = []
  /// Messages and recipients of all of them.
  private(set) var count = 0
  /// Cells that did not say what waits there.
  private(set) var uncounted: [String] = []

  /// Takes what a cell says; what says nothing counts as no answer.
  mutating func add(_ text: String, of cell: CellID) {
    guard let answer = try? EdgeJSON.decode(Answer.self, from: Array(text.utf8)) else {
      uncounted.append(cell.rawValue)
      return
    }
    tenants = Array((tenants + answer.suspended).prefix(ControlPlaneLimits.listMaximum))
    count += answer.suspendedCount
  }
}

/// Counts what cells keep back under a restore's name; empty: what a stop of all their sends does.
///
/// `operation` is the restore's or promotion's: one question of each, so that whoever asks joins a
/// count that is under way.
struct SuspendedQuestion: Sendable {
  let restore: String
  let operation: OperationID
  let rounds: CellWorkRounds

  private var services: AdminServices { rounds.services }

  private var work: Aimstors_ProtoCellWork {
    var work = Aimstors_ProtoCellWork()
    work.operation = "\(operation) suspended"
    work.kind = "suspended"
    work.at = restore
    return work
  }

  /// For an operation that ends with the count: one round; nil while cells are to be asked again.
  ///
  /// Who has answered is not asked again, and who does not is waited for a while only.
  func round(in cells: [CellID], trace: String) async -> SuspendedSends? {
    let before = services.suspendedCounts.count(of: operation, in: cells)
    let count = await ask(before, timeout: ControlPlaneLimits.workTimeout, trace: trace)
    guard count.isOver || services.suspendedCounts.isLate(count) else {
      services.suspendedCounts.keep(count, of: operation)
      return nil
    }
    services.suspendedCounts.forget(operation)
    return count.sends
  }

  /// As it is now, for somebody who waits for the answer: whoever is there is asked until it has
  /// counted, all of them for one deadline.
  func now(in cells: [CellID], trace: String) async -> SuspendedSends {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: ControlPlaneLimits.countDeadline)
    var count = SuspendedCount(of: cells, at: services.suspendedCounts.now)
    while true {
      count = await ask(count, timeout: max(.zero, clock.now.duration(to: end)), trace: trace)
      guard count.open.contains(where: isThere),
        clock.now.advanced(by: ControlPlaneLimits.releasePause) < end
      else { return count.sends }
      do { try await Task.sleep(for: ControlPlaneLimits.releasePause) } catch { return count.sends }
    }
  }

  private func isThere(_ cell: CellID) -> Bool {
    services.roster.isAlive(cell) && services.roster.cell(cell)?.isGone == false
  }

  /// One question to each that is there and has not answered, all at once.
  private func ask(
    _ before: SuspendedCount, timeout: Duration, trace: String
  ) async -> SuspendedCount {
    var count = before
    let answers = await withTaskGroup(of: (CellID, SuspendedCount.Answer).self) { group in
      for cell in before.open where isThere(cell) {
        group.addTask { (cell, await answer(of: cell, timeout: timeout, trace: trace)) }
      }
      var answers: [(CellID, SuspendedCount.Answer)] = []
      for await answer in group { answers.append(answer) }
      return answers
    }
    for (cell, answer) in answers { count.take(answer, of: cell, at: services.suspendedCounts.now) }
    return count
  }

  private func answer(
    of cell: CellID, timeout: Duration, trace: String
  ) async -> SuspendedCount.Answer {
    do throws(Failure) {
      let status = try await rounds.ask(work, cell, timeout: timeout, trace: trace)
      switch status.state {
      case "done": return .said(status.result)
      case "running": return .running
      case "failed":
        return CellWorkRounds.mayPass(CellWorkRounds.failure(status)) ? .passing : .never
      default: return .never
      }
    } catch {
      return CellWorkRounds.mayPass(error) ? .passing : .never
    }
  }
}

extension CellWorkRounds {
  /// What cells keep back, for an operation that ends with it; nil: they are to be asked again.
  func suspended(
    _ restore: String, in cells: [CellID], for operation: OperationID, trace: String
  ) async -> SuspendedSends? {
    await SuspendedQuestion(restore: restore, operation: operation, rounds: self)
      .round(in: cells, trace: trace)
  }

  /// The same as it is now, for somebody who waits for the answer.
  func suspendedNow(
    _ restore: String, in cells: [CellID], for operation: OperationID, trace: String
  ) async -> SuspendedSends {
    await SuspendedQuestion(restore: restore, operation: operation, rounds: self)
      .now(in: cells, trace: trace)
  }
}

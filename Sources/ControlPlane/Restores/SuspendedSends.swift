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

extension CellWorkRounds {
  /// What cells keep back under a restore's name; empty: what a stop of all their sends does.
  ///
  /// Nil while one of them counts. `operation` names the question: the same is answered the same.
  func suspended(
    _ restore: String, in cells: [CellID], for operation: String, trace: String
  ) async -> SuspendedSends? {
    var sends = SuspendedSends()
    for cell in cells {
      var work = Aimstors_ProtoCellWork()
      work.operation = operation
      work.kind = "suspended"
      work.at = restore
      let status = try? await ask(work, cell, trace: trace)
      if status?.state == "running" { return nil }
      sends.add(status?.state == "done" ? status?.result ?? "" : "", of: cell)
    }
    return sends
  }

  /// The same as it is now, for somebody who waits for the answer.
  func suspendedNow(
    _ restore: String, in cells: [CellID], trace: String
  ) async -> SuspendedSends {
    let question = "suspended-\(String(services.random.uint64(), radix: 16))"
    for _ in 0..<ControlPlaneLimits.releaseQuestions {
      if let sends = await suspended(restore, in: cells, for: question, trace: trace) {
        return sends
      }
      try? await Task.sleep(for: ControlPlaneLimits.releasePause)
    }
    var sends = SuspendedSends()
    for cell in cells { sends.add("", of: cell) }
    return sends
  }
}

import Edge
import Logging
import Storage
import Wire

/// Asks every cell what it holds, after this control plane was restored from an older copy, and
/// writes it down; until all have answered no key and no epoch is issued.
///
/// A cell that is lost is restored (`aimstors cell restore`) or retired: nobody else knows what it
/// had.
struct SurveyRounds: Sendable {
  let services: AdminServices
  let logger: Logger

  /// One step with each cell that has not answered yet.
  func look(trace: String) async {
    do throws(Failure) {
      let (number, waiting) = try await services.store.read { rows -> (UInt64?, [CellID]) in
        guard let number = try rows.runningSurvey() else { return (nil, []) }
        let cells = try rows.cells().filter { $0.state != .retired }.map(\.id)
        return (number, try cells.filter { try !rows.isSurveyed($0) })
      }
      guard let number else { return }
      if waiting.isEmpty { return try await end(trace: trace) }
      for cell in waiting where services.roster.isAlive(cell) {
        do throws(Failure) { try await ask(cell, number, trace: trace) } catch {
          logger.warning(
            "a cell is not surveyed", metadata: ["cell": "\(cell)", "reason": "\(error)"])
        }
      }
    } catch {
      logger.warning("the survey waits", metadata: ["reason": "\(error)"])
    }
  }

  private func end(trace: String) async throws(Failure) {
    try await services.store.write(trace: trace) { _, rows in try rows.endSurvey() }
    try await services.map.refresh()
    logger.notice("every cell has said what it holds: keys and epochs are issued again")
  }

  /// All parts of one cell, from the first one on where something came between.
  private func ask(_ cell: CellID, _ number: UInt64, trace: String) async throws(Failure) {
    var after = ""
    while true {
      var work = Aimstors_ProtoCellWork()
      work.operation = "survey-\(number)-\(after)"
      work.kind = "survey"
      work.at = after
      let text = try await CellWorkRounds(services: services).finish(work, cell, trace: trace)
      let page: CellSurveyPage
      do { page = try EdgeJSON.decode(CellSurveyPage.self, from: Array(text.utf8)) } catch {
        throw Failure(.internalError, "\(cell)'s survey could not be read")
      }
      let problems = try await services.store.write(trace: trace) { transaction, rows in
        let problems = try rows.take(page, of: cell, at: transaction.now)
        if page.next == nil { try rows.markSurveyed(cell) }
        return problems
      }
      for problem in problems {
        if let tenant = problem.tenant.flatMap(TenantID.init) {
          services.roster.report(conflict: problem, of: tenant)
        }
        logger.error("found in a survey", metadata: ["problem": "\(problem.detail)"])
      }
      guard let next = page.next else { break }
      after = next
    }
    try await services.map.refresh()
    logger.notice("a cell has said what it holds", metadata: ["cell": "\(cell)"])
  }

  /// Cells that have not answered; nil: no survey runs.
  static func waiting(_ store: PlatformStore) async throws(Failure) -> [CellID]? {
    try await store.read { rows in
      guard try rows.runningSurvey() != nil else { return nil }
      return try rows.cells().filter { $0.state != .retired }.map(\.id)
        .filter { try !rows.isSurveyed($0) }
    }
  }
}

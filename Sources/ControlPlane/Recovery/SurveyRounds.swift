import Edge
import Logging
import Storage
import Wire

/// Asks every cell what it holds, after this control plane was restored from an older copy, and
/// writes it down; until all have answered no key and no epoch is issued.
///
/// All are asked anew where one was not settled: with a tenant on its way out, or with a key that
/// the copy has for another, whose cell had not been heard then. A cell that is lost is restored
/// (`aimstors cell restore`) or retired: nobody else knows what it had.
struct SurveyRounds: Sendable {
  let services: AdminServices
  let logger: Logger

  private struct Survey: Sendable {
    let number: UInt64
    let round: UInt64
  }

  /// One step with each cell that has not answered yet.
  func look(trace: String) async {
    do throws(Failure) {
      let (survey, waiting) = try await services.store.read { rows -> (Survey?, [CellID]) in
        guard let number = try rows.runningSurvey() else { return (nil, []) }
        return (Survey(number: number, round: try rows.surveyRound()), try rows.unsurveyed())
      }
      guard let survey else { return }
      if waiting.isEmpty { return try await end(trace: trace) }
      for cell in waiting where services.roster.isAlive(cell) {
        do throws(Failure) { try await ask(cell, survey, trace: trace) } catch {
          logger.warning(
            "a cell is not surveyed", metadata: ["cell": "\(cell)", "reason": "\(error)"])
        }
      }
    } catch {
      logger.warning("the survey waits", metadata: ["reason": "\(error)"])
    }
  }

  private func end(trace: String) async throws(Failure) {
    let isOver = try await services.store.write(trace: trace) { _, rows -> Bool in
      guard try !rows.beginNextSurveyRound() else { return false }
      try rows.endSurvey()
      return true
    }
    guard isOver else { return }
    await services.map.endHold()
    try await services.map.refresh()
    logger.notice("every cell has said what it holds: keys and epochs are issued again")
  }

  /// All parts of one cell, from the first one on where something came between.
  private func ask(_ cell: CellID, _ survey: Survey, trace: String) async throws(Failure) {
    var after = ""
    var isSettled = true
    while true {
      var work = Aimstors_ProtoCellWork()
      work.operation = "survey-\(survey.number)-\(survey.round)-\(after)"
      work.kind = "survey"
      work.at = after
      let text = try await CellWorkRounds(services: services).finish(work, cell, trace: trace)
      let page: CellSurveyPage
      do { page = try EdgeJSON.decode(CellSurveyPage.self, from: Array(text.utf8)) } catch {
        throw Failure(.internalError, "\(cell)'s survey could not be read")
      }
      let wasSettled = isSettled && page.isMoving != true
      let (conflicts, isFinal) = try await services.store.write(trace: trace) {
        transaction, rows in
        let conflicts = try rows.take(page, of: cell, at: transaction.now)
        // After a whole round all that was given up is known: what contradicts then, does.
        let isFinal = conflicts.isEmpty || survey.round > 0
        if page.next == nil { try rows.markSurveyed(cell, isSettled: wasSettled && isFinal) }
        return (conflicts, isFinal)
      }
      isSettled = wasSettled && isFinal
      for tenant in page.tenants {
        guard let id = TenantID(tenant.id), let keys = tenant.keys else { continue }
        services.roster.told(cell, id, holds: keys)
      }
      for conflict in conflicts where isFinal {
        services.roster.heard(conflict)
        logger.error("found in a survey", metadata: ["problem": "\(conflict.detail)"])
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
      try rows.runningSurvey() == nil ? nil : try rows.unsurveyed()
    }
  }
}

extension CellSurveyPage.Tenant {
  /// The keys that the tenant holds, as its cell says; nil where its files could not be read.
  fileprivate var keys: Set<OwnerConflict.Subject>? {
    guard let profile else { return nil }
    var keys: Set<OwnerConflict.Subject> = [.key(.slug, profile.slug)]
    for number in numbers { keys.insert(.key(.phoneNumber, number.phoneNumberID)) }
    return keys
  }
}

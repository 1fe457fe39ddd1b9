import Storage
import Wire

/// Where the record of each payment stood in a journal before it was spoiled.
struct PaymentPlaces: Sendable {
  private struct Place {
    let tenantSeq: TenantSeq
    let cellSeq: CellSeq
  }

  private var places: [String: Place] = [:]
  /// Each tenant's last record.
  private var last: [TenantID: CellSeq] = [:]

  /// `groups` are listed with their commands.
  init(_ groups: [JournalInspection.Group]) {
    for record in groups.flatMap(\.records) {
      last[record.tenant] = record.cellSeq
      for request in record.requests ?? [] {
        places[request] = Place(tenantSeq: record.tenantSeq, cellSeq: record.cellSeq)
      }
    }
  }

  /// Tenants that have records, all of them before a position.
  func tenants(before seq: CellSeq) -> Set<TenantID> { Set(last.filter { $0.value < seq }.keys) }

  /// Of `payments` those whose record stood before a position.
  func payments(_ payments: [Payment], before seq: CellSeq) -> Set<Int64> {
    Set(payments.filter { places[$0.requestID].map { $0.cellSeq < seq } ?? false }.map(\.id))
  }

  /// Of `payments` those that a repair has named as lost: by the tenant's own numbers, or by the
  /// range, where it says that nobody knows whose records stood there.
  func givenUp(_ payments: [Payment], by report: JournalRepairReport) -> Set<Int64> {
    let named = payments.filter { payment in
      guard let place = places[payment.requestID] else { return false }
      return report.ranges.contains { range in
        let isInLoss = range.losses.contains { loss in
          loss.tenant == payment.tenant && loss.lostFrom <= place.tenantSeq
            && place.tenantSeq <= loss.lostThrough
        }
        let isInRange =
          place.cellSeq >= range.damage.firstSeq
          && range.damage.lastSeq.map { place.cellSeq <= $0 } ?? true
        return isInLoss || range.othersPossible && isInRange
      }
    }
    return Set(named.map(\.id))
  }
}

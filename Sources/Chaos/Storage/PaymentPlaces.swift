import Storage
import Wire

/// Where the record of each payment stood in a journal before it was spoiled.
struct PaymentPlaces: Sendable {
  private struct Place {
    let tenantSeq: TenantSeq
    let cellSeq: CellSeq
  }

  private var places: [String: Place] = [:]

  /// `groups` are listed with their commands.
  init(_ groups: [JournalInspection.Group]) {
    for record in groups.flatMap(\.records) {
      for request in record.requests ?? [] {
        places[request] = Place(tenantSeq: record.tenantSeq, cellSeq: record.cellSeq)
      }
    }
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

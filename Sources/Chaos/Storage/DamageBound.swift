import Storage
import Wire

/// What a spoiled journal may cost at most: what stood before the first byte that was touched, and
/// whose records all did, is untouched.
///
/// Less than what the journal promises, where that depends on what can still be read.
struct DamageBound: Sendable {
  let places: PaymentPlaces
  /// The first position that was touched.
  let first: CellSeq

  /// What a start stops beyond need.
  ///
  /// Whom nothing touched may be stopped where nobody knows whose records a range held, and at an
  /// end whose names no checksum vouches for.
  func complaints(stopped: [TenantID], damage: [DamagedRange]) -> [String] {
    let untouched = places.tenants(before: first)
    return stopped.filter(untouched.contains).compactMap { tenant in
      let hasReason = damage.contains { range in
        guard range.stops(tenant, applied: .zero) else { return false }
        if range.lastSeq == nil { return true }
        if case .unknown = range.tenants { return true }
        return false
      }
      return hasReason
        ? nil : "\(tenant) is stopped, whose records all lie before cell_seq \(first.rawValue)"
    }
  }

  /// What a repair takes beyond need: `named` are the tenants that lost something in ranges with
  /// an end, `givenUp` the payments that it names as lost.
  func complaints(named: Set<TenantID>, givenUp: Set<Int64>, of tried: [Payment]) -> [String] {
    var complaints: [String] = []
    let untouched = places.tenants(before: first).intersection(named)
    if !untouched.isEmpty {
      complaints.append(
        "the repair names a loss of \(untouched.sorted()), whose records all lie before cell_seq "
          + "\(first.rawValue)")
    }
    let kept = places.payments(tried, before: first).intersection(givenUp)
    if !kept.isEmpty {
      complaints.append(
        "the repair gives up payments \(kept.sorted()), which stood before cell_seq "
          + "\(first.rawValue)")
    }
    return complaints
  }

  /// Payments that were refused between the starts, of tenants whom the first one serves.
  ///
  /// A journal whose end is damaged takes nothing, and says so by a range without an end.
  static func complaints(refused: [Payment], damage: [DamagedRange]) -> [String] {
    let isWritable = damage.allSatisfy { $0.lastSeq != nil }
    guard isWritable, let one = refused.first else { return [] }
    return [
      "\(refused.count) payments were refused by a writable journal, first \(one.id) of "
        + "\(one.tenant), who is served"
    ]
  }
}

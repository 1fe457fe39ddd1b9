import Wire

/// How much money of a cell's tenants is held, and for how long already: per tenant as last read
/// from its ledger, in coarse steps of time.
struct HoldAges: Sendable {
  /// Pending holds of one tenant, by when they were made.
  struct Summary: Hashable, Sendable {
    var currency: Currency
    /// By the beginning of a step of time, in milliseconds.
    var steps: [Int64: Amount] = [:]

    /// Steps are five minutes in the last day and an hour before: what is older moves slower.
    mutating func add(madeAt: Timestamp, micros: Int64, now: Timestamp) {
      let isRecent = now.milliseconds - madeAt.milliseconds < 86_400_000
      let width: Int64 = isRecent ? 300_000 : 3_600_000
      let step = madeAt.milliseconds - madeAt.milliseconds % width
      steps[step, default: Amount()].count += 1
      steps[step, default: Amount()].micros += micros
    }
  }

  struct Amount: Hashable, Sendable {
    var count: Int64 = 0
    var micros: Int64 = 0
  }

  /// The buckets of the metric: younger than the name says, and older than all.
  enum Age: String, Hashable, Sendable, CaseIterable {
    case hour = "1h"
    case day = "24h"
    case week = "7d"
    case month = "30d"
    case older

    init(milliseconds: Int64) {
      switch milliseconds {
      case ..<3_600_000: self = .hour
      case ..<86_400_000: self = .day
      case ..<604_800_000: self = .week
      case ..<2_592_000_000: self = .month
      default: self = .older
      }
    }
  }

  struct Key: Hashable, Sendable {
    var age: Age
    var currency: Currency
  }

  private var tenants: [TenantID: Summary] = [:]

  /// Nil: the tenant has no currency yet.
  mutating func set(_ tenant: TenantID, _ summary: Summary?) { tenants[tenant] = summary }

  /// Over all tenants, as old as the holds are now.
  func totals(now: Timestamp) -> [Key: Amount] {
    var totals: [Key: Amount] = [:]
    for summary in tenants.values {
      // A currency in which nothing is held is shown with zeros, not missing.
      totals[Key(age: .hour, currency: summary.currency), default: Amount()].count += 0
      for (step, amount) in summary.steps {
        let key = Key(
          age: Age(milliseconds: now.milliseconds - step), currency: summary.currency)
        totals[key, default: Amount()].count += amount.count
        totals[key, default: Amount()].micros &+= amount.micros
      }
    }
    return totals
  }
}

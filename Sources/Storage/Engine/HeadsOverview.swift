import Wire

/// What is asked of all heads again and again while few of them change: made once per change.
package struct HeadsOverview: Sendable {
  /// Of the tenants that this cell serves: not of those on their way, or gone.
  package let served: [TenantID: TenantHead]
  /// Of those on their way here.
  package let arriving: [TenantID: TenantHead]
  /// When the first of the served has something due.
  package let firstDue: Timestamp?

  init(_ heads: [TenantID: TenantHead]) {
    served = heads.filter { $0.value.ownership.isServed }
    arriving = heads.filter { $0.value.ownership == .importing || $0.value.ownership == .ready }
    firstDue = served.values.lazy.compactMap(\.nextDue).min()
  }
}

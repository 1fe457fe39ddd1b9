import Wire

/// A ``DamagedRange`` as the command line prints it.
public struct DamageReport: Codable, Hashable, Sendable {
  public struct Lost: Codable, Hashable, Sendable {
    public var tenant: TenantID
    /// The highest tenant seq in the range.
    public var tenantSeq: TenantSeq
  }

  public var segment: String
  public var startOffset: UInt64
  public var endOffset: UInt64
  public var firstSeq: CellSeq
  /// Nil where the range reaches the journal's end.
  public var lastSeq: CellSeq?
  /// Nil where it is not known whose records were there.
  public var tenants: [Lost]?
  /// Where they are not known: tenants that have none there.
  public var intact: [TenantID]
  public var reason: String

  init(_ range: DamagedRange) {
    segment = range.segment
    startOffset = range.startOffset
    endOffset = range.endOffset
    firstSeq = range.firstSeq
    lastSeq = range.lastSeq
    reason = range.reason
    switch range.tenants {
    case .known(let lost):
      tenants = lost.sorted { $0.key < $1.key }.map { Lost(tenant: $0.key, tenantSeq: $0.value) }
      intact = []
    case .unknown(let known):
      tenants = nil
      intact = known.sorted()
    }
  }
}

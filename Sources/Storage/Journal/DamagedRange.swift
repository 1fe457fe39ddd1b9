import Wire

/// A part of the journal that was durable and cannot be read any more.
public struct DamagedRange: Hashable, Sendable, CustomStringConvertible {
  /// Whose records the range held.
  public enum Tenants: Hashable, Sendable {
    /// All of them that need what was there, with the highest tenant seq of each.
    case known([TenantID: TenantSeq])
    /// Not known, except that `intact` lack nothing of it: their chain continues across it, or
    /// their files are others since.
    case unknown(intact: Set<TenantID>)
  }

  /// The segment's file name.
  public var segment: String
  public var startOffset: UInt64
  /// The first byte after the range.
  public var endOffset: UInt64
  /// The first position that is missing.
  public var firstSeq: CellSeq
  /// The last position that is missing; nil where the range reaches the journal's end.
  public var lastSeq: CellSeq?
  public var tenants: Tenants
  /// What was found, for people.
  public var reason: String

  public init(
    segment: String, startOffset: UInt64, endOffset: UInt64, firstSeq: CellSeq,
    lastSeq: CellSeq?, tenants: Tenants, reason: String
  ) {
    self.segment = segment
    self.startOffset = startOffset
    self.endOffset = endOffset
    self.firstSeq = firstSeq
    self.lastSeq = lastSeq
    self.tenants = tenants
    self.reason = reason
  }

  /// Where it is and what was found, as a problem's detail says it.
  public var description: String {
    let end = lastSeq.map { "to \($0.rawValue)" } ?? "to the end"
    return "cell_seq \(firstSeq.rawValue) \(end) in \(segment): \(reason)"
  }

  /// Whether a position lies behind the range; nothing does where it reaches the journal's end.
  func isBefore(_ seq: CellSeq) -> Bool { lastSeq.map { seq > $0 } ?? false }

  /// Takes those for intact whose files are others since: a restore or a move brought them, whole
  /// and durable, and no record before that is applied to them.
  ///
  /// `renewals` has the last such record of each. What the old files may lack is told by the range
  /// itself, which stays reported.
  mutating func spare(_ renewals: [TenantID: CellSeq]) {
    let renewed = Set(renewals.filter { isBefore($0.value) }.keys)
    switch tenants {
    case .known(let lost): tenants = .known(lost.filter { !renewed.contains($0.key) })
    case .unknown(let intact): tenants = .unknown(intact: intact.union(renewed))
    }
  }

  /// Whether this damage stops a tenant whose files all have what is up to `applied`:
  /// ``AppliedFiles/whole``.
  public func stops(_ tenant: TenantID, applied: TenantSeq) -> Bool {
    switch tenants {
    case .known(let lost): lost[tenant].map { $0 > applied } ?? false
    case .unknown(let intact): !intact.contains(tenant)
    }
  }
}

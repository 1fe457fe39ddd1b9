import Wire

/// From when on a disk or a certificate is somebody's work.
///
/// Decides only; ``ProcessWatch`` looks.
package enum WatchRule {
  /// Share of the disk in use, in percent, from which on it is said.
  package static let filledPercent: UInt64 = 80
  /// How long before its end a certificate is said to expire, in seconds: time enough to renew a
  /// process's own, and for the authority to have every process's renewed under a new one.
  static let expiringSeconds: [Kind: Int64] = [.process: 14 * 86_400, .authority: 60 * 86_400]

  enum Kind: String, Hashable, Sendable {
    case process, authority
  }

  /// A certificate that this process shows or trusts.
  struct Holding: Hashable, Sendable {
    let kind: Kind
    let name: String
    /// Seconds since 1970.
    let validUntil: Int64
  }

  struct Found: Hashable, Sendable {
    let code: String
    /// The code whose page says what to do.
    let page: String
    let detail: String
  }

  /// Nil: there is room, or nobody knows.
  static func problem(free: UInt64, total: UInt64) -> Found? {
    guard total > 0, free <= total else { return nil }
    // Rounded down: 79.9 % is less than 80 %.
    let used = UInt64((Double(total - free) / Double(total) * 100).rounded(.down))
    guard used >= filledPercent else { return nil }
    return Found(
      code: "disk_filling", page: "disk_filling",
      detail: "\(used) % of the disk are used, \(free) bytes are free")
  }

  /// Nil: it holds for long enough.
  static func problem(of holding: Holding, at now: Timestamp) -> Found? {
    let left = holding.validUntil - now.milliseconds / 1_000
    guard left < expiringSeconds[holding.kind] ?? 0 else { return nil }
    let code = left <= 0 ? "certificate_expired" : "certificate_expiring"
    let end = Timestamp(milliseconds: holding.validUntil * 1_000).rfc3339
    let whose = holding.kind == .authority ? "the authority \(holding.name)" : holding.name
    return Found(
      code: holding.kind == .authority ? "authority_\(code)" : code, page: "certificate_expiring",
      detail: "the certificate of \(whose) \(left <= 0 ? "ended" : "ends") at \(end)")
  }
}

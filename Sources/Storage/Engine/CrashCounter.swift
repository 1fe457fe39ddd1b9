import Wire

/// Which tenants took the process down with them, and when.
///
/// Decides; ``CrashFile`` keeps it. A tenant that did it three times within an hour is quarantined
/// until an operator releases it.
public struct CrashCounter: Hashable, Sendable {
  /// Crashes within ``windowSeconds`` that quarantine a tenant.
  public static let limit = 3
  public static let windowSeconds: Int64 = 3_600

  struct Entry: Hashable, Sendable {
    /// The crashes that still count, oldest first.
    var crashes: [Timestamp] = []
    var quarantinedSince: Timestamp?
  }

  private(set) var entries: [TenantID: Entry] = [:]

  public init() {}

  /// Who is quarantined, and since when.
  public var quarantined: [TenantID: Timestamp] { entries.compactMapValues(\.quarantinedSince) }

  /// The process crashed while this tenant's commands ran.
  mutating func crashed(_ tenant: TenantID, at now: Timestamp) {
    forget(before: now.adding(seconds: -Self.windowSeconds))
    var entry = entries[tenant] ?? Entry()
    entry.crashes = entry.crashes.suffix(Self.limit - 1) + [now]
    if entry.crashes.count >= Self.limit, entry.quarantinedSince == nil {
      entry.quarantinedSince = now
    }
    entries[tenant] = entry
  }

  /// Quarantines a tenant whose crashes cannot be counted.
  mutating func quarantine(_ tenant: TenantID, at now: Timestamp) {
    if entries[tenant]?.quarantinedSince == nil {
      entries[tenant, default: Entry()].quarantinedSince = now
    }
  }

  /// An operator has looked; its earlier crashes count no more.
  ///
  /// False where it was not quarantined.
  public mutating func release(_ tenant: TenantID) -> Bool {
    guard entries[tenant]?.quarantinedSince != nil else { return false }
    entries[tenant] = nil
    return true
  }

  private mutating func forget(before start: Timestamp) {
    for (tenant, var entry) in entries {
      entry.crashes.removeAll { $0 <= start }
      entries[tenant] = entry.crashes.isEmpty && entry.quarantinedSince == nil ? nil : entry
    }
  }
}

extension CrashCounter {
  /// One line per tenant: its id, since when it is quarantined or `-`, its crashes in milliseconds.
  var text: String {
    entries.sorted { $0.key < $1.key }.map { tenant, entry in
      let since = entry.quarantinedSince.map { "\($0.milliseconds)" } ?? "-"
      return ([tenant.rawValue, since] + entry.crashes.map { "\($0.milliseconds)" })
        .joined(separator: " ") + "\n"
    }.joined()
  }

  /// Reads what ``text`` wrote; lines that are none are answered, and count for nothing.
  static func read(_ text: String) -> (counter: CrashCounter, unreadable: [String]) {
    var counter = CrashCounter()
    var unreadable: [String] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 2, let tenant = TenantID(String(words[0])) else {
        unreadable.append(String(line))
        continue
      }
      let times = words.dropFirst(2).compactMap { Int64($0) }
      counter.entries[tenant] = Entry(
        crashes: times.suffix(limit).map { Timestamp(milliseconds: $0) },
        quarantinedSince: Int64(words[1]).map { Timestamp(milliseconds: $0) })
    }
    return (counter, unreadable)
  }
}

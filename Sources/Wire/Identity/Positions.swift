/// Fences a tenant's placement: raised at every move, never lowered.
public struct Epoch: Hashable, Sendable, Comparable, Codable, RawRepresentable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static let first = Epoch(1)
  public var next: Epoch { Epoch(rawValue + 1) }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Fences a cell's journal: raised at promotion and whole-cell restore.
public struct Generation: Hashable, Sendable, Comparable, Codable, RawRepresentable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static let first = Generation(1)
  /// Above all that are issued: the cell was spread over others, and nobody serves under its name
  /// again.
  ///
  /// The highest whole number that every reader of JSON keeps.
  public static let ended = Generation(1 << 53 - 1)
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A position in a cell's journal; rises by one per record.
public struct CellSeq: Hashable, Sendable, Comparable, Codable, RawRepresentable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public var next: CellSeq { CellSeq(rawValue + 1) }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A position in a tenant's history; +1 per record, survives moves, promotions and restores.
public struct TenantSeq: Hashable, Sendable, Comparable, Codable, RawRepresentable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static let zero = TenantSeq(0)
  public var next: TenantSeq { TenantSeq(rawValue + 1) }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A branch of a tenant's history: 64 random bits, new at every fork and swap-in.
public struct Lineage: Hashable, Sendable, Codable, RawRepresentable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

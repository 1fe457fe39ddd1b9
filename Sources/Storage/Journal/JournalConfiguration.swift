import Wire

/// Bounds that belong to the format or to the product, not to a deployment.
public enum JournalLimits {
  /// Longest record: identity and payload, as it would be uncompressed.
  public static let recordBytes = 2 * 1024 * 1024
  /// Longest record as it is stored: a payload of nothing but what a group begins with is three
  /// quarters longer (``PayloadEscape``); the rest is the frame's header and the record's position.
  static let storedRecordBytes = recordBytes / 4 * 7 + 512
  /// Longest group that is written: one such record, with a list of 1,024 others of the longest
  /// names.
  ///
  /// Groups of several records end at ``JournalConfiguration/groupBytes``, which is less.
  public static let writtenGroupBytes =
    GroupFormat.overhead + 1_024 * (1 + TenantID.maximumLength + 10) + storedRecordBytes
  /// Longest group a reader accepts.
  public static let groupBytes = 16 * 1024 * 1024
  /// Largest segment a reader accepts.
  public static let segmentBytes = 1024 * 1024 * 1024
}

/// How one cell's journal is kept.
public struct JournalConfiguration: Sendable {
  /// The journal's own directory, such as `<data>/journal`.
  public var directory: String
  public var cell: CellID
  public var generation: Generation
  /// The oldest generation whose part of the journal is taken for this cell's; nil: `generation`.
  ///
  /// Lower than `generation` where this process was promoted: what is there was written before.
  public var oldestGeneration: Generation?
  /// Whether it takes other journals' groups only, so that segments end where theirs do.
  public var isCopy = false
  public var followerGate = FollowerGate.Configuration()
  /// Size of a segment file, zero-filled in advance.
  ///
  /// At least twice `groupBytes`.
  public var segmentBytes: Int = 64 * 1024 * 1024
  /// Size of a segment made from the reserve on a full disk.
  public var reserveSegmentBytes: Int = 12 * 1024 * 1024
  /// Freed for recovery, and for records that may use it, on a full disk.
  ///
  /// Zero: none is kept.
  public var reserveBytes: Int = 16 * 1024 * 1024
  /// A group is closed at this many records.
  public var groupRecords: Int = 1024
  /// A group is closed at this many bytes; one larger record still makes a group of its own.
  ///
  /// With its list and header it fits in one message to a follower (``MessageRoom``).
  public var groupBytes: Int = 3 * 1024 * 1024
  /// How long the writer waits for more while callers say that more is coming.
  ///
  /// Zero: not at all.
  public var groupWaitNanoseconds: UInt64 = 1_000_000
  /// Records waiting to be written; more are refused.
  public var queueRecords: Int = 16_384
  /// Bytes waiting to be written; more are refused.
  public var queueBytes: Int = 128 * 1024 * 1024
  /// Whether a thread prepares the next segment while this one fills.
  public var preparesAhead: Bool = true

  /// The pins that a start sets at the journal's oldest position, each with the bytes that it may
  /// hold back: who needs the journal must not lose it before having said how far it is.
  public var pins: [String: UInt64?] = [:]

  public init(directory: String, cell: CellID, generation: Generation = .first) {
    self.directory = directory
    self.cell = cell
    self.generation = generation
  }
}

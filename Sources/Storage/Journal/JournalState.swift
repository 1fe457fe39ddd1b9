import Wire

/// Where the journal's writer stands.
///
/// Decides; ``JournalWriter`` acts.
///
/// At most one group is between write and fsync at any time, so that at most one group can be
/// torn. The tip moves only when an fsync has returned; a cut goes back to it.
struct JournalState: Hashable, Sendable {
  enum Phase: Hashable, Sendable {
    /// Recovery has not ended. May become `ready`, `closed`.
    case opening
    /// Nothing is in flight. May become `appending`, `needsSegment`, `closed`.
    case ready
    /// The segment is sealed and has no successor yet. May become `ready`, `closed`.
    case needsSegment
    /// A group is being written. May become `syncing`, `truncating`.
    case appending(JournalGroup)
    /// A group was written whole and is being fsynced. May become `ready`, `failed`.
    case syncing(JournalGroup)
    /// The file goes back to the tip. May become `ready`, `failed`.
    case truncating
    /// What is on the disk is unknown: the process ends.
    case failed
    case closed
  }

  /// What to do with a group of this size.
  enum OnGroup: Hashable, Sendable {
    /// Write it here.
    case append(at: UInt64)
    /// The segment is full: seal it first.
    case sealFirst
    /// Make a segment first.
    case makeSegmentFirst
    case refuse(AppendOutcome.Refusal)
  }

  enum OnSynced: Hashable, Sendable { case answerDurable(first: CellSeq, last: CellSeq), sealed }

  private(set) var phase: Phase = .opening
  private(set) var tip: JournalTip = .start
  /// Bytes of the open segment's file.
  private(set) var capacity: UInt64 = 0

  private var mustSeal = false

  /// Recovery ended at `tip`; `capacity` nil: the last segment is sealed or there is none.
  ///
  /// `mustSeal`: the open segment takes nothing more than its seal.
  mutating func opened(at tip: JournalTip, capacity: UInt64?, mustSeal: Bool = false) {
    self.mustSeal = mustSeal
    precondition(phase == .opening, "a journal is opened once")
    self.tip = tip
    self.capacity = capacity ?? 0
    phase = capacity == nil ? .needsSegment : .ready
  }

  /// A group of `bytes` wants to be written, a seal of `sealBytes` may follow it.
  func place(bytes: Int, sealBytes: Int) -> OnGroup {
    switch phase {
    case .needsSegment: return .makeSegmentFirst
    case .ready:
      if mustSeal { return .sealFirst }
      let end = tip.offset + UInt64(bytes) + UInt64(sealBytes)
      return end <= capacity ? .append(at: tip.offset) : .sealFirst
    case .closed, .opening: return .refuse(.closed)
    case .failed: return .refuse(.damaged)
    case .appending, .syncing, .truncating:
      preconditionFailure("one group is in flight at a time")
    }
  }

  /// A new segment is durable under its name.
  mutating func segmentMade(capacity: UInt64) {
    precondition(phase == .needsSegment, "a segment is made where the last is sealed")
    self.capacity = capacity
    tip.offset = UInt64(SegmentHeader.length)
    phase = .ready
  }

  mutating func appendBegan(_ group: JournalGroup) {
    precondition(phase == .ready, "a group begins where nothing is in flight")
    phase = .appending(group)
  }

  mutating func appended() {
    guard case .appending(let group) = phase else {
      preconditionFailure("no group is being written")
    }
    phase = .syncing(group)
  }

  /// The open segment has room for more now.
  mutating func segmentGrew(capacity: UInt64) {
    precondition(phase == .ready, "a segment grows between two groups")
    self.capacity = capacity
  }

  /// The write failed: truncate to the offset returned.
  mutating func appendFailed() -> UInt64 {
    guard case .appending = phase else { preconditionFailure("no group is being written") }
    phase = .truncating
    return tip.offset
  }

  mutating func synced() -> OnSynced {
    guard case .syncing(let group) = phase else { preconditionFailure("no group is being synced") }
    let first = tip.lastSeq.next
    tip = JournalTip(
      groupNumber: group.number, lastSeq: group.lastSeq, hash: group.hash,
      offset: tip.offset + UInt64(group.bytes))
    phase = group.isSeal ? .needsSegment : .ready
    if group.isSeal { mustSeal = false }
    return group.isSeal ? .sealed : .answerDurable(first: first, last: group.lastSeq)
  }

  /// The truncation is durable: the journal ends at the tip again.
  mutating func truncated() {
    precondition(phase == .truncating, "nothing is being truncated")
    phase = .ready
  }

  /// An fsync or a truncation failed: nothing is answered from here on.
  mutating func failed() { phase = .failed }

  mutating func closed() { if phase != .failed { phase = .closed } }
}

/// One group in flight, as the state machine needs to know it.
struct JournalGroup: Hashable, Sendable {
  var number: UInt64
  var lastSeq: CellSeq
  var hash: SHA256Hash
  var bytes: Int
  var isSeal: Bool

  init(_ group: DurableGroup) {
    number = group.throughNumber
    lastSeq = group.lastSeq
    hash = group.hash
    bytes = group.bytes.count
    isSeal = group.isSeal
  }

  init(_ header: GroupHeader, hash: SHA256Hash) {
    number = header.number
    lastSeq = header.lastSeq
    self.hash = hash
    bytes = header.totalBytes
    isSeal = header.kind == .seal
  }
}

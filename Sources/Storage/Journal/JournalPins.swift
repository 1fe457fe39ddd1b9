import Wire

/// Who still needs a journal's older part, by name, beside its own replay: `archive`,
/// `follower/<id>`.
public struct JournalPin: Hashable, Sendable {
  /// The last position that is not needed any more.
  public var through: CellSeq
  /// Bytes that it may hold back, and only while the disk has more than the reserve; nil: any.
  public var mayHold: UInt64?
  /// It asked for more than that: what it needs may be gone from the journal, and it holds nothing
  /// until it is set anew.
  public var isLost = false

  public init(through: CellSeq, mayHold: UInt64?) {
    self.through = through
    self.mayHold = mayHold
  }

  /// What a follower or a move may hold back before it continues from the archive or ends.
  public static let followerBytes: UInt64 = 128 * 1024 * 1024
}

/// The pins of one journal.
///
/// Decides; ``Journal`` acts.
struct JournalPins: Sendable {
  private(set) var byName: [String: JournalPin] = [:]

  mutating func set(_ name: String, _ pin: JournalPin) { byName[name] = pin }
  mutating func remove(_ name: String) { byName[name] = nil }

  /// Moves a pin on; one that is lost or unknown stays so.
  mutating func advance(_ name: String, through: CellSeq) {
    guard let pin = byName[name], !pin.isLost, pin.through < through else { return }
    byName[name]?.through = through
  }

  /// How far everybody is; pins that hold more than they may are lost from here on.
  mutating func limit(isDiskLow: Bool, bytesFrom: (CellSeq) -> UInt64) -> CellSeq {
    var lowest = CellSeq(.max)
    for (name, pin) in byName where !pin.isLost {
      if let mayHold = pin.mayHold, isDiskLow || bytesFrom(pin.through.next) > mayHold {
        byName[name]?.isLost = true
      } else {
        lowest = min(lowest, pin.through)
      }
    }
    return lowest
  }
}

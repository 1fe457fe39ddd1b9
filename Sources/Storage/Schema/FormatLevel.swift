import Synchronization

/// What a version of this program can read, as one number that rises with everything new that
/// stands in journals and files: a record's form, a record kind, a schema step.
///
/// Level 1: records of version 1 and 2, segments and groups of version 1, and every schema step
/// without a level of its own. Level 2: the step `ledger-2`. Level 3: the step
/// `platform-durability-1`. Level 4: the step `platform-operations-1`. Level 5: the step
/// `messages-4`. A version reads every level up to ``newest``; it writes none above its
/// ``FormatCeiling``.
public enum FormatLevel {
  public static let oldest: UInt32 = 1
  public static let newest: UInt32 = 5
}

/// Above which level a process writes nothing; it only rises.
///
/// What is above would not be read by a version that may still have to: a follower, the target of
/// a move, this cell after a rollback.
public final class FormatCeiling: Sendable {
  private let value: Atomic<UInt32>

  public init(_ level: UInt32) { value = Atomic(level) }

  /// Nobody else reads what is written.
  public static var unlimited: FormatCeiling { FormatCeiling(.max) }

  public var level: UInt32 { value.load(ordering: .acquiring) }

  /// A lower level than the one that is known changes nothing.
  public func raise(to level: UInt32) { value.max(level, ordering: .acquiringAndReleasing) }
}

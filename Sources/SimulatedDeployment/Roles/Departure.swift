import Storage
import Wire

/// A move away from a cell, as one life of its process drives it: a crash forgets it.
struct Departure {
  enum Phase {
    /// The record that the move begins is not durable.
    case beginning
    /// The target gets the rows, and records behind them.
    case copying
    /// Commands wait; the target is asked to be ready for the last record.
    case fencing(since: Int64)
    /// The record that the epoch is burned is not durable.
    case burning
  }

  /// A move that takes longer is given up.
  static let longest: Int64 = 900_000
  /// As is one whose tenant has waited so long.
  static let longestPause: Int64 = 150_000
  /// What was not answered is told again.
  static let patience: Int64 = 25_000
  /// The tenant is fenced once its target lacks so few records.
  static let smallLag: UInt64 = 4

  let epoch: Epoch
  let target: CellID
  let began: Int64
  /// Until when it is not fenced, however little the target lacks.
  let copiesUntil: Int64
  var phase: Phase
  /// The last record that the target has; nil: not even the rows.
  var had: TenantSeq?
  /// The last record that it was sent.
  var sent = TenantSeq.zero
  var fence: MoveFence?
  var told: Int64 = 0
  /// A step's record is on its way.
  var isWriting = false

  /// Whether nothing stands in the way of giving the move up.
  var mayBurn: Bool {
    switch phase {
    case .copying, .fencing: !isWriting
    case .beginning, .burning: false
    }
  }
}

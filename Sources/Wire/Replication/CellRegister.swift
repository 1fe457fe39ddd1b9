/// Who may acknowledge for a cell: the one place where a promotion and its opposite meet.
///
/// Kept by the control plane and changed by compare-and-set only. A replica is one process's copy
/// of the cell.
public struct CellRegister: Hashable, Sendable {
  public typealias Replica = String

  public let cell: CellID
  /// Rises by one at each promotion; whoever holds a lower one has been replaced.
  public private(set) var generation: Generation
  public private(set) var primary: Replica
  /// Replicas without whose acknowledgement nothing in `follower` mode is true, so that each of
  /// them may become the primary.
  public private(set) var promotable: Set<Replica>
  /// Rises with every change.
  public private(set) var version: UInt64

  public init(
    cell: CellID, generation: Generation, primary: Replica, promotable: Set<Replica> = [],
    version: UInt64 = 1
  ) {
    self.cell = cell
    self.generation = generation
    self.primary = primary
    self.promotable = promotable
    self.version = version
  }

  /// What a primary asks for, or an operator.
  public enum Change: Hashable, Sendable {
    /// The primary goes on without this follower's acknowledgements.
    case degrade(Replica)
    /// The primary asks for them again, durably, and has all that were missing.
    case add(Replica)
    /// The follower becomes the primary of the next generation.
    case promote(Replica)
    /// The same of a follower that may lack what was acknowledged: an operator has stated that
    /// this is known.
    case promoteIncomplete(Replica)
  }

  public enum Refusal: Error, Hashable, Sendable {
    /// Somebody else changed it: `version` is another.
    case changed(CellRegister)
    /// A higher generation has taken over from who asks.
    case fenced(Generation)
    /// The follower is not in the promotable set.
    case notPromotable
    /// It is the primary already.
    case isPrimary
  }

  /// Changes it where its version is the expected one.
  ///
  /// `asker` is the generation under which a primary asks; nil: an operator.
  public mutating func compareAndSet(
    _ change: Change, expecting version: UInt64, from asker: Generation?
  ) throws(Refusal) {
    if let asker, asker < generation { throw .fenced(generation) }
    guard version == self.version else { throw .changed(self) }
    switch change {
    case .degrade(let replica): promotable.remove(replica)
    case .add(let replica):
      guard replica != primary else { throw .isPrimary }
      promotable.insert(replica)
    case .promote(let replica):
      guard replica != primary else { throw .isPrimary }
      guard promotable.contains(replica) else { throw .notPromotable }
      try promote(replica)
    case .promoteIncomplete(let replica):
      guard replica != primary else { throw .isPrimary }
      try promote(replica)
    }
    self.version += 1
  }

  /// The others have to prove anew that they have everything: they follow another primary now.
  private mutating func promote(_ replica: Replica) throws(Refusal) {
    // Nobody comes after the end: others serve its tenants.
    guard generation < .ended else { throw .fenced(generation) }
    generation = Generation(generation.rawValue + 1)
    primary = replica
    promotable = []
  }

  /// What a control plane may believe that was restored from an older copy of its store: nobody is
  /// promotable until each primary has confirmed it.
  public mutating func restored() {
    promotable = []
    version += 1
  }
}

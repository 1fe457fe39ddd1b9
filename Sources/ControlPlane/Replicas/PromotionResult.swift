import Edge
import Wire

/// What there is to read of a promotion from its first step on.
struct PromotionResult: Codable, Sendable {
  let cell: String
  let generation: String
  let primary: String
  /// Whether the copy is proven to have all that was acknowledged; nil where that is not known.
  let isComplete: String?
  /// The last record that the copy was known to have when it was promoted as one that has
  /// everything; nil: it was not, or that is not known.
  let hadSeq: String?
  /// What tenants keep back until the promotion is released; nil: nothing is stopped, or it has not
  /// been counted yet.
  private(set) var suspended: [SuspendedSends.Tenant]?
  private(set) var suspendedCount: Int?
  /// The cell, where it could not say.
  private(set) var uncounted: [String]?

  enum CodingKeys: String, CodingKey {
    case cell, generation, primary, suspended, uncounted
    case isComplete = "is_complete"
    case hadSeq = "had_seq"
    case suspendedCount = "suspended_count"
  }

  init(_ register: CellRegister, isComplete: Bool?, hadSeq: UInt64? = nil) {
    cell = register.cell.rawValue
    generation = "\(register.generation.rawValue)"
    primary = register.primary
    self.isComplete = isComplete.map { "\($0)" }
    self.hadSeq = hadSeq.map { "\($0)" }
  }

  /// Nil where the operation was begun by a version that did not say it.
  init?(of operation: Operation) {
    guard let text = operation.result,
      let found = try? EdgeJSON.decode(Self.self, from: Array(text.utf8))
    else { return nil }
    self = found
  }

  /// Whether this promotion is the last one of its cell.
  func isOf(_ register: CellRegister) -> Bool {
    generation == "\(register.generation.rawValue)" && primary == register.primary
  }

  /// Why the follower must not be made the primary; nil: it may.
  ///
  /// What it had is forgotten with its name in the register, so it is compared here: it may have
  /// been away when it was promoted, and come back on another disk.
  func refusal(of sight: ReplicaRoster.Sight) -> Failure? {
    let had = hadSeq.flatMap { UInt64($0) } ?? 0
    guard sight.isLost || sight.lastSeq < had else { return nil }
    return Failure(
      .invalidState,
      "\(sight.replica) came back with less than it had: "
        + (sight.isLost ? "its disk is empty" : "records up to \(sight.lastSeq), of \(had)")
        + "; restore the cell from the archive, or promote it once more by name, as one that lacks "
        + "them, with old_is_dead")
  }

  mutating func add(_ sends: SuspendedSends) {
    (suspended, suspendedCount) = (sends.tenants, sends.count)
    uncounted = sends.uncounted.isEmpty ? nil : sends.uncounted
  }

  var json: String {
    get throws { String(decoding: try EdgeJSON.encode(self), as: UTF8.self) }
  }
}

import Wire

/// One durable step of a move, at the cell that takes it.
public enum MoveStep: Hashable, Sendable {
  /// The source: a move under this epoch is on its way.
  case begin(Epoch)
  /// The source: that move is given up, and its epoch never used.
  case burn(Epoch)
  /// The source: the tenant is the target's, which is ready up to `hash`.
  case release(Epoch, ready: SHA256Hash)
  /// The source, recovered from a copy that may lack its release: the target says that it has
  /// adopted.
  case concede(Epoch)
  /// The target: the files are here up to some record; what follows is streamed.
  case importing(Epoch)
  /// The target: everything up to `hash` is here.
  case ready(Epoch, hash: SHA256Hash)
  /// The target: it owns the tenant, as a release says that follows `hash`.
  case adopt(Epoch, after: SHA256Hash)
  /// The target: it does not take the tenant under this epoch.
  case refuse(Epoch)
}

/// What a cell may make durable about a tenant's ownership, from where the tenant's head stands.
///
/// Every record of a move passes here, so that no order of messages, repeats and restarts makes two
/// owners. Ported state by state in `StorageTests/Moves`.
public enum MoveRule {
  /// Rules of which tests drop one to see that it is needed.
  public struct Rules: Hashable, Sendable {
    /// An epoch is begun once, and never after a higher one.
    public var usesEpochsOnce = true
    /// A target is ready for one record's hash, not for a number of records.
    public var comparesHashes = true
    public init() {}
  }

  /// Why the step may not be taken; nil where it may.
  ///
  /// `head` is nil where the tenant has never been here. A step that was taken already is refused
  /// as `alreadyDone`: the answer to a repeat.
  public static func refusal(
    of step: MoveStep, at head: TenantHead?, rules: Rules = Rules()
  ) -> Failure? {
    switch step {
    case .begin(let epoch):
      guard let head, head.ownership.isServed else { return Self.notHere }
      guard head.ownership == .owned else {
        return head.armed == epoch
          ? Self.done("this move has begun") : Failure(.conflict, "another move is under way")
      }
      guard !rules.usesEpochsOnce || epoch > head.armed else { return Self.used(epoch, head) }
      return nil
    case .burn(let epoch):
      guard let head, head.ownership.isServed else { return Self.notHere }
      guard head.ownership == .moving else { return Self.done("no move is under way") }
      return head.armed == epoch ? nil : Failure(.conflict, "another move is under way")
    case .release(let epoch, let ready):
      guard let head, head.ownership.isServed || head.ownership == .released else {
        return Self.notHere
      }
      guard head.ownership == .moving, head.armed == epoch else {
        return head.ownership == .released && head.armed == epoch
          ? Self.done("the tenant is released") : Self.used(epoch, head)
      }
      guard !rules.comparesHashes || ready == head.hash else {
        return Failure(.conflict, "the target is ready for another record than the last one")
      }
      return nil
    case .concede(let epoch):
      guard let head, head.armed == epoch else { return Self.notHere }
      switch head.ownership {
      case .moving: return nil
      case .released: return Self.done("the tenant is released")
      case .owned, .importing, .ready, .refused: return Self.notHere
      }
    case .importing(let epoch):
      guard let head else { return nil }
      guard !head.ownership.isServed else {
        return Failure(.conflict, "this cell owns the tenant")
      }
      guard head.ownership != .ready else {
        return Failure(.conflict, "this cell is ready for the tenant under another move")
      }
      guard !rules.usesEpochsOnce || epoch > head.armed else { return Self.used(epoch, head) }
      return nil
    case .ready(let epoch, let hash):
      guard let head, head.armed == epoch else { return Self.notHere }
      guard head.ownership == .importing else {
        return head.ownership == .ready && head.hash == hash
          ? Self.done("it is ready") : Self.notHere
      }
      guard !rules.comparesHashes || head.hash == hash else {
        return Failure(.conflict, "the last record here is another one")
      }
      return nil
    case .adopt(let epoch, let after):
      // Whoever served under this epoch or a later one has adopted, wherever it went since.
      guard let head, head.armed >= epoch else { return Self.notHere }
      guard head.ownership == .ready, head.armed == epoch else {
        // A checkpoint of an earlier version names the armed epoch where nobody ever owned.
        let hasOwned =
          head.ownership.isServed || head.ownership == .released
          || head.epoch < head.armed
        return hasOwned && head.epoch >= epoch ? Self.done("it was adopted") : Self.notHere
      }
      guard !rules.comparesHashes || head.hash == after else {
        return Failure(.conflict, "the release follows another record than the last one here")
      }
      return nil
    case .refuse(let epoch):
      guard let head, head.armed == epoch else { return Self.notHere }
      switch head.ownership {
      case .importing, .ready: return nil
      case .refused: return Self.done("it is refused")
      case .owned, .moving, .released: return Failure(.conflict, "the tenant was adopted here")
      }
    }
  }

  private static let notHere = Failure(.notFound, "this cell takes no part in such a move")
  private static func done(_ detail: String) -> Failure { Failure(.alreadyDone, detail) }
  private static func used(_ epoch: Epoch, _ head: TenantHead) -> Failure {
    Failure(.epochStale, "epoch \(epoch.rawValue) is used: \(head.armed.rawValue) was armed here")
  }
}

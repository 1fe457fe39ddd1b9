import Messaging
import Storage
import SwiftProtobuf
import Wire

/// The followers' part in a tenant's way into this cell.
///
/// Each is given the files as they come, checks them by itself, and has them in their place before
/// this cell is ready; the records behind them reach it with the journal.
struct FollowerCopies: Sendable {
  private let links: [FollowerLink]
  /// Whose acknowledgements are asked now.
  private let asked: @Sendable () -> Set<String>

  init(links: [FollowerLink], asked: @escaping @Sendable () -> Set<String>) {
    self.links = links
    self.asked = asked
  }

  /// Nil for a cell without followers.
  init(_ replication: Replication?) {
    self.init(links: replication?.links ?? []) { replication?.askedNow ?? [] }
  }

  /// Those that may be promoted: who is fed, and whose acknowledgements are asked.
  var current: Set<String> {
    asked().union(links.filter { $0.current.isStreaming }.map(\.name))
  }

  /// Throws `follower_missing` where nobody's acknowledgement is asked.
  func demandAsked() throws(Failure) {
    guard asked().isEmpty else { return }
    throw Failure(.followerMissing, "the tenant's records must wait for a follower; none is asked")
  }

  /// Passes a source's message on; returns once all of them have done what it says.
  func pass(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message, to names: Set<String>,
    within timeout: Duration
  ) async throws(Failure) {
    try await each(names) { (mover) async throws(Failure) in
      _ = try await mover.ask(method, message, timeout: timeout)
    }
  }

  /// Has all of them check the files of `bytes` that they were given.
  func check(
    _ message: Aimstors_ProtoMoveImport, of bytes: UInt64, at names: Set<String>
  ) async throws(Failure) {
    try await each(names) { (mover) async throws(Failure) in
      try await mover.askImport(message, of: bytes)
    }
  }

  /// Tells them that the move they have files of goes on.
  func goesOn(_ tenant: TenantID, _ epoch: Epoch, at names: Set<String>) async {
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = tenant.rawValue
    question.epoch = epoch.rawValue
    try? await pass(.moveStanding, question, to: names, within: MoveLimits.releaseTimeout)
  }

  private func each(
    _ names: Set<String>, _ ask: @escaping @Sendable (MovePeer) async throws(Failure) -> Void
  ) async throws(Failure) {
    let failure = await withTaskGroup(of: Failure?.self) { group in
      for link in links(names) {
        group.addTask {
          do throws(Failure) {
            try await ask(link.mover)
            return nil
          } catch {
            return Failure(error.code, "follower \(link.name): \(error.detail)")
          }
        }
      }
      return await group.reduce(nil) { $0 ?? $1 }
    }
    if let failure { throw failure }
  }

  /// Waits until the files are in their place at all of them, and are those of the journal.
  ///
  /// Throws `verificationFailed` where one lacks them, `deadlineExceeded` where one does not say.
  func confirm(
    _ tenant: TenantID, _ epoch: Epoch, at names: Set<String>
  ) async throws(Failure) {
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = tenant.rawValue
    question.epoch = epoch.rawValue
    let end = ContinuousClock.now + MoveLimits.placePatience
    for link in links(names) {
      while true {
        let answer: Aimstors_ProtoMoveStanding? = try? await link.mover.ask(
          .moveStanding, question, timeout: MoveLimits.releaseTimeout)
        let standing = answer.flatMap { StorageEngine.FollowedImport(rawValue: $0.state) }
        if standing == .placed { break }
        guard standing != .missing else {
          throw Failure(
            .verificationFailed, "follower \(link.name) does not have the tenant's files")
        }
        guard ContinuousClock.now < end, (try? await Task.sleep(for: MoveLimits.placeLook)) != nil
        else {
          throw Failure(
            .deadlineExceeded, "follower \(link.name) does not have the tenant's files in time")
        }
      }
    }
  }

  /// Throws `conflict` where somebody's acknowledgement is asked who is not among `names`: it has
  /// the journal, and not the files that it goes on from.
  func demand(_ names: Set<String>) throws(Failure) {
    guard let first = asked().subtracting(names).sorted().first else { return }
    throw Failure(.conflict, "follower \(first) came while the tenant was copied; try again")
  }

  /// Has them remove what they were given; where one does not hear it, it gives up by itself.
  func discard(_ tenant: TenantID, _ epoch: Epoch, at names: Set<String>) async {
    var question = Aimstors_ProtoMoveQuestion()
    question.tenant = tenant.rawValue
    question.epoch = epoch.rawValue
    try? await pass(.moveRefuse, question, to: names, within: MoveLimits.releaseTimeout)
  }

  private func links(_ names: Set<String>) -> [FollowerLink] {
    links.filter { names.contains($0.name) }
  }
}

extension FollowerLink {
  /// For what a move's source says.
  fileprivate var mover: MovePeer { MovePeer(peer: peer) }
}

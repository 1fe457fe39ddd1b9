import Archive
import Logging
import Messaging
import Platform
import Storage
import SwiftProtobuf
import Synchronization
import Wire

/// A primary's stream to one follower: what is durable here goes there, in order, and what it
/// acknowledges is told to the gate.
package final class FollowerLink: Sendable {
  /// How far the follower is.
  package struct Sight: Sendable {
    package var end: JournalEnd?
    /// Where it said last that its disk ends, also where it is not fed from there.
    var told: CellSeq?
    /// Whether the group it ends with has been compared with this journal's: it may have another
    /// one in the place of what is trimmed here.
    var isCompared = false
    /// Where it ended when the archived journal was compared with its own, and whether they differ
    /// within this generation.
    var archiveCompared: (end: JournalEnd, differs: Bool)?
    package var isStreaming = false
    var bytesBehind: UInt64 = 0
    /// Ends of this journal with the nanoseconds at which they were seen, oldest first; those that
    /// the follower has are gone.
    var ends: [(seq: CellSeq, at: UInt64)] = []
    var trouble: String?

    /// How many records it lacks of a journal that ends at `last`.
    func recordsBehind(_ last: CellSeq) -> UInt64 {
      last.rawValue - min(last.rawValue, end?.seq.rawValue ?? 0)
    }

    /// For how long the oldest record that the follower lacks has been durable here, in
    /// nanoseconds, as finely as ends are seen.
    func oldestMissing(at now: UInt64) -> UInt64 { ends.first.map { now - min(now, $0.at) } ?? 0 }

    mutating func saw(_ seq: CellSeq, at now: UInt64) {
      let end = end?.seq ?? CellSeq(0)
      ends.removeAll { $0.seq <= end }
      guard seq > end, ends.last.map({ $0.seq < seq }) ?? true else { return }
      if ends.count >= FollowerLink.endsKept { ends.remove(at: 1) }
      ends.append((seq, now))
    }
  }

  /// Ends kept for the age of what a follower lacks; beyond, the finer part is thinned.
  static let endsKept = 600

  let name: String
  let peer: any Peer
  let cell: CellID
  private let replica: String
  let generation: Generation
  /// Where this replica's generation began.
  let began: JournalEnd
  /// Where groups are that this journal has trimmed; nil: nowhere.
  let archive: Archive?
  let logger: Logger
  let sight = Mutex(Sight())

  package init(
    _ configuration: ReplicationConfiguration.Peer, peer: any Peer, cell: CellID, replica: String,
    generation: Generation, began: JournalEnd, archive: Archive? = nil, logger: Logger
  ) {
    name = configuration.replica
    self.peer = peer
    self.cell = cell
    self.replica = replica
    self.generation = generation
    self.began = began
    self.archive = archive
    self.logger = logger
  }

  var pinName: String { "follower/\(name)" }
  package var current: Sight { sight.withLock { $0 } }
  var isConnected: Bool { peer.isConnected }

  /// Asks where the follower stands; nil where it does not answer.
  package func hello(
    group: UInt64 = 0, timeout: Duration = ReplicationLimits.helloTimeout
  ) async -> Aimstors_ProtoReplicaState? {
    var hello = Aimstors_ProtoReplicaHello()
    hello.cell = cell.rawValue
    hello.generation = generation.rawValue
    hello.replica = replica
    hello.group = group
    return try? await ask(.replicaHello, hello, timeout: timeout)
  }

  /// Groups of the follower that this journal lacks.
  func fetch(after group: UInt64) async throws -> [DurableGroup] {
    var fetch = Aimstors_ProtoReplicaFetch()
    fetch.cell = cell.rawValue
    fetch.generation = generation.rawValue
    fetch.afterGroup = group
    let answer: Aimstors_ProtoReplicaGroups = try await ask(
      .replicaFetch, fetch, timeout: ReplicationLimits.appendTimeout)
    return try answer.groups.map { try DurableGroup(decoding: [UInt8]($0)) }
  }

  /// Compares a follower's end with a journal.
  static func tail(
    of state: Aimstors_ProtoReplicaState, in journal: Journal
  ) throws(JournalError) -> StartRule.Tail {
    let (own, its) = (journal.end, JournalEnd(state.end))
    if its.group <= own.group {
      // Where its end is trimmed here, whoever feeds it compares the chain: the archive has it.
      guard its.group > 0, let hash = try journal.hash(ofGroup: its.group) else { return .isPrefix }
      return hash == its.hash ? .isPrefix : .differs
    }
    if own.group == 0 { return .isLonger }
    return [UInt8](state.groupHash) == own.hash.bytes ? .isLonger : .differs
  }

  /// Streams until the task is cancelled or this replica has to stop, for which the reason is
  /// returned.
  ///
  /// A follower that differs stops the primary only where its acknowledgements are asked; one that
  /// nobody asks is not fed, and reported.
  package func run(
    _ journal: Journal, isAsked: @Sendable () -> Bool
  ) async -> ReplicationStop? {
    var pause = ReplicationLimits.retryMinimum
    while !Task.isCancelled {
      do {
        try await stream(journal) { pause = ReplicationLimits.retryMinimum }
      } catch {
        if let stop = error as? ReplicationStop {
          if case .diverged = stop, !isAsked() {} else { return stop }
        }
        let reason = "\(error)"
        let isNews = sight.withLock { sight in
          defer { sight.trouble = reason }
          sight.isStreaming = false
          return sight.trouble != reason
        }
        if isNews, !Task.isCancelled {
          logger.warning(
            "a follower is not fed", metadata: ["follower": "\(name)", "reason": "\(reason)"])
        }
      }
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, ReplicationLimits.retryMaximum)
    }
    return nil
  }

  private func stream(_ journal: Journal, _ progress: () -> Void) async throws {
    guard let state = await hello(group: journal.end.group) else {
      throw Failure(.cellUnavailable, "the follower does not answer")
    }
    if state.generation > generation.rawValue, !Sabotage.skipGenerationCheck.isOn {
      throw ReplicationStop.fenced(Generation(state.generation))
    }
    var end = JournalEnd(state.end)
    // A longer one was fetched at the start, or does not exist: only durable groups are sent.
    guard try Self.tail(of: state, in: journal) == .isPrefix else {
      try await rejoin(end, journal)
      throw ReplicationStop.diverged(name)
    }
    let isTrimmed = try isTrimmed(end, journal)
    sight.withLock { ($0.told, $0.isCompared) = (end.seq, !isTrimmed) }
    journal.setPin(pinName, through: end.seq, mayHold: JournalPin.followerBytes)
    if isTrimmed {
      do { end = try await feedFromArchive(end, journal) } catch let error as ArchiveError {
        if !error.mayPass, try await rejoinByArchive(end) { throw ReplicationStop.diverged(name) }
        throw error
      }
      journal.setPin(pinName, through: end.seq, mayHold: JournalPin.followerBytes)
      progress()
    }
    took(end, journal, bytesBehind: nil)
    var tail = journal.tail(.afterGroup(end.group), .onThisDisk)
    defer { tail.close() }
    sight.withLock {
      $0.isStreaming = true
      $0.trouble = nil
    }
    logger.notice(
      "a follower is fed", metadata: ["follower": "\(name)", "from_group": "\(end.group)"])
    // It is told so also where there is nothing to send: what it says of its journal ends with it.
    _ = try await append([], journal)
    while let first = try await tail.next() {
      var groups = [first.bytes]
      var room = MessageRoom(ReplicationLimits.messageBytes)
      room.take(first.bytes.count)
      while let more = try tail.available(upTo: room.left) {
        groups.append(more.bytes)
        room.take(more.bytes.count)
      }
      took(try await append(groups, journal), journal, bytesBehind: tail.bytesBehind)
      progress()
    }
  }

  /// Whether this journal begins behind what the follower needs next.
  private func isTrimmed(_ end: JournalEnd, _ journal: Journal) throws(JournalError) -> Bool {
    var tail = journal.tail(.afterGroup(end.group), .onThisDisk)
    defer { tail.close() }
    do throws(JournalError) {
      _ = try tail.available()
      return false
    } catch .trimmed {
      return true
    }
  }

  /// Sends what this journal has trimmed, out of the archive, until it can go on itself; answers
  /// where the follower stands then.
  ///
  /// The groups are the ones that stood here: the chain of hashes from the follower's end on says
  /// so, at the reader and again at the follower.
  private func feedFromArchive(
    _ begin: JournalEnd, _ journal: Journal
  ) async throws -> JournalEnd {
    guard let archive else {
      throw Failure(
        .archiveUnavailable,
        "the follower lacks what was trimmed here, and no archive is configured")
    }
    logger.notice(
      "a follower is fed from the archive",
      metadata: ["follower": "\(name)", "from_group": "\(begin.group)"])
    var end = begin
    try await ArchivedGroups(archive, cell: cell).read(after: begin) { groups in
      var message: [[UInt8]] = []
      var room = MessageRoom(ReplicationLimits.messageBytes)
      for group in groups {
        if group.bytes.count > room.left {
          end = try await self.append(message, journal)
          (message, room) = ([], MessageRoom(ReplicationLimits.messageBytes))
        }
        message.append(group.bytes)
        room.take(group.bytes.count)
      }
      end = try await self.append(message, journal)
      self.sight.withLock { sight in
        (sight.end, sight.told, sight.isCompared) = (end, end.seq, true)
        sight.bytesBehind = journal.bytesNeeded(from: end.seq.next)
      }
      return try self.isTrimmed(end, journal)
    }
    guard try !isTrimmed(end, journal) else {
      throw Failure(
        .restorePointMissing,
        "the archive ends at group \(end.group), before this journal begins")
    }
    return end
  }

  private func append(_ groups: [[UInt8]], _ journal: Journal) async throws -> JournalEnd {
    var append = Aimstors_ProtoReplicaAppend()
    append.cell = cell.rawValue
    append.generation = generation.rawValue
    append.groups = groups.map { .init($0) }
    append.end = journal.end.message
    do {
      let state: Aimstors_ProtoReplicaState = try await ask(
        .replicaAppend, append, timeout: ReplicationLimits.appendTimeout)
      return JournalEnd(state.end)
    } catch MessagingError.refused(let failure) where failure.code == .generationFenced {
      if Sabotage.skipGenerationCheck.isOn { throw failure }
      // Which one it is, the hello tells.
      let known = await hello().map { Generation($0.generation) }
      throw ReplicationStop.fenced(
        known ?? Generation(generation.rawValue + 1))
    }
  }

  /// The follower has everything up to `end` on its disk.
  private func took(_ end: JournalEnd, _ journal: Journal, bytesBehind: UInt64?) {
    // First: whoever reads what was acknowledged, and then this, sees a follower that went back.
    sight.withLock { ($0.told, $0.isCompared) = (end.seq, true) }
    journal.gate.acknowledge(name, through: end.seq)
    journal.advancePin(pinName, through: end.seq)
    let isCurrent = end.seq >= journal.lastSeq
    sight.withLock { sight in
      sight.end = end
      sight.bytesBehind = bytesBehind ?? journal.bytesNeeded(from: end.seq.next)
      if isCurrent { sight.bytesBehind = 0 }
    }
    look(journal)
  }

  /// Notes how far this journal is, for the age of what the follower lacks.
  func look(_ journal: Journal) {
    let (seq, now) = (journal.lastSeq, MonotonicTime.nanoseconds())
    sight.withLock { $0.saw(seq, at: now) }
  }

  func ask<Answer: SwiftProtobuf.Message>(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message, timeout: Duration
  ) async throws -> Answer {
    let bytes = try await peer.request(
      method, try message.serializedBytes(), timeout: timeout, traceID: "")
    return try Answer(serializedBytes: bytes)
  }
}

import Archive
import Messaging
import Storage
import Wire

/// The way back of a replica whose journal goes on otherwise than this one: it was away while
/// another took over, or several one after the other.
extension FollowerLink {
  /// Has a follower that differs, and ends at `end`, cut what it wrote after somebody took over.
  ///
  /// Throws `recovering` then; returns where no group can be named that both have, or they differ
  /// within this generation.
  func rejoin(_ end: JournalEnd, _ journal: Journal) async throws {
    guard tookOver else { return }
    if let common = try await lastCommon(end, journal) { return try await cut(behind: common) }
    _ = try await rejoinByArchive(end)
  }

  /// The same of a follower whose end is trimmed here, where the archive has what stood in its
  /// place; answers whether they differ within this generation.
  func rejoinByArchive(_ end: JournalEnd) async throws -> Bool {
    guard tookOver, let archive else { return false }
    // Not with each attempt to feed it: it may be much that is read.
    if let known = sight.withLock({ $0.archiveCompared }), known.end == end {
      return known.differs
    }
    var differs = false
    do {
      if let common = try await lastCommon(end, in: archive) {
        try await cut(behind: common)
        differs = true
      }
    } catch let error as ArchiveError {
      guard !error.mayPass else { throw error }
    }
    let result = (end: end, differs: differs)
    sight.withLock { $0.archiveCompared = result }
    return differs
  }

  /// Whether this generation began behind another one: within the first nobody took over.
  ///
  /// One that took a lost cell over whose archive had no object left began behind group 0.
  private var tookOver: Bool { began.group > 0 || began.seq > CellSeq(0) }

  /// Throws `recovering` where the follower cuts; returns where it must not: what both differ in is
  /// this generation's own, of which nothing that was acknowledged may go.
  private func cut(behind end: JournalEnd) async throws {
    // By position: a seal, which has none, both may have made alike.
    guard end.seq <= began.seq else { return }
    var cut = Aimstors_ProtoReplicaCut()
    cut.cell = cell.rawValue
    cut.generation = generation.rawValue
    cut.end = end.message
    do {
      let _: Aimstors_ProtoReplicaState = try await ask(
        .replicaCut, cut, timeout: ReplicationLimits.appendTimeout)
    } catch MessagingError.refused(let failure) where failure.code == .conflict {
      logger.error(
        "a follower does not cut its journal",
        metadata: ["follower": "\(name)", "reason": "\(failure.detail)"])
      return
    }
    logger.notice(
      "an older generation's tail is cut",
      metadata: ["follower": "\(name)", "behind_group": "\(end.group)"])
    throw Failure(.recovering, "its journal is being cut")
  }

  /// The last group that both journals have; nil: one of them has trimmed it.
  private func lastCommon(_ end: JournalEnd, _ journal: Journal) async throws -> JournalEnd? {
    // Of whoever missed one promotion.
    if end.group > began.group, try await hasBegan() { return began }
    // Each group names the one before: what is behind the first that differs differs, too.
    var (same, other) = (UInt64(0), min(end.group, journal.end.group))
    while other > same + 1 {
      let middle = same + (other - same) / 2
      let own = try journal.end(ofGroup: middle)
      // What one of them has no more is older.
      if let own, try await has(own) == false { other = middle } else { same = middle }
    }
    guard let own = try journal.end(ofGroup: same), try await has(own) == true else { return nil }
    return own
  }

  /// The last group that the follower and the archive have; nil: the follower does not differ from
  /// the archive, or is not to be compared.
  private func lastCommon(_ end: JournalEnd, in archive: Archive) async throws -> JournalEnd? {
    let archived = ArchivedGroups(archive, cell: cell)
    var found: JournalEnd?
    if end.group > began.group, try await hasBegan() {
      found = began
    } else {
      try await archived.begins { begin in
        if begin.group < end.group, try await self.has(begin) == true { found = begin }
        return found == nil
      }
    }
    guard var common = found else { return nil }
    var differs = false
    try await archived.read(after: common) { groups in
      // What follows a gap may name the group that stood in its place.
      let groups = groups.filter { $0.number <= end.group && $0.number == $0.throughNumber }
      guard let last = groups.last, let isSame = try await self.has(JournalEnd(last)) else {
        return false
      }
      guard !isSame else {
        common = JournalEnd(last)
        return last.number < end.group
      }
      var (same, other) = (-1, groups.count - 1)
      while other > same + 1 {
        let middle = same + (other - same) / 2
        if try await self.has(JournalEnd(groups[middle])) == true {
          same = middle
        } else {
          other = middle
        }
      }
      if same >= 0 { common = JournalEnd(groups[same]) }
      differs = true
      return false
    }
    return differs ? common : nil
  }

  /// Whether the follower has the group behind which this generation began.
  ///
  /// Every journal begins behind group 0; one that has trimmed its beginning refuses to be cut
  /// there.
  private func hasBegan() async throws -> Bool {
    if began.group == 0 { return true }
    return try await has(began) == true
  }

  /// Whether the follower has this group; nil: it has none of this number, or no more.
  private func has(_ end: JournalEnd) async throws -> Bool? {
    guard let state = await hello(group: end.group, timeout: ReplicationLimits.appendTimeout) else {
      throw Failure(.cellUnavailable, "the follower does not answer")
    }
    return state.groupHash.isEmpty ? nil : [UInt8](state.groupHash) == end.hash.bytes
  }
}

extension JournalEnd {
  fileprivate init(_ group: DurableGroup) {
    self.init(group: group.number, seq: group.lastSeq, hash: group.hash)
  }
}

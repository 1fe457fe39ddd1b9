import Platform
import Storage
import Wire

/// Who is asked, and whom the register may name.
extension Replication {
  /// One follower's standing, one step on.
  func look(_ link: FollowerLink, _ journal: Journal) async {
    link.look(journal)
    let sight = link.current
    let behind = sight.recordsBehind(journal.lastSeq)
    let phase = state.withLock { $0.standings[link.name]?.phase ?? .out }
    note(missing: !sight.isStreaming, link.name)
    let late = journal.gate.waiting.late > 0
    if late, phase != .out, configuration.degrades, isBehind(link, journal) {
      if await release(link.name) { journal.gate.require(askedNow) }
      return
    }
    if await retract(link, journal) { return }
    switch phase {
    case .out:
      guard modes.isAnyFollower, sight.isStreaming,
        behind <= ReplicationLimits.closeRecords
      else { return }
      guard store({ $0.asked.insert(link.name) }) else { return }
      state.withLock { $0.standings[link.name]?.ask() }
      journal.gate.require(askedNow)
      // What was acknowledged before the gate asked lies at or before this.
      let from = journal.lastSeq
      state.withLock { $0.askedFrom[link.name] = from }
    case .asked, .adding:
      // What it said last: where it was fed to may have been another disk. And not its word alone:
      // a replica that comes back may have as many records, and others.
      guard let from = state.withLock({ $0.askedFrom[link.name] }), let told = sight.told,
        told >= from, sight.isCompared
      else { return }
      await add(link.name)
    case .leaving: if await release(link.name) { journal.gate.require(askedNow) }
    case .promotable:
      // A restored register names nobody until each primary has named its followers again.
      if state.withLock({ $0.register?.promotable.contains(link.name) == false }) {
        state.withLock { $0.standings[link.name]?.forgotten() }
      }
    }
  }

  private func isBehind(_ link: FollowerLink, _ journal: Journal) -> Bool {
    (journal.gate.acknowledged(by: link.name) ?? CellSeq(0)) < journal.lastSeq
  }

  /// Has the register not name a follower that lacks what it must have; answers whether it may
  /// still be named.
  ///
  /// One that comes back on an older or empty disk had it once. Its acknowledgement is asked all
  /// the while, and it is named again once it has everything up to here.
  private func retract(_ link: FollowerLink, _ journal: Journal) async -> Bool {
    let acknowledged = journal.gate.acknowledged(by: link.name)
    let said = link.current.told
    let (wasLacking, register) = state.withLock { state -> (Bool, CellRegister?) in
      let must = [acknowledged, state.askedFrom[link.name]].compactMap(\.self).max()
      guard state.standings[link.name]?.isAsked == true, let said, let must, said < must else {
        state.lacking.remove(link.name)
        return (false, nil)
      }
      let wasLacking = !state.lacking.insert(link.name).inserted
      guard state.register?.promotable.contains(link.name) == true else {
        return (wasLacking, nil)
      }
      return (wasLacking, state.register)
    }
    // What was under way when this process ended arrives within a look.
    guard wasLacking, let register else { return false }
    let last = journal.lastSeq
    state.withLock { $0.askedFrom[link.name] = last }
    do throws(Failure) {
      let after = try await self.register.change(
        "degrade", link.name, expecting: register.version)
      state.withLock { state in
        state.register = after
        state.standings[link.name]?.forgotten()
      }
      logger.error(
        "a follower lacks what it had: it may not be promoted until it has everything",
        metadata: ["follower": "\(link.name)", "has": "\(said?.rawValue ?? 0)"])
    } catch {
      await refresh()
    }
    return true
  }

  /// Changes what this replica must not forget; false where it could not be written.
  private func store(_ change: (inout ReplicaState) -> Void) -> Bool {
    state.withLock { state in
      var replica = state.replica
      change(&replica)
      guard replica != state.replica else { return true }
      do throws(FileError) {
        try file.store(replica)
        state.replica = replica
        return true
      } catch {
        logger.error("the replica's file could not be written", metadata: ["error": "\(error)"])
        return false
      }
    }
  }

  private func add(_ follower: String) async {
    guard let register = state.withLock({ $0.register }),
      state.withLock({ $0.standings[follower]?.caughtUp() ?? false })
    else { return }
    do throws(Failure) {
      let after = try await self.register.change("add", follower, expecting: register.version)
      state.withLock { state in
        state.register = after
        if after.promotable.contains(follower) { state.standings[follower]?.added() }
      }
      logger.notice("a follower may be promoted", metadata: ["follower": "\(follower)"])
    } catch {
      await refresh()
    }
  }

  /// Has the register let a follower go, then asks it no more; false where that did not succeed.
  func release(_ follower: String) async -> Bool {
    let mustAsk = state.withLock { $0.standings[follower]?.lost() ?? false }
    if mustAsk {
      guard let register = state.withLock({ $0.register }) else { return false }
      do throws(Failure) {
        let after = try await self.register.change(
          "degrade", follower, expecting: register.version)
        guard !after.promotable.contains(follower) else { return false }
        state.withLock { $0.register = after }
      } catch {
        await refresh()
        return false
      }
    }
    guard store({ $0.asked.remove(follower) }) else { return false }
    state.withLock { $0.standings[follower]?.removed() }
    logger.error("goes on without a follower", metadata: ["follower": "\(follower)"])
    return true
  }

  private func refresh() async {
    guard let register = try? await register.report(report()) else { return }
    state.withLock { $0.register = register }
  }

  private func note(missing: Bool, _ follower: String) {
    let now = now
    state.withLock { state in
      state.missingSince[follower] = missing ? state.missingSince[follower] ?? now : nil
    }
  }
}

import Wire

/// What is seen of a process that is to run another version.
struct UpgradeSight: Hashable, Sendable {
  /// What it answered to its order.
  enum Answer: Hashable, Sendable {
    case running
    case restarting
    case failed(String)
    /// Nobody answered, or nothing was asked.
    case none
  }

  var answer = Answer.none
  /// Whether it serves: a cell has joined under the version, and reports; a follower is fed.
  var isReady = false
  /// It has been heard since this control plane started, and not lately.
  var isSilent = false
  /// Its cell is retired.
  var isRetired = false
  /// When the process started that is seen; 0: nobody is.
  var startedAt: Int64 = 0
  var counts = UpgradeRule.Counts()
  var problems: Set<String> = []
}

extension UpgradeRule {
  /// What all processes of an operation are judged by.
  struct Terms: Hashable, Sendable {
    /// Back to what ran before: what runs and serves is good, because nothing was measured and what
    /// is wrong in the cell is why it goes back.
    var isRollback = false
    /// Milliseconds.
    var soak: Int64 = 0
    /// What all cells answered before anything was changed.
    var everywhere = Counts()
  }

  /// The next state of one process of an upgrade.
  static func next(
    _ member: UpgradeMember, _ sight: UpgradeSight, _ terms: Terms, at now: Timestamp
  ) -> UpgradeMember {
    var next = member
    guard member.state.isOpen else { return next }
    if sight.isRetired {
      next.become(.skipped, at: now, "its cell is retired")
      return next
    }
    switch member.state {
    case .planned: next.become(.asked, at: now)
    case .asked: asked(&next, sight, terms, at: now)
    case .watched: watched(&next, sight, terms, at: now)
    case .confirming: confirming(&next, sight, terms, at: now)
    case .done, .failed, .skipped: break
    }
    return next
  }

  private static func asked(
    _ member: inout UpgradeMember, _ sight: UpgradeSight, _ terms: Terms, at now: Timestamp
  ) {
    if case .failed(let detail) = sight.answer {
      member.become(.failed, at: now, detail)
    } else if sight.answer == .running, sight.isReady {
      member.begin = sight.counts
      member.startedAt = sight.startedAt
      member.become(terms.isRollback ? .confirming : .watched, at: now)
    } else if isLate(member, after: 0, at: now) {
      let seconds = (now.milliseconds - member.since.milliseconds) / 1_000
      member.become(
        .failed, at: now,
        sight.answer == .none
          ? "does not answer for \(seconds) s" : "does not run \(member.to) after \(seconds) s")
    }
  }

  /// Judged before anything is confirmed: what fails here still falls back by itself.
  private static func watched(
    _ member: inout UpgradeMember, _ sight: UpgradeSight, _ terms: Terms, at now: Timestamp
  ) {
    if sight.startedAt != 0 { member.seen = sight.counts.since(member.begin) }
    if let detail = ended(member, sight) {
      member.become(.failed, at: now, detail)
    } else if isRise(member.seen, before: member.before, everywhere: terms.everywhere) {
      member.become(
        .failed, at: now,
        "\(member.seen.failed) of \(member.seen.requests) requests failed; before "
          + "\(terms.everywhere.failed) of \(terms.everywhere.requests)")
    } else if now.milliseconds - member.since.milliseconds >= terms.soak {
      let news = news(sight.problems, before: member.knownProblems)
      if sight.answer == .running, sight.isReady, news.isEmpty {
        member.become(.confirming, at: now)
      } else if isLate(member, after: terms.soak, at: now) {
        member.become(
          .failed, at: now,
          news.isEmpty ? "silent" : "problems that were not there: \(news.joined(separator: " "))")
      }
    }
  }

  private static func confirming(
    _ member: inout UpgradeMember, _ sight: UpgradeSight, _ terms: Terms, at now: Timestamp
  ) {
    if case .failed(let detail) = sight.answer {
      member.become(.failed, at: now, detail)
    } else if !terms.isRollback, let detail = ended(member, sight) {
      member.become(.failed, at: now, detail)
    } else if sight.answer == .running {
      member.become(.done, at: now)
    } else if isLate(member, after: 0, at: now) {
      member.become(.failed, at: now, "does not say that \(member.to) stays")
    }
  }

  /// Why the process that was watched is no more, where it is so.
  private static func ended(_ member: UpgradeMember, _ sight: UpgradeSight) -> String? {
    if case .failed(let detail) = sight.answer { return detail }
    if sight.startedAt != 0, sight.startedAt != member.startedAt {
      return "\(member.to) ended and was started again"
    }
    return sight.isSilent ? "does not answer any more" : nil
  }

  private static func isLate(
    _ member: UpgradeMember, after milliseconds: Int64, at now: Timestamp
  ) -> Bool {
    now.milliseconds - member.since.milliseconds
      > milliseconds + ControlPlaneLimits.upgradeStartMilliseconds
  }

  /// Those that go on now: of the first wave that is not done, a cell's followers before itself.
  ///
  /// What failed holds an upgrade; a rollback goes on with all others.
  static func turn(_ members: [UpgradeMember], isRollback: Bool) -> [UpgradeMember] {
    let left = members.filter { member in
      member.state.isOpen || !isRollback && member.state == .failed
    }
    guard let wave = left.map(\.wave).min() else { return [] }
    let all = left.filter { $0.wave == wave && $0.state.isOpen }
    let late = Set(all.filter(\.isFollower).map(\.cell))
    return all.filter { $0.isFollower || !late.contains($0.cell) }
  }

  /// How an operation has ended.
  enum End: Hashable {
    case succeeded
    case failed(String)
  }

  /// Nil while it goes on.
  static func end(_ members: [UpgradeMember], isRollback: Bool) -> End? {
    let failed = members.filter { $0.state == .failed }
    if isRollback, members.contains(where: \.state.isOpen) { return nil }
    if !failed.isEmpty {
      return .failed(failed.map { "\($0.name): \($0.detail)" }.joined(separator: "; "))
    }
    return members.contains(where: \.state.isOpen) ? nil : .succeeded
  }
}

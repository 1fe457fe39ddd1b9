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
  /// Whether it serves: a cell has joined under the version, and reports.
  var isReady = false
  /// When the process started that is seen; 0: nobody is.
  var startedAt: Int64 = 0
  var counts = UpgradeRule.Counts()
  var problems: Set<String> = []
}

extension UpgradeRule {
  /// The next state of one process of an upgrade.
  static func next(
    _ member: UpgradeMember, _ sight: UpgradeSight, soak: Int64, everywhere: Counts,
    at now: Timestamp
  ) -> UpgradeMember {
    var next = member
    let age = now.milliseconds - member.since.milliseconds
    switch member.state {
    case .planned:
      next.become(.asked, at: now)
    case .asked:
      if case .failed(let detail) = sight.answer {
        next.become(.failed, at: now, detail)
      } else if sight.answer == .running, sight.isReady {
        next.begin = sight.counts
        next.startedAt = sight.startedAt
        next.become(.watched, at: now)
      } else if age > ControlPlaneLimits.upgradeStartMilliseconds {
        next.become(.failed, at: now, "does not run \(member.to) after \(age / 1_000) s")
      }
    case .watched:
      next.seen = sight.startedAt == 0 ? member.seen : sight.counts.since(member.begin)
      if sight.startedAt != 0, sight.startedAt != member.startedAt {
        next.become(.failed, at: now, "\(member.to) ended and was started again")
      } else if isRise(next.seen, before: member.before, everywhere: everywhere) {
        next.become(
          .failed, at: now,
          "\(next.seen.failed) of \(next.seen.requests) requests failed; before "
            + "\(everywhere.failed) of \(everywhere.requests)")
      } else if age >= soak {
        return afterwards(
          next, sight, isLate: age > soak + ControlPlaneLimits.upgradeStartMilliseconds, at: now)
      }
    case .done, .failed: break
    }
    return next
  }

  /// It was watched for long enough.
  private static func afterwards(
    _ member: UpgradeMember, _ sight: UpgradeSight, isLate: Bool, at now: Timestamp
  ) -> UpgradeMember {
    var next = member
    let news = news(sight.problems, before: member.knownProblems)
    if sight.answer == .running, sight.isReady, news.isEmpty {
      next.become(.done, at: now)
    } else if case .failed(let detail) = sight.answer {
      next.become(.failed, at: now, detail)
    } else if isLate {
      next.become(
        .failed, at: now,
        news.isEmpty ? "silent" : "problems that were not there: \(news.joined(separator: " "))")
    }
    return next
  }

  /// Those that go on now: of the first wave that is not done, a cell's followers before itself.
  static func turn(_ members: [UpgradeMember]) -> [UpgradeMember] {
    guard let wave = members.filter({ $0.state != .done }).map(\.wave).min() else { return [] }
    let all = members.filter { $0.wave == wave && $0.state.isOpen }
    let late = Set(all.filter(\.isFollower).map(\.cell))
    return all.filter { $0.isFollower || !late.contains($0.cell) }
  }
}

/// What a cell's process may do when it starts: serve, wait, or follow another.
public enum StartRule {
  /// What one source has said of this cell.
  public enum Answer: Hashable, Sendable {
    /// The highest generation it knows.
    case generation(Generation)
    /// A follower of the highest generation it knows, and whether its tail is this journal's,
    /// shorter, or longer.
    case follower(Generation, Tail)
    case silent
  }

  public enum Tail: Hashable, Sendable {
    /// Its last group is in this journal.
    case isPrefix
    /// This journal's last group is in its own, which goes on.
    case isLonger
    /// One group number, two hashes.
    case differs
  }

  public enum Decision: Hashable, Sendable {
    case serve
    /// Fetch the longer tail of this follower first.
    case fetch(String)
    case wait(String)
    /// A higher generation has taken over: serve nothing.
    case fenced(Generation)
    /// Both stop: nothing is merged.
    case diverged(String)
  }

  /// Decides on what everybody has said.
  ///
  /// `asked`: the followers whose acknowledgement this primary asks, by what they answered.
  /// `others`: control plane and further followers. `released`: followers of whom the register says
  /// that they are not promotable. `isBroken` lets a replaced primary serve, to prove that somebody
  /// would see it.
  public static func decide(
    generation: Generation, asked: [String: Answer], others: [Answer], released: Set<String>,
    isBroken: Bool = false
  ) -> Decision {
    let all = Array(asked.values) + others
    for answer in all where !isBroken {
      switch answer {
      case .generation(let other), .follower(let other, _):
        if other > generation { return .fenced(other) }
      case .silent: break
      }
    }
    for (follower, answer) in asked.sorted(by: { $0.key < $1.key }) {
      switch answer {
      case .follower(_, .differs): return .diverged(follower)
      case .follower(_, .isLonger): return .fetch(follower)
      case .follower(_, .isPrefix): continue
      case .generation, .silent:
        if released.contains(follower) { continue }
        return .wait("follower \(follower) has not said how far it is")
      }
    }
    guard all.isEmpty || all.contains(where: { $0 != .silent }) else {
      return .wait("nobody has said which generation this cell has")
    }
    return .serve
  }
}

/// What a child of `up` says on `/readyz`.
enum Readiness: Hashable {
  case ready
  case notYet
  /// It runs, and what keeps it from its work no time ends: the problem's code, and its page.
  case waitsForSomebody(code: String, page: String)

  /// A process whose disk was lost, or that another generation has taken over.
  private static let lasting: Set<String> = [
    "cell_lost", "cell_ended", "control_plane_lost", "control_plane_replaced",
  ]
  /// What a cell says whom the control plane has not taken, or not answered.
  private static let outside: Set<String> = ["join_refused", "control_plane_unreachable"]

  /// `answer` is nil where there was none.
  init(_ answer: HTTPAnswer?) {
    guard let answer else {
      self = .notYet
      return
    }
    let problems = answer.json["problems"]?.array ?? []
    let found = problems.first { Self.lasting.contains($0["code"]?.string ?? "") }
    if answer.status == 200 {
      self = .ready
    } else if let found {
      self = .waitsForSomebody(
        code: found["code"]?.string ?? "", page: found["runbook"]?.string ?? "")
    } else {
      self = .notYet
    }
  }

  /// Whether a cell says that the control plane has taken it: its credential is stored then.
  static func hasJoined(_ answer: HTTPAnswer?) -> Bool {
    guard let answer, answer.status == 200, answer.json["role"]?.string == "cell" else {
      return false
    }
    let problems = answer.json["problems"]?.array ?? []
    return !problems.contains { Self.outside.contains($0["code"]?.string ?? "") }
  }
}
